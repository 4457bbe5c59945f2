package connectors

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/examples/internal/longwork"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/foreign"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

const (
	// life is how long sessions live while long work lasts.
	life = 8 * time.Second
	// lives is how many of them it lasts for.
	lives = 10
)

// wire is the way to Roles Anywhere, which is cut again and again.
type wire struct {
	URL  string
	cut  atomic.Pointer[cut] // the one that there is
	cuts atomic.Int64
	lost atomic.Int64 // requests that came while there was one
}

// cut is one: whatever is under way is lost, and what comes is lost at once, or hangs until it is over.
type cut struct {
	hangs bool
	over  chan struct{}
}

// newWire begins one. In every life of a session it is cut once, at any moment, for up to a fifth of it.
func newWire(t testing.TB, to string) *wire {
	t.Helper()
	w := new(wire)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(parsed(t, to))
		r.Out.Host = r.In.Host
	}}
	s := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		if now := w.cut.Load(); now != nil {
			w.lost.Add(1)
			if now.hangs {
				select {
				case <-now.over:
				case <-r.Context().Done():
				}
			}
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(answer, r)
	}))
	w.URL = s.URL
	seed := rand.Uint64()
	t.Logf("seed %d of the cuts", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	t.Cleanup(func() {
		stop()
		<-stopped
		s.Close()
	})
	sleep := func(d time.Duration) {
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
	}
	go func() {
		defer close(stopped)
		for ctx.Err() == nil {
			length := time.Duration(r.Int64N(int64(life / 5)))
			before := time.Duration(r.Int64N(int64(life - length)))
			sleep(before)
			now := &cut{hangs: r.IntN(2) == 0, over: make(chan struct{})}
			w.cut.Store(now)
			s.CloseClientConnections()
			w.cuts.Add(1)
			sleep(length)
			w.cut.Store(nil)
			close(now.over)
			sleep(life - before - length)
		}
	}()
	return w
}

// Work that lasts for ten lives of a session loses nothing, and no call of it fails, whatever it gets its credentials through and though
// the way to Roles Anywhere is cut again and again.
func TestLongWorkOutlivesItsSessions(t *testing.T) { // by itself: what takes seconds more on a busy host outlives a session of eight
	needNetwork(t)
	messages := parsed(t, foreign.StartFauxqs(t))
	a := newAccount(t, emulator.Config{SessionLifetime: life, Gateway: map[string]*url.URL{"sqs": messages, "sns": messages}}, nil)
	servers := map[string]string{"s3": foreign.StartVersitygw(t, a.emulator, longwork.Bucket), "sqs": a.endpoint, "sns": a.endpoint}
	w := newWire(t, a.endpoint)

	configuration := filepath.Join(t.TempDir(), "awsauth.yaml")
	containers := foreign.FreeAddress(t)
	write(t, configuration, fmt.Sprintf(`credentials:
  long: {type: session, endpoint_url: %q, certificate: %q, role_arn: %q, profile_arn: %q, trust_anchor_arn: %q}
agent: {container: %q, allow: {long: {users: [%d]}}}
`, w.URL, "file:"+a.certificate+"?key="+a.key, a.created.Roles[worker], a.created.Profiles["local"], a.created.TrustAnchors["factory"], containers, os.Getuid()))
	token := startAgent(t, configuration)
	const length = lives * life
	outside := func(endpoint string, args ...string) (string, error) {
		c := foreign.Command(t, args[0], args[1:]...)
		nowhere := t.TempDir() // no agent's socket, no configuration of the user's
		c.Env = append(c.Env, "AWS_ENDPOINT_URL="+endpoint, "XDG_RUNTIME_DIR="+nowhere, "HOME="+nowhere,
			"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://"+containers+"/", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+token)
		r := foreign.Run(c)
		if r.Err != nil {
			return "", fmt.Errorf("%w: %s", r.Err, r.Stderr)
		}
		return strings.TrimSpace(r.Stdout), nil
	}
	seconds := strconv.Itoa(int(length.Seconds()))
	ways := map[string]func(service, endpoint string) (string, error){
		"the library": func(service, endpoint string) (string, error) {
			credentials := &awsauth.Cache{Provider: awsauth.Session{
				RoleARN: a.created.Roles[worker], ProfileARN: a.created.Profiles["local"], TrustAnchorARN: a.created.TrustAnchors["factory"],
				Identity: identity.File{Certificate: a.certificate, PrivateKey: a.key}, Endpoint: rolesanywhere.Endpoint{URL: w.URL},
			}}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			go awsauth.KeepFresh(ctx, credentials) // S3 asks every three seconds, which may be after the end and in a cut
			return longwork.Run(ctx, service, aws.Config{Region: foreign.Region, BaseEndpoint: aws.String(endpoint), Credentials: credentials}, length)
		},
		"the agent's container endpoint": func(service, endpoint string) (string, error) { return outside(endpoint, laborer, service, seconds) },
		"exec": func(service, endpoint string) (string, error) {
			return outside(endpoint, command, "exec", "long", "--config", configuration, "--", laborer, service, seconds)
		},
	}
	var results []*result
	for way := range ways {
		for service := range servers {
			results = append(results, &result{way: way, service: service})
		}
	}
	again := 0
	for pending := results; len(pending) > 0; {
		late := foreign.Lateness(func() {
			var all sync.WaitGroup
			for _, r := range pending {
				all.Go(func() { r.fill(t, servers[r.service], ways[r.way]) })
			}
			all.Wait()
		})
		pending = slices.DeleteFunc(slices.Clone(pending), func(r *result) bool { return r.err == nil || late <= tooLate || r.runs == 2 })
		for _, r := range pending {
			again++
			t.Logf("%s, %s runs again: this host was late by %v\n%v", r.way, r.service, late, r.err)
		}
	}
	for _, r := range results {
		if t.Logf("%s, %s: %s", r.way, r.service, r.done); r.err != nil {
			t.Errorf("%s, %s: %v", r.way, r.service, r.err)
		}
	}
	t.Logf("the way to Roles Anywhere was cut %d times, and %d requests came meanwhile; %d of %d ran again", w.cuts.Load(), w.lost.Load(), again, len(results))
	if w.lost.Load() == 0 {
		t.Error("no cut has met a request: the test does not test")
	}
}

// tooLate is by how much a host is too busy for sessions of which half a second may be left.
const tooLate = 200 * time.Millisecond

// result is how the work of a service went with credentials from somewhere.
type result struct {
	way, service string
	runs         int
	done         string
	err          error
}

func (r *result) fill(t *testing.T, server string, run func(service, endpoint string) (string, error)) {
	front := foreign.NewFront(t, server, "")
	r.runs++
	r.done, r.err = run(r.service, front.URL)
	calls := front.Noted()
	for _, c := range calls {
		if c.Status >= 400 {
			r.err = errors.Join(r.err, fmt.Errorf("got %v %s", c, c.Code))
		}
	}
	keys := foreign.Keys(calls)
	if len(keys) <= lives {
		r.err = errors.Join(r.err, fmt.Errorf("got calls with %d access keys, want more than %d", len(keys), lives))
	}
	r.done = fmt.Sprintf("%s: %d calls with %d access keys", r.done, len(calls), len(keys))
}

// startAgent runs one until the test ends, and answers the path of this user's token.
func startAgent(t *testing.T, configuration string) (token string) {
	t.Helper()
	dir := foreign.ShortDir(t)
	socket := filepath.Join(dir, "agent.sock")
	c := foreign.Command(t, command, "agent", "--config", configuration, "--socket", socket, "--log-level", "error")
	foreign.Start(t, c)
	token = filepath.Join(dir, "agent.tokens", "user-"+strconv.Itoa(os.Getuid()), "long")
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(token); err == nil {
			return token
		}
		if time.Now().After(end) {
			t.Fatal("the agent has made no token")
		}
	}
}
