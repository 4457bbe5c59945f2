package endurance

import (
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Fifty commands that start at once, without an agent, cost one call of AWS, and those after them none.
func TestFiftyCommandsMakeOneCall(t *testing.T) {
	t.Parallel()
	h := newHost(t, options{credentials: 1})
	h.upstream.slow.Store(int64(200 * time.Millisecond)) // so that all are there while one asks
	get := func() (string, error) {
		c := exec.CommandContext(t.Context(), binary, "get", "c0")
		c.Env = append(environment(h.dir), "AWSAUTH_CONFIG="+filepath.Join(h.dir, "config.yaml"))
		out, err := c.Output()
		return string(out), err
	}
	const commands = 50
	var answers [commands]string
	var running sync.WaitGroup
	for i := range commands {
		running.Go(func() {
			var err error
			if answers[i], err = get(); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	for _, answer := range answers {
		if answer != answers[0] || !strings.Contains(answer, `"AccessKeyId":"ASIAEMU`) {
			t.Error("an answer is not that of the others, or no answer")
		}
	}
	if _, err := get(); err != nil || h.upstream.all.Load() != 1 {
		t.Errorf("got %d calls, %v, want 1", h.upstream.all.Load(), err)
	}
}
