package endurance

import (
	"os"
	"testing"
	"time"
)

// P4: what an agent takes.
const (
	mostWithOne      = 30 << 20 // bytes, for one credential
	mostWithThousand = 64 << 20 // for a thousand, under load
	mostOfBinary     = 15 << 20
	mostUntilReady   = 200 * time.Millisecond
)

// P4: the agent stays small, also when it begins with a thousand credentials at once and an AWS that answers at once, and while it is
// asked for all of them.
func TestTheAgentIsSmall(t *testing.T) {
	info, err := os.Stat(binary)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > mostOfBinary {
		t.Errorf("the binary has %d bytes, want %d at most", info.Size(), mostOfBinary)
	}
	for _, c := range []struct {
		name        string
		credentials int
		most        int64
	}{
		{"one credential", 1, mostWithOne},
		{"a thousand credentials", 1000, mostWithThousand},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t, options{credentials: c.credentials, container: true})
			m := h.manage()
			var began time.Time
			inTime(t, "ready", mostUntilReady, func() time.Duration {
				if h.agent != nil {
					h.agent.stop(t)
				}
				began = time.Now()
				m.start()
				return time.Since(began)
			})
			h.settled()
			settled, start := time.Since(began), h.agent.memory(t, "VmHWM")
			load := h.startChild(os.Getuid(), job{
				Kind: "open", Name: "c0", Socket: h.socket, Container: h.container, TokenFile: h.tokenFile(os.Getuid(), "c0"), Idle: 16,
				Rate: 2000, Times: full(t, 2000, 60_000),
			})
			load.begin()
			r := load.finish()
			most := h.agent.memory(t, "VmHWM")
			t.Logf("all credentials after %s; at most %.1f MiB at the start, %.1f MiB under load", settled, mebi(start), mebi(most))
			if r.Failed > 0 {
				t.Errorf("%d of %d requests failed, first: %s", r.Failed, r.Asked, r.Err)
			}
			if most > c.most {
				t.Errorf("got %.1f MiB, want %.0f MiB at most", mebi(most), mebi(c.most))
			}
		})
	}
}

func mebi(bytes int64) float64 { return float64(bytes) / (1 << 20) }
