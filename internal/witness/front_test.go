package witness

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// front stands before a server on loopback, and notes what one client asks of it and what it answers, whatever the client makes
// of that. Host and signed headers stay as they are.
type front struct {
	URL string

	mu    sync.Mutex // guards calls
	calls []call
}

// call is one request and its answer.
type call struct {
	at            time.Time
	what          string // method and path
	authorization bool
	key           string // access key ID that has signed
	status        int
}

// newFront begins a front before a server. With as, requests are sent on under that Host.
func newFront(t testing.TB, server, as string) *front {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	f := new(front)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			r.Out.Host = r.In.Host
			if as != "" {
				r.Out.Host = as
			}
		},
		Transport:      &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16},
		ModifyResponse: func(r *http.Response) error { f.note(r.Request, r.StatusCode); return nil },
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			f.note(r, http.StatusBadGateway)
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	f.URL = s.URL
	return f
}

// newTrap begins an HTTP proxy that answers 404 to everything: for clients that ask somebody who is not here.
func newTrap(t testing.TB) *front {
	t.Helper()
	f := new(front)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.note(r, http.StatusNotFound)
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(s.Close)
	f.URL = s.URL
	return f
}

func (f *front) note(r *http.Request, status int) {
	given := r.Header.Get("Authorization")
	_, credential, _ := strings.Cut(given, "Credential=")
	key, _, _ := strings.Cut(credential, "/")
	what := r.Method + " " + r.URL.Path
	if r.URL.IsAbs() {
		what = r.Method + " " + r.URL.Scheme + "://" + r.URL.Host + r.URL.Path
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call{time.Now(), what, given != "", key, status})
}

func (f *front) noted() []call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// failed reports whether a call was refused, or not answered. That something does not exist is no failure.
func (c call) failed() bool { return c.status >= 400 && c.status != http.StatusNotFound }

// String has the end of the access key ID alone.
func (c call) String() string {
	return fmt.Sprintf("%s …%s %d", c.what, c.key[max(0, len(c.key)-4):], c.status)
}

// keys answers the access keys by which calls were signed that were answered well, in order.
func keys(calls []call) (all []string) {
	for _, c := range calls {
		if c.key != "" && !c.failed() && !slices.Contains(all, c.key) {
			all = append(all, c.key)
		}
	}
	return all
}
