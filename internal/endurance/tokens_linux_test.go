package endurance

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/foreign"
	"golang.org/x/sys/unix"
)

// startWithout starts the agent without a capability, as a unit does that leaves it out.
func (h *host) startWithout(capability uintptr) {
	h.Helper()
	started := make(chan struct{})
	go func() {
		defer close(started)
		runtime.LockOSThread() // and it ends with the goroutine
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil {
			h.Error(err)
			return
		}
		h.start()
	}()
	<-started
	if h.Failed() {
		h.FailNow()
	}
}

// An agent without CAP_CHOWN, as the shipped unit is without its drop-in, has no token file for others: status and metric say so, with
// what to do, and everything else is as ever.
func TestAnAgentThatCannotGiveFilesAwaySaysSo(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("left out: it takes root to have a capability less")
	}
	health := foreign.FreeAddress(t)
	h := newHost(t, options{credentials: 1, container: true, users: []int{other(1)}, more: fmt.Sprintf("  health: %q\n", health)})
	h.startWithout(unix.CAP_CHOWN)
	h.settled()
	want := fmt.Sprintf("user-%d/c0: it takes CAP_CHOWN to give the file away: under systemd by the drop-in in the comment of awsauth-agent.service", other(1))
	if got := h.status().Tokens; got != want {
		t.Errorf("status: got %q, want %q", got, want)
	}
	response, err := http.Get("http://" + health + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != nil || !strings.Contains(string(text), "\nawsauth_tokens_failed 1\n") {
		t.Errorf("the metric does not say it: %v", err)
	}
	for _, d := range h.doors("c0", 0) {
		if err := d.Ask(t.Context()); err != nil {
			t.Errorf("the agent's own user: %v", err)
		}
	}
	w := h.startChild(other(1), job{Kind: "open", Name: "c0", Socket: h.socket, Rate: 1000, Times: 1})
	w.begin()
	if r := w.finish(); r.Failed > 0 {
		t.Errorf("another user at the socket: %s", r.Err)
	}
}
