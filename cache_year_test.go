package awsauth_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/awsauthtest"
)

// outages are when a provider fails, in a simulation.
type outages struct {
	*awsauthtest.Provider
	r *rand.Rand

	mu    sync.Mutex // guards all below
	until time.Time  // of the present state
	away  bool
	began time.Time // of the last outage
	ended time.Time // of the last one that has
	count int       // of outages
}

// lastOutage is when the last one began, and how long ago it was over; 0 while it lasts.
func (o *outages) lastOutage(now time.Time) (began time.Time, over time.Duration) {
	away := o.isAway(now)
	o.mu.Lock()
	defer o.mu.Unlock()
	if away {
		return o.began, 0
	}
	return o.began, now.Sub(o.ended)
}

// Retrieve fails during outages of a second to six hours, with days between them. As many last from one minute to two as from one
// hour to two: what matters is on both sides of what is left of a session, and among hours alone would be seldom.
func (o *outages) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if o.isAway(time.Now()) {
		return aws.Credentials{}, errAway
	}
	return o.Provider.Retrieve(ctx)
}

func (o *outages) isAway(now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for now.After(o.until) {
		o.away = !o.away
		length := time.Duration(o.r.Int64N(int64(5 * 24 * time.Hour)))
		if o.ended = o.until; o.away {
			length = time.Duration(float64(time.Second) * math.Pow((6*time.Hour).Seconds(), o.r.Float64()))
			o.began = o.until
			o.count++
		}
		o.until = o.until.Add(length)
	}
	return o.away
}

// Simulated years of a thousand sessions of an hour, each with its own outages: nobody is ever given what has ended, and there
// is no gap but during an outage that was longer than what was left.
func TestAYearOfAThousandSessions(t *testing.T) {
	days, sessions, seeds := 3, 100, 2
	if os.Getenv("AWSAUTH_SOAK") != "" {
		days, sessions, seeds = 365, 1000, 20
	} else {
		t.Logf("the short form: %d days of %d sessions with %d seeds, in place of 365, 1000 and 20; AWSAUTH_SOAK=1 for all", days, sessions, seeds)
	}
	for range seeds {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { simulate(t, seed, sessions, time.Duration(days)*24*time.Hour) })
		})
	}
}

func simulate(t *testing.T, seed uint64, sessions int, length time.Duration) {
	start := time.Now()
	var caches []*awsauth.Cache
	var providers []*outages
	for i := range sessions {
		p := &outages{Provider: &awsauthtest.Provider{}, r: rand.New(rand.NewPCG(seed, uint64(i))), until: start}
		p.until = start.Add(time.Duration(p.r.Int64N(int64(5 * 24 * time.Hour))))
		providers, caches = append(providers, p), append(caches, &awsauth.Cache{Provider: p})
	}
	ctx, cancel := context.WithCancel(t.Context())
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		awsauth.KeepFresh(ctx, caches...)
	}()
	synctest.Wait()
	r := rand.New(rand.NewPCG(seed, 1<<32))
	asked, gaps := 0, 0
	for time.Since(start) < length {
		time.Sleep(time.Minute + time.Duration(r.Int64N(int64(59*time.Minute))))
		for i, c := range caches {
			asked++
			whole, err := c.Current(ctx)
			now := time.Now()
			if err == nil {
				if !whole.Expires.After(now) || !whole.HasKeys() {
					t.Fatalf("session %d: got what ended at %s, at %s", i, whole.Expires, now)
				}
				continue
			}
			gaps++
			// An error is right when there was an outage for as long as anything could be held, 15 minutes at least, and it lasts or has
			// just ended: within a minute AWS is asked again.
			if began, over := providers[i].lastOutage(now); !errors.Is(err, errAway) || now.Sub(began) < 14*time.Minute || over > time.Minute {
				t.Fatalf("session %d: %v, with an outage since %s, over for %s, at %s", i, err, began, over, now)
			}
		}
	}
	cancel()
	<-finished
	calls, away := 0, 0
	for _, p := range providers {
		calls += p.Calls()
		away += p.count
	}
	rate := float64(calls) / float64(sessions) / length.Hours()
	t.Logf("%d questions in %d outages and between, none answered with what had ended; %d errors in outages; %.4f calls an hour for each",
		asked, away, gaps, rate)
	// The mean of a life from renewal to renewal is 0.625 h.
	if rate < 1.6*0.95 || rate > 1.6*1.05 {
		t.Errorf("got %.4f good calls an hour, want 1.6 within 5 %%", rate)
	}
}
