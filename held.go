package awsauth

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/internal/boottime"
	"github.com/awsauth-go/awsauth/internal/schedule"
)

// reading is one moment by two clocks, in nanoseconds: the wall clock, since 1970, and Go's monotonic one.
type reading struct{ wall, mono int64 }

func (r reading) time() time.Time { return time.Unix(0, r.wall) }

// clock stands in for the host's clocks in tests. The nil one is the host's.
type clock struct {
	readings func() reading
	boot     func() (time.Duration, bool)
	drawn    func() float64
}

// began is the zero of the monotonic clock; bias keeps all of its readings above it, also those of a simulated time that lies
// before, so that zero is always over.
var began = time.Now()

const bias = 100 * 365 * 24 * time.Hour

func (c *clock) read() reading {
	if c == nil || c.readings == nil {
		now := time.Now()
		return reading{now.UnixNano(), int64(now.Sub(began) + bias)}
	}
	return c.readings()
}

func (c *clock) bootTime() (time.Duration, bool) {
	if c == nil || c.boot == nil {
		return boottime.Now()
	}
	return c.boot()
}

// random is a number from 0 to 1, 1 excluded.
func (c *clock) random() float64 {
	if c == nil || c.drawn == nil {
		return rand.Float64()
	}
	return c.drawn()
}

// tolerance is how far wall and monotonic clock may go apart before it is asked why.
const tolerance = time.Second

// endless is how long credentials without an end live.
const endless = time.Duration(math.MaxInt64)

// longestLife is what counts of a longer one, as of credentials that end in the year 9999.
const longestLife = 10 * 365 * 24 * time.Hour

// held is what a Cache holds. It is not changed once others can see it.
type held struct {
	credentials aws.Credentials // Expires is when to ask again
	ends        time.Time       // by the wall clock; zero for never

	at    reading // when all durations below begin
	boot  time.Duration
	fresh time.Duration // until renewal
	left  time.Duration // until the end; endless for never
	life  time.Duration // the whole of it; zero for never
}

// newHeld holds what has come at a moment, and was asked for at another.
func newHeld(credentials aws.Credentials, asked, r reading, c *clock) (*held, error) {
	if !credentials.HasKeys() {
		return nil, errNoKeys
	}
	h := &held{credentials: credentials, at: r, left: endless, fresh: schedule.StaticLife}
	h.boot, _ = c.bootTime()
	if credentials.CanExpire {
		// If the clock was set back in between, nobody knows by which time Expires is: the sooner end counts. Less than that is two clocks
		// read one after the other, and would only make an end of whole seconds one that is told a second early.
		now := r.wall
		if back := asked.wall + (r.mono - asked.mono) - r.wall; back > int64(tolerance) {
			now += back
		}
		h.life = min(credentials.Expires.Sub(time.Unix(0, now)), longestLife)
		if h.life <= 0 {
			return nil, fmt.Errorf("the provider has given credentials that ended at %s: is this host's clock right?",
				credentials.Expires.UTC().Format(time.RFC3339))
		}
		h.left, h.fresh = h.life, schedule.RenewAfter(h.life, c.random())
	}
	h.set()
	return h, nil
}

// set reckons the times of the wall clock.
func (h *held) set() {
	if h.credentials.CanExpire {
		h.ends = h.at.time().Add(h.left)
		h.credentials.Expires = h.at.time().Add(h.fresh)
	}
}

// passed is the time by the monotonic clock.
func (h *held) passed(r reading) time.Duration { return time.Duration(r.mono - h.at.mono) }

// agrees reports whether the clocks have gone on together.
func (h *held) agrees(r reading) bool {
	apart := time.Duration(r.wall-h.at.wall) - h.passed(r)
	return -tolerance <= apart && apart <= tolerance
}

// unquestioned reports whether the credentials may be given without a further thought: they are not to be renewed yet.
func (h *held) unquestioned(r reading) bool { return h.passed(r) < h.fresh && h.agrees(r) }

// remaining is the time until the end, by clocks that agree.
func (h *held) remaining(r reading) time.Duration {
	if h.left == endless {
		return endless
	}
	// Of the two the one that has gone further, so that what is left over by rounding is not given.
	return h.left - max(h.passed(r), time.Duration(r.wall-h.at.wall))
}

// good reports whether there are credentials that have not ended.
func (h *held) good(r reading) bool { return h != nil && h.remaining(r) > 0 }

// since reckons all times anew from a moment at which the clocks do not agree. The clock that goes on while the host sleeps
// tells how much time has passed; without it the one that has gone furthest counts.
func (h *held) since(r reading, c *clock) *held {
	passed := max(h.passed(r), time.Duration(r.wall-h.at.wall))
	boot, ok := c.bootTime()
	if ok {
		passed = max(boot-h.boot, h.passed(r))
	}
	later := *h
	later.at, later.boot = r, boot
	later.fresh = max(h.fresh-passed, 0)
	if h.left != endless {
		later.left = max(h.left-passed, 0)
	}
	later.set()
	return &later
}

// whole is the credentials with their end.
func (h *held) whole() aws.Credentials {
	credentials := h.credentials
	credentials.Expires = h.ends
	return credentials
}

// now is the credentials with a time to ask again that is not over.
func (h *held) now(r reading) aws.Credentials {
	credentials := h.credentials
	if again := r.time().Add(schedule.AskAgain(h.life, h.remaining(r))); credentials.CanExpire && again.After(credentials.Expires) {
		credentials.Expires = again
	}
	return credentials
}
