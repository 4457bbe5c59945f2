package endurance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// aws is an emulator in a process of its own, and what it said when it was ready.
type aws struct {
	Endpoint       string `json:"endpoint"`
	TrustAnchorARN string `json:"trust_anchor_arn"`
	ProfileARN     string `json:"profile_arn"`
	RoleARN        string `json:"role_arn"`
	Identity       struct {
		URI string `json:"uri"`
	} `json:"identity"`
}

func startAWS(t testing.TB, dir string, args ...string) *aws {
	t.Helper()
	c := exec.Command(binary, append([]string{"emulator", "--listen", "127.0.0.1:0", "--json"}, args...)...)
	c.Env = append(environment(dir), "TMPDIR="+dir)
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	c.Stdout = in
	p := startProcess(t, c, filepath.Join(dir, "emulator.log"))
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	a := new(aws)
	if err == nil {
		err = json.Unmarshal(line, a)
	}
	if err != nil {
		t.Fatalf("the emulator is not ready: %v\n%s", err, p.tail())
	}
	return a
}

// upstream stands before the emulator: it counts calls, and can be slow or down.
type upstream struct {
	server *http.Server
	url    string
	calls  sync.Map     // of each session name, *atomic.Int64
	all    atomic.Int64 // calls
	slow   atomic.Int64 // time.Duration before each answer
	down   atomic.Bool  // connections are closed without an answer
}

func newUpstream(t testing.TB, endpoint string) *upstream {
	t.Helper()
	to, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &upstream{url: "http://" + l.Addr().String()}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host // it is signed
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		ErrorLog:  log.New(io.Discard, "", 0), // agents that are killed
	}
	u.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		var request struct{ RoleSessionName string }
		_ = json.Unmarshal(body, &request) // the emulator says what is wrong
		count, _ := u.calls.LoadOrStore(request.RoleSessionName, new(atomic.Int64))
		count.(*atomic.Int64).Add(1)
		u.all.Add(1)
		time.Sleep(time.Duration(u.slow.Load()))
		if u.down.Load() {
			panic(http.ErrAbortHandler)
		}
		proxy.ServeHTTP(w, r)
	})}
	go func() { _ = u.server.Serve(l) }() // until it is closed
	t.Cleanup(func() {
		if err := u.server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return u
}

// callsOf answers how often was called for a session name.
func (u *upstream) callsOf(session string) int64 {
	count, ok := u.calls.Load(session)
	if !ok {
		return 0
	}
	return count.(*atomic.Int64).Load()
}
