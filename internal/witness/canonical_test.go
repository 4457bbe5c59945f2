package witness

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/foreign"
	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/rolesanywhere"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

// wire is a signed request as it is sent, for canonical.py.
type wire struct {
	Method  string      `json:"method"`
	URL     string      `json:"url"` // without the query
	Query   [][2]string `json:"query"`
	Headers [][2]string `json:"headers"` // the signed ones, but for the host
	Date    string      `json:"date"`
	Body    []byte      `json:"body"`
	Region  string      `json:"region"`

	id        *identity.Identity
	signature []byte
	trace     sigv4x509.Trace
}

// computed is what canonical.py answers.
type computed struct {
	Canonical string `json:"canonical"`
	ToSign    string `json:"toSign"`
}

func TestBotocoreAndOpenSSLAgreeOnWhatIsSigned(t *testing.T) {
	g := newGenerator(t)
	var requests []*wire
	for range 100 {
		requests = append(requests, g.signed(t), g.sent(t))
	}
	input, err := json.Marshal(requests)
	if err != nil {
		t.Fatal(err)
	}
	for _, python := range foreign.Pythons(t) {
		t.Run(python.Version, func(t *testing.T) {
			c := foreign.Command(t, python.Path, "testdata/canonical.py")
			c.Stdin = bytes.NewReader(input)
			var answers []computed
			if err := json.Unmarshal([]byte(foreign.MustRun(t, c)), &answers); err != nil {
				t.Fatal(err)
			}
			if len(answers) != len(requests) {
				t.Fatalf("got %d answers, want %d", len(answers), len(requests))
			}
			for i, want := range answers {
				r := requests[i]
				_, rest, _ := strings.Cut(want.ToSign, "\n")
				algorithm, _, _ := strings.Cut(r.trace.StringToSign, "\n")
				want.ToSign = algorithm + "\n" + rest
				got := computed{r.trace.CanonicalRequest, r.trace.StringToSign}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("request %d, %s (-botocore +awsauth):\n%s", i, r.URL, diff)
				}
			}
		})
	}
	t.Run("OpenSSL", func(t *testing.T) {
		p := newAuthority(t)
		for i, r := range requests {
			if !p.verifies(r.id.Certificate, r.trace.StringToSign, r.signature) {
				t.Errorf("request %d, %s: OpenSSL refuses the signature", i, r.id.Key.Public())
			}
		}
	})
}

// generator makes odd requests, certificates and keys; the requests are the same in every run.
type generator struct {
	*mathrand.Rand
	ca *pki.CA
	// rsa is used for all RSA certificates: making one takes long.
	rsa *rsa.PrivateKey
}

func newGenerator(t *testing.T) *generator {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := pki.NewCA("Acme Root", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &generator{mathrand.New(mathrand.NewPCG(1, 2)), ca, key}
}

// unsigned are headers that are sent without being signed, as AWS's clients do too.
var unsigned = []string{"User-Agent", "Accept-Encoding", "X-Amzn-Trace-Id", "Expect"}

const (
	oddText   = "abcXYZ019-_.~!$&'()*+,;=:@ %/?#[]\"<>^`{|}\\é漢😀"
	oddHeader = "abc XYZ  019,;=\"/é"
)

func (g *generator) text(letters string, least, most int) string {
	all := []rune(letters)
	text := make([]rune, least+g.IntN(most-least+1))
	for i := range text {
		text[i] = all[g.IntN(len(all))]
	}
	return string(text)
}

func pick[T any](g *generator, all ...T) T { return all[g.IntN(len(all))] }

func (g *generator) key(t *testing.T) crypto.Signer {
	t.Helper()
	curve := pick(g, elliptic.P256(), elliptic.P256(), elliptic.P384(), elliptic.P521(), nil)
	if curve == nil {
		return g.rsa
	}
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// identity has a serial number of 1 to 20 octets, a subject of any length, and up to three intermediates.
func (g *generator) identity(t *testing.T) *identity.Identity {
	t.Helper()
	ca := g.ca
	for range g.IntN(4) {
		below, err := ca.Intermediate(g.text(oddText, 1, 20))
		if err != nil {
			t.Fatal(err)
		}
		ca = below
	}
	id, err := ca.Issue(pki.Leaf{Key: g.key(t), Change: func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: g.text(oddText, 1, 64), Organization: []string{g.text(oddText, 1, 64)}}
		c.SerialNumber = new(big.Int).SetUint64(1 + g.Uint64N(255))
		c.SerialNumber.Lsh(c.SerialNumber, uint(g.IntN(19*8)))
	}})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (g *generator) host() string {
	return pick(g, "rolesanywhere.eu-west-1.amazonaws.com", "127.0.0.1:9920", "localhost", "[::1]:8443", "vpce-1.example:8443")
}

func (g *generator) region() string {
	return pick(g, "eu-west-1", "us-gov-east-1", "cn-north-1", "ap-southeast-5")
}

// signed is any request, signed by a Signer.
func (g *generator) signed(t *testing.T) *wire {
	t.Helper()
	query := url.Values{}
	for range g.IntN(8) {
		query.Add(g.text("aB é~", 1, 2), g.text(oddText, 0, 20)) // names come more than once
	}
	body := []byte(g.text(oddText, 0, 100))
	r, err := http.NewRequest(pick(g, "POST", "GET", "PUT"), "https://"+g.host()+"/sessions?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	names := append([]string{"Content-Type", "X-Amz-Meta-A", "My-Header", "X-Forwarded-For", "Amz-Sdk-Request"}, unsigned...)
	for _, name := range names {
		for range g.IntN(3) {
			r.Header.Add(name, "v"+g.text(oddHeader, 0, 20))
		}
	}
	id, at, region := g.identity(t), time.Unix(g.Int64N(4e9), 0), g.region()
	signer, err := sigv4x509.NewSigner(id.Certificate, id.Chain, id.Key)
	if err != nil {
		t.Fatal(err)
	}
	trace := signer.Trace(r.Clone(t.Context()), body, region, at)
	if err := signer.Sign(r, body, region, at); err != nil {
		t.Fatal(err)
	}
	return newWire(t, r, body, region, id, trace)
}

// sent is a request as CreateSession sends it.
func (g *generator) sent(t *testing.T) *wire {
	t.Helper()
	id, at, region := g.identity(t), time.Unix(g.Int64N(4e9), 0), g.region()
	catch := new(catcher)
	client := rolesanywhere.Client{
		Region: region, Endpoint: rolesanywhere.Endpoint{URL: "https://" + g.host()}, Transport: catch,
		UserAgent: g.text(oddHeader, 1, 20), Now: func() time.Time { return at },
	}
	request := rolesanywhere.Request{
		RoleARN: g.text(oddText, 1, 200), ProfileARN: g.text(oddText, 1, 200), TrustAnchorARN: g.text(oddText, 1, 200),
		Duration: time.Duration(g.IntN(43200)) * time.Second, SessionName: g.text(oddText, 0, 64),
		InstanceProperties: map[string]string{g.text(oddText, 1, 20): g.text(oddText, 1, 200)},
	}
	if _, err := client.CreateSession(t.Context(), id, request); catch.request == nil {
		t.Fatal(err)
	}
	trace, err := client.Trace(id, request, at)
	if err != nil {
		t.Fatal(err)
	}
	return newWire(t, catch.request, catch.body, region, id, trace)
}

// catcher keeps a request and refuses it.
type catcher struct {
	request *http.Request
	body    []byte
}

func (c *catcher) RoundTrip(r *http.Request) (_ *http.Response, err error) {
	c.request = r
	if c.body, err = io.ReadAll(r.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(`{"message":"caught"}`)), Request: r,
	}, nil
}

func newWire(t *testing.T, r *http.Request, body []byte, region string, id *identity.Identity, trace sigv4x509.Trace) *wire {
	t.Helper()
	authorization := r.Header.Get("Authorization")
	want := fmt.Sprintf(" Credential=%s/%s/%s/", id.Certificate.SerialNumber, r.Header.Get("X-Amz-Date")[:8], region)
	if !strings.Contains(authorization, want) {
		t.Errorf("got %q, want%s", authorization, want)
	}
	w := &wire{
		Method: r.Method, URL: r.URL.Scheme + "://" + r.URL.Host + r.URL.Path, Date: r.Header.Get("X-Amz-Date"), Body: body,
		Region: region, Query: [][2]string{}, Headers: [][2]string{}, id: id, signature: signatureOf(t, authorization), trace: trace,
	}
	for name, values := range r.URL.Query() {
		for _, value := range values {
			w.Query = append(w.Query, [2]string{name, value})
		}
	}
	for name, values := range r.Header {
		if name == "Authorization" || slices.Contains(unsigned, name) {
			continue
		}
		for _, value := range values {
			w.Headers = append(w.Headers, [2]string{name, value})
		}
	}
	return w
}
