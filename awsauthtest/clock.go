package awsauthtest

import (
	"sync"
	"time"
)

// Clock is a clock that moves only when it is told to. Its method Now goes where a clock is asked for, such as
// emulator.Config.Now and Provider.Now. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex // guards now
	now time.Time
}

// NewClock makes a clock that stands at the given time.
func NewClock(at time.Time) *Clock { return &Clock{now: at} }

// Now answers where the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock forward, or back when d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Set puts the clock to a time.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = at
}
