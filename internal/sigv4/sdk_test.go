package sigv4

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/awsauth-go/awsauth/internal/canonical"
)

// generator makes odd requests, the same ones in each run.
type generator struct{ *rand.Rand }

const odd = "abcXYZ019-_.~!$&'()*+,;=:@ %/?#[]\"<>^`{|}\\é漢😀"

func (g generator) text(letters string, maxLen int) string {
	all := []rune(letters)
	var b strings.Builder
	for range g.IntN(maxLen + 1) {
		b.WriteRune(all[g.IntN(len(all))])
	}
	return b.String()
}

func (g generator) flip() bool { return g.IntN(2) == 0 }

// path answers a path of segments that are neither empty nor dots: aws-sdk-go-v2 leaves those as they are, where the
// canonical request resolves them for all services but S3.
func (g generator) path() string {
	var b strings.Builder
	for range g.IntN(4) {
		b.WriteString("/s" + strings.ReplaceAll(g.text(odd, 8), "/", ""))
	}
	if b.Len() == 0 || g.flip() {
		b.WriteByte('/')
	}
	return b.String()
}

func (g generator) query() url.Values {
	q := url.Values{}
	for range g.IntN(5) {
		q.Add(g.text("ab-1=+ /&é", 3), g.text(odd, 10))
	}
	return q
}

func (g generator) headers() http.Header {
	h := http.Header{}
	const printable = "abc XYZ  0,;=\"/"
	for _, name := range []string{"Content-Type", "X-Amz-Target", "X-Amz-Meta-A", "My-Header", "If-Match", "Amz-Sdk-Request"} {
		if !g.flip() {
			continue
		}
		h.Set(name, "v"+g.text(printable, 20))
		if name == "My-Header" && g.flip() {
			h.Add(name, "w"+g.text(printable, 20))
		}
	}
	return h
}

// sdkRequest is a request signed by aws-sdk-go-v2 as a server receives it, and what it is to be verified against.
type sdkRequest struct {
	wire  []byte
	token string
	check Check
}

func (g generator) sign(t *testing.T) sdkRequest {
	t.Helper()
	creds := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: g.text("abcABC123/+", 40) + "x"}
	if g.flip() {
		creds.SessionToken = "t" + g.text("abcABC123/+=", 60)
	}
	s3, presign := g.flip(), g.flip()
	c := Check{SecretAccessKey: creds.SecretAccessKey, Region: "eu-west-1", Service: "sts", Skew: 5 * time.Minute}
	c.Now = time.Unix(1_700_000_000+g.Int64N(100_000_000), g.Int64N(1e9))
	signedAt := c.Now.Add(time.Duration(g.IntN(580)-290) * time.Second)
	body := []byte(g.text(odd, 30))
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])

	u := &url.URL{Scheme: "http", Host: "localhost:4566", Path: g.path(), RawQuery: g.query().Encode()}
	signer := v4.NewSigner()
	if s3 {
		c.Service, c.PathForm, c.UnsignedPayload = "s3", canonical.S3, true
		u.RawPath = coveredPath(u.Path, canonical.S3)
		signer = v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
		if presign || g.flip() {
			hash = unsignedPayload
		}
	}
	if presign && g.flip() {
		u.RawQuery += "&X-Amz-Expires=" + strconv.Itoa(600+g.IntN(604801-600))
	}
	method := []string{"GET", "POST", "PUT", "DELETE", "HEAD"}[g.IntN(5)]
	r, err := http.NewRequestWithContext(t.Context(), method, u.String(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = g.headers()
	if presign {
		signed, headers, err := signer.PresignHTTP(t.Context(), creds, r, hash, c.Service, c.Region, signedAt)
		if err != nil {
			t.Fatal(err)
		}
		if r.URL, err = url.Parse(signed); err != nil {
			t.Fatal(err)
		}
		r.Header = headers
	} else {
		if s3 || g.flip() {
			r.Header.Set("X-Amz-Content-Sha256", hash)
		}
		if err := signer.SignHTTP(t.Context(), creds, r, hash, c.Service, c.Region, signedAt); err != nil {
			t.Fatal(err)
		}
	}
	var wire bytes.Buffer
	if err := r.Write(&wire); err != nil {
		t.Fatal(err)
	}
	return sdkRequest{wire: wire.Bytes(), token: creds.SessionToken, check: c}
}

// receive reads a request as net/http's server does.
func receive(t testing.TB, wire []byte) (*http.Request, []byte) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, body
}

func TestRequestsSignedByTheSDKVerify(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(4, 4))}
	kinds := map[string]int{}
	for range 2000 {
		s := g.sign(t)
		r, body := receive(t, s.wire)
		a, err := Parse(r)
		if err != nil {
			t.Fatalf("%v\n%s", err, s.wire)
		}
		if a.SessionToken != s.token {
			t.Fatalf("got session token %q, want %q", a.SessionToken, s.token)
		}
		if err := a.Verify(r, body, s.check); err != nil {
			var e *Error
			errors.As(err, &e)
			t.Fatalf("%v\n%s\n%s", err, s.wire, e.CanonicalRequest)
		}
		kinds[a.Service+" presigned "+strconv.FormatBool(a.Presigned)]++
		s.check.SecretAccessKey += "x"
		if err := a.Verify(r, body, s.check); err == nil {
			t.Fatalf("verified with another secret\n%s", s.wire)
		}
	}
	if len(kinds) != 4 {
		t.Errorf("got requests of kinds %v, want 4", kinds)
	}
}

func BenchmarkVerify(b *testing.B) {
	p := loadPublished(b)
	for form, signed := range p[len(p)-1].forms() {
		b.Run(form, func(b *testing.B) {
			m := parseMessage(b, signed.SignedRequest)
			r, err := m.request()
			if err != nil {
				b.Fatal(err)
			}
			body, c := []byte(m.body), p[len(p)-1].check()
			b.ReportAllocs()
			for b.Loop() {
				a, err := Parse(r)
				if err != nil {
					b.Fatal(err)
				}
				if err := a.Verify(r, body, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
