package awsauth

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/internal/limiter"
	"github.com/awsauth-go/awsauth/internal/schedule"
)

// DefaultTimeout is how long a Cache lets its provider take for one answer.
const DefaultTimeout = 10 * time.Second

// Cache holds what a provider gives, and gets new credentials long before they are needed.
//
// They are renewed at a random moment between 50 and 75 % of their real life, in the background: whoever asks gets at once what
// is held. If that fails, what is held is given until it really ends, and the provider is asked again and again: sooner when
// that may help, later when only a change of something does. After the end there is an error, never credentials that are empty
// or have expired. However many ask, the provider is called once, and a caller who gives up disturbs nobody else. What has no
// end is asked for anew every five minutes, and given meanwhile.
//
// Time is told by several clocks, so that it is right after the host has slept or its clock was set.
//
// A Cache is made as a literal, &Cache{Provider: session}, and used through its pointer. It is safe for concurrent use. It
// needs no goroutine while nobody asks: KeepFresh gives it one.
//
// Give it to the clients of aws-sdk-go-v2 as it is:
//
//	credentials := &awsauth.Cache{Provider: session}
//	bucket := s3.New(s3.Options{Region: "eu-west-1", Credentials: credentials})
//
// What aws.NewCredentialsCache or config.WithCredentialsProvider wrap around it holds credentials to their last moment, and so
// would keep the Cache from renewing them. Therefore Expires in what Retrieve answers is not their end, but when to ask again.
// Current answers their end, for those who hand them on.
type Cache struct {
	// Provider is asked for credentials; required. One whose calls AWS limits has a method Quota, as Session's. One that holds
	// credentials itself may have a method NewerAt() time.Time, which says when it will have newer ones than those that it gave last:
	// then it is asked again, if that is sooner; the zero time says that it does not know.
	Provider aws.CredentialsProvider
	// Timeout is how long the provider may take for one answer; zero means DefaultTimeout.
	Timeout time.Duration
	// Landed is told when the provider has answered: nil for credentials that are held from now on, or why there are none. It is
	// called from a goroutine of the cache's own, and may ask the cache for credentials.
	Landed func(err error)

	held  atomic.Pointer[held] // written under mu
	clock *clock               // nil: the host's

	mu       sync.Mutex // guards all below
	flight   *flight    // nil: the provider is not being asked
	life     time.Duration
	next     int64 // on the monotonic clock: when the provider is asked again; what is held may be good for longer
	failures int   // in a row
	err      error // of the last of them
	failed   reading
	quiet    int64 // until when err is the answer to everybody, when nothing good is held
	calls    int
	keepers  map[*keeper]int // who is told of a landing, each with the number by which it knows this one
}

var _ aws.CredentialsProvider = (*Cache)(nil)

// flight is one call of the provider, whoever waits for it.
type flight struct {
	ticket *limiter.Ticket // nil: nothing limits it
	done   chan struct{}   // closed when all below is set
	held   *held
	err    error
	began  *reading // nil while it waits for its turn; guarded by the cache's mu
}

// What a provider may not give.
var (
	errNoProvider = errors.New("the cache has no Provider")
	errNoKeys     = errors.New("the provider has given credentials without keys")
	errPanicked   = errors.New("the provider has panicked")
)

// Retrieve answers what is held, or waits for credentials when there are none that are good. Expires is when to ask again: some
// time before the credentials end. Errors are the provider's, and that of a context that has ended.
func (c *Cache) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if h := c.held.Load(); h != nil && h.unquestioned(c.clock.read()) {
		return h.credentials, nil
	}
	return c.question(ctx, (*held).now)
}

// Current is Retrieve with the credentials' end in Expires, by this host's clock.
func (c *Cache) Current(ctx context.Context) (aws.Credentials, error) {
	if h := c.held.Load(); h != nil && h.unquestioned(c.clock.read()) {
		return h.whole(), nil
	}
	return c.question(ctx, func(h *held, _ reading) aws.Credentials { return h.whole() })
}

// question answers when what is held is not beyond question.
func (c *Cache) question(ctx context.Context, answer func(*held, reading) aws.Credentials) (aws.Credentials, error) {
	if c.Provider == nil {
		return aws.Credentials{}, errNoProvider
	}
	if err := ctx.Err(); err != nil {
		return aws.Credentials{}, context.Cause(ctx)
	}
	c.mu.Lock()
	r := c.clock.read()
	h := c.reckon(r)
	if h.good(r) {
		if r.mono >= c.next {
			c.begin(ctx, false)
		}
		c.mu.Unlock()
		return answer(h, r), nil
	}
	if c.flight == nil && c.err != nil && r.mono < c.quiet {
		defer c.mu.Unlock()
		return aws.Credentials{}, ended(h, c.err)
	}
	f, err := c.begin(ctx, true), c.err
	c.mu.Unlock()
	if err != nil && f.stopped() {
		return aws.Credentials{}, ended(h, err)
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return aws.Credentials{}, context.Cause(ctx)
	}
	if f.err != nil {
		return aws.Credentials{}, ended(h, f.err)
	}
	return answer(f.held, f.held.at), nil
}

// ended says of a failure that it was one to renew what has ended.
func ended(h *held, err error) error {
	if h == nil {
		return err
	}
	return fmt.Errorf("the credentials ended at %s, and getting new ones failed: %w", h.ends.UTC().Format(time.RFC3339), err)
}

// begin has the provider asked, unless it is being asked already. The caller holds mu.
func (c *Cache) begin(ctx context.Context, urgent bool) *flight {
	if f := c.flight; f != nil {
		if urgent && f.ticket != nil {
			f.ticket.Urge()
		}
		return f
	}
	f := &flight{done: make(chan struct{})}
	if l := limiterOf(c.Provider); l != nil {
		f.ticket = l.Enter(urgent)
	}
	c.flight = f
	c.calls++
	go c.fly(context.WithoutCancel(ctx), f)
	return f
}

// stopped reports whether a flight waits for an endpoint that is known to be away.
func (f *flight) stopped() bool { return f.ticket != nil && f.ticket.Stopped() }

// fly asks the provider, and belongs to nobody who waits.
func (c *Cache) fly(ctx context.Context, f *flight) {
	if f.ticket != nil {
		<-f.ticket.Ready()
	}
	asked := c.clock.read()
	c.mu.Lock()
	f.began = &asked
	c.mu.Unlock()
	credentials, err := c.ask(ctx)
	outcome := limiter.Answered
	if err != nil {
		outcome = classify(err).outcome
	}
	if f.ticket != nil {
		f.ticket.Done(outcome)
	}
	c.land(f, asked, credentials, err)
}

func (c *Cache) ask(ctx context.Context) (credentials aws.Credentials, err error) {
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	type answer struct {
		credentials aws.Credentials
		err         error
	}
	answers := make(chan answer, 1)
	go func() {
		a := answer{err: errPanicked} // or has ended its goroutine; what it panicked with may be a secret
		defer func() {
			_ = recover()
			answers <- a
		}()
		a.credentials, a.err = c.Provider.Retrieve(ctx)
	}()
	select {
	case a := <-answers:
		return a.credentials, a.err
	case <-ctx.Done():
	}
	// It is about to say itself what it has waited for in vain; if it does not, it is left.
	patience := time.NewTimer(lastWord)
	defer patience.Stop()
	select {
	case a := <-answers:
		return a.credentials, a.err
	case <-patience.C:
		return aws.Credentials{}, fmt.Errorf("the provider does not answer: %w", context.DeadlineExceeded)
	}
}

// lastWord is how long a provider whose time is over may take to say so.
const lastWord = time.Second

// land takes what the provider has answered since it was asked.
func (c *Cache) land(f *flight, asked reading, credentials aws.Credentials, err error) {
	c.mu.Lock()
	r := c.clock.read()
	if err == nil {
		f.held, err = newHeld(credentials, asked, r, c.clock)
	}
	if err == nil {
		c.askSooner(f.held)
	}
	if f.err = err; err != nil {
		c.fail(err, r)
	} else {
		c.hold(f.held)
	}
	c.flight = nil
	for k, i := range c.keepers {
		k.landed(i)
	}
	c.mu.Unlock()
	close(f.done)
	if c.Landed != nil {
		c.Landed(err)
	}
}

// hold holds what has come. A provider that holds credentials itself may give the same ones again: they live no longer for that, and
// it is not asked again at once. The caller holds mu.
func (c *Cache) hold(h *held) {
	fresh := h.fresh
	if before := c.held.Load(); before != nil && before.credentials.AccessKeyID == h.credentials.AccessKeyID && h.credentials.CanExpire {
		fresh = min(max(fresh, schedule.AskAgain(c.scale(), h.left)), h.left)
	} else {
		c.life = h.life
	}
	c.held.Store(h)
	c.failures, c.err = 0, nil
	c.next = h.at.mono + int64(fresh)
}

// askSooner brings a renewal forward to when a provider that holds credentials itself will have newer ones.
func (c *Cache) askSooner(h *held) {
	p, ok := c.Provider.(interface{ NewerAt() time.Time })
	if !ok || h.left == endless {
		return
	}
	if at := p.NewerAt(); !at.IsZero() {
		h.fresh = min(h.fresh, max(at.Sub(h.at.time()), schedule.AskAgain(h.life, h.left)))
		h.set()
	}
}

// scale is the life by which waits are reckoned. What AWS counts against a quota is asked for as seldom as AWS's sessions need, though
// less of their life may be left. The caller holds mu.
func (c *Cache) scale() time.Duration {
	if c.life > 0 && metered(c.Provider) {
		return max(c.life, MinDuration)
	}
	return c.life
}

// fail decides when the provider is asked again. The caller holds mu.
func (c *Cache) fail(err error, r reading) {
	c.failures++
	c.err, c.failed, c.quiet = err, r, r.mono+int64(schedule.Scaled(schedule.Memory, c.scale()))
	known := classify(err)
	f := schedule.Failure{Kind: known.kind, Count: c.failures, Asked: known.asked, Life: c.scale()}
	if h := c.held.Load(); h != nil {
		f.Left = h.remaining(r)
	}
	c.next = r.mono + int64(f.RetryAfter(c.clock.random()))
}

// reckon brings what is held to a moment: when the clocks no longer agree, the host has slept or its clock was set. The caller
// holds mu.
func (c *Cache) reckon(r reading) *held {
	h := c.held.Load()
	if h == nil || h.agrees(r) {
		return h
	}
	h = h.since(r, c.clock)
	c.held.Store(h)
	// What has failed before may succeed now: the network is another.
	c.failures = 0
	c.next = min(c.next, r.mono+int64(h.fresh))
	if c.err != nil {
		c.next, c.quiet = r.mono, 0
	}
	return h
}

// Retry has a provider that has failed asked again at once: what it has failed for may be other by now.
func (c *Cache) Retry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return
	}
	c.failures, c.next, c.quiet = 0, c.clock.read().mono, 0
	for k, i := range c.keepers {
		k.landed(i)
	}
}

// Status is what a Cache holds and does, at one moment.
type Status struct {
	AccessKeyID string        // "" when nothing is held
	CanExpire   bool          // whether what is held has an end
	Obtained    time.Time     // when what is held has come, or its end was reckoned anew
	Expires     time.Time     // its end, by this host's clock
	Next        time.Time     // when the provider is asked next, if somebody keeps the cache fresh; zero while it is being asked
	Late        time.Duration // how long ago that was to be; seconds after a host has slept, and more where nobody keeps the cache fresh
	Asking      time.Time     // since when it is being asked; zero when it is not, and while the call waits for its turn
	Calls       int           // of the provider so far
	Failures    int           // in a row
	Err         error         // of the last one; nil when it was none
	Failed      time.Time     // when that was
}

// Status answers what the cache holds and does. It asks nobody.
func (c *Cache) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.clock.read()
	s := Status{Calls: c.calls, Failures: c.failures, Err: c.err}
	if h := c.reckon(r); h != nil {
		s.AccessKeyID, s.CanExpire = h.credentials.AccessKeyID, h.credentials.CanExpire
		s.Obtained, s.Expires = h.at.time(), h.ends
	}
	if c.flight == nil {
		s.Next = r.time().Add(time.Duration(max(c.next-r.mono, 0)))
		if c.next > 0 { // it has been asked
			s.Late = time.Duration(max(r.mono-c.next, 0))
		}
	} else if began := c.flight.began; began != nil {
		s.Asking = r.time().Add(-time.Duration(r.mono - began.mono))
	}
	if c.err != nil {
		s.Failed = c.failed.time()
	}
	return s
}
