package foreign

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Front stands before a server on loopback, and notes what one client asks of it and what it answers, whatever the client makes
// of that. Host and signed headers stay as they are.
type Front struct {
	URL string

	mu    sync.Mutex // guards calls
	calls []Call
}

// Call is one request and its answer.
type Call struct {
	At            time.Time
	What          string // method and path
	Authorization bool   // the header was there
	Key           string // access key ID that has signed
	Status        int
	Code          string // of an error, as the service says it
	Target        string // X-Amz-Target, of services that speak JSON
}

// NewFront begins one before a server. With as, requests are sent on under that Host.
func NewFront(t testing.TB, server, as string) *Front {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	f := new(Front)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			r.Out.Host = r.In.Host
			if as != "" {
				r.Out.Host = as
			}
		},
		Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16},
		ModifyResponse: func(r *http.Response) error {
			code, err := errorCode(r)
			f.note(r.Request, r.StatusCode, code)
			return err
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, _ error) {
			f.note(r, http.StatusBadGateway, "")
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	f.URL = s.URL
	return f
}

// ErrorForm finds the code of an error in the body of an answer, in the forms that AWS's protocols have for it.
var ErrorForm = regexp.MustCompile(`<Code>(\w+)</Code>|"__type"\s*:\s*"(?:[^"#]*#)?(\w+)"`)

// errorCode reads the code of an error. The body can still be read afterwards.
func errorCode(r *http.Response) (code string, err error) {
	if r.StatusCode < 400 {
		return "", nil
	}
	code, _, _ = strings.Cut(r.Header.Get("X-Amzn-Errortype"), ":")
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close() // it has been read
	r.Body = io.NopCloser(bytes.NewReader(body))
	if found := ErrorForm.FindSubmatch(body); code == "" && found != nil {
		code = string(found[1]) + string(found[2])
	}
	return code, err
}

// NewTrap begins an HTTP proxy that answers 404 to everything: for clients that ask somebody who is not here.
func NewTrap(t testing.TB) *Front {
	t.Helper()
	f := new(Front)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.note(r, http.StatusNotFound, "")
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(s.Close)
	f.URL = s.URL
	return f
}

func (f *Front) note(r *http.Request, status int, code string) {
	given := r.Header.Get("Authorization")
	_, credential, _ := strings.Cut(given, "Credential=")
	key, _, _ := strings.Cut(credential, "/")
	what := r.Method + " " + r.URL.Path
	if r.URL.IsAbs() {
		what = r.Method + " " + r.URL.Scheme + "://" + r.URL.Host + r.URL.Path
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, Call{time.Now(), what, given != "", key, status, code, r.Header.Get("X-Amz-Target")})
}

// Noted are all calls until now.
func (f *Front) Noted() []Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// Failed reports whether a call was refused, or not answered. That something does not exist is no failure.
func (c Call) Failed() bool { return c.Status >= 400 && c.Status != http.StatusNotFound }

// String has the end of the access key ID alone.
func (c Call) String() string {
	return fmt.Sprintf("%s …%s %d", c.What, c.Key[max(0, len(c.Key)-4):], c.Status)
}

// Keys answers the access keys by which calls were signed that were answered well, in order.
func Keys(calls []Call) (all []string) {
	for _, c := range calls {
		if c.Key != "" && !c.Failed() && !slices.Contains(all, c.Key) {
			all = append(all, c.Key)
		}
	}
	return all
}
