package agent

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// guest is a connection of a user that the crowd may cut off.
type guest struct {
	net.Conn
	cutOff bool
}

func (g *guest) Close() error {
	g.cutOff = true
	return nil
}

func newGuest(c *crowd, uid uint32) *known {
	return &known{Conn: new(guest), crowd: c, uid: uid, silent: time.Now(), new: true}
}

func (c *crowd) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

func TestWhoConnectsWithoutAskingMakesRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		let := 0
		var longest time.Duration
		for i := range 20_000 { // for two seconds
			began := time.Now()
			c.enter(newGuest(c, 1))
			if i%10 == 0 {
				k := newGuest(c, 2)
				if c.enter(k) {
					let++
				}
				longest = max(longest, time.Since(began))
				c.follow(k, http.StateActive)
				if err := k.Close(); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(100 * time.Microsecond)
		}
		if let != 2000 || longest > firstWord {
			t.Errorf("got %d of 2,000 of the other user let in, after %s at most", let, longest)
		}
		if len(c.all) > mostOfOne || c.of[1] != len(c.all) {
			t.Errorf("got %d connections, want %d at most", len(c.all), mostOfOne)
		}
		// Now that it is known for that, it holds up nobody.
		for range 1000 {
			began := time.Now()
			c.enter(newGuest(c, 1))
			if took := time.Since(began); took > 0 {
				t.Fatalf("it holds up the door for %s again", took)
			}
		}
	})
}

func TestAHerdThatAsksIsKeptWaitingAndNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		most := 0
		for i := range 1000 {
			k := newGuest(c, 1)
			if !c.enter(k) {
				t.Fatalf("the connection %d is turned away", i)
			}
			most = max(most, c.count())
			c.follow(k, http.StateActive)
			go func() {
				time.Sleep(300 * time.Millisecond)
				if err := k.Close(); err != nil || !k.Conn.(*guest).cutOff {
					t.Error(err)
				}
			}()
		}
		if most != mostOfOne {
			t.Errorf("got %d at a time, want %d", most, mostOfOne)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if c.left(ctx); c.count() != 0 {
			t.Errorf("got %d left", c.count())
		}
	})
}

// A herd that begins to ask late is waited for as soon as one of it has.
func TestAHerdThatAsksLateIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		var herd []*known
		for range mostOfOne {
			k := newGuest(c, 1)
			c.enter(k)
			herd = append(herd, k)
		}
		go func() {
			time.Sleep(firstWord - time.Millisecond)
			c.follow(herd[0], http.StateActive)
			time.Sleep(manners / 2)
			if err := herd[0].Close(); err != nil {
				t.Error(err)
			}
		}()
		if !c.enter(newGuest(c, 1)) {
			t.Error("it is turned away")
		}
	})
}

// Requests that take for ever hold up others for a second in ten at most.
func TestNobodyHoldsUpADoorForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		for range mostOfOne {
			k := newGuest(c, 1)
			c.enter(k)
			c.follow(k, http.StateActive)
		}
		began := time.Now()
		for i := range 100 {
			if c.enter(newGuest(c, 1)) {
				t.Fatalf("the connection %d is let in", i)
			}
		}
		if took := time.Since(began); took > mostHeldUp+10*time.Millisecond {
			t.Errorf("it has held up the door for %s", took)
		}
		if !c.enter(newGuest(c, 2)) {
			t.Error("another user is turned away")
		}
	})
}

// Who keeps connections without asking loses the oldest of them, when there are many.
func TestIdleConnectionsOfOneUserAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd()
		for range 200 {
			k := newGuest(c, 1)
			if !c.enter(k) {
				t.Fatal("turned away")
			}
			c.follow(k, http.StateActive)
			c.follow(k, http.StateIdle)
			time.Sleep(manners)
		}
		if len(c.all) > mostSilent+2 || len(c.heldUp) != 0 {
			t.Errorf("got %d connections, and %v", len(c.all), c.heldUp)
		}
	})
}
