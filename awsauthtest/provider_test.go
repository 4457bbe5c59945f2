package awsauthtest_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/awsauthtest"
)

func TestProviderGivesNewCredentialsAtEachCall(t *testing.T) {
	var p awsauthtest.Provider
	first := retrieve(t, &p)
	second := retrieve(t, &p)
	if first.AccessKeyID == second.AccessKeyID || first.SecretAccessKey == second.SecretAccessKey || first.SessionToken == second.SessionToken {
		t.Errorf("got %s twice, want different credentials", first.AccessKeyID)
	}
	for _, c := range []aws.Credentials{first, second} {
		if !c.HasKeys() || c.Source != awsauthtest.ProviderSource || c.AccountID == "" || len(c.AccessKeyID) != 20 {
			t.Errorf("got credentials %s of %q, want whole ones", c.AccessKeyID, c.Source)
		}
	}
	if got := p.Calls(); got != 2 {
		t.Errorf("got %d calls, want 2", got)
	}
}

func TestProviderExpiresByItsClock(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	clock := awsauthtest.NewClock(start)
	p := &awsauthtest.Provider{Now: clock.Now}
	clock.Advance(time.Minute)
	for _, c := range []struct {
		name     string
		lifetime time.Duration
		want     time.Time
	}{
		{"an hour when nothing is set", 0, start.Add(time.Minute + time.Hour)},
		{"what is set", 5 * time.Second, start.Add(time.Minute + 5*time.Second)},
		{"already expired when negative", -time.Second, start.Add(time.Minute - time.Second)},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.SetLifetime(c.lifetime)
			if got := retrieve(t, p); !got.CanExpire || !got.Expires.Equal(c.want) {
				t.Errorf("got %v, want %v", got.Expires, c.want)
			}
		})
	}
}

func TestProviderInABubbleIsAskedAgainWhenItsCredentialsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(awsauthtest.Provider)
		cache := aws.NewCredentialsCache(p)
		for _, step := range []struct {
			after time.Duration
			calls int
		}{{0, 1}, {59 * time.Minute, 1}, {2 * time.Minute, 2}} {
			time.Sleep(step.after)
			retrieve(t, cache)
			if got := p.Calls(); got != step.calls {
				t.Errorf("after %s more: got %d calls, want %d", step.after, got, step.calls)
			}
		}
	})
}

func TestProviderFailsUntilItIsWell(t *testing.T) {
	var p awsauthtest.Provider
	broken := errors.New("broken")
	p.Fail(broken)
	if _, err := p.Retrieve(t.Context()); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	p.Fail(nil)
	retrieve(t, &p)
	if got := p.Calls(); got != 2 {
		t.Errorf("got %d calls, want 2: a failed call counts", got)
	}
}

func TestProviderBlocksUntilItIsReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(awsauthtest.Provider)
		release := p.Block()
		var callers sync.WaitGroup
		returned := make(chan string, 3)
		for range cap(returned) {
			callers.Go(func() {
				c, err := p.Retrieve(t.Context())
				if err != nil {
					t.Error(err)
				}
				returned <- c.AccessKeyID
			})
		}
		synctest.Wait()
		if p.Calls() != 3 || len(returned) != 0 {
			t.Errorf("got %d calls of which %d returned, want 3 and none", p.Calls(), len(returned))
		}
		release()
		release()
		callers.Wait()
		retrieve(t, p)
		if got := p.Calls(); got != 4 {
			t.Errorf("got %d calls, want 4", got)
		}
	})
}

func TestProviderReleasedWhileItIsBrokenFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(awsauthtest.Provider)
		release := p.Block()
		failed := make(chan error)
		go func() {
			_, err := p.Retrieve(t.Context())
			failed <- err
		}()
		synctest.Wait()
		broken := errors.New("broken")
		p.Fail(broken)
		release()
		if err := <-failed; !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
	})
}

func TestABlockedProviderReturnsWhenTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := new(awsauthtest.Provider)
		defer p.Block()()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if _, err := p.Retrieve(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		if waited := time.Since(start); waited != time.Minute {
			t.Errorf("got an answer after %s, want a minute", waited)
		}
	})
}

func TestClockMovesOnlyWhenTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		clock := awsauthtest.NewClock(start)
		time.Sleep(time.Hour)
		for _, c := range []struct {
			name string
			move func()
			want time.Time
		}{
			{"stands", func() {}, start},
			{"forward", func() { clock.Advance(time.Minute) }, start.Add(time.Minute)},
			{"back", func() { clock.Advance(-2 * time.Minute) }, start.Add(-time.Minute)},
			{"set", func() { clock.Set(start.AddDate(1, 0, 0)) }, start.AddDate(1, 0, 0)},
		} {
			c.move()
			if got := clock.Now(); !got.Equal(c.want) {
				t.Errorf("%s: got %v, want %v", c.name, got, c.want)
			}
		}
	})
}

func retrieve(t *testing.T, p aws.CredentialsProvider) aws.Credentials {
	t.Helper()
	c, err := p.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}
