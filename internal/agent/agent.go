// Package agent keeps the credentials of a host fresh, and gives each to those who may have it: over a socket of the file system,
// where the kernel says who asks, and over the container-credentials endpoint, where a token does.
//
//	a, err := agent.New(agent.Options{…})
//	err = a.Run(ctx)
package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/guard"
	"github.com/awsauth-go/awsauth/internal/secret"
	"github.com/awsauth-go/awsauth/named"
)

// Options are what an agent needs.
type Options struct {
	// Load reads the configuration, at the start and at every reload.
	Load func() (*config.Config, error)
	// Build answers what makes the pipelines of a configuration.
	Build func(c *config.Config) (Builder, error)
	// Socket is where it listens when the configuration does not say, and Override what counts whatever that says.
	Socket, Override string
	Log              *slog.Logger
	// Inherited are listeners that the service manager has opened, by their network: "unix" and "tcp". They take the place of those
	// that would be opened.
	Inherited map[string]net.Listener
	// CredentialsFile is the shared credentials file of whoever runs the agent; "" where there is no home.
	CredentialsFile string
	// Hint answers what to do about an error, or ""; nil for none.
	Hint func(error) string
	// Version is what the metrics say runs here.
	Version string
	// NoPeers is for a system that does not say who asks: no socket and no metadata door is opened, and those with tokens and passwords are.
	NoPeers bool
	// Ready is called when all doors are open; nil for nobody.
	Ready func()
}

// Builder makes the pipelines of one configuration.
type Builder struct {
	// Named is for what is configured under a name; use is told of each certificate that is used.
	Named func(name string, use func(named.Use)) (*named.Credential, error)
	// Own is for the parameters that a caller of the actions gives.
	Own func(r *config.Resolved) (*named.Credential, error)
	// Secret reads a reference of the configuration.
	Secret func(ctx context.Context, r secret.Reference) (secret.Secret, error)
}

// Agent serves credentials.
type Agent struct {
	options Options
	started time.Time
	now     atomic.Pointer[generation]
	counts  counts
	tokens  *tokens
	socket  atomic.Pointer[string] // where it listens; nil when it does not
	reload  sync.Mutex
	reread  atomic.Pointer[reread] // the last reload
}

// reread is how a reading of the configuration has ended.
type reread struct {
	at  time.Time
	err error
}

// generation is what one reading of the configuration has come to.
type generation struct {
	config  config.Agent
	served  map[string]*served // by name in lower case
	names   []string
	callers map[string]caller // of the actions, by name
	own     *ownSessions
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
}

// New checks what is configured.
func New(o Options) (*Agent, error) {
	a := &Agent{options: o, started: time.Now(), counts: newCounts()}
	g, err := a.read()
	if err != nil {
		return nil, err
	}
	a.now.Store(g)
	return a, nil
}

// ErrNothingToServe reports a configuration without an agent's part.
var ErrNothingToServe = errors.New("the configuration has no agent: it says who may have which credential")

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
	g := &generation{config: *c.Agent, served: map[string]*served{}, own: newOwnSessions(build.Own)}
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
		if name = strings.ToLower(name); !mapHas(all, name) {
			all[name] = config.Allow{}
		}
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

func mapHas(m map[string]config.Allow, key string) bool {
	_, has := m[key]
	return has
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
	// An access key is looked at anew: it costs no call, and a request does not tell a secret that stands in the file itself.
	if g := a.now.Load(); g != nil && credential.Type() != config.TypeStatic {
		if before := g.served[strings.ToLower(name)]; before != nil && string(before.request) == string(s.request) {
			s.pipeline, s.cache, s.count, s.last, s.failedWith = before.pipeline, before.cache, before.count, before.last, before.failedWith
			used.takeOver(before.used)
			s.cache.Retry() // what has failed may be mended
			return s, nil
		}
	}
	s.cache = credential.Cache()
	s.cache.Provider = s
	s.cache.Landed = func(err error) { a.landed(s, err) }
	return s, nil
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
	a.options.Log.Info("new credentials", "name", s.name, "key", lastFour(status.AccessKeyID), "expires", stamp(status.Expires))
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

// Run serves until ctx ends, and then answers what is under way. It begins when AWS is away, too.
func (a *Agent) Run(ctx context.Context) (err error) {
	g := a.now.Load()
	doors, unlock, err := a.openFirst(ctx, g)
	defer func() { a.socket.Store(nil) }()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if g.config.IMDS != nil {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", g.config.IMDS.Address)
		if err != nil {
			return errors.Join(fmt.Errorf("agent.imds: %w", err), closeAll(doors))
		}
		doors = append(doors, door{l, tcpPeer, a.imdsHandler(l, g.config.IMDS.Credential)})
	}
	for _, more := range []struct {
		key, address string
		handler      func(net.Listener) http.Handler
	}{
		{"agent.actions", g.config.ActionsAddress(), a.actionsHandler},
		{"agent.health", g.config.Health, a.healthHandler},
	} {
		if more.address == "" {
			continue
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", more.address)
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", more.key, err), closeAll(doors))
		}
		doors = append(doors, door{l, tcpPeer, more.handler(l)})
	}
	a.keep(ctx, g)
	if a.tokens != nil {
		if err := errors.Join(a.tokens.takeOver(g, time.Now()), a.tokens.write(g)); err != nil {
			a.options.Log.Error("some tokens cannot be made", "error", err.Error())
		}
		go a.tokens.rotate(ctx, func() *generation { return a.now.Load() })
		if a.options.Inherited["unix"] == nil { // or whoever has opened the socket starts the next agent
			defer func() { err = errors.Join(err, a.tokens.close()) }()
		}
	}
	go a.watchFiles(ctx)
	err = a.serveDoors(ctx, doors)
	last := a.now.Load()
	last.stop()
	<-last.stopped
	return err
}

// openFirst opens the socket, where there may be one, and the container endpoint, whose tokens lie beside it.
func (a *Agent) openFirst(ctx context.Context, g *generation) (doors []door, unlock func() error, err error) {
	at := g.config.Socket
	unlock = func() error { return nil }
	socket := a.options.Inherited["unix"]
	switch {
	case a.options.NoPeers:
		if err := withoutPeers(&g.config); err != nil {
			return nil, nil, err
		}
		if unlock, err = lockPlace(at); err != nil {
			return nil, nil, err
		}
	case socket == nil:
		if socket, unlock, err = listenSocket(ctx, at); err != nil {
			return nil, nil, err
		}
	}
	if socket != nil {
		at = socket.Addr().String()
		a.socket.Store(&at)
		doors = append(doors, door{socket, peerOfSocket, a.socketHandler()})
	}
	failed := func(err error) ([]door, func() error, error) {
		return nil, nil, errors.Join(err, closeAll(doors), unlock())
	}
	l := a.options.Inherited["tcp"]
	if l == nil && g.config.Container == "" {
		return doors, unlock, nil
	}
	if l == nil {
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", g.config.Container); err != nil {
			return failed(fmt.Errorf("agent.container: %w", err))
		}
	}
	doors = append(doors, door{l, tcpPeer, a.containerHandler(l)})
	if a.tokens, err = newTokens(at, a.options.Log); err != nil {
		return failed(err)
	}
	return doors, unlock, nil
}

// ErrNoPeers reports doors that need to know who asks.
var ErrNoPeers = errors.New("this system does not say who asks")

// withoutPeers reports what cannot be had on a system that does not say who asks.
func withoutPeers(c *config.Agent) error {
	switch {
	case c.IMDS != nil:
		return fmt.Errorf("agent.imds: %w: agent.container serves those who have a token", ErrNoPeers)
	case c.Container == "" && c.Actions == nil && len(c.Update) == 0:
		return fmt.Errorf("%w: it takes agent.container, agent.actions or agent.update", ErrNoPeers)
	}
	return nil
}

// look is how often it is looked whether a certificate with which a call has failed is another by now, and whether the files of tokens
// are there.
const look = 5 * time.Second

// watchFiles has AWS asked again at once when a certificate with which it was asked in vain has been renewed: a refusal would otherwise
// wait for minutes. Files of tokens that are gone are made anew.
func (a *Agent) watchFiles(ctx context.Context) {
	for sleep(ctx, look) {
		if a.tokens != nil {
			a.tokens.restore(a.now.Load())
		}
		for _, s := range a.now.Load().served {
			failed := s.failedWith.Load()
			if failed == nil {
				continue
			}
			if now := s.credential.Certificates(ctx); now != "" && now != *failed && s.failedWith.CompareAndSwap(failed, &now) {
				a.options.Log.Info("another certificate", "name", s.name)
				s.cache.Retry()
			}
		}
	}
}

// door is a listener and what is behind it.
type door struct {
	net.Listener
	who     func(net.Conn) (Peer, error) // finds out who has connected
	handler http.Handler
}

func closeAll(doors []door) (err error) {
	for _, d := range doors {
		err = errors.Join(err, d.Close())
	}
	return err
}

// drain is how long requests that are under way may take when the agent is told to stop.
const drain = 5 * time.Second

func (a *Agent) serveDoors(ctx context.Context, doors []door) error {
	failed := make(chan error, len(doors))
	var servers []*http.Server
	var accepting sync.WaitGroup
	inside := newCrowd()
	for _, d := range doors {
		s := guard.Server(d.handler)
		s.ConnContext, s.ConnState = withPeer, inside.follow
		s.ErrorLog = slog.NewLogLogger(a.options.Log.Handler(), slog.LevelDebug)
		servers = append(servers, s)
		accepting.Go(func() { failed <- s.Serve(&entrance{Listener: d.Listener, who: d.who, crowd: inside}) })
		a.options.Log.Info("serving", "door", d.Addr().Network(), "address", d.Addr().String())
	}
	if a.options.Ready != nil {
		a.options.Ready()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	// http.Server.Shutdown cuts off who has connected and not asked yet, or only now. So nothing more is accepted first, and all who are
	// connected are answered; who connects now waits for the next agent, when the socket outlives this one.
	err = errors.Join(err, closeAll(doors))
	accepting.Wait()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	for _, s := range servers {
		s.SetKeepAlivesEnabled(false) // it closes those that are idle, and each other one after its answer
	}
	inside.left(stopping)
	for _, s := range servers {
		err = errors.Join(err, s.Close()) // somebody may be slow, and is left
	}
	return err
}

// keep keeps a generation fresh from now on, and no longer the one before.
func (a *Agent) keep(ctx context.Context, g *generation) {
	fresh, stop := context.WithCancel(context.WithoutCancel(ctx))
	g.stop, g.stopped = stop, make(chan struct{})
	var caches []*awsauth.Cache
	for _, s := range g.served {
		s.pipeline.Store(s.credential)
		caches = append(caches, s.cache)
	}
	before := a.now.Swap(g) // first: what lands is told to the profiles of this one
	var running sync.WaitGroup
	running.Go(func() { awsauth.KeepFresh(fresh, caches...) })
	for _, u := range g.updates {
		running.Go(func() { u.run(fresh, a.options.Log) })
	}
	go func() {
		defer close(g.stopped)
		running.Wait()
	}()
	if before != g && before.stop != nil {
		before.stop()
		<-before.stopped
	}
}

// stayingAt are the actions as they are now, where they are called since the start; nil where they are not.
func stayingAt(before, now *config.Actions) *config.Actions {
	if before == nil {
		return nil
	}
	stay := config.Actions{}
	if now != nil {
		stay = *now
	}
	stay.Address = before.Address
	return &stay
}

// Reload reads the configuration anew, and goes by it if there is no mistake in it. Where it listens stays as it is.
func (a *Agent) Reload(ctx context.Context) error {
	a.reload.Lock()
	defer a.reload.Unlock()
	g, err := a.read()
	a.reread.Store(&reread{time.Now(), err})
	if err != nil {
		a.options.Log.Error("the configuration has mistakes, and the one before stays in force", "error", err.Error())
		return err
	}
	before := a.now.Load()
	for _, changed := range []struct{ key, was, is string }{
		{"agent.socket", before.config.Socket, g.config.Socket},
		{"agent.container", before.config.Container, g.config.Container},
		{"agent.imds", describeIMDS(before.config.IMDS), describeIMDS(g.config.IMDS)},
		{"agent.actions.address", before.config.ActionsAddress(), g.config.ActionsAddress()},
		{"agent.health", before.config.Health, g.config.Health},
	} {
		if changed.was != changed.is {
			a.options.Log.Warn("a restart is needed for it to count", "key", changed.key)
		}
	}
	g.config.Socket, g.config.Container, g.config.IMDS = before.config.Socket, before.config.Container, before.config.IMDS
	g.config.Health, g.config.Actions = before.config.Health, stayingAt(before.config.Actions, g.config.Actions)
	a.keep(ctx, g)
	if a.tokens != nil {
		if err := a.tokens.write(g); err != nil {
			a.options.Log.Error("some tokens cannot be made", "error", err.Error())
		}
	}
	a.options.Log.Info("the configuration is read anew", "credentials", len(g.names))
	return nil
}
