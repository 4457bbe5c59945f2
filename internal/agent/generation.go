package agent

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/named"
)

// generation is what one reading of the configuration has come to.
type generation struct {
	config  config.Agent
	served  map[string]*served // by name in lower case
	names   []string
	callers map[string]caller                                 // of the actions, by name
	own     func(*config.Resolved) (*named.Credential, error) // makes the pipeline of a caller's own parameters
	updates []*update
	stop    context.CancelFunc
	stopped chan struct{}
}

// served is one credential.
type served struct {
	name       string
	request    []byte // what tells it from what it was
	credential *named.Credential
	pipeline   *atomic.Pointer[named.Credential] // of the newest configuration that is in force
	cache      *awsauth.Cache
	rule       rule
	count      *atomic.Int64
	last       *atomic.Pointer[named.Obtained] // what has been got, and how; nil before
	failedWith *atomic.Pointer[string]         // the certificates at the last failure; nil for none
	used       *usedCertificates
	told       atomic.Pointer[string] // the access key that the log has
}

// read makes a generation of the configuration. What has not changed keeps its credentials.
func (a *Agent) read() (*generation, error) {
	c, err := a.options.Load()
	if err != nil {
		return nil, err
	}
	if c.Agent == nil {
		return nil, ErrNothingToServe
	}
	build, err := a.options.Build(c)
	if err != nil {
		return nil, err
	}
	g := &generation{config: *c.Agent, served: map[string]*served{}, own: build.Own}
	g.config.Socket = cmp.Or(a.options.Override, g.config.Socket, a.options.Socket)
	allowed := map[string]config.Allow{}
	for name, allow := range c.Agent.Allow {
		allowed[strings.ToLower(name)] = allow
	}
	for name, allow := range keptFresh(c.Agent, allowed) {
		s, err := a.serve(build, name, allow)
		if err != nil {
			return nil, err
		}
		g.served[name] = s
		g.names = append(g.names, s.name)
	}
	slices.Sort(g.names)
	if g.callers, err = readCallers(c.Agent, build); err != nil {
		return nil, err
	}
	g.updates, err = a.readUpdates(g)
	return g, err
}

// keptFresh are the credentials that are kept fresh, in lower case, and to whom the doors without a password give them.
func keptFresh(c *config.Agent, allowed map[string]config.Allow) map[string]config.Allow {
	all := maps.Clone(allowed)
	add := func(name string) {
		name = strings.ToLower(name)
		all[name] = allowed[name] // nobody, where nothing is said
	}
	if c.Actions != nil {
		for _, caller := range c.Actions.Callers {
			for _, name := range caller.Credentials {
				add(name)
			}
		}
	}
	for _, u := range c.Update {
		add(u.Credential)
	}
	return all
}

func (a *Agent) serve(build Builder, name string, allow config.Allow) (*served, error) {
	used := new(usedCertificates)
	credential, err := build.Named(name, used.add)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	r, err := newRule(allow)
	if err != nil {
		return nil, fmt.Errorf("agent.allow.%s: %w", name, err)
	}
	s := &served{
		name: credential.Name(), request: credential.Request(), credential: credential, rule: r, pipeline: new(atomic.Pointer[named.Credential]),
		count: new(atomic.Int64), last: new(atomic.Pointer[named.Obtained]), failedWith: new(atomic.Pointer[string]),
		used: used,
	}
	before := a.before(name)
	if before != nil {
		s.count = before.count
	}
	// An access key is looked at anew: it costs no call, and a request does not tell a secret that stands in the file itself.
	if before != nil && credential.Type() != config.TypeStatic && string(before.request) == string(s.request) {
		s.pipeline, s.cache, s.last, s.failedWith = before.pipeline, before.cache, before.last, before.failedWith
		s.used.takeOver(before.used)
		s.cache.Retry() // what has failed may be mended
		return s, nil
	}
	s.cache = credential.Cache()
	s.cache.Provider = s
	s.cache.Landed = func(err error) { a.landed(s, err) }
	return s, nil
}

// before is what was served under a name until now; nil for nothing.
func (a *Agent) before(name string) *served {
	if g := a.now.Load(); g != nil {
		return g.served[strings.ToLower(name)]
	}
	return nil
}

// Retrieve has the pipeline run.
func (s *served) Retrieve(ctx context.Context) (aws.Credentials, error) {
	pipeline := s.pipeline.Load()
	certificates := pipeline.Certificates(ctx)
	got, err := pipeline.Obtain(ctx)
	if err != nil {
		s.failedWith.Store(&certificates)
		return aws.Credentials{}, err
	}
	s.failedWith.Store(nil)
	s.last.Store(got)
	return got.Credentials, nil
}

// Quota is the credential's.
func (s *served) Quota() string { return s.credential.Quota() }

// how says who the credentials are and how they were got, as far as it is known.
func (s *served) how() named.Obtained {
	if got := s.last.Load(); got != nil {
		return *got
	}
	return named.Obtained{}
}

func (a *Agent) landed(s *served, err error) {
	status := s.cache.Status()
	if err != nil {
		a.options.Log.Warn("no new credentials", "name", s.name, "error", err.Error(), "failures", status.Failures, "next", status.Next.UTC().Format(time.RFC3339))
		return
	}
	level := slog.LevelInfo
	key := status.AccessKeyID
	if told := s.told.Swap(&key); told != nil && *told == key {
		level = slog.LevelDebug // an access key that has been looked at again
	}
	a.options.Log.Log(context.Background(), level, "new credentials", "name", s.name, "key", lastFour(status.AccessKeyID), "expires", stamp(status.Expires))
	for _, u := range a.now.Load().updates {
		if u.credential.cache == s.cache {
			u.wake()
		}
	}
}

// lastFour is as much of an access key ID as a log has.
func lastFour(key string) string { return "…" + key[max(len(key)-4, 0):] }

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}
