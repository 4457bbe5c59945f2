// Package agent keeps the credentials of a host fresh, and gives each to those who may have it: over a socket of the file system,
// where the kernel says who asks; over the container-credentials endpoint, where a token does; as the instance metadata service; and by
// the HTTP actions, where a password does. It keeps profiles of credentials files fresh, and has metrics.
//
//	a, err := agent.New(agent.Options{…})
//	err = a.Run(ctx)
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/internal/config"
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
	own     ownSessions
	socket  atomic.Pointer[string] // where it listens; nil when it does not
	reload  sync.Mutex
	mistake atomic.Pointer[error] // of the last reload; nil when it had none
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
		doors = append(doors, door{"imds", l, a.portPeer, a.imdsHandler(l)})
	}
	for _, more := range []struct {
		name, address string
		handler       func(net.Listener) http.Handler
	}{
		{"actions", g.config.ActionsAddress(), a.actionsHandler},
		{"health", g.config.Health, a.healthHandler},
	} {
		if more.address == "" {
			continue
		}
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", more.address)
		if err != nil {
			return errors.Join(fmt.Errorf("agent.%s: %w", more.name, err), closeAll(doors))
		}
		doors = append(doors, door{more.name, l, a.portPeer, more.handler(l)})
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
	a.own.forget(g.callers)
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
	if err != nil {
		a.mistake.Store(&err)
		a.options.Log.Error("the configuration has mistakes, and the one before stays in force", "error", err.Error())
		return err
	}
	a.mistake.Store(nil)
	before := a.now.Load()
	for _, changed := range []struct{ key, was, is string }{
		{"agent.socket", before.config.Socket, g.config.Socket},
		{"agent.container", before.config.Container, g.config.Container},
		{"agent.imds.address", addressOf(before.config.IMDS), addressOf(g.config.IMDS)},
		{"agent.actions.address", before.config.ActionsAddress(), g.config.ActionsAddress()},
		{"agent.health", before.config.Health, g.config.Health},
	} {
		if changed.was != changed.is {
			a.options.Log.Warn("a restart is needed for it to count", "key", changed.key)
		}
	}
	g.config.Socket, g.config.Container, g.config.IMDS = before.config.Socket, before.config.Container, imdsAt(before.config.IMDS, g.config.IMDS)
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
