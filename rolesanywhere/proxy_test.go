package rolesanywhere

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxy is an HTTP proxy that reads a CONNECT and goes on as a test says.
type proxy struct {
	net.Listener
	mu       sync.Mutex // guards connects
	connects []*http.Request
}

func newProxy(t *testing.T, serve func(net.Conn)) *proxy {
	t.Helper()
	p := &proxy{}
	p.Listener = listen(t, func(conn net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			t.Errorf("the proxy got no request: %v", err)
			return
		}
		p.mu.Lock()
		p.connects = append(p.connects, r)
		p.mu.Unlock()
		serve(conn)
	})
	return p
}

// client goes through the proxy and trusts some roots.
func (p *proxy) client(roots *x509.CertPool) *Client {
	u := &url.URL{Scheme: "http", Host: p.Addr().String(), User: url.UserPassword("alice", "hunter2hunter2hunter2")}
	return &Client{
		Region: "eu-west-1", Now: func() time.Time { return testTime },
		Transport: NewTransport(TransportConfig{Proxy: http.ProxyURL(u), RootCAs: roots}),
	}
}

func TestProxies(t *testing.T) {
	id := newIdentity(t)
	const (
		setting = "check HTTPS_PROXY, its user name and password, and NO_PROXY"
		network = "check the network, the firewall and HTTPS_PROXY"
	)
	writes := func(s string) func(net.Conn) {
		return func(conn net.Conn) { io.WriteString(conn, s) }
	}
	for _, c := range []struct {
		name     string
		serve    func(net.Conn)
		problem  string
		hint     string
		attempts int
	}{
		{"asks for a password", writes("HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n"), "the proxy refused: 407 Proxy Authentication Required", setting, 1},
		{"forbids", writes("HTTP/1.1 403 \x1b[31mhunter2hunter2hunter2\r\n\r\n"), "the proxy refused: 403 Forbidden", setting, 1},
		{"does not know the host", writes("HTTP/1.1 502 DNS\r\n\r\n"), "the proxy refused: 502 Bad Gateway", setting, 3},
		{"answers with a redirect", writes("HTTP/1.1 302 Found\r\nLocation: https://portal.example\r\n\r\n"), "the proxy refused: 302 Found", setting, 1},
		{"answers with an unknown status", writes("HTTP/1.1 477\r\n\r\n"), "the proxy refused: 477", setting, 1},
		{"hangs up", writes(""), "the connection was cut before the answer was complete", network, 3},
		{"hangs up after the tunnel stands", writes("HTTP/1.1 200 OK\r\n\r\n"), "the connection was cut before the answer was complete", network, 3},
		{"sends headers without end", func(conn net.Conn) {
			_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
			for err == nil {
				_, err = io.WriteString(conn, "X-A: "+strings.Repeat("a", 1000)+"\r\n")
			}
		}, "the connection was cut before the answer was complete", network, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newProxy(t, c.serve)
			_, err := p.client(nil).CreateSession(t.Context(), id, testRequest)
			failed := new(ConnectionError)
			if !errors.As(err, &failed) {
				t.Fatalf("got %v, want *ConnectionError", err)
			}
			if failed.Problem != c.problem || failed.Hint() != c.hint {
				t.Errorf("got %s; %s, want %s; %s", failed.Problem, failed.Hint(), c.problem, c.hint)
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			if len(p.connects) != c.attempts {
				t.Errorf("got %d attempts, want %d", len(p.connects), c.attempts)
			}
			if leak := leaked(err, []string{"hunter2hunter2hunter2"}); leak != "" {
				t.Errorf("the error tells the proxy's password: %v", err)
			}
			credentials := "Basic " + base64.StdEncoding.EncodeToString([]byte("alice:hunter2hunter2hunter2"))
			if r := p.connects[0]; r.Method != "CONNECT" || r.Host != awsHost+":443" || r.Header.Get("Proxy-Authorization") != credentials {
				t.Errorf("got %s %s", r.Method, r.Host)
			}
		})
	}
}

func TestProxyThatCannotBeReached(t *testing.T) {
	id := newIdentity(t)
	p := newProxy(t, func(net.Conn) {})
	p.Close()
	_, err := p.client(nil).CreateSession(t.Context(), id, testRequest)
	failed := new(ConnectionError)
	if !errors.As(err, &failed) || !failed.Temporary {
		t.Fatalf("got %v, want a temporary *ConnectionError", err)
	}
	if want := "create session: " + awsHost + ": the proxy cannot be reached: connection refused"; err.Error() != want {
		t.Errorf("got %s, want %s", err, want)
	}
	if want := "check HTTPS_PROXY and NO_PROXY"; failed.Hint() != want {
		t.Errorf("got hint %s, want %s", failed.Hint(), want)
	}
}

// An intercepting proxy is named by who issued its certificate, and works once that CA is trusted.
func TestInterceptingProxy(t *testing.T) {
	id := newIdentity(t)
	ca, proxyCA := issue(t, nil, "Test CA", asAuthority), issue(t, nil, "Acme Proxy CA", asAuthority)
	config := tlsConfig(t, proxyCA, awsHost)
	p := newProxy(t, func(conn net.Conn) {
		io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		secure := tls.Server(conn, config)
		r, err := http.ReadRequest(bufio.NewReader(secure))
		if err != nil {
			return // the client did not trust it
		}
		io.Copy(io.Discard, r.Body)
		fmt.Fprintf(secure, "HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s", len(goodAnswer), goodAnswer)
	})
	_, err := p.client(poolOf(ca)).CreateSession(t.Context(), id, testRequest)
	failed := new(ConnectionError)
	if !errors.As(err, &failed) || failed.Temporary {
		t.Fatalf("got %v, want a lasting *ConnectionError", err)
	}
	const want = "create session: " + awsHost + `: the server's certificate, issued by "CN=Acme Proxy CA", is not trusted`
	if err.Error() != want || !strings.Contains(failed.Hint(), "AWS_CA_BUNDLE") {
		t.Errorf("got %s; %s", err, failed.Hint())
	}
	if unknown := new(x509.UnknownAuthorityError); !errors.As(err, unknown) {
		t.Error("the cause is lost")
	}
	if len(p.connects) != 1 {
		t.Errorf("got %d attempts, want 1", len(p.connects))
	}
	if _, err := p.client(poolOf(proxyCA)).CreateSession(t.Context(), id, testRequest); err != nil {
		t.Errorf("with the proxy's CA trusted: %v", err)
	}
}

// TestProxyOfTheEnvironment runs itself as a child, because the environment is read once a process. The child connects to
// nothing: it tells what it would connect to.
func TestProxyOfTheEnvironment(t *testing.T) {
	const marker = "ROLESANYWHERE_TEST_CHILD"
	if os.Getenv(marker) != "" {
		transport := NewTransport(TransportConfig{})
		transport.DialContext = func(_ context.Context, _, address string) (net.Conn, error) {
			fmt.Println("dial", address)
			return nil, errors.New("not in a test")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		client := &Client{Region: "eu-west-1", Transport: transport, Endpoint: Endpoint{URL: os.Getenv(marker)}}
		if os.Getenv(marker) == "standard" {
			client.Endpoint = Endpoint{}
		}
		_, err := client.CreateSession(ctx, newIdentity(t), testRequest)
		fmt.Println("error", err)
		return
	}
	for _, c := range []struct {
		name string
		url  string
		env  []string
		want string
	}{
		{"no proxy", "standard", nil, "dial " + awsHost + ":443"},
		{"HTTPS_PROXY", "standard", []string{"HTTPS_PROXY=http://proxy.example:3128"}, "dial proxy.example:3128"},
		{"https_proxy", "standard", []string{"https_proxy=proxy.example:3128"}, "dial proxy.example:3128"},
		{"HTTP_PROXY is for http", "standard", []string{"HTTP_PROXY=http://proxy.example:3128"}, "dial " + awsHost + ":443"},
		{"NO_PROXY", "standard", []string{"HTTPS_PROXY=http://proxy.example:3128", "NO_PROXY=.amazonaws.com"}, "dial " + awsHost + ":443"},
		{"another NO_PROXY", "standard", []string{"HTTPS_PROXY=http://proxy.example:3128", "NO_PROXY=.example.com"}, "dial proxy.example:3128"},
		{"loopback never", "http://127.0.0.1:9920", []string{"HTTP_PROXY=http://proxy.example:3128", "HTTPS_PROXY=http://proxy.example:3128"}, "dial 127.0.0.1:9920"},
		{
			"a setting that is no URL", "standard",
			[]string{"HTTPS_PROXY=http://alice:hunter2 hunter2@proxy.example:3128"},
			"error create session: " + awsHost + ": the proxy setting is not the URL of a proxy",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyOfTheEnvironment$")
			child.Env = append([]string{marker + "=" + c.url}, c.env...)
			if dir := os.Getenv("GOCOVERDIR"); dir != "" {
				child.Env = append(child.Env, "GOCOVERDIR="+dir)
			}
			out, err := child.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !slices.Contains(strings.Split(string(out), "\n"), c.want) {
				t.Errorf("got\n%swant %s", out, c.want)
			}
			if bytes.Contains(out, []byte("hunter2")) {
				t.Errorf("the proxy's password is told:\n%s", out)
			}
		})
	}
}

func TestProxySettingHint(t *testing.T) {
	client := &Client{Region: "eu-west-1", Transport: NewTransport(TransportConfig{
		Proxy: func(*http.Request) (*url.URL, error) { return nil, errors.New("http://alice:hunter2hunter2@proxy") },
	})}
	_, err := client.CreateSession(t.Context(), newIdentity(t), testRequest)
	failed := new(ConnectionError)
	if !errors.As(err, &failed) || failed.Temporary {
		t.Fatalf("got %v, want a lasting *ConnectionError", err)
	}
	if want := "set HTTPS_PROXY as http://HOST:PORT, with percent-encoding in a user name and password"; failed.Hint() != want {
		t.Errorf("got hint %s, want %s", failed.Hint(), want)
	}
	if leak := leaked(err, []string{"alice:hunter2hunter2"}); leak != "" {
		t.Errorf("the error tells the setting: %v", err)
	}
}

// The certificate of a proxy that is called through TLS is the proxy's trouble, not the server's.
func TestProxyWhoseCertificateIsNotTrusted(t *testing.T) {
	config := tlsConfig(t, issue(t, nil, "Acme Proxy CA", asAuthority), "proxy.example")
	var handshakes atomic.Int64
	l := listen(t, func(conn net.Conn) {
		handshakes.Add(1)
		io.Copy(io.Discard, tls.Server(conn, config))
	})
	client := &Client{Region: "eu-west-1", Transport: NewTransport(TransportConfig{
		Proxy:   http.ProxyURL(&url.URL{Scheme: "https", Host: "proxy.example:3129"}),
		RootCAs: poolOf(issue(t, nil, "Test CA", asAuthority)),
	})}
	dialTo(client, l.Addr().String())
	_, err := client.CreateSession(t.Context(), newIdentity(t), testRequest)
	const want = "create session: " + awsHost + ": the proxy cannot be reached: x509: certificate signed by unknown authority"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if n := handshakes.Load(); n != 1 {
		t.Errorf("got %d attempts, want 1", n)
	}
}
