package sigv4x509_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/sigv4x509"
)

// FuzzAuthorization varies the header that a recorded request was signed with. Whatever is accepted must be the signature
// that was recorded: nobody can make another.
func FuzzAuthorization(f *testing.F) {
	raw := readFile(f, "testdata/vectors/p256.request")
	recorded := vector{name: "p256", raw: raw}
	r, body := recorded.read(f)
	f.Add(r.Header.Get("Authorization"))
	for _, v := range vectors(f) {
		other, _ := v.read(f)
		f.Add(other.Header.Get("Authorization"))
	}
	want := r.Header.Get("Authorization")
	f.Fuzz(func(t *testing.T, authorization string) {
		r.Header["Authorization"] = []string{authorization}
		s, err := sigv4x509.Parse(r, body)
		if err != nil {
			return
		}
		if err := s.Verify(); err == nil && squeeze(authorization) != squeeze(want) {
			t.Errorf("accepted a signature that was never made: %q", authorization)
		}
	})
}

// squeeze drops the differences that do not matter: white space, the order of the parts and leading zeros of the serial.
func squeeze(s string) string {
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' })
	out := make([]string, 4)
	for _, p := range parts {
		name, value, _ := strings.Cut(p, "=")
		switch name {
		case "Credential":
			out[1] = strings.TrimLeft(value, "0")
		case "SignedHeaders":
			out[2] = value
		case "Signature":
			out[3] = value
		default:
			out[0] += p
		}
	}
	return strings.Join(out, " ")
}

// FuzzRequest reads whole requests. What verifies must be signed by the certificate that it brings, over what it says.
func FuzzRequest(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			return
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
		if err != nil {
			return
		}
		s, err := sigv4x509.Parse(r, body)
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without a text")
			}
			return
		}
		if !strings.HasPrefix(s.Trace.StringToSign, string(s.Algorithm)+"\n") || s.Serial.Cmp(s.Certificate.SerialNumber) != 0 {
			t.Errorf("parsed inconsistently: %+v", s)
		}
	})
}
