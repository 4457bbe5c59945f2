package endurance

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/agent"
)

// footprint is what a process has: its goroutines by who has started them, and how many files it has open.
type footprint struct {
	goroutines map[string]int
	files      int
}

// createdBy is the line of a dump that says who has started a goroutine.
var createdBy = regexp.MustCompile(`(?m)^created by (\S+)`)

// footprint has a process dump its goroutines, which ends it (SIGQUIT), and counts.
func (p *process) footprint(t testing.TB) footprint {
	t.Helper()
	f := footprint{map[string]int{}, p.files(t)}
	before, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	text, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatal(err)
	}
	dump := string(text[len(before):])
	for _, goroutine := range strings.Split(dump, "\n\n") {
		if !strings.HasPrefix(strings.TrimSpace(goroutine), "goroutine ") || strings.HasPrefix(goroutine, "goroutine 0 ") {
			continue
		}
		by := "the program"
		if m := createdBy.FindStringSubmatch(goroutine); m != nil {
			by = m[1]
		}
		if strings.HasPrefix(by, "runtime.") {
			continue // as many as the collector of garbage needs
		}
		f.goroutines[by]++
	}
	if len(f.goroutines) == 0 {
		t.Fatalf("there is no dump of goroutines\n%s", p.tail())
	}
	return f
}

// more says what a footprint has beyond another.
func (f footprint) more(before footprint) (all []string) {
	for _, by := range slices.Sorted(maps.Keys(f.goroutines)) {
		if n := f.goroutines[by] - before.goroutines[by]; n > 0 {
			all = append(all, fmt.Sprintf("%d goroutines started by %s", n, by))
		}
	}
	if n := f.files - before.files; n > 0 {
		all = append(all, fmt.Sprintf("%d files", n))
	}
	return all
}

// leaky is a child that leaks as many goroutines and files as it is told, and waits.
func leaky(ctx context.Context, j job) report {
	for range j.Times {
		go func() { <-ctx.Done() }()
		if _, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0); err != nil {
			return report{Err: err.Error()}
		}
	}
	fmt.Println("leaked")
	<-ctx.Done()
	return report{}
}

// The detector finds what is planted, and nothing where nothing is.
func TestTheDetectorOfLeaksFindsPlantedOnes(t *testing.T) {
	h := &host{TB: t}
	look := func(leaks int) footprint {
		t.Helper()
		w := h.startChild(os.Getuid(), job{Kind: "leaky", Times: leaks})
		w.begin()
		if line, err := w.out.ReadString('\n'); err != nil || line != "leaked\n" {
			t.Fatalf("got %q, %v", line, err)
		}
		return w.footprint(t)
	}
	none := look(0)
	if more := look(0).more(none); more != nil {
		t.Errorf("nothing is leaked: got %s", more)
	}
	want := "[3 goroutines started by github.com/awsauth-go/awsauth/internal/endurance.leaky 3 files]"
	if got := fmt.Sprint(look(3).more(none)); got != want {
		t.Errorf("three are leaked: got %s, want %s", got, want)
	}
}

// R2: neither requests nor clients that go away nor reloads leave anything behind.
func TestTheAgentLeaksNothing(t *testing.T) {
	requests, aborted, reloads := full(t, 2000, 100_000), full(t, 500, 10_000), full(t, 20, 1000)
	h := newHost(t, options{credentials: 3, container: true, imds: true})
	h.upstream.server.SetKeepAlivesEnabled(false) // connections that the agent may keep for half a minute are no leak
	idle := func() footprint {
		t.Helper()
		time.Sleep(time.Second) // whatever is about to end ends
		return h.agent.footprint(t)
	}
	doors := append(h.doors("c0", 0), Metadata(h.imds, 0), Socket(h.socket, "c1", 16))
	warm := func() {
		t.Helper()
		h.start()
		h.settled()
		for _, d := range doors {
			if err := d.Ask(t.Context()); err != nil {
				t.Fatal(err)
			}
			d.client.CloseIdleConnections()
		}
	}
	warm()
	before := idle()

	warm()
	r := Closed(t.Context(), 16, requests, InTurn(doors...))
	if r.Failed > 0 {
		t.Errorf("%d of %d requests failed, first %v", r.Failed, requests, r.Err)
	}
	for i := range aborted {
		h.abort(i)
	}
	for i := range reloads {
		h.reload(options{credentials: 2 + i%2}) // each takes one away or brings it back
	}
	for _, d := range doors {
		d.client.CloseIdleConnections()
	}
	h.reload(options{credentials: 3})
	h.settled()
	after := idle()
	t.Logf("after %d requests, %d that went away and %d reloads: %v and %d files; before: %v and %d files",
		requests, aborted, reloads+1, after.goroutines, after.files, before.goroutines, before.files)
	for _, more := range after.more(before) {
		t.Errorf("left behind: %s", more)
	}
}

// reload has the agent read another configuration, and waits until it has.
func (h *host) reload(o options) {
	h.Helper()
	h.configure(o)
	if err := h.agent.Process.Signal(syscall.SIGHUP); err != nil {
		h.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); len(h.status().Credentials) != o.credentials; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			h.Fatalf("the agent does not read its configuration anew\n%s", h.agent.tail())
		}
	}
}

// abort connects to a door and goes away: before it asks, in the middle of that, before there is an answer, or in the middle of it.
func (h *host) abort(i int) {
	h.Helper()
	network, address, host := "unix", h.socket, agent.Host
	switch i / 4 % 3 {
	case 1:
		network, address, host = "tcp", h.container, h.container
	case 2:
		network, address, host = "tcp", h.imds, h.imds
	}
	conn, err := net.Dial(network, address)
	if err != nil {
		h.Fatal(err)
	}
	request := "GET /credentials/c0 HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
	sent := []int{0, 20, len(request), len(request)}[i%4]
	if _, err := io.WriteString(conn, request[:sent]); err != nil {
		h.Fatal(err)
	}
	if i%4 == 3 {
		if _, err := conn.Read(make([]byte, 10)); err != nil {
			h.Fatal(err)
		}
	}
	if err := conn.Close(); err != nil {
		h.Fatal(err)
	}
}
