package rolesanywhere

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

const (
	awsHost = "rolesanywhere.eu-west-1.amazonaws.com"

	secretCanary = "wJalrSecretCanary/bPxRfiCYEXAMPLEKEY0000"
	tokenCanary  = "IQoJb3JpZ2luTokenCanary//////////8BEXAMPLE=="
	// goodAnswer is what Roles Anywhere answers to testRequest at testTime, with values invented.
	goodAnswer = `{"credentialSet":[{"assumedRoleUser":{"arn":"arn:aws:sts::123456789012:assumed-role/backup/1a2b3c",` +
		`"assumedRoleId":"AROAEXAMPLEEXAMPLE:1a2b3c"},"credentials":{"accessKeyId":"ASIAEXAMPLEEXAMPLE",` +
		`"expiration":"2026-11-22T21:00:00Z","secretAccessKey":"` + secretCanary + `","sessionToken":"` + tokenCanary + `"},` +
		`"packedPolicySize":12,"roleArn":"arn:aws:iam::123456789012:role/nightly/backup","sourceIdentity":"CN=host-1"}],` +
		`"subjectArn":"arn:aws:rolesanywhere:eu-west-1:123456789012:subject/0f2a4ab1-3c9e-4b0c-9f7a-1d6f5a1c7e10"}`
	accessDenied = `{"code":"AccessDeniedException","message":"Untrusted certificate. Insufficient certificate"}`
)

var (
	testTime    = time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)
	testRequest = Request{
		RoleARN:        "arn:aws:iam::123456789012:role/nightly/backup",
		ProfileARN:     "arn:aws:rolesanywhere:eu-west-1:123456789012:profile/11111111-aaaa-4bbb-8ccc-000000000001",
		TrustAnchorARN: "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/22222222-aaaa-4bbb-8ccc-000000000002",
		Duration:       time.Hour,
	}
)

// issuer is a certificate with its key.
type issuer struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// issue makes a certificate; a nil parent signs itself.
func issue(t testing.TB, parent *issuer, name string, changes ...func(*x509.Certificate)) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(0x1a2b3c),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             testTime.AddDate(-30, 0, 0),
		NotAfter:              testTime.AddDate(30, 0, 0),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	for _, change := range changes {
		change(template)
	}
	if parent == nil {
		parent = &issuer{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.certificate, key.Public(), parent.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{c, key}
}

func asAuthority(c *x509.Certificate) {
	c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
}

// newIdentity makes a leaf with an intermediate and a root; changes spoil the leaf.
func newIdentity(t testing.TB, changes ...func(*x509.Certificate)) *identity.Identity {
	t.Helper()
	root := issue(t, nil, "Acme Root", asAuthority)
	intermediate := issue(t, root, "Acme Issuing", asAuthority)
	leaf := issue(t, intermediate, "host-1", changes...)
	return &identity.Identity{
		Certificate: leaf.certificate,
		Chain:       []*x509.Certificate{intermediate.certificate, root.certificate},
		Key:         leaf.key,
		Origin:      "client.pem",
	}
}

// forHosts makes a server's certificate of a template.
func forHosts(names ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.DNSNames, c.ExtKeyUsage = names, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
}

// tlsConfig is a server's, with a certificate that parent issued to host.
func tlsConfig(t testing.TB, parent *issuer, host string, changes ...func(*x509.Certificate)) *tls.Config {
	t.Helper()
	c := issue(t, parent, "server", append([]func(*x509.Certificate){forHosts(host)}, changes...)...)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{c.certificate.Raw}, PrivateKey: c.key}}}
}

func poolOf(all ...*issuer) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, i := range all {
		pool.AddCert(i.certificate)
	}
	return pool
}

// direct is the setting of no proxy.
func direct(*http.Request) (*url.URL, error) { return nil, nil }

// hostile is a server that verifies every request's signature and then answers as a test says.
type hostile struct {
	*httptest.Server
	client *Client
	host   string // as the client calls it

	mu         sync.Mutex // guards what follows
	dates      []string   // X-Amz-Date of each request
	signatures []string
	bodies     []string
}

// requests is how many have come.
func (h *hostile) requests() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.dates)
}

func (h *hostile) receive(t testing.TB, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("read the request: %v", err)
	}
	if _, err := sigv4x509.Verify(r, body); err != nil {
		t.Errorf("the signature of request %d: %v", h.requests()+1, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dates = append(h.dates, r.Header.Get("X-Amz-Date"))
	h.signatures = append(h.signatures, signatureOf(r))
	h.bodies = append(h.bodies, string(body))
}

func signatureOf(r *http.Request) string {
	_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	return signature
}

// newHostile starts a server: with a TLS configuration under AWS's name, otherwise on loopback.
func newHostile(t testing.TB, config *tls.Config, roots *x509.CertPool, answer http.HandlerFunc) *hostile {
	t.Helper()
	h := &hostile{}
	h.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.receive(t, r)
		w.Header().Set("Date", testTime.Format(http.TimeFormat))
		answer(w, r)
	}))
	h.Config.ErrorLog = log.New(io.Discard, "", 0)
	transport := NewTransport(TransportConfig{Proxy: direct, RootCAs: roots})
	h.client = &Client{Region: "eu-west-1", Transport: transport, Now: func() time.Time { return testTime }}
	if config != nil {
		h.TLS = config
		h.StartTLS()
		h.host = awsHost
		transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, h.Listener.Addr().String())
		}
	} else {
		h.Start()
		h.host = h.Listener.Addr().String()
		h.client.Endpoint.URL = h.URL
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		h.CloseClientConnections()
		h.Close()
	})
	return h
}

// newTLS starts a hostile server that the client takes for AWS.
func newTLS(t testing.TB, answer http.HandlerFunc) *hostile {
	t.Helper()
	ca := issue(t, nil, "Test CA", asAuthority)
	return newHostile(t, tlsConfig(t, ca, awsHost), poolOf(ca), answer)
}

// sends answers with a status and a body of JSON.
func sends(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// raw writes bytes in place of an answer and closes the connection.
func raw(pieces ...string) http.HandlerFunc {
	return hijack(func(conn net.Conn) {
		for _, p := range pieces {
			io.WriteString(conn, p)
		}
	})
}

// endless writes a beginning and then a piece again and again until the client goes away.
func endless(beginning, piece string) http.HandlerFunc {
	return hijack(func(conn net.Conn) {
		_, err := io.WriteString(conn, beginning)
		for err == nil {
			_, err = io.WriteString(conn, piece)
		}
	})
}

func hijack(answer func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		answer(conn)
	}
}

// roundTripper is a transport without connections, for use in a bubble of synctest.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// response makes an answer that has come through TLS.
func response(status int, body string, headers ...string) *http.Response {
	r := &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(bytes.NewReader([]byte(body))),
		TLS:        &tls.ConnectionState{},
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// replaced changes goodAnswer, in which old must be.
func replaced(t testing.TB, old, new string) string {
	t.Helper()
	if strings.Count(goodAnswer, old) != 1 {
		t.Fatalf("the answer has %q %d times, want once", old, strings.Count(goodAnswer, old))
	}
	return strings.Replace(goodAnswer, old, new, 1)
}

// lostKey is a private key that cannot be used.
type lostKey struct{ crypto.Signer }

var errLost = errors.New("the token was removed")

func (lostKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errLost }
