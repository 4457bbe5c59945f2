package awsauthtest

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// Config says what Start starts. The zero value is good.
type Config struct {
	// Emulator is the emulator's configuration. Explain is always on, and Log, when nil, is the test's own. The clock Now
	// also dates what the CA issues.
	Emulator emulator.Config
	// Policies are what the role may do, by name: nothing without any. Those that `awsauth policy` prints say what a connector needs.
	Policies map[string]emulator.Document
	// Seed is what the account holds beside what Start creates. It may refer to that: the trust anchor, the profile and
	// the role are named "local", the user "admin".
	Seed emulator.Seed
}

// Local is a local AWS on a loopback port: an account with a trust anchor that trusts CA, a profile that accepts session
// names and a role, whose permissions are Config.Policies, with sessions of up to 12 hours. All but Revoke is safe for concurrent use.
type Local struct {
	Endpoint       string // URL of every service, such as http://127.0.0.1:41733
	Region         string
	AccountID      string
	RoleARN        string
	ProfileARN     string
	TrustAnchorARN string
	CA             *CA
	Admin          awsauth.Static   // a user who may do everything
	Created        emulator.Created // what Config.Seed has become, and what Start has created
	Emulator       *emulator.Emulator

	t         testing.TB
	transport *http.Transport
	sessions  atomic.Int64 // requests for CreateSession

	// Of Revoke:
	revoked []*Client
	crlID   string // of the list of revoked; empty until there is one
}

// The names of what Start creates, and the longest session that it allows.
const (
	name       = "local"
	admin      = "admin"
	maxSession = awsauth.MaxDuration
)

const everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// Start starts a local AWS that is gone when the test and its subtests end. Every request to it is a line in the test's
// log, with the true reason of a refusal.
func Start(t testing.TB) *Local {
	t.Helper()
	return StartConfig(t, Config{})
}

// StartConfig is Start with a configuration.
func StartConfig(t testing.TB, c Config) *Local {
	t.Helper()
	c.Emulator.Explain = true
	if c.Emulator.Log == nil {
		c.Emulator.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{ReplaceAttr: withoutTime}))
	}
	if c.Emulator.Now == nil {
		c.Emulator.Now = time.Now
	}
	e, err := emulator.New(c.Emulator)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	l := &Local{
		Region:    e.Region(),
		AccountID: e.AccountID(),
		CA:        newCA(t, name, c.Emulator.Now),
		Emulator:  e,
		t:         t,
		transport: rolesanywhere.NewTransport(rolesanywhere.TransportConfig{}),
	}
	l.serve()
	l.seed(c.Seed, c.Policies)
	return l
}

func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// serve opens the port, and closes it and everything else when the test ends.
func (l *Local) serve() {
	server := httptest.NewUnstartedServer(nil)
	server.Config = l.Emulator.NewServer(nil)
	server.Config.Handler = http.HandlerFunc(l.count)
	alive, stop := context.WithCancel(context.Background())
	server.Config.BaseContext = func(net.Listener) context.Context { return alive }
	server.Start()
	l.Endpoint = server.URL
	l.t.Cleanup(func() {
		stop() // lets go of requests that the fault Hang holds
		l.transport.CloseIdleConnections()
		server.CloseClientConnections()
		server.Close()
		if err := l.Emulator.Close(); err != nil {
			l.t.Errorf("close emulator: %v", err)
		}
	})
}

func (l *Local) count(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/sessions") {
		l.sessions.Add(1)
	}
	l.Emulator.ServeHTTP(w, r)
}

// seed creates the trust anchor, the profile, the role and the user before what the test has asked for.
func (l *Local) seed(s emulator.Seed, policies map[string]emulator.Document) {
	l.t.Helper()
	created, err := l.Emulator.Apply(emulator.Seed{
		Users: append([]emulator.SeedUser{{
			Name: admin, Policies: map[string]emulator.Document{"everything": everything},
		}}, s.Users...),
		TrustAnchors: append([]emulator.SeedTrustAnchor{{
			Name: name, Certificates: string(l.CA.PEM()),
		}}, s.TrustAnchors...),
		Roles: append([]emulator.SeedRole{{
			Name: name, TrustAnchor: name, MaxSessionDuration: maxSession, Policies: policies,
		}}, s.Roles...),
		Profiles: append([]emulator.SeedProfile{{
			Name: name, Roles: []string{name}, Duration: maxSession, AcceptRoleSessionName: true,
		}}, s.Profiles...),
	})
	if err != nil {
		l.t.Fatalf("start: %v", err)
	}
	l.Created = created
	l.RoleARN, l.ProfileARN, l.TrustAnchorARN = created.Roles[name], created.Profiles[name], created.TrustAnchors[name]
	user := created.Users[admin]
	l.Admin = awsauth.Static{
		AccessKeyID: user.AccessKeyID, SecretAccessKey: awsauth.NewSecret(user.SecretAccessKey), AccountID: l.AccountID,
	}
}

// Client issues a certificate with the subject CN=name that the emulator trusts, unless traits make it one that it does
// not.
func (l *Local) Client(name string, traits ...Trait) *Client {
	l.t.Helper()
	return l.CA.Issue(name, traits...)
}

// Session gets a client's credentials from this AWS. It is ready to use, and may be altered first.
func (l *Local) Session(c *Client) awsauth.Session {
	return awsauth.Session{
		RoleARN:        l.RoleARN,
		ProfileARN:     l.ProfileARN,
		TrustAnchorARN: l.TrustAnchorARN,
		Identity:       c.Identity,
		Endpoint:       rolesanywhere.Endpoint{URL: l.Endpoint},
		Transport:      l.transport,
	}
}

// AWSConfig is a configuration for the clients of aws-sdk-go-v2 that call this AWS, as in
// sts.NewFromConfig(local.AWSConfig(credentials)).
func (l *Local) AWSConfig(credentials aws.CredentialsProvider) aws.Config {
	return aws.Config{
		Region:       l.Region,
		BaseEndpoint: aws.String(l.Endpoint),
		Credentials:  credentials,
		HTTPClient:   &http.Client{Transport: l.transport},
	}
}

// Fail makes this AWS misbehave from now on, in place of what was set before; without arguments it is well again.
func (l *Local) Fail(faults ...emulator.Fault) { l.Emulator.Fail(faults...) }

// CreateSessions answers how many requests for CreateSession have come in, refused and failed ones included.
func (l *Local) CreateSessions() int { return int(l.sessions.Load()) }
