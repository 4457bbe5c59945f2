package rolesanywhere

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
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
			"the name server gives no answer in time", "check the region, the network and the name server; behind a proxy set HTTPS_PROXY", true,
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
