package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/guard"
)

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
		doors = append(doors, door{"socket", socket, peerOfSocket, a.socketHandler()})
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
	doors = append(doors, door{"container", l, a.portPeer, a.containerHandler(l)})
	if a.tokens, err = newTokens(at, a.options.Log); err != nil {
		return failed(err)
	}
	return doors, unlock, nil
}

// ErrNoPeers reports doors that need to know who asks.
var ErrNoPeers = errors.New("this system does not say who asks")

// portPeer is who has connected to a port, where the system says it.
func (a *Agent) portPeer(c net.Conn) (Peer, error) {
	if a.options.NoPeers {
		return Peer{}, ErrNoPeers
	}
	return tcpPeer(c)
}

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

// door is a listener and what is behind it.
type door struct {
	name string // as the log has it
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
		a.options.Log.Info("serving", "door", d.name, "address", d.Addr().String())
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
