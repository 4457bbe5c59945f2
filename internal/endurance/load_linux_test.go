package endurance

import (
	"testing"
)

// P1: with AWS away, two thousand requests a second are all answered, at each door. How soon is a figure and no failure: make bench
// holds it against limits.
func TestLoadWhileAWSIsAwayFailsNoRequest(t *testing.T) {
	const rate = 2000
	h := newHost(t, options{credentials: 1, container: true, users: []int{other(1)}})
	h.start()
	h.settled()
	h.upstream.down.Store(true)
	for name, j := range map[string]job{
		"the socket":             {Socket: h.socket},
		"the container endpoint": {Container: h.container, TokenFile: h.tokenFile(other(1), "c0")},
	} {
		j.Kind, j.Name, j.Idle, j.Rate, j.Times = "open", "c0", 16, rate, full(t, rate, 300*rate)
		w := h.startChild(other(1), j)
		w.begin()
		r := w.finish()
		t.Logf("%s: %s", name, r)
		if r.Failed > 0 {
			t.Errorf("%s: %d of %d failed, first %s", name, r.Failed, r.Asked, r.Err)
		}
	}
}
