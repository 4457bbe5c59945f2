package awsauth

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// sleeper is a provider whose sessions live for a while of their own, and whose calls are counted against a quota.
type sleeper struct {
	wall  func() time.Time
	life  time.Duration
	quota string

	mu    sync.Mutex // guards both
	calls []time.Time
	ends  []time.Time // of what each call has brought
}

func (s *sleeper) Quota() string { return "a host that has slept " + s.quota }

func (s *sleeper) Retrieve(context.Context) (aws.Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.ends = append(s.calls, time.Now()), append(s.ends, s.wall().Add(s.life))
	return aws.Credentials{AccessKeyID: fmt.Sprint(len(s.calls)), SecretAccessKey: "s", SessionToken: "t", CanExpire: true, Expires: s.wall().Add(s.life)}, nil
}

// After a host has slept nothing is asked for in the same moment everywhere, and what ends first is renewed first: AWS lets through
// eight calls a second.
func TestAfterSleepWhatEndsFirstIsRenewedFirst(t *testing.T) {
	for _, drawn := range []float64{0, 0.999} {
		t.Run(fmt.Sprint(drawn), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const sessions = 30
				var slept atomic.Int64
				wall := func() time.Time { return time.Now().Add(time.Duration(slept.Load())) }
				start, quota := time.Now(), rand.Text() // one of each run's own
				var all []*sleeper
				var caches []*Cache
				for i := range sessions {
					s := &sleeper{wall: wall, life: time.Hour + time.Duration(i*7%sessions)*30*time.Second, quota: quota} // in no order
					all = append(all, s)
					caches = append(caches, &Cache{Provider: s, clock: &clock{
						readings: func() reading { return reading{wall().UnixNano(), int64(time.Since(start) + bias)} },
						boot:     func() (time.Duration, bool) { return wall().Sub(start), true },
						drawn:    func() float64 { return drawn },
					}})
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() {
					defer close(done)
					KeepFresh(ctx, caches...)
				}()
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				for _, s := range all {
					s.calls = nil
				}
				slept.Store(int64(49 * time.Minute)) // all are to be renewed, and none has ended
				woke := time.Now()
				time.Sleep(20 * time.Second)
				synctest.Wait()
				slices.SortStableFunc(all, func(a, b *sleeper) int { return a.ends[0].Compare(b.ends[0]) })
				last := time.Time{}
				for i, s := range all {
					if len(s.calls) != 1 {
						t.Fatalf("session %d is asked for %d times", i, len(s.calls))
					}
					if s.calls[0].Before(last) {
						t.Errorf("session %d, of those in the order of their ends, is asked for %s after one that ends later", i, last.Sub(s.calls[0]))
					}
					last = s.calls[0]
				}
				wait := time.Duration(drawn * float64(arrival))
				if first := all[0].calls[0].Sub(woke); first < wait || first > tick+wait+time.Millisecond {
					t.Errorf("the first is asked for after %s, want from %s to %s", first, wait, tick+wait)
				}
				cancel()
				<-done
			})
		})
	}
}
