package agent

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// How many connections there are at a time: at all doors together, and of one user, so that there is room for others.
	// Each takes some 35 kB.
	mostConnections = 448
	mostOfOne       = 336
	// mostSilent is how many one user may keep that have asked and ask nothing for as long as manners.
	mostSilent = 64
	// manners is how soon who connects asks, also on a busy host.
	manners = 500 * time.Millisecond
	// mostHeldUp is how long one user may hold up a door for all others until there is room for one more of theirs, within memory.
	mostHeldUp = 2 * time.Second
	memory     = 10 * time.Second
	// firstWord is how long one user may hold up a door of whose hundreds of connections none has ever asked: that is no herd.
	firstWord = 150 * time.Millisecond
)

// crowd is who is connected to all doors. When there is no room those make it who ask nothing: of the user who wants more than their
// share, or else of the user who has most. A herd that does ask is kept waiting until there is room, and not cut off.
type crowd struct {
	mu      sync.Mutex // guards all below
	changed *sync.Cond // somebody has left, or asks nothing any more
	all     map[*known]struct{}
	of      map[uint32]int
	heldUp  map[uint32]heldUp
}

// heldUp is how long a user has held up doors, and since when that is counted.
type heldUp struct {
	since time.Time
	time  time.Duration
}

func newCrowd() *crowd {
	c := &crowd{all: map[*known]struct{}{}, of: map[uint32]int{}, heldUp: map[uint32]heldUp{}}
	c.changed = sync.NewCond(&c.mu)
	return c
}

// entrance is the listener of a door, behind which a crowd is.
type entrance struct {
	net.Listener
	who   func(net.Conn) (Peer, error) // finds out who has connected
	crowd *crowd
}

// known is a connection of whom it is known whose it is, or why not.
type known struct {
	net.Conn
	asked
	crowd *crowd
	uid   uint32

	silent time.Time // guarded by the crowd's mu: since when it asks nothing; zero while it does
	new    bool      // guarded as well: it has never asked
}

// Accept implements net.Listener.
func (e *entrance) Accept() (net.Conn, error) {
	for {
		conn, err := e.Listener.Accept()
		if err != nil {
			return nil, err
		}
		p, err := e.who(conn)
		k := &known{Conn: conn, asked: asked{p, err}, crowd: e.crowd, uid: p.UID, silent: time.Now(), new: true}
		if err != nil {
			k.uid = overflowID // nobody's
		}
		if e.crowd.enter(k) {
			return k, nil
		}
		_ = conn.Close() // there is nobody to tell
	}
}

// Close implements net.Conn.
func (k *known) Close() error {
	k.crowd.mu.Lock()
	k.crowd.leave(k)
	k.crowd.mu.Unlock()
	return k.Conn.Close()
}

// follow is an http.Server's ConnState.
func (c *crowd) follow(conn net.Conn, state http.ConnState) {
	k, ok := conn.(*known)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateActive:
		k.silent, k.new = time.Time{}, false
	case http.StateIdle:
		k.silent = time.Now()
		c.changed.Broadcast()
	}
}

// enter lets a connection in, or reports that there is no room for it.
func (c *crowd) enter(k *known) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	came := time.Now()
	began := came
	for now := began; ; now = time.Now() {
		full, crowded := len(c.all) >= mostConnections, c.of[k.uid] >= mostOfOne
		if !full && !crowded {
			if c.of[k.uid] >= mostSilent {
				c.tidy(k.uid, now)
			}
			c.all[k] = struct{}{}
			c.of[k.uid]++
			return true
		}
		from := k.uid
		if !crowded {
			from = c.greatest()
		}
		longest, _, dumb := c.silentOf(from)
		if longest != nil && now.Sub(longest.silent) >= manners {
			if hasAsked(longest.Conn) { // and has not been heard yet: this process is slow
				longest.silent = now
				continue
			}
			c.cutOff(longest, now)
			continue
		}
		wait := c.mayHoldUp(k.uid, began, now)
		if crowded && dumb == c.of[k.uid] {
			left := firstWord - now.Sub(came)
			if left <= 0 && !c.anyHasAsked(k.uid) { // who is heard late, as this process is slow, has not kept silent
				c.heldUp[k.uid] = heldUp{now, mostHeldUp} // it is let in when there is room, and waited for no more
				return false
			}
			wait = min(wait, max(left, time.Millisecond))
		}
		if wait <= 0 {
			c.remember(k.uid, began, now)
			return false
		}
		if longest != nil {
			wait = min(wait, manners-now.Sub(longest.silent))
		}
		c.wait(wait)
		if now := time.Now(); now.Sub(began) > time.Millisecond {
			c.remember(k.uid, began, now)
			began = now
		}
	}
}

// tidy cuts off who asks nothing any more, of a user who has more than enough of them. The caller holds mu.
func (c *crowd) tidy(uid uint32, now time.Time) {
	if longest, count, _ := c.silentOf(uid); count >= mostSilent && !longest.new && now.Sub(longest.silent) >= manners {
		c.cutOff(longest, now)
	}
}

// silentOf answers which connection of a user has been silent for longest, how many are silent, and how many have never asked. The
// caller holds mu.
func (c *crowd) silentOf(uid uint32) (longest *known, count, dumb int) {
	for k := range c.all {
		if k.uid != uid || k.silent.IsZero() {
			continue
		}
		count++
		if k.new {
			dumb++
		}
		if longest == nil || k.silent.Before(longest.silent) {
			longest = k
		}
	}
	return longest, count, dumb
}

// anyHasAsked reports whether a connection of a user has asked and has not been heard yet. The caller holds mu.
func (c *crowd) anyHasAsked(uid uint32) bool {
	for k := range c.all {
		if k.uid == uid && hasAsked(k.Conn) {
			return true
		}
	}
	return false
}

// greatest is the user who has most connections. The caller holds mu.
func (c *crowd) greatest() (uid uint32) {
	most := 0
	for u, n := range c.of {
		if n > most {
			uid, most = u, n
		}
	}
	return uid
}

// cutOff makes room. Who has connected without ever asking has no right to hold up others again soon. The caller holds mu.
func (c *crowd) cutOff(k *known, now time.Time) {
	if k.new {
		c.heldUp[k.uid] = heldUp{now, mostHeldUp}
	}
	c.leave(k)
	_ = k.Conn.Close() // there is nobody to tell
}

// leave takes a connection out. The caller holds mu.
func (c *crowd) leave(k *known) {
	if _, in := c.all[k]; !in {
		return
	}
	delete(c.all, k)
	if c.of[k.uid]--; c.of[k.uid] == 0 {
		delete(c.of, k.uid)
	}
	c.changed.Broadcast()
}

// mayHoldUp is how long a user may hold up a door from now on, who has done so since a moment. The caller holds mu.
func (c *crowd) mayHoldUp(uid uint32, since, now time.Time) time.Duration {
	already := now.Sub(since)
	if h, there := c.heldUp[uid]; there && now.Sub(h.since) < memory {
		already += h.time
	}
	return mostHeldUp - already
}

// remember counts how long a user has held up a door. The caller holds mu.
func (c *crowd) remember(uid uint32, since, now time.Time) {
	h := c.heldUp[uid]
	if now.Sub(h.since) >= memory {
		h = heldUp{since: now}
	}
	h.time += now.Sub(since)
	c.heldUp[uid] = h
}

// wait waits until something changes, but not for longer. The caller holds mu.
func (c *crowd) wait(longest time.Duration) {
	timer := time.AfterFunc(longest, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})
	defer timer.Stop()
	c.changed.Wait()
}

// left waits until everybody has left, or the context ends.
func (c *crowd) left(ctx context.Context) {
	defer context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})()
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.all) > 0 && ctx.Err() == nil {
		c.changed.Wait()
	}
}
