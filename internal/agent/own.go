package agent

import (
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/named"
)

// mostOwn is how many sessions of its own parameters are held for a caller. Beyond it the one goes that was used the longest ago.
const mostOwn = 64

// ownSessions hold the sessions that callers of the actions have asked for by parameters, so that a flow that runs often makes few
// calls. They belong to a caller, and to the certificate as it was; what each may is looked at whenever it asks, so that they outlive the
// reading of a configuration.
type ownSessions struct {
	mu   sync.Mutex // guards held, and use of each
	held map[string][]*ownSession
}

type ownSession struct {
	key      [sha256.Size]byte
	cache    *awsauth.Cache
	pipeline atomic.Pointer[named.Credential] // of the newest configuration in which it was asked for
	last     atomic.Pointer[named.Obtained]   // who the credentials are
	use      time.Time
}

// forget drops what is held for callers that are no more.
func (o *ownSessions) forget(callers map[string]caller) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.held, func(name string, _ []*ownSession) bool {
		_, there := callers[name]
		return !there
	})
}

// of answers what is held for a caller's pipeline.
func (o *ownSessions) of(ctx context.Context, caller string, credential *named.Credential) *ownSession {
	key := sha256.Sum256(append(append(credential.Request(), 0), credential.Certificates(ctx)...))
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.held[caller]
	for _, s := range all {
		if s.key == key {
			s.use = time.Now()
			s.pipeline.Store(credential)
			return s
		}
	}
	s := &ownSession{key: key, cache: credential.Cache(), use: time.Now()}
	s.pipeline.Store(credential)
	s.cache.Provider = s
	if len(all) >= mostOwn {
		oldest := slices.MinFunc(all, func(a, b *ownSession) int { return a.use.Compare(b.use) })
		all = slices.DeleteFunc(all, func(s *ownSession) bool { return s == oldest })
	}
	if o.held == nil {
		o.held = map[string][]*ownSession{}
	}
	o.held[caller] = append(all, s)
	return s
}

// Retrieve has the pipeline run.
func (s *ownSession) Retrieve(ctx context.Context) (aws.Credentials, error) {
	got, err := s.pipeline.Load().Obtain(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	s.last.Store(got)
	return got.Credentials, nil
}

// Quota is that of the account and region.
func (s *ownSession) Quota() string { return s.pipeline.Load().Quota() }
