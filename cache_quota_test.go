package awsauth_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

func TestTheQuotaOfASession(t *testing.T) {
	const anchor = "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/3d0ef7d1-6f7a-4b2c-9d3c-1a5c7e6f8a90"
	for name, c := range map[string]struct {
		session awsauth.Session
		want    string
	}{
		"the standard endpoint":          {awsauth.Session{TrustAnchorARN: anchor}, "rolesanywhere.eu-west-1.amazonaws.com 123456789012"},
		"an endpoint elsewhere":          {awsauth.Session{TrustAnchorARN: anchor, Endpoint: rolesanywhere.Endpoint{URL: "https://vpce.example"}}, "vpce.example 123456789012"},
		"an emulator, which counts none": {awsauth.Session{TrustAnchorARN: anchor, Endpoint: rolesanywhere.Endpoint{URL: "http://127.0.0.1:9920"}}, awsauth.Unmetered + "127.0.0.1:9920"},
		"what makes no call":             {awsauth.Session{}, ""},
	} {
		if got := c.session.Quota(); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// What nobody counts is made sixteen at a time, and renewed as the life of what is given says.
func TestWhatNobodyCountsIsMadeSixteenAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quota := awsauth.Unmetered + fmt.Sprint(rand.Uint64())
		var running, most, calls atomic.Int64
		slow := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			calls.Add(1)
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second)
			running.Add(-1)
			return aws.Credentials{AccessKeyID: fmt.Sprint(calls.Load()), SecretAccessKey: "x", CanExpire: true, Expires: time.Now().Add(time.Hour)}, nil
		})
		var caches []*awsauth.Cache
		for range 200 {
			caches = append(caches, &awsauth.Cache{Provider: limited{slow, func() {}, quota}})
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go awsauth.KeepFresh(ctx, caches...)
		time.Sleep(14 * time.Second)
		if most.Load() != 16 || calls.Load() != 200 {
			t.Errorf("got %d at a time and %d calls in 14 seconds, want 16 and 200", most.Load(), calls.Load())
		}
	})
}
