package awsauth_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/awsauthtest"
)

// upstream is a provider that holds credentials itself, as an agent does, and says when it will have newer ones.
type upstream struct{ *awsauth.Cache }

func (u upstream) Retrieve(ctx context.Context) (aws.Credentials, error) { return u.Current(ctx) }

func (u upstream) NewerAt() time.Time {
	if next := u.Status().Next; !next.IsZero() {
		return next.Add(time.Second)
	}
	return time.Now()
}

// mute is one that does not say it.
type mute struct{ *awsauth.Cache }

func (m mute) Retrieve(ctx context.Context) (aws.Credentials, error) { return m.Current(ctx) }

// leastLeft is how little life is left of what a cache holds behind another, in ten days of asking.
func leastLeft(t *testing.T, behind func(*awsauth.Cache) aws.CredentialsProvider) (least time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		first := &awsauth.Cache{Provider: &awsauthtest.Provider{}}
		second := &awsauth.Cache{Provider: behind(first)}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			awsauth.KeepFresh(ctx, first)
		}()
		time.Sleep(20 * time.Minute) // so that they begin at different moments
		go awsauth.KeepFresh(ctx, second)
		least = time.Hour
		for range 10 * 24 * 60 {
			time.Sleep(time.Minute)
			c, err := second.Current(ctx)
			if err != nil {
				t.Fatal(err)
			}
			least = min(least, time.Until(c.Expires))
		}
		cancel()
		<-done
	})
	return least
}

// A cache behind another asks when that one has newer credentials, and so has as much life left as that one.
func TestACacheBehindAnotherHasAsMuchLifeLeft(t *testing.T) {
	const quarter = 15 * time.Minute
	if got := leastLeft(t, func(c *awsauth.Cache) aws.CredentialsProvider { return upstream{c} }); got < quarter-10*time.Second {
		t.Errorf("got %s left at least, want 15 minutes", got)
	}
	// It is NewerAt that sees to it.
	if got := leastLeft(t, func(c *awsauth.Cache) aws.CredentialsProvider { return mute{c} }); got > 10*time.Minute {
		t.Errorf("got %s left at least without knowing: the test does not test", got)
	}
}
