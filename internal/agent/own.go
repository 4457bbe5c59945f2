package agent

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/named"
)

// mostOwn is how many sessions of its own parameters are held for a caller. Beyond it the one goes that was used the longest ago.
const mostOwn = 64

// ownSessions hold the sessions that callers of the actions have asked for by parameters, so that a flow that runs often makes few
// calls. They belong to a caller, and to the certificate as it was.
type ownSessions struct {
	build func(r *config.Resolved) (*named.Credential, error)

	mu   sync.Mutex // guards held, and use of each
	held map[string][]*ownSession
}

type ownSession struct {
	key   [sha256.Size]byte
	cache *awsauth.Cache
	last  atomic.Pointer[named.Obtained]
	use   time.Time
}

func newOwnSessions(build func(r *config.Resolved) (*named.Credential, error)) *ownSessions {
	return &ownSessions{build: build, held: map[string][]*ownSession{}}
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
			return s
		}
	}
	s := &ownSession{key: key, cache: credential.Cache(), use: time.Now()}
	s.cache.Provider = ownSource{credential, s}
	if len(all) >= mostOwn {
		oldest := slices.MinFunc(all, func(a, b *ownSession) int { return a.use.Compare(b.use) })
		all = slices.DeleteFunc(all, func(s *ownSession) bool { return s == oldest })
	}
	o.held[caller] = append(all, s)
	return s
}

// ownSource is the pipeline of a caller's own parameters. It remembers who the credentials are.
type ownSource struct {
	credential *named.Credential
	held       *ownSession
}

func (s ownSource) Retrieve(ctx context.Context) (aws.Credentials, error) {
	got, err := s.credential.Obtain(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	s.held.last.Store(got)
	return got.Credentials, nil
}

// Quota is that of the account and region.
func (s ownSource) Quota() string { return s.credential.Quota() }
