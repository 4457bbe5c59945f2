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
	"testing"
	"testing/synctest"
	"time"
)

func TestTransportLimits(t *testing.T) {
	for name, transport := range map[string]*http.Transport{"new": NewTransport(TransportConfig{}), "shared": defaultTransport} {
		switch {
		case transport.TLSClientConfig.MinVersion != tls.VersionTLS12:
			t.Errorf("%s: got TLS %x at least", name, transport.TLSClientConfig.MinVersion)
		case transport.TLSClientConfig.InsecureSkipVerify:
			t.Errorf("%s: certificates are not verified", name)
		case transport.TLSHandshakeTimeout != 3*time.Second, transport.IdleConnTimeout != 30*time.Second, transport.MaxIdleConns != 4:
			t.Errorf("%s: got other limits of time or connections", name)
		case transport.MaxResponseHeaderBytes != 64<<10, !transport.DisableCompression:
			t.Errorf("%s: got other limits of size", name)
		case !transport.Protocols.HTTP1(), transport.Protocols.HTTP2(), transport.ForceAttemptHTTP2:
			t.Errorf("%s: got protocols %s, want HTTP/1 alone", name, transport.Protocols)
		}
	}
	if got := (&Client{}).transport(); got != http.RoundTripper(defaultTransport) {
		t.Errorf("got %v, want the shared transport", got)
	}
}

func TestServersWhoseTLSIsWrong(t *testing.T) {
	id := newIdentity(t)
	ca, other := issue(t, nil, "Test CA", asAuthority), issue(t, nil, "Acme Proxy CA", asAuthority)
	const (
		inspects = "if a proxy inspects TLS here, set AWS_CA_BUNDLE to its CA certificate"
		answers  = "check this host's clock, and whether a proxy answers in AWS's place"
	)
	config := func(parent *issuer, host string, changes ...func(*x509.Certificate)) *tls.Config {
		return tlsConfig(t, parent, host, changes...)
	}
	old := config(ca, awsHost)
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	expired := config(ca, awsHost, func(c *x509.Certificate) { c.NotAfter = testTime.AddDate(0, 0, -29) })
	clientOnly := config(ca, awsHost, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	for _, c := range []struct {
		name     string
		config   *tls.Config
		problem  string // or its beginning, when it ends with …
		advice   string
		attempts int // handshakes
	}{
		{
			"a certificate of a CA that is not trusted", config(other, awsHost),
			`the server's certificate, issued by "CN=Acme Proxy CA", is not trusted`, inspects, 1,
		},
		{
			"a certificate of a CA that calls itself like the trusted one", config(issue(t, nil, "Test CA", asAuthority), awsHost),
			`the server's certificate, issued by "CN=Test CA", is not trusted`, inspects, 1,
		},
		{
			"a self-signed certificate", config(nil, awsHost), `the server's certificate, issued by "CN=server", is not trusted`, inspects, 1,
		},
		{
			"a certificate with a long issuer", config(issue(t, nil, strings.Repeat("x", 500), asAuthority), awsHost),
			`the server's certificate, issued by "CN=` + strings.Repeat("x", 197) + `…", is not trusted`, inspects, 1,
		},
		{
			"a certificate with an issuer of control characters", config(issue(t, nil, "a\x1b[2Jb", asAuthority), awsHost),
			`the server's certificate, issued by "CN=a [2Jb", is not trusted`, inspects, 1,
		},
		{
			"a certificate for another host", config(ca, "portal.example"),
			`the server's certificate, issued by "CN=Test CA", is for another host`, "a proxy or captive portal may be answering in AWS's place", 1,
		},
		{"an expired certificate", expired, "the server's certificate is not valid: x509: certificate has expired or is not yet valid: …", answers, 1},
		{"a certificate for clients", clientOnly, "the server's certificate is not valid: x509: certificate specifies an incompatible key usage", answers, 1},
		{"TLS 1.1 at most", old, "tls: protocol version not supported", "check that the endpoint is right and reachable from here", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			handshakes := 0
			c.config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
				mu.Lock()
				defer mu.Unlock()
				handshakes++
				return nil, nil
			}
			h := newHostile(t, c.config, poolOf(ca), sends(201, goodAnswer))
			_, err := h.client.CreateSession(t.Context(), id, testRequest)
			failed := new(ConnectionError)
			if !errors.As(err, &failed) {
				t.Fatalf("got %v, want *ConnectionError", err)
			}
			want, isPrefix := strings.CutSuffix(c.problem, "…")
			if failed.Problem != want && !(isPrefix && strings.HasPrefix(failed.Problem, want)) {
				t.Errorf("\ngot  %s\nwant %s", failed.Problem, c.problem)
			}
			if failed.Hint() != c.advice {
				t.Errorf("got hint %s, want %s", failed.Hint(), c.advice)
			}
			mu.Lock()
			defer mu.Unlock()
			if handshakes != c.attempts || failed.Temporary != (c.attempts > 1) {
				t.Errorf("got %d handshakes, temporary %t, want %d", handshakes, failed.Temporary, c.attempts)
			}
			if h.requests() != 0 {
				t.Error("a request was sent")
			}
		})
	}
}

func TestServerThatDoesNotSpeakTLS(t *testing.T) {
	id := newIdentity(t)
	for name, greeting := range map[string]string{
		"HTTP": "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "SMTP": "220 mail.example ESMTP\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := newTLS(t, nil)
			l := listen(t, func(conn net.Conn) {
				io.WriteString(conn, greeting)
				io.Copy(io.Discard, conn)
			})
			dialTo(h.client, l.Addr().String())
			_, err := h.client.CreateSession(t.Context(), id, testRequest)
			failed := new(ConnectionError)
			if !errors.As(err, &failed) || failed.Problem != "the server does not speak TLS" || failed.Temporary {
				t.Errorf("got %v", err)
			}
			if want := "a proxy or captive portal may be answering in AWS's place; check HTTPS_PROXY and the port"; failed.Hint() != want {
				t.Errorf("got hint %s", failed.Hint())
			}
		})
	}
}

func TestNoServer(t *testing.T) {
	id := newIdentity(t)
	l := listen(t, func(net.Conn) {})
	l.Close()
	client := &Client{Region: "eu-west-1", Endpoint: Endpoint{URL: "http://" + l.Addr().String()}}
	_, err := client.CreateSession(t.Context(), id, testRequest)
	if want := "create session: " + l.Addr().String() + ": connection refused"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestNamesThatAreNotResolved(t *testing.T) {
	for _, c := range []struct {
		name    string
		err     *net.DNSError
		problem string
		hint    string
		again   bool
	}{
		{
			"a name that does not exist", &net.DNSError{Err: "no such host", Name: awsHost, IsNotFound: true},
			"the host name is not known", "check the region, the network and the name server; behind a proxy set HTTPS_PROXY", false,
		},
		{
			"a name server that fails", &net.DNSError{Err: "server misbehaving", Name: awsHost, IsTemporary: true},
			"lookup " + awsHost + ": server misbehaving", "check that the endpoint is right and reachable from here", true,
		},
		{
			"a name server that is silent", &net.DNSError{Err: "i/o timeout", Name: awsHost, IsTimeout: true},
			"no answer in time", "check the network, the firewall and HTTPS_PROXY", true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			call := newCall(t)
			failed := new(ConnectionError)
			if err := call.unreachable(t.Context(), &net.OpError{Op: "dial", Net: "tcp", Err: c.err}); !errors.As(err, &failed) {
				t.Fatal(err)
			}
			if failed.Problem != c.problem || failed.Hint() != c.hint || failed.Temporary != c.again {
				t.Errorf("got %+v", failed)
			}
		})
	}
}

func TestOtherCertificateErrors(t *testing.T) {
	call := newCall(t)
	failed := new(ConnectionError)
	cause := &tls.CertificateVerificationError{Err: errors.New("not in the pins")}
	if err := call.unreachable(t.Context(), cause); !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if failed.Problem != "the server's certificate is not accepted: not in the pins" || failed.Temporary || failed.Hint() == "" {
		t.Errorf("got %+v", failed)
	}
}

// listen serves connections until the test ends.
func listen(t *testing.T, serve func(net.Conn)) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(10 * time.Second))
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		served.Wait()
	})
	return l
}

// dialTo sends all connections of a client to one address.
func dialTo(c *Client, address string) {
	c.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
}

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

// piped is a client whose connections are pipes, for bubbles of synctest: its waits are exact.
func piped(t *testing.T, endpoint Endpoint, serve func(net.Conn)) *Client {
	transport := NewTransport(TransportConfig{Proxy: direct})
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			serve(theirs)
		}()
		return ours, nil
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &Client{Region: "eu-west-1", Endpoint: endpoint, Transport: transport}
}

func TestSlowServers(t *testing.T) {
	id := newIdentity(t)
	const head = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n"
	// drip reads a request and writes a byte a second.
	drip := func(beginning, rest string) func(net.Conn) {
		return func(conn net.Conn) {
			r, err := http.ReadRequest(bufio.NewReader(conn))
			if err != nil {
				return
			}
			io.Copy(io.Discard, r.Body)
			_, err = io.WriteString(conn, beginning)
			for i := 0; err == nil; i++ {
				time.Sleep(time.Second)
				_, err = conn.Write([]byte{rest[i%len(rest)]})
			}
		}
	}
	loopback := Endpoint{URL: "http://127.0.0.1:9920"}
	for _, c := range []struct {
		name     string
		endpoint Endpoint
		serve    func(net.Conn)
		least    time.Duration
		most     time.Duration
	}{
		{"a body of a byte a second", loopback, drip(head, goodAnswer), 10 * time.Second, 10 * time.Second},
		{"headers of a byte a second", loopback, drip("", head), 10 * time.Second, 10 * time.Second},
		{"silence", loopback, func(conn net.Conn) { io.Copy(io.Discard, conn) }, 10 * time.Second, 10 * time.Second},
		{"not even reading", loopback, func(net.Conn) { time.Sleep(time.Minute) }, 10 * time.Second, 10 * time.Second},
		// Three handshakes of 3 s, and at most 600 ms between them.
		{"silence in the TLS handshake", Endpoint{}, func(conn net.Conn) { io.Copy(io.Discard, conn) }, 9 * time.Second, 9600 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := piped(t, c.endpoint, c.serve)
				start := time.Now()
				_, err := client.CreateSession(t.Context(), id, testRequest)
				if took := time.Since(start); took < c.least || took > c.most {
					t.Errorf("the call ended after %s, want %s to %s", took, c.least, c.most)
				}
				failed := new(ConnectionError)
				if !errors.As(err, &failed) || failed.Problem != "no answer in time" {
					t.Errorf("got %v, want no answer in time", err)
				}
				if want := "check the network, the firewall and HTTPS_PROXY"; failed.Hint() != want {
					t.Errorf("got hint %s, want %s", failed.Hint(), want)
				}
				time.Sleep(time.Minute) // until the servers are done
			})
		})
	}
}

// A connection on which nothing comes back any more is not used again, nor are others that idle beside it.
func TestIdleConnectionsAreClosedAfterATimeout(t *testing.T) {
	id := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		connections, open, silent := 0, 0, false
		client := piped(t, Endpoint{URL: "http://127.0.0.1:9920"}, func(conn net.Conn) {
			mu.Lock()
			connections++
			open++
			mu.Unlock()
			defer func() {
				mu.Lock()
				open--
				mu.Unlock()
			}()
			in := bufio.NewReader(conn)
			for {
				r, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				io.Copy(io.Discard, r.Body)
				time.Sleep(time.Second) // so that calls at the same time need connections of their own
				mu.Lock()
				hang := silent
				mu.Unlock()
				if hang {
					continue
				}
				body := goodNow()
				fmt.Fprintf(conn, "HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			}
		})
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				if _, err := client.CreateSession(t.Context(), id, testRequest); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		synctest.Wait()
		if connections != 2 || open != 2 {
			t.Fatalf("got %d connections, %d open, want 2 that idle", connections, open)
		}
		silent = true
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if _, err := client.CreateSession(ctx, id, testRequest); err == nil {
			t.Error("got no error")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if connections != 2 || open != 0 {
			t.Errorf("got %d connections, %d open, want both closed", connections, open)
		}
	})
}
