package sigv4x509_test

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/sigv4x509"
)

// vector is a request recorded from AWS's own client.
type vector struct {
	name             string
	raw              []byte
	canonicalRequest string
	stringToSign     string
}

func (v vector) read(t testing.TB) (*http.Request, []byte) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(v.raw)))
	if err != nil {
		t.Fatalf("%s: %v", v.name, err)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("%s: %v", v.name, err)
	}
	return r, body
}

func vectors(t testing.TB) []vector {
	t.Helper()
	paths, err := filepath.Glob("testdata/vectors/*.request")
	if err != nil || len(paths) != 9 {
		t.Fatalf("got %d vectors (%v), want 9", len(paths), err)
	}
	var all []vector
	for _, path := range paths {
		text := string(readFile(t, strings.TrimSuffix(path, ".request")+".canonical.txt"))
		_, text, ok := strings.Cut(text, "--- canonical request\n")
		request, toSign, found := strings.Cut(text, "\n--- string to sign\n")
		if !ok || !found {
			t.Fatalf("%s: no canonical request and string to sign", path)
		}
		all = append(all, vector{
			name:             strings.TrimSuffix(filepath.Base(path), ".request"),
			raw:              readFile(t, path),
			canonicalRequest: request,
			stringToSign:     strings.TrimSuffix(toSign, "\n"),
		})
	}
	return all
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// recordedPKI reads a certificate, the chain sent with it, and its key.
func recordedPKI(t testing.TB, name string) (leaf *x509.Certificate, chain []*x509.Certificate, key crypto.Signer) {
	t.Helper()
	file := map[string]string{
		"rsa2048-intermediate": "rsa2048i", "p256-intermediate": "p256i", "role-session-name": "p256",
	}[name]
	if file == "" {
		file = name
	} else if strings.HasSuffix(file, "i") {
		chain = append(chain, certificate(t, "int"))
	}
	block, _ := pem.Decode(readFile(t, "testdata/vectors/pki/"+file+".key"))
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate(t, file), chain, parsed.(crypto.Signer)
}

func certificate(t testing.TB, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(readFile(t, "testdata/vectors/pki/"+name+".pem"))
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRecordedRequestsVerify(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			r, body := v.read(t)
			s, err := sigv4x509.Verify(r, body)
			if v.name == "mldsa65" {
				if err == nil || !strings.HasPrefix(err.Error(), "Authorization: does not begin with AWS4-X509-RSA-SHA256") {
					t.Fatalf("got %v, want the algorithm refused", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s.Trace.CanonicalRequest != v.canonicalRequest {
				t.Errorf("canonical request: got\n%s\nwant\n%s", s.Trace.CanonicalRequest, v.canonicalRequest)
			}
			if s.Trace.StringToSign != v.stringToSign {
				t.Errorf("string to sign: got\n%s\nwant\n%s", s.Trace.StringToSign, v.stringToSign)
			}
		})
	}
}

// Signing what AWS's client signed gives its texts, and with RSA, whose signatures are deterministic, its very header.
func TestSigningARecordedRequestGivesItsTexts(t *testing.T) {
	for _, v := range vectors(t) {
		if v.name == "mldsa65" {
			continue
		}
		t.Run(v.name, func(t *testing.T) {
			recorded, body := v.read(t)
			want, err := sigv4x509.Parse(recorded, body)
			if err != nil {
				t.Fatal(err)
			}
			signer, err := sigv4x509.NewSigner(recordedPKI(t, v.name))
			if err != nil {
				t.Fatal(err)
			}
			ours, _ := v.read(t)
			for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-X509", "X-Amz-X509-Chain"} {
				ours.Header.Del(name)
			}
			trace := signer.Trace(ours, body, want.Region, want.SignedAt)
			if trace.CanonicalRequest != v.canonicalRequest {
				t.Errorf("canonical request: got\n%s\nwant\n%s", trace.CanonicalRequest, v.canonicalRequest)
			}
			if trace.StringToSign != v.stringToSign {
				t.Errorf("string to sign: got\n%s\nwant\n%s", trace.StringToSign, v.stringToSign)
			}
			if err := signer.Sign(ours, body, want.Region, want.SignedAt); err != nil {
				t.Fatal(err)
			}
			if _, err := sigv4x509.Verify(ours, body); err != nil {
				t.Errorf("our signature: %v", err)
			}
			got, recordedHeader := ours.Header.Get("Authorization"), recorded.Header.Get("Authorization")
			if want.Algorithm == sigv4x509.RSASHA256 && got != recordedHeader {
				t.Errorf("Authorization: got\n%s\nwant\n%s", got, recordedHeader)
			}
			if g, w := beforeSignature(got), beforeSignature(recordedHeader); g != w {
				t.Errorf("Authorization: got\n%s\nwant\n%s", g, w)
			}
			for _, name := range []string{"X-Amz-Date", "X-Amz-X509", "X-Amz-X509-Chain"} {
				if g, w := ours.Header.Get(name), recorded.Header.Get(name); g != w {
					t.Errorf("%s: got %q, want %q", name, g, w)
				}
			}
		})
	}
}

func beforeSignature(authorization string) string {
	before, _, _ := strings.Cut(authorization, "Signature=")
	return before
}

// Each octet of a recorded request that the signature covers matters.
func TestNoChangedByteOfARecordedRequestVerifies(t *testing.T) {
	for _, v := range vectors(t) {
		if v.name == "mldsa65" {
			continue
		}
		accepted := 0
		for i := range v.raw {
			changed := bytes.Clone(v.raw)
			changed[i] ^= 1
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(changed)))
			if err != nil {
				continue
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				continue
			}
			s, err := sigv4x509.Verify(r, body)
			if err != nil {
				continue
			}
			if s.Trace.CanonicalRequest != v.canonicalRequest || s.Trace.StringToSign != v.stringToSign {
				t.Errorf("%s: byte %d changed (%q) and still verifies", v.name, i, changed[max(i-20, 0):min(i+20, len(changed))])
			}
			accepted++ // a header that is not signed, such as User-Agent
		}
		if accepted > 200 {
			t.Errorf("%s: %d changes leave the signed text alone, want only those of unsigned headers", v.name, accepted)
		}
	}
}
