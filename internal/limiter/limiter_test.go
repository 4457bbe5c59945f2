package limiter

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// letThrough enters many calls and answers when each was let through, since the start.
func letThrough(t *testing.T, l *Limiter, n int) []time.Duration {
	t.Helper()
	start := time.Now()
	moments := make([]time.Duration, n)
	for i := range n {
		ticket := l.Enter(false)
		go func() {
			<-ticket.Ready()
			moments[i] = time.Since(start)
			ticket.Done(Answered)
		}()
	}
	time.Sleep(time.Hour)
	synctest.Wait()
	slices.Sort(moments)
	return moments
}

func near(got, want time.Duration) bool { return (got - want).Abs() < time.Millisecond }

func TestEightASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		moments := letThrough(t, new(Limiter), 1000)
		for i, at := range moments {
			if want := time.Duration(max(i-7, 0)) * time.Second / 8; !near(at, want) {
				t.Fatalf("call %d: after %s, want %s", i, at, want)
			}
		}
	})
}

func TestWhoIsWaitedForGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(Limiter)
		order := make(chan string, 20)
		enter := func(name string, urgent bool) *Ticket {
			ticket := l.Enter(urgent)
			go func() {
				<-ticket.Ready()
				order <- name
				ticket.Done(Answered)
			}()
			return ticket
		}
		for range 8 {
			enter("burst", false)
		}
		enter("first", false)
		later := enter("later urged", false)
		enter("urgent", true)
		later.Urge()
		later.Urge() // does nothing
		time.Sleep(time.Minute)
		synctest.Wait()
		close(order)
		var names []string
		for name := range order {
			names = append(names, name)
		}
		if got := fmt.Sprint(names[8:]); got != "[urgent later urged first]" {
			t.Errorf("got %s", got)
		}
		later.Urge() // when it is over, neither
	})
}

// Each answer that there are too many halves the rate; it recovers by one call a second every 30 seconds.
func TestThrottlingHalvesTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(Limiter)
		for _, want := range []float64{4, 2, 1, 0.5, 0.5} {
			ticket := l.Enter(false)
			<-ticket.Ready()
			before := l.rate
			ticket.Done(Throttled)
			if recovered := before/2 - want; recovered > 0.1 || l.rate < want {
				t.Fatalf("got %.3f a second, want %.3f", l.rate, want)
			}
		}
		time.Sleep(30 * time.Second)
		ticket := l.Enter(false)
		<-ticket.Ready()
		ticket.Done(Answered)
		if l.rate < 1.5 || l.rate > 1.8 {
			t.Errorf("after 30 s: got %.3f a second, want 1.5 to 1.8", l.rate)
		}
		time.Sleep(time.Hour)
		if moments := letThrough(t, l, 16); !near(moments[15], time.Second) {
			t.Errorf("after an hour: got 16 calls within %s, want the full rate", moments[15])
		}
	})
}

// An endpoint that does not answer is asked by one at a time once the budget is spent: every second for those who wait, and every
// 15 seconds in the end for others. The first answer lets all through.
func TestAnEndpointThatIsAway(t *testing.T) {
	for outcome, calls := range map[Outcome]int{Failed: budget / failureCost, TimedOut: budget / timeoutCost} {
		synctest.Test(t, func(t *testing.T) {
			l := new(Limiter)
			call := func(urgent bool, o Outcome) time.Duration {
				t.Helper()
				start := time.Now()
				ticket := l.Enter(urgent)
				<-ticket.Ready()
				took := time.Since(start)
				ticket.Done(o)
				return took
			}
			for range calls {
				call(false, outcome)
			}
			ticket := l.Enter(false)
			if !ticket.Stopped() {
				t.Fatalf("after %d failures it is not stopped", calls)
			}
			<-ticket.Ready() // a probe
			ticket.Done(outcome)
			var waits []time.Duration
			for range 6 {
				waits = append(waits, call(false, outcome).Round(time.Millisecond))
			}
			if got := fmt.Sprint(waits); got != "[2s 4s 8s 15s 15s 15s]" {
				t.Errorf("probes after %s", got)
			}
			if took := call(true, outcome); !near(took, time.Second) {
				t.Errorf("somebody who waits: a probe after %s, want 1s", took)
			}
			// While one probes, nobody else does; its success lets them all through.
			probe := l.Enter(true)
			<-probe.Ready()
			others := []*Ticket{l.Enter(true), l.Enter(false), l.Enter(false)}
			time.Sleep(time.Minute)
			for i, other := range others {
				if !other.Stopped() {
					t.Errorf("call %d is let through while another probes", i)
				}
			}
			probe.Done(Answered)
			for i, other := range others {
				select {
				case <-other.Ready():
				default:
					t.Errorf("call %d is not let through after a success", i)
				}
				other.Done(Answered)
			}
		})
	}
}

func TestARefusalCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := new(Limiter)
		for range 1000 {
			ticket := l.Enter(false)
			<-ticket.Ready()
			ticket.Done(Answered)
		}
		if l.spent != 0 || l.open {
			t.Errorf("spent %d of the budget", l.spent)
		}
	})
}

// Where nobody counts calls, there are only so many at once: those for whom somebody waits first, and however long each takes.
func TestSoManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Limiter{AtOnce: 16}
		var running, most, done atomic.Int64
		call := func(ticket *Ticket, o Outcome) {
			<-ticket.Ready()
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second)
			running.Add(-1)
			done.Add(1)
			ticket.Done(o)
		}
		for i := range 1000 {
			go call(l.Enter(false), Outcome(i%4)) // how they end does not matter
		}
		synctest.Wait()
		urgent := l.Enter(true)
		start := time.Now()
		<-urgent.Ready()
		if waited := time.Since(start); waited > time.Second || urgent.Stopped() {
			t.Errorf("an urgent one has waited for %s", waited)
		}
		urgent.Done(Answered)
		time.Sleep(63 * time.Second) // 1,000 in 16 at a time
		synctest.Wait()
		if most.Load() != 16 || done.Load() != 1000 {
			t.Errorf("got %d at once, and %d in 63 seconds; want 16, and all", most.Load(), done.Load())
		}
	})
}
