package awsauth_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
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

// The moments of renewal are spread evenly, so that a fleet's calls are: the test of Kolmogorov and Smirnov, at one false alarm in a
// million.
func TestRenewalsAreSpreadEvenly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		var parts []float64 // of the range from 50 to 75 % of the life
		for range n {
			c := &awsauth.Cache{Provider: &awsauthtest.Provider{}}
			mustRetrieve(t, c)
			s := c.Status()
			parts = append(parts, (float64(s.Next.Sub(s.Obtained))/float64(s.Expires.Sub(s.Obtained))-0.5)/0.25)
		}
		slices.Sort(parts)
		furthest := 0.0
		for i, p := range parts {
			furthest = max(furthest, p-float64(i)/n, float64(i+1)/n-p)
		}
		if limit := 2.7 / math.Sqrt(n); furthest > limit {
			t.Errorf("the renewals are %.3f from evenly spread, want %.3f at most", furthest, limit)
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
		// One in 5 seconds of the last quarter hour, and one in 27 of up to a quarter hour before: 180 to 213, give or take 8 (the standard deviation).
		if calls := provider.Calls(); s.Calls != calls || s.Failures != calls-1 || !errors.Is(s.Err, errAway) || calls < 100 || calls > 300 {
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

func TestStatusSaysSinceWhenTheProviderIsBeingAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &awsauthtest.Provider{}
		c := &awsauth.Cache{Provider: provider}
		release := provider.Block()
		start := time.Now()
		done := make(chan error)
		go func() {
			_, err := c.Retrieve(t.Context())
			done <- err
		}()
		time.Sleep(4 * time.Second)
		if s := c.Status(); !s.Asking.Equal(start) || !s.Next.IsZero() {
			t.Errorf("got %s, want %s", s.Asking, start)
		}
		release()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if s := c.Status(); !s.Asking.IsZero() || s.Next.IsZero() {
			t.Errorf("afterwards: got %+v", s)
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
