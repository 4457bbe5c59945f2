package agent

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/awsauthtest"
)

// The watchdog is not told that all is well when nobody renews what is to be renewed, and is while somebody does, whatever AWS answers.
func TestAnAgentThatRenewsNothingIsNotWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		provider := &awsauthtest.Provider{}
		cache := &awsauth.Cache{Provider: provider}
		g := &generation{served: map[string]*served{"backup": {name: "backup", cache: cache}}}
		ctx, stop := context.WithCancel(t.Context())
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			awsauth.KeepFresh(ctx, cache)
		}()
		for range 5 * 60 {
			time.Sleep(time.Minute)
			if err := g.neglected(); err != nil {
				t.Fatal(err)
			}
		}
		release := provider.Block() // AWS does not answer
		for range 60 {
			time.Sleep(time.Minute)
			if err := g.neglected(); err != nil {
				t.Fatal(err)
			}
		}
		release()
		stop()
		<-stopped
		synctest.Wait()
		time.Sleep(time.Hour)
		if g.neglected() == nil {
			t.Error("nobody renews, and all is well")
		}
	})
}

// Two that keep one profile do not write it every few seconds for ever.
func TestALookAtAProfileBecomesRareWhileOthersWriteIt(t *testing.T) {
	u := new(update)
	for _, c := range []struct {
		mended int
		want   time.Duration
	}{{0, look}, {1, 2 * look}, {3, 8 * look}, {7, longestLook}, {1000, longestLook}} {
		if u.mended = c.mended; u.untilLook() != c.want {
			t.Errorf("after %d times: %s, want %s", c.mended, u.untilLook(), c.want)
		}
	}
}
