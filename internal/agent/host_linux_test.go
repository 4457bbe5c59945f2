package agent_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/internal/agent"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/foreign"
	"github.com/awsauth-go/awsauth/named"
)

// host is an agent with its configuration, on a local AWS.
type host struct {
	*testing.T
	local  *awsauthtest.Local
	agent  *agent.Agent
	dir    string
	socket string
	log    *lines
	stop   func() error
	// noPeers makes it a system that does not say who asks.
	noPeers bool
}

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// configure writes the configuration: the credentials one to four and away, and an agent's part.
func (h *host) configure(part string) {
	h.Helper()
	var b strings.Builder
	b.WriteString("credentials:\n")
	for _, name := range []string{"one", "two", "three", "four", "away"} {
		endpoint := h.local.Endpoint
		if name == "away" {
			endpoint = "http://127.0.0.1:1"
		}
		fmt.Fprintf(&b, "  %s: {type: session, endpoint_url: %q, role_arn: %q, profile_arn: %q, trust_anchor_arn: %q, certificate: %q, session_name: %q}\n",
			name, endpoint, h.local.RoleARN, h.local.ProfileARN, h.local.TrustAnchorARN, "file:"+h.dir+"/certificate.pem?key="+h.dir+"/key.pem", "s-"+name)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "config.yaml"), []byte(b.String()+part), 0o600); err != nil {
		h.Fatal(err)
	}
}

// builder builds pipelines in an empty environment.
func (h *host) builder(c *config.Config) (agent.Builder, error) {
	environment := config.Environment{Lookup: func(string) (string, bool) { return "", false }}
	surroundings := named.Surroundings{Environment: environment, Store: named.OpenStore(environment, filepath.Join(h.dir, "store"), c)}
	return agent.Builder{
		Named: func(name string, use func(named.Use)) (*named.Credential, error) {
			r, err := c.Resolve(name, nil)
			if err != nil {
				return nil, err
			}
			s := surroundings
			s.Use = use
			return named.Build(r, s)
		},
		Own:    func(r *config.Resolved) (*named.Credential, error) { return named.Build(r, surroundings) },
		Secret: named.Resolver(environment).Resolve,
	}, nil
}

func newHost(t *testing.T, part string) *host {
	t.Helper()
	h := prepareHost(t)
	h.configure(part)
	h.run()
	return h
}

// prepareHost makes the local AWS and the directory.
func prepareHost(t *testing.T) *host {
	t.Helper()
	if !agent.KnowsPeers {
		t.Skip("left out: this system does not say who asks on a socket")
	}
	dir := foreign.ShortDir(t)
	if err := os.Chmod(dir, 0o755); err != nil { // other users ask, too
		t.Fatal(err)
	}
	h := &host{T: t, local: awsauthtest.Start(t), dir: dir, socket: filepath.Join(dir, "run", "agent.sock"), log: new(lines)}
	h.local.Client("client").WriteFiles(dir)
	return h
}

// run runs the agent until the test ends.
func (h *host) run() {
	h.Helper()
	ready := make(chan struct{})
	var err error
	h.agent, err = agent.New(agent.Options{
		Load: func() (*config.Config, error) {
			return config.Load([]config.File{{Path: filepath.Join(h.dir, "config.yaml"), Named: true}})
		},
		Build:  h.builder,
		Socket: h.socket, Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Ready: func() { close(ready) }, CredentialsFile: filepath.Join(h.dir, "aws", "credentials"), Version: "test", NoPeers: h.noPeers,
	})
	if err != nil {
		h.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.agent.Run(ctx) }()
	h.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	h.Cleanup(func() {
		if err := h.stop(); err != nil {
			h.Errorf("the agent ended with %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		h.Fatalf("the agent ended with %v", err)
	}
}

// settled waits until AWS has answered for all credentials.
func (h *host) settled() {
	h.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		open := 0
		for _, c := range h.agent.Status().Credentials {
			if c.AccessKeyID == "" && c.Error == "" {
				open++
			}
		}
		if open == 0 {
			return
		}
		if time.Now().After(deadline) {
			h.Fatalf("%+v", h.agent.Status())
		}
	}
}

func (h *host) client() agent.Client { return agent.Client{Socket: h.socket} }

func allowMe(names ...string) string {
	text := "agent:\n  allow:\n"
	for _, name := range names {
		text += fmt.Sprintf("    %s: {users: [%d]}\n", name, os.Getuid())
	}
	return text
}

// start runs an agent at a socket, and answers how it ended when it does not come up.
func (h *host) start(socket string) error {
	h.Helper()
	a, err := agent.New(agent.Options{
		Load: func() (*config.Config, error) {
			return config.Load([]config.File{{Path: filepath.Join(h.dir, "config.yaml"), Named: true}})
		},
		Build: h.builder, Override: socket, Log: slog.New(slog.DiscardHandler), NoPeers: h.noPeers,
		CredentialsFile: filepath.Join(h.dir, "aws", "credentials"),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(h.Context(), 10*time.Second)
	defer cancel()
	go func() {
		if _, err := (agent.Client{Socket: socket}).Status(ctx); err == nil {
			cancel()
		}
	}()
	return a.Run(ctx)
}
