// Package limiter keeps the calls of one process to an endpoint below what AWS allows, and an endpoint that is away from
// being asked by everybody.
//
//	ticket := l.Enter(urgent)
//	<-ticket.Ready()
//	err := call()
//	ticket.Done(outcome)
//
// Calls for which somebody waits go first. CreateSession may be called ten times a second for each account and region (AWS
// General Reference, "IAM Roles Anywhere endpoints and quotas"); eight leave room for other processes.
package limiter

import (
	"sync"
	"time"
)

const (
	// Rate is how many calls a second are let through, and Burst how many at once after a pause.
	Rate  = 8.0
	Burst = 8.0

	slowest  = 0.5              // calls a second, however often AWS says that there are too many
	recovery = 30 * time.Second // after which one more call a second is let through

	// The budget is as the SDKs' for retries: it is full at first, failures cost, and whoever has none left may only probe.
	budget      = 500
	failureCost = 5
	timeoutCost = 10
	successGain = 1

	urgentProbe = time.Second      // between probes while somebody waits
	firstProbe  = time.Second      // between others, at first
	lastProbe   = 15 * time.Second // and in the end
)

// Outcome is how a call ended.
type Outcome int

// The outcomes.
const (
	Answered  Outcome = iota // a success, or a refusal, which shows that the endpoint is there
	Failed                   // no answer, or one that says that the service has failed
	TimedOut                 // no answer in time
	Throttled                // an answer that there are too many calls
)

// Limiter lets calls through. The zero value is ready, and its budget full. It starts no goroutine that waits.
type Limiter struct {
	// AtOnce, when it is not zero, is how many calls are under way at a time. Nothing else is limited then: it is for endpoints that
	// count nobody's calls.
	AtOnce int

	mu      sync.Mutex // guards all below
	running int        // calls under way; counted with AtOnce alone
	started bool
	rate    float64
	tokens  float64
	at      time.Time // of rate and tokens
	waiting [2][]*Ticket
	timer   *time.Timer

	spent   int // of the budget
	open    bool
	probing bool
	probes  int
	ended   time.Time // of the last probe, or of what opened it
}

// Ticket is one call, from when it wants to be made until it has ended.
type Ticket struct {
	l      *Limiter
	ready  chan struct{}
	urgent bool // guarded by l.mu, as whether it waits
	waits  bool
	probe  bool
}

// Enter asks for one call. An urgent one goes before others.
func (l *Limiter) Enter(urgent bool) *Ticket {
	t := &Ticket{l: l, ready: make(chan struct{}), urgent: urgent, waits: true}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.enqueue(t)
	l.pump()
	return t
}

// Ready is closed when the call may be made.
func (t *Ticket) Ready() <-chan struct{} { return t.ready }

// Urge makes a call that still waits an urgent one.
func (t *Ticket) Urge() {
	l := t.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if !t.waits || t.urgent {
		return
	}
	l.dequeue(t)
	t.urgent = true
	l.enqueue(t)
	l.pump()
}

// Stopped reports whether the call waits because the endpoint is away, which others have found out, and it is not the next to
// find out anew.
func (t *Ticket) Stopped() bool {
	t.l.mu.Lock()
	defer t.l.mu.Unlock()
	return t.waits && t.l.open
}

// Done says how the call ended. It is to be called once for each call that was let through.
func (t *Ticket) Done(o Outcome) {
	l := t.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.AtOnce > 0 {
		l.running--
		l.pump()
		return
	}
	now := time.Now()
	if t.probe {
		l.probing, l.ended = false, now
	}
	switch o {
	case Answered, Throttled:
		l.spent = max(l.spent-successGain, 0)
		l.open, l.probes = false, 0
		if o == Throttled {
			l.advance(now)
			l.rate = max(l.rate/2, slowest)
			l.tokens = min(l.tokens, 0)
		}
	case Failed, TimedOut:
		cost := failureCost
		if o == TimedOut {
			cost = timeoutCost
		}
		l.spent = min(l.spent+cost, budget)
		if l.spent == budget && !l.open {
			l.open, l.ended = true, now
		}
	}
	l.pump()
}

func class(urgent bool) int {
	if urgent {
		return 0
	}
	return 1
}

func (l *Limiter) enqueue(t *Ticket) {
	queue := &l.waiting[class(t.urgent)]
	*queue = append(*queue, t)
}

func (l *Limiter) dequeue(t *Ticket) {
	queue := &l.waiting[class(t.urgent)]
	for i, other := range *queue {
		if other == t {
			*queue = append((*queue)[:i], (*queue)[i+1:]...)
			return
		}
	}
}

// pump lets through whom it may, and sees to it that it is called again when it may let through more.
func (l *Limiter) pump() {
	now := time.Now()
	l.advance(now)
	for {
		t := l.next()
		if t == nil {
			return
		}
		if l.AtOnce > 0 {
			if l.running >= l.AtOnce {
				return // until one ends
			}
			l.running++
			l.dequeue(t)
			t.waits = false
			close(t.ready)
			continue
		}
		if l.open && l.probing {
			return // until it ends
		}
		if wait := l.wait(now); wait > 0 {
			l.again(wait)
			return
		}
		l.tokens--
		l.dequeue(t)
		if t.waits = false; l.open {
			t.probe, l.probing = true, true
			l.probes++
		}
		close(t.ready)
	}
}

// next is who is let through next: of those for whom somebody waits the first, then of the others.
func (l *Limiter) next() *Ticket {
	for _, queue := range l.waiting {
		if len(queue) > 0 {
			return queue[0]
		}
	}
	return nil
}

// advance brings tokens and rate to a moment.
func (l *Limiter) advance(now time.Time) {
	if !l.started {
		l.started, l.rate, l.tokens, l.at = true, Rate, Burst, now
	}
	passed := now.Sub(l.at)
	if passed <= 0 {
		return
	}
	l.at = now
	l.tokens = min(l.tokens+passed.Seconds()*l.rate, Burst)
	l.rate = min(l.rate+passed.Seconds()/recovery.Seconds(), Rate)
}

// wait is how long it takes until one may be let through.
func (l *Limiter) wait(now time.Time) time.Duration {
	wait := time.Duration(0)
	if l.tokens < 1 {
		wait = time.Duration((1-l.tokens)/l.rate*float64(time.Second)) + 1
	}
	if !l.open {
		return wait
	}
	pause := min(firstProbe<<min(l.probes, 8), lastProbe)
	if len(l.waiting[0]) > 0 {
		pause = urgentProbe
	}
	return max(wait, pause-now.Sub(l.ended))
}

func (l *Limiter) again(wait time.Duration) {
	if l.timer != nil {
		l.timer.Stop()
	}
	l.timer = time.AfterFunc(wait, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.pump()
	})
}
