package emulator

import (
	"bytes"
	"crypto/x509"
	"io"
	"net/http"
	"testing"

	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

// The two benchmarks below belong together: CreateSession is to reach 0.7 of the rate of the primitives that no
// implementation can do without. Both use P-256 and one intermediate, and keep nothing from one round to the next.

// discard is a ResponseWriter that keeps the status alone.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header             { return d.header }
func (d *discard) WriteHeader(status int)          { d.status = status }
func (d *discard) Write(b []byte) (n int, _ error) { return len(b), nil }

func BenchmarkCreateSession(b *testing.B) {
	w := newWorldOf(b, Config{Log: quiet()})
	c := w.call()
	r := w.request(c)
	b.ReportAllocs()
	for b.Loop() {
		r.Body = io.NopCloser(bytes.NewReader([]byte(c.body)))
		answer := &discard{header: http.Header{}}
		w.ServeHTTP(answer, r)
		if answer.status != http.StatusCreated {
			b.Fatalf("got %d, want 201", answer.status)
		}
	}
}

func BenchmarkBarePrimitives(b *testing.B) {
	w := newWorld(b)
	c := w.call()
	r, body := w.request(c), []byte(c.body)
	roots := x509.NewCertPool()
	roots.AddCert(w.root.Certificate)
	b.ReportAllocs()
	for b.Loop() {
		signature, err := sigv4x509.Verify(r, body)
		if err != nil {
			b.Fatal(err)
		}
		intermediates := x509.NewCertPool()
		for _, c := range signature.Chain {
			intermediates.AddCert(c)
		}
		if _, err := signature.Certificate.Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: intermediates, CurrentTime: noon, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNew is what a user waits for at the start: new keys and an account that is filled; at most 50 ms.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		ca := must(pki.NewCA("root", noon))(b)
		e := must(New(Config{}))(b)
		must(e.Apply(Seed{
			TrustAnchors: []SeedTrustAnchor{{Name: "anchor", Certificates: string(pki.CertificatesPEM(ca.Certificate))}},
			Roles:        []SeedRole{{Name: "backup", TrustAnchor: "anchor"}},
			Profiles:     []SeedProfile{{Name: "profile", Roles: []string{"backup"}}},
		}))(b)
	}
}
