package awsauth

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// world is a host whose clocks a test turns, and an AWS that keeps the true time.
type world struct {
	t      *testing.T
	now    time.Duration // the true time, since a beginning
	asleep time.Duration // of it, which the monotonic clock has missed
	wrong  time.Duration // how far the wall clock is ahead
	boot   bool          // whether the host has a clock that goes on meanwhile

	ends     map[string]time.Duration // of what the provider has given, by key
	calls    int
	during   func() // what happens during the next call
	failures int
	cache    *Cache
}

// anyDay is the true time at the beginning.
var anyDay = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

const worldLife = time.Hour

func newWorld(t *testing.T, boot bool) *world {
	w := &world{t: t, boot: boot, ends: map[string]time.Duration{}}
	w.cache = &Cache{Provider: aws.CredentialsProviderFunc(w.give), clock: &clock{
		readings: func() reading {
			return reading{w.wall().UnixNano(), int64(w.now - w.asleep + bias)}
		},
		boot:  func() (time.Duration, bool) { return w.now, w.boot },
		drawn: func() float64 { return 0.5 },
	}}
	return w
}

func (w *world) wall() time.Time { return anyDay.Add(w.now + w.wrong) }

// give gives credentials of an hour, with an end by this host's clock as it is when they are asked for, as Session does.
func (w *world) give(context.Context) (aws.Credentials, error) {
	w.calls++
	key := fmt.Sprint(w.calls)
	w.ends[key] = w.now + worldLife
	ends := w.wall().Add(worldLife)
	if w.during != nil {
		w.during()
		w.during = nil
	}
	return aws.Credentials{AccessKeyID: key, SecretAccessKey: "s", SessionToken: "t", CanExpire: true, Expires: ends}, nil
}

// ask asks for credentials, and lets what goes on in the background come to its end.
func (w *world) ask() {
	w.t.Helper()
	wall := w.wall() // which a call in the background may turn
	whole, err := w.cache.Current(w.t.Context())
	w.settle()
	switch {
	case err != nil:
		w.failures++
	case w.now >= w.ends[whole.AccessKeyID]:
		w.t.Errorf("at %s: got what ended at %s", w.now, w.ends[whole.AccessKeyID])
	case !whole.Expires.After(wall):
		w.t.Errorf("at %s: Expires is over by the host's clock", w.now)
	}
}

func (w *world) settle() {
	w.cache.mu.Lock()
	f := w.cache.flight
	w.cache.mu.Unlock()
	if f != nil {
		<-f.done
	}
}

// pass lets time pass, and asks every second.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	for end := w.now + d; w.now < end; {
		w.now += time.Second
		w.ask()
	}
}

// Whatever is done to the clocks, nobody is given what has ended, a call fails at most once, and there are fresh credentials
// within five seconds.
func TestClocks(t *testing.T) {
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	step := func(d time.Duration) func(*world) { return func(w *world) { w.wrong += d } }
	sleep := func(d time.Duration) func(*world) {
		return func(w *world) {
			w.now += d
			w.asleep += d
		}
	}
	events := []struct {
		name   string
		happen func(*world)
	}{
		{"an hour forward", step(time.Hour)},
		{"an hour back", step(-time.Hour)},
		{"a day forward", step(day)},
		{"a day back", step(-day)},
		{"ten years forward", step(10 * year)},
		{"ten years back", step(-10 * year)},
		{"asleep for eight hours", sleep(8 * time.Hour)},
		{"asleep for twenty minutes", sleep(20 * time.Minute)},
		{"asleep for eight hours, and the clock is an hour back", func(w *world) {
			sleep(8 * time.Hour)(w)
			step(-time.Hour)(w)
		}},
		{"a step of ten minutes back during a request", func(w *world) { w.during = func() { w.wrong -= 10 * time.Minute } }},
		{"a step of a day forward during a request", func(w *world) { w.during = func() { w.wrong += day } }},
	}
	rows := 0
	for _, boot := range []bool{true, false} {
		for _, e := range events {
			for phase, before := range map[string]time.Duration{"fresh": 5 * time.Minute, "soon to be renewed": 37 * time.Minute} {
				rows++
				t.Run(fmt.Sprintf("%s, %s, boot clock %t", e.name, phase, boot), func(t *testing.T) {
					w := newWorld(t, boot)
					w.ask()
					w.pass(before)
					e.happen(w)
					w.ask()
					w.pass(4 * time.Second)
					s := w.cache.Status()
					if left := w.ends[s.AccessKeyID] - w.now; left < worldLife/4 {
						t.Errorf("five seconds later: got %+v, with %s left", s, left)
					}
					w.pass(3 * worldLife)
					if w.failures > 1 || w.calls < 5 || w.calls > 8 {
						t.Errorf("got %d failures and %d calls", w.failures, w.calls)
					}
				})
			}
		}
	}
	if rows < 24 {
		t.Errorf("got %d rows", rows)
	}
}

// A host that only slept keeps what is still good, with an end that its clock shows.
func TestWhatIsStillGoodAfterwardsIsKept(t *testing.T) {
	w := newWorld(t, true)
	w.ask()
	w.wrong = -24 * time.Hour
	w.now += time.Minute
	w.ask()
	whole, err := w.cache.Current(t.Context())
	if left := whole.Expires.Sub(w.wall()); err != nil || w.calls != 1 || left != 59*time.Minute {
		t.Errorf("got %v, %d calls, %s left, want 59m of the first", err, w.calls, left)
	}
}

// The two clocks are read one after the other, and go on a little differently: the end stays the one that was given, in whole seconds.
func TestClocksThatGoOnDifferentlyDoNotMoveTheEnd(t *testing.T) {
	for _, apart := range []time.Duration{-40 * time.Nanosecond, 40 * time.Nanosecond, -5 * time.Millisecond} {
		w := newWorld(t, true)
		w.during = func() {
			w.now += time.Second
			w.wrong += apart
		}
		w.ask()
		whole, err := w.cache.Current(t.Context())
		if want := anyDay.Add(worldLife); err != nil || !whole.Expires.Equal(want) {
			t.Errorf("%s apart: got the end %s, %v, want %s", apart, whole.Expires, err, want)
		}
	}
}
