package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/internal/guard"
	"github.com/awsauth-go/awsauth/named"
	"github.com/awsauth-go/awsauth/serve/container"
)

// endpointOrder is what the endpoint beside a command is told, through a pipe: it has secrets.
type endpointOrder struct {
	Arguments []string        // of exec-endpoint: the credential's name and flags
	Process   int             // the command; with it the endpoint ends
	Token     string          // which the command is given
	First     aws.Credentials // what has been got already
	Passwords passwords
	Agent     string // its socket, when an agent gives the credentials; "" for none
	Remove    string // a directory to remove in the end

	serving *endpoint // where the endpoint is in this process
}

// endpointPath is the path of the endpoint.
const endpointPath = "/credentials"

func endpointURL(l net.Listener) string { return "http://" + l.Addr().String() + endpointPath }

// newExecEndpoint is the endpoint beside a command that exec runs: a process of its own, which exec starts.
func newExecEndpoint(streams IO) *cobra.Command {
	var (
		where   place
		noCache bool
		detach  bool
	)
	c := &cobra.Command{
		Use:    "exec-endpoint NAME",
		Short:  "Serve the command that exec has run",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if detach {
				return startDetached(os.Args[1:])
			}
			if err := harden(); err != nil {
				return err
			}
			return serveCommand(c, streams, &where, args[0], noCache)
		},
	}
	f := c.Flags()
	f.BoolVar(&noCache, "no-cache", false, "as of exec")
	f.BoolVar(&detach, "detach", false, "start it anew as nobody's child, and end")
	where.flags(c)
	keyFlags(c, "In place of what is configured", overridable()...)
	return c
}

// endpointArguments are those of exec-endpoint for this run.
func (e *execution) endpointArguments(noCache bool) ([]string, error) {
	args := []string{e.name}
	for _, flag := range []struct{ name, path string }{{"--config", e.where.config}, {"--store", e.where.store}} {
		if flag.path == "" {
			continue
		}
		path, err := filepath.Abs(flag.path)
		if err != nil {
			return nil, err
		}
		args = append(args, flag.name+"="+path)
	}
	if noCache {
		args = append(args, "--no-cache")
	}
	return append(args, e.flags...), nil
}

// endpoint serves one command.
type endpoint struct {
	credential *named.Credential // nil when an agent gives the credentials
	agent      *ofAgent
	output     output
	order      endpointOrder

	mu    sync.Mutex
	first bool // whether what has been got already was given
}

// Retrieve gives what exec has got, and from then on what is new.
func (e *endpoint) Retrieve(ctx context.Context) (aws.Credentials, error) {
	e.mu.Lock()
	first := !e.first && e.order.First.HasKeys() && !e.order.First.Expired()
	e.first = true
	e.mu.Unlock()
	if first {
		return e.order.First, nil
	}
	if e.agent != nil {
		return e.agent.Retrieve(ctx)
	}
	got, err := e.credential.RenewHeld(ctx, e.output.held)
	if err != nil {
		return aws.Credentials{}, err
	}
	return got.Credentials, nil
}

// NewerAt is when an agent has newer ones; zero where there is none.
func (e *endpoint) NewerAt() time.Time {
	if e.agent == nil {
		return time.Time{}
	}
	return e.agent.NewerAt()
}

// Quota is the credential's. An agent has its own.
func (e *endpoint) Quota() string {
	if e.credential == nil {
		return ""
	}
	return e.credential.Quota()
}

// cache makes the cache that it serves from.
func (e *endpoint) cache() *awsauth.Cache {
	if e.credential == nil {
		return &awsauth.Cache{Provider: e}
	}
	cache := e.credential.Cache()
	cache.Provider = e
	return cache
}

// serveHere serves in this process, in the background, until the context ends.
func serveHere(ctx context.Context, order *endpointOrder) (url string, err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	order.Token = rand.Text() + rand.Text()
	e := order.serving
	e.order = *order
	go func() { _ = e.serve(ctx, l) }()
	return endpointURL(l), nil
}

// serve answers until the context ends.
func (e *endpoint) serve(ctx context.Context, l net.Listener) error {
	cache := e.cache()
	handler := &container.Handler{Grants: []container.Grant{{
		Token: container.Hash(e.order.Token), Provider: aws.CredentialsProviderFunc(cache.Current),
	}}}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	rules := guard.Rules{Hosts: []string{l.Addr().String(), "localhost:" + port}, Methods: []string{"GET"}}
	server := guard.Server(rules.Wrap(handler))
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	awsauth.KeepFresh(ctx, cache)
	return errors.Join(server.Close(), ignoreClosed(<-served))
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// buildEndpoint builds the credential of the order.
func buildEndpoint(c *cobra.Command, streams IO, where *place, name string, noCache bool, order endpointOrder) (*endpoint, error) {
	if order.Agent != "" {
		return &endpoint{agent: &ofAgent{socket: order.Agent, name: name}, order: order}, nil
	}
	streams.Prompt = order.Passwords.answering
	credential, err := where.credential(c, streams, name)
	if err != nil {
		return nil, err
	}
	e := &endpoint{credential: credential, order: order}
	if !noCache {
		e.output.held = where.held(c.Context(), streams, credential)
	}
	return e, nil
}

func decodeOrder(raw []byte) (order endpointOrder, err error) {
	if err := json.Unmarshal(raw, &order); err != nil {
		return order, fmt.Errorf("the order of exec: %w", err)
	}
	return order, nil
}
