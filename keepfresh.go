package awsauth

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// tick is how often KeepFresh looks at the clocks at least: timers stand still while a host sleeps.
	tick = 3 * time.Second
	// arrival is how long it may wait when a host has slept: the network comes up meanwhile, and hosts that woke together do not ask together.
	arrival = 2 * time.Second
)

// KeepFresh keeps what caches hold fresh until ctx ends, also while nobody asks for it. It begins with all that hold nothing; of those
// that are to be renewed at one time, as after a host has slept, what ends first comes first. One call can serve thousands of caches.
func KeepFresh(ctx context.Context, caches ...*Cache) {
	k := &keeper{wake: make(chan struct{}, 1), due: appointments{place: make([]int, len(caches))}}
	for i, c := range caches {
		c.watch(k, i)
		k.due.place[i] = -1
		k.due.set(i, c.nextCall())
	}
	defer func() {
		for _, c := range caches {
			c.unwatch(k)
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var clocks *clock
	if len(caches) > 0 {
		clocks = caches[0].clock
	}
	begins := int64(0) // of asking, after a host has slept
	for last := clocks.read(); ctx.Err() == nil; {
		r := clocks.read()
		if apart := time.Duration((r.wall - last.wall) - (r.mono - last.mono)); apart.Abs() > tolerance {
			begins = r.mono + int64(clocks.random()*float64(arrival))
			for i, c := range caches {
				k.due.set(i, c.nextCall())
			}
		}
		last = r
		for _, i := range k.takeLanded() {
			k.due.set(i, caches[i].nextCall())
		}
		if r.mono >= begins {
			for _, i := range k.takeDue(caches, r) {
				if next, asked := caches[i].renew(ctx, r); !asked {
					k.due.set(i, next)
				} // or it lands
			}
		}
		wait := tick
		if k.due.Len() > 0 {
			wait = min(wait, time.Duration(max(k.due.all[0].at, begins)-r.mono))
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-k.wake:
		}
	}
}

// keeper is one call of KeepFresh.
type keeper struct {
	due  appointments // of caches that are not being renewed
	wake chan struct{}

	mu   sync.Mutex
	done []int // caches whose renewal has ended
}

// landed tells that a cache's provider has answered.
func (k *keeper) landed(i int) {
	k.mu.Lock()
	k.done = append(k.done, i)
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) takeLanded() []int {
	k.mu.Lock()
	defer k.mu.Unlock()
	done := k.done
	k.done = nil
	return done
}

// takeDue takes the caches whose time has come, that which ends first first.
func (k *keeper) takeDue(caches []*Cache, r reading) (due []int) {
	for k.due.Len() > 0 && k.due.all[0].at <= r.mono {
		due = append(due, heap.Pop(&k.due).(appointment).cache)
	}
	slices.SortStableFunc(due, func(a, b int) int { return cmp.Compare(caches[a].left(r), caches[b].left(r)) })
	return due
}

// left is the time until what is held ends; 0 when nothing is.
func (c *Cache) left(r reading) time.Duration {
	if h := c.held.Load(); h != nil {
		return h.remaining(r)
	}
	return 0
}

// appointment is when a cache is to be renewed, on the monotonic clock.
type appointment struct {
	at    int64
	cache int
}

// appointments are a heap, the next one first; a cache has at most one.
type appointments struct {
	all   []appointment
	place []int // of each cache in all; -1 for none
}

// set makes or moves the appointment of a cache.
func (a *appointments) set(cache int, at int64) {
	if i := a.place[cache]; i >= 0 {
		a.all[i].at = at
		heap.Fix(a, i)
		return
	}
	heap.Push(a, appointment{at, cache})
}

func (a *appointments) Len() int           { return len(a.all) }
func (a *appointments) Less(i, j int) bool { return a.all[i].at < a.all[j].at }

func (a *appointments) Swap(i, j int) {
	a.all[i], a.all[j] = a.all[j], a.all[i]
	a.place[a.all[i].cache], a.place[a.all[j].cache] = i, j
}

func (a *appointments) Push(x any) {
	a.place[x.(appointment).cache] = len(a.all)
	a.all = append(a.all, x.(appointment))
}

func (a *appointments) Pop() any {
	last := a.all[len(a.all)-1]
	a.all = a.all[:len(a.all)-1]
	a.place[last.cache] = -1
	return last
}

func (c *Cache) watch(k *keeper, i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keepers == nil {
		c.keepers = map[*keeper]int{}
	}
	c.keepers[k] = i
}

func (c *Cache) unwatch(k *keeper) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.keepers, k)
}

// nextCall is when the provider is to be asked, on the monotonic clock.
func (c *Cache) nextCall() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reckon(c.clock.read())
	return c.next
}

// renew has the provider asked if it is time, or answers when that is.
func (c *Cache) renew(ctx context.Context, r reading) (next int64, asked bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next > r.mono {
		return c.next, false
	}
	c.begin(ctx, false)
	return 0, true
}
