package awsauth_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

var (
	errAway   = errors.New("nobody answers")
	errDenied = &rolesanywhere.Error{Status: 403, Code: "AccessDeniedException", Message: "no"}
)

// mustRetrieve answers the number of the call that has given what is held.
func mustRetrieve(t *testing.T, c *awsauth.Cache) int {
	t.Helper()
	credentials, err := c.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if credentials.Expired() || !credentials.HasKeys() {
		t.Fatalf("got credentials that are empty or have ended at %s", credentials.Expires)
	}
	var n int
	if _, err := fmt.Sscanf(credentials.AccessKeyID, "ASIAFAKE%d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWhatIsHeldIsGivenWithoutACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &awsauthtest.Provider{}
		c := &awsauth.Cache{Provider: provider}
		for range 100 {
			if n := mustRetrieve(t, c); n != 1 {
				t.Fatalf("got the answer to call %d, want that to the first", n)
			}
			time.Sleep(17 * time.Second) // until 28 minutes of an hour
		}
		if n := provider.Calls(); n != 1 {
			t.Errorf("got %d calls, want 1", n)
		}
		whole, err := c.Current(t.Context())
		if left := time.Until(whole.Expires); err != nil || left != time.Hour-1700*time.Second {
			t.Errorf("got an end in %s, %v, want that of an hour", left, err)
		}
	})
}

// Nobody waits for a renewal, and it begins between 50 and 75 % of the life.
func TestRenewalIsInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var moments []float64
		for range 100 {
			provider := &awsauthtest.Provider{}
			c := &awsauth.Cache{Provider: provider}
			mustRetrieve(t, c)
			start := time.Now()
			release := provider.Block()
			for provider.Calls() == 1 {
				before := time.Now()
				mustRetrieve(t, c)
				if took := time.Since(before); took != 0 {
					t.Fatalf("it took %s", took)
				}
				time.Sleep(time.Second)
			}
			moments = append(moments, time.Since(start).Hours())
			release()
			synctest.Wait()
			if n := mustRetrieve(t, c); n != 2 {
				t.Fatalf("got the answer to call %d, want the second", n)
			}
		}
		slices.Sort(moments)
		if first, last := moments[0], moments[len(moments)-1]; first < 0.5 || first > 0.53 || last < 0.72 || last > 0.751 {
			t.Errorf("renewed from %.3f to %.3f of the life, want 0.50 to 0.75", first, last)
		}
	})
}

func TestAnOutageIsBridgedToTheRealEndAndNoFurther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &awsauthtest.Provider{}
		c := &awsauth.Cache{Provider: provider}
		start := time.Now()
		mustRetrieve(t, c)
		provider.Fail(errAway)
		for time.Since(start) < time.Hour {
			mustRetrieve(t, c)
			time.Sleep(time.Second)
		}
		credentials, err := c.Retrieve(t.Context())
		if !errors.Is(err, errAway) || credentials != (aws.Credentials{}) {
			t.Errorf("got %s, %v, want nothing, and why", credentials.AccessKeyID, err)
		}
		if want := "the credentials ended at " + start.Add(time.Hour).UTC().Format(time.RFC3339) + ", and getting new ones failed: nobody answers"; err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		s := c.Status()
		if calls := provider.Calls(); s.Calls != calls || s.Failures != calls-1 || !errors.Is(s.Err, errAway) || calls < 20 || calls > 200 {
			t.Errorf("got %d calls, %+v", calls, s)
		}
		provider.Fail(nil)
		time.Sleep(time.Second)
		mustRetrieve(t, c)
		if s := c.Status(); s.Failures != 0 || s.Err != nil {
			t.Errorf("got %+v after a success", s)
		}
	})
}

// A failure is the answer to everybody for a second at most, and there is one call meanwhile.
func TestAFailureIsRememberedForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &awsauthtest.Provider{}
		provider.Fail(errDenied)
		c := &awsauth.Cache{Provider: provider}
		for range 100 {
			if _, err := c.Retrieve(t.Context()); !errors.Is(err, errDenied) {
				t.Fatalf("got %v", err)
			}
			time.Sleep(5 * time.Millisecond)
		}
		if n := provider.Calls(); n != 1 {
			t.Errorf("got %d calls in half a second, want 1", n)
		}
		provider.Fail(nil)
		time.Sleep(500 * time.Millisecond)
		mustRetrieve(t, c)
	})
}

func TestOneCallServesAllAndNobodyFailsByAnothersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &awsauthtest.Provider{}
		release := provider.Block()
		c := &awsauth.Cache{Provider: provider}
		leaving, leave := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		var served, left atomic.Int32
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				ctx := t.Context()
				if i%2 == 0 { // the first one, too
					ctx = leaving
				}
				switch _, err := c.Retrieve(ctx); {
				case err == nil && i%2 == 1:
					served.Add(1)
				case errors.Is(err, gone) && i%2 == 0:
					left.Add(1)
				default:
					t.Errorf("caller %d: got %v", i, err)
				}
			})
			if i == 0 {
				synctest.Wait() // so that it is the one who has the provider called
			}
		}
		synctest.Wait()
		leave(gone)
		synctest.Wait()
		release()
		wg.Wait()
		if n := provider.Calls(); n != 1 || served.Load() != 500 || left.Load() != 500 {
			t.Errorf("got %d calls, %d served, %d left, want 1, 500, 500", n, served.Load(), left.Load())
		}
	})
}

func TestAProviderThatDoesNotAnswerIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &awsauthtest.Provider{}
		release := provider.Block()
		defer release()
		c := &awsauth.Cache{Provider: provider, Timeout: 3 * time.Second}
		start := time.Now()
		if _, err := c.Retrieve(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("it took %s, want 3s", took)
		}
	})
}

// What a provider may not give is an error, and what was held before stays in force.
func TestBadAnswers(t *testing.T) {
	good := aws.Credentials{AccessKeyID: "ASIAFAKE000000000001", SecretAccessKey: "s", SessionToken: "t", CanExpire: true}
	for name, c := range map[string]struct {
		answer func() (aws.Credentials, error)
		want   string
	}{
		"empty":          {func() (aws.Credentials, error) { return aws.Credentials{}, nil }, "the provider has given credentials without keys"},
		"without secret": {func() (aws.Credentials, error) { return aws.Credentials{AccessKeyID: "AKIA"}, nil }, "the provider has given credentials without keys"},
		"ended": {func() (aws.Credentials, error) {
			old := good
			old.Expires = time.Now()
			return old, nil
		}, "the provider has given credentials that ended at 2000-01-01T00:50:00Z: is this host's clock right?"},
		"panic": {func() (aws.Credentials, error) { panic("hunter2") }, "the provider has panicked"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answer := func() (aws.Credentials, error) {
					first := good
					first.Expires = time.Now().Add(time.Hour)
					return first, nil
				}
				cache := &awsauth.Cache{Provider: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return answer() })}
				mustRetrieve(t, cache)
				time.Sleep(50 * time.Minute)
				answer = c.answer
				for range 5 {
					mustRetrieve(t, cache)
					synctest.Wait()
				}
				if err := cache.Status().Err; err == nil || err.Error() != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
				empty := &awsauth.Cache{Provider: cache.Provider}
				if got, err := empty.Retrieve(t.Context()); err == nil || err.Error() != c.want || got != (aws.Credentials{}) {
					t.Errorf("got %v, %v, want %s", got.AccessKeyID, err, c.want)
				}
			})
		})
	}
	if _, err := (&awsauth.Cache{}).Retrieve(t.Context()); err == nil || err.Error() != "the cache has no Provider" {
		t.Errorf("got %v", err)
	}
}

// What has no end is asked for again, and given meanwhile, whatever comes of it.
func TestStaticCredentialsAreLookedAtAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		secret, fails := "one", error(nil)
		c := &awsauth.Cache{Provider: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			calls++
			return aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: secret}, fails
		})}
		look := func() string {
			t.Helper()
			credentials, err := c.Retrieve(t.Context())
			if err != nil || credentials.CanExpire || !credentials.Expires.IsZero() {
				t.Fatalf("got %v, %t, %s", err, credentials.CanExpire, credentials.Expires)
			}
			synctest.Wait()
			return credentials.SecretAccessKey
		}
		for range 4 {
			look()
			time.Sleep(time.Minute)
		}
		secret = "two"
		time.Sleep(time.Minute)
		if got := []string{look(), look()}; !slices.Equal(got, []string{"one", "two"}) || calls != 2 {
			t.Errorf("got %q in %d calls, want what was held, then the new", got, calls)
		}
		fails = errAway
		for range 100 {
			time.Sleep(time.Hour)
			if got := look(); got != "two" {
				t.Fatalf("got %q", got)
			}
		}
	})
}

// A refusal is asked about again after 5 to 15 minutes, or at once when somebody says that something has changed.
func TestARefusalWaitsForAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &awsauthtest.Provider{}
		provider.SetLifetime(12 * time.Hour)
		c := &awsauth.Cache{Provider: provider}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go awsauth.KeepFresh(ctx, c)
		synctest.Wait()
		provider.Fail(errDenied)
		time.Sleep(9 * time.Hour)
		before := provider.Calls()
		time.Sleep(2 * time.Hour)
		if calls := provider.Calls() - before; calls < 8 || calls > 24 {
			t.Errorf("got %d calls in 2h, want one every 5 to 15 minutes", calls)
		}
		before = provider.Calls()
		provider.Fail(nil)
		c.Retry()
		synctest.Wait()
		if n := provider.Calls(); n != before+1 {
			t.Errorf("got %d calls, want one at once", n-before)
		}
		mustRetrieve(t, c)
		c.Retry() // when nothing has failed, it does nothing
		synctest.Wait()
		if n := provider.Calls(); n != before+1 {
			t.Errorf("got %d further calls, want none", n-before-1)
		}
	})
}

func TestHeldAllocatesNothing(t *testing.T) {
	c := &awsauth.Cache{Provider: &awsauthtest.Provider{}}
	mustRetrieve(t, c)
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := c.Retrieve(ctx); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}

// outages are when a provider fails, in a simulation.
type outages struct {
	*awsauthtest.Provider
	r *rand.Rand

	mu    sync.Mutex // guards all below
	until time.Time  // of the present state
	away  bool
	began time.Time // of the last outage
}

// lastOutage is when the last one that somebody has seen began.
func (o *outages) lastOutage() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.began
}

// Retrieve fails during outages of a second to six hours, with days between them.
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
		length := time.Duration(o.r.Int64N(int64(10 * 24 * time.Hour)))
		if o.away {
			length = time.Second + time.Duration(o.r.Int64N(int64(6*time.Hour)))
			o.began = o.until
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
		p.until = start.Add(time.Duration(p.r.Int64N(int64(10 * 24 * time.Hour))))
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
			// An error is right when there was an outage for as long as anything could be held: 15 minutes at least.
			if began := providers[i].lastOutage(); !errors.Is(err, errAway) || now.Sub(began) < 14*time.Minute {
				t.Fatalf("session %d: %v, with an outage since %s, at %s", i, err, began, now)
			}
		}
	}
	calls := 0
	for _, p := range providers {
		calls += p.Calls()
	}
	cancel()
	<-finished
	rate := float64(calls) / float64(sessions) / length.Hours()
	t.Logf("%d questions, none answered with what had ended; %d errors in outages; %.4f calls an hour for each", asked, gaps, rate)
	// The mean of a life from renewal to renewal is 0.625 h.
	if rate < 1.6*0.95 || rate > 1.6*1.05 {
		t.Errorf("got %.4f good calls an hour, want 1.6 within 5 %%", rate)
	}
}

// With a limiter, a thousand sessions that begin together are fresh after 125 s, those first for whom somebody waits.
func TestAColdStartKeepsToTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quota := fmt.Sprint("quota ", rand.Uint64()) // limiters live as long as the process
		var mu sync.Mutex
		var moments []time.Duration
		start := time.Now()
		var caches []*awsauth.Cache
		for range 1000 {
			fake := &awsauthtest.Provider{}
			caches = append(caches, &awsauth.Cache{Provider: limited{fake, func() {
				mu.Lock()
				defer mu.Unlock()
				moments = append(moments, time.Since(start))
			}, quota}})
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go awsauth.KeepFresh(ctx, caches...)
		synctest.Wait()
		time.Sleep(30 * time.Second)
		before := time.Now()
		for _, c := range caches[:4] {
			mustRetrieve(t, c)
		}
		mustRetrieve(t, caches[999])
		if took := time.Since(before); took > time.Second {
			t.Errorf("who waits has waited for %s behind those who do not", took)
		}
		time.Sleep(95*time.Second - time.Since(before))
		for i, c := range caches {
			if c.Status().AccessKeyID == "" {
				t.Fatalf("session %d has nothing after %s", i, time.Since(start))
			}
		}
		if len(moments) != 1000 {
			t.Errorf("got %d calls, want 1000", len(moments))
		}
		for i := 8; i+8 < len(moments); i++ {
			if within := moments[i+8] - moments[i]; within < time.Second-time.Millisecond {
				t.Fatalf("got nine calls within %s, from %s on", within, moments[i])
			}
		}
	})
}

// limited is a provider that shares a quota.
type limited struct {
	aws.CredentialsProvider
	called func()
	quota  string
}

func (l limited) Quota() string { return l.quota }

func (l limited) Retrieve(ctx context.Context) (aws.Credentials, error) {
	l.called()
	return l.CredentialsProvider.Retrieve(ctx)
}

// While an endpoint is away, it is not asked by everybody.
func TestAnEndpointThatIsAwayIsAskedByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quota := fmt.Sprint("quota ", rand.Uint64())
		var back atomic.Bool
		var calls atomic.Int64
		var caches []*awsauth.Cache
		for range 1000 {
			fake := &awsauthtest.Provider{}
			caches = append(caches, &awsauth.Cache{Provider: limited{aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
				if !back.Load() {
					return aws.Credentials{}, &rolesanywhere.ConnectionError{Problem: "nobody is there"}
				}
				return fake.Retrieve(ctx)
			}), func() { calls.Add(1) }, quota}})
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go awsauth.KeepFresh(ctx, caches...)
		time.Sleep(time.Hour)
		before := calls.Load()
		time.Sleep(time.Hour)
		if n := calls.Load() - before; n < 3600/15-5 || n > 3600/15+5 {
			t.Errorf("got %d calls in an hour, want one every 15 s", n)
		}
		// Somebody who asks is told at once, and has it probed.
		start := time.Now()
		_, err := caches[7].Retrieve(t.Context())
		if err == nil || !strings.HasSuffix(err.Error(), "nobody is there") || time.Since(start) > 800*time.Millisecond {
			t.Errorf("got %v after %s", err, time.Since(start))
		}
		back.Store(true)
		recovered := time.Now()
		for _, c := range caches {
			for c.Status().AccessKeyID == "" {
				time.Sleep(time.Second)
			}
		}
		if took := time.Since(recovered); took > 150*time.Second {
			t.Errorf("all are fresh after %s, want 150s at most", took)
		}
	})
}

// A provider that holds credentials itself gives the same ones again and again. It is not asked ever more often towards their end, nor
// after it.
func TestTheSameCredentialsAgain(t *testing.T) {
	for _, quota := range []string{"", fmt.Sprint("quota ", rand.Uint64())} {
		synctest.Test(t, func(t *testing.T) {
			ends := time.Now().Add(time.Hour)
			var calls atomic.Int64
			c := &awsauth.Cache{Provider: limited{aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				if !ends.After(time.Now()) {
					return aws.Credentials{}, errDenied
				}
				return aws.Credentials{AccessKeyID: "ASIA", SecretAccessKey: "s", CanExpire: true, Expires: ends}, nil
			}), func() { calls.Add(1) }, quota}}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go awsauth.KeepFresh(ctx, c)
			time.Sleep(time.Hour - time.Nanosecond)
			if n := calls.Load(); n > 60 {
				t.Errorf("got %d calls in an hour, want few", n)
			}
			before := calls.Load()
			time.Sleep(time.Hour)
			if n := calls.Load() - before; n > 14 {
				t.Errorf("got %d calls in the hour after the end, want one every 5 to 15 minutes", n)
			}
		})
	}
}

// What a provider that was asked late has left of a session is no measure for how often AWS may be asked.
func TestWhatIsLeftIsNoMeasureWhereThereIsAQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &awsauthtest.Provider{}
		fake.SetLifetime(2 * time.Second)
		var calls atomic.Int64
		c := &awsauth.Cache{Provider: limited{fake, func() { calls.Add(1) }, fmt.Sprint("quota ", rand.Uint64())}}
		mustRetrieve(t, c)
		fake.Fail(errDenied)
		time.Sleep(3 * time.Second)
		before := calls.Load()
		for range 100 {
			if _, err := c.Retrieve(t.Context()); !errors.Is(err, errDenied) {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := calls.Load() - before; n > 10 {
			t.Errorf("got %d calls in ten seconds, want one a second", n)
		}
	})
}

// A provider that knows no time, or ends its goroutine, is left; the next call is made, and nothing else waits for it.
func TestAProviderThatNeverComesBackIsLeft(t *testing.T) {
	for name, first := range map[string]func(){
		"it knows no time": func() { select {} }, "it ends its goroutine": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			quota := fmt.Sprint("quota ", rand.Uint64())
			fake := &awsauthtest.Provider{}
			var calls atomic.Int64
			c := &awsauth.Cache{Timeout: 10 * time.Millisecond, Provider: limited{aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
				if calls.Load() == 1 {
					first()
				}
				return fake.Retrieve(ctx)
			}), func() { calls.Add(1) }, quota}}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if _, err := c.Retrieve(ctx); err == nil || ctx.Err() != nil {
				t.Fatalf("got %v", err)
			}
			for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				if _, err := c.Retrieve(ctx); err == nil {
					break
				} else if time.Now().After(deadline) {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestCredentialsThatEndInTheYear9999(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := &awsauth.Cache{Provider: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			calls++
			return aws.Credentials{AccessKeyID: "ASIA", SecretAccessKey: "s", CanExpire: true, Expires: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}, nil
		})}
		for range 100 {
			if _, err := c.Retrieve(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(24 * time.Hour)
		}
		if calls != 1 {
			t.Errorf("got %d calls in 100 days", calls)
		}
	})
}
