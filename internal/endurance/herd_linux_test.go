package endurance

import (
	"context"
	"sync"
	"testing"
	"time"
)

// herd is how many programs ask at one moment.
const herd = 1000

// stampede has programs ask at one moment at all doors, each by a connection of its own; every other one gives up within milliseconds.
// It reports on those that do not.
func stampede(_ context.Context, j job) report {
	doors := j.doors()
	var t tally
	var all sync.WaitGroup
	start := time.Now()
	for i := range j.Times {
		all.Go(func() {
			if i%2 == 1 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*20*time.Microsecond)
				defer cancel()
				_ = doors[i/2%len(doors)].Ask(ctx) // it gives up
				return
			}
			err := doors[i/2%len(doors)].Ask(context.Background())
			t.add(time.Since(start), err)
		})
	}
	all.Wait()
	return summary(t.result(start))
}

// herd has a child for c0 and one for c1 that are about to ask.
func (h *host) herd() (begin func(), finish func() report) {
	h.Helper()
	var all []*working
	for _, name := range []string{"c0", "c1"} {
		all = append(all, h.startChild(other(1), job{
			Kind: "herd", Name: name, Socket: h.socket, Container: h.container, TokenFile: h.tokenFile(other(1), name), Times: herd / 2,
		}))
	}
	begin = func() {
		h.Helper()
		for _, w := range all {
			w.begin()
		}
	}
	return begin, func() (sum report) {
		h.Helper()
		for _, w := range all {
			r := w.finish()
			sum.Asked, sum.Failed = sum.Asked+r.Asked, sum.Failed+r.Failed
			if r.Err != "" {
				sum.Err = r.Err
			}
			for i := range r.Quantiles {
				sum.Quantiles[i] = max(sum.Quantiles[i], r.Quantiles[i])
			}
		}
		return sum
	}
}

// asked is how often AWS was asked for c0 and c1.
func (h *host) asked() [2]int64 {
	return [2]int64{h.upstream.callsOf("c0-session"), h.upstream.callsOf("c1-session")}
}

// moods are how an AWS may be that is asked by a herd.
var moods = []struct {
	name string
	slow time.Duration
	down bool
}{{name: "at once"}, {name: "late", slow: 400 * time.Millisecond}, {name: "not at all", down: true}}

// attempts is how often one call asks an AWS that does not answer.
const attempts = 3

// P2: however many ask at one moment, AWS is asked once for each credential, and nobody who waits is failed by others who give up.
// Here there is nothing yet: the herd has connected before the agent runs.
func TestAColdHerdIsOneCall(t *testing.T) {
	rounds := full(t, 1, 20)
	for _, mood := range moods {
		t.Run("AWS answers "+mood.name, func(t *testing.T) {
			for range rounds {
				h := newHost(t, options{credentials: 2, container: true, users: []int{other(1)}})
				h.upstream.slow.Store(int64(mood.slow))
				h.upstream.down.Store(mood.down)
				m := h.manage()
				m.start() // so that there are tokens
				for deadline := time.Now().Add(10 * time.Second); min(h.asked()[0], h.asked()[1]) == 0; time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatal("the first agent does not ask AWS")
					}
				}
				m.agent.stop(t)
				before := h.asked()
				begin, finish := h.herd()
				begin()
				time.Sleep(100 * time.Millisecond) // they queue
				m.start()
				r := finish()
				calls := h.asked()
				for i := range calls {
					calls[i] -= before[i]
				}
				t.Logf("%s, and %d gave up; calls %v", r, herd-r.Asked, calls)
				switch {
				case mood.down && (r.Failed < r.Asked || max(calls[0], calls[1]) > 4*attempts):
					t.Errorf("got %d given something, and %v calls", r.Asked-r.Failed, calls)
				case !mood.down && (r.Failed > 0 || calls != [2]int64{1, 1}):
					t.Errorf("got %d failed, first %s; and %v calls, want one for each", r.Failed, r.Err, calls)
				}
				if most := r.Quantiles[3]; mood.down && most > 2*time.Second {
					t.Errorf("somebody has waited for %s to hear that there is nothing", most)
				}
				m.agent.stop(t)
			}
		})
	}
}

// P2: and here it is time to renew what all of them get meanwhile.
func TestAHerdInTheRefreshWindowIsOneCall(t *testing.T) {
	const life = 8 * time.Second
	rounds := full(t, 1, 20)
	for _, mood := range moods {
		t.Run("AWS answers "+mood.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, options{credentials: 2, container: true, life: life, users: []int{other(1)}})
			h.start()
			h.settled()
			for range rounds {
				first, before := h.status().Credentials[0], h.asked()[0]
				begin, finish := h.herd()
				time.Sleep(time.Until(first.Next) - 20*time.Millisecond) // before, the other one is renewed as usual
				h.upstream.slow.Store(int64(mood.slow))
				h.upstream.down.Store(mood.down)
				time.Sleep(time.Until(first.Next))
				begin()
				r := finish()
				// Its renewal has begun, and perhaps ended.
				for deadline := time.Now().Add(time.Second); h.asked()[0] == before && time.Now().Before(deadline); {
					time.Sleep(time.Millisecond)
				}
				calls := h.asked()[0] - before
				t.Logf("%s, and %d gave up; %d calls", r, herd-r.Asked, calls)
				if r.Failed > 0 {
					t.Errorf("got %d failed, first %s: all are to be given what is held", r.Failed, r.Err)
				}
				if !mood.down && calls != 1 || mood.down && (calls == 0 || calls > 4*attempts) {
					t.Errorf("got %d calls", calls)
				}
				h.upstream.slow.Store(0)
				h.upstream.down.Store(false)
				h.renewed(first.AccessKeyID, life)
			}
		})
	}
}

// renewed waits until there are other credentials for c0 than those of a key, and for c1 some of which half the life is left.
func (h *host) renewed(key string, life time.Duration) {
	h.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		now := h.status().Credentials
		if now[0].AccessKeyID != key && now[0].Error == "" && now[1].Error == "" && time.Until(now[1].Expires) > life/2 {
			return
		}
		if time.Now().After(deadline) {
			h.Fatalf("the credentials are not renewed\n%s", h.agent.tail())
		}
	}
}
