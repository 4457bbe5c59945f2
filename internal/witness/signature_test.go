package witness

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/foreign"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

func TestOpenSSLVerifiesTheSignaturesOfItsKeys(t *testing.T) {
	p := newAuthority(t)
	for kind, algorithm := range map[string]sigv4x509.Algorithm{
		"RSA": sigv4x509.RSASHA256, "P-256": sigv4x509.ECDSASHA256, "P-384": sigv4x509.ECDSASHA256, "P-521": sigv4x509.ECDSASHA256,
	} {
		t.Run(kind, func(t *testing.T) {
			p.leaf("leaf", kind, root)
			id, err := identity.File{Certificate: p.path("leaf.pem"), PrivateKey: p.path("leaf.key")}.Identity(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			signer, err := sigv4x509.NewSigner(id.Certificate, id.Chain, id.Key)
			if err != nil {
				t.Fatal(err)
			}
			body := []byte(`{"durationSeconds":3600}`)
			at := time.Now()
			r, err := http.NewRequest(http.MethodPost, "https://rolesanywhere.eu-west-1.amazonaws.com/sessions", bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			toSign := signer.Trace(r, body, region, at).StringToSign
			if err := signer.Sign(r, body, region, at); err != nil {
				t.Fatal(err)
			}
			authorization := r.Header.Get("Authorization")
			if !strings.HasPrefix(authorization, string(algorithm)+" ") {
				t.Errorf("got %q, want algorithm %s", authorization, algorithm)
			}
			signature := signatureOf(t, authorization)
			if !p.verifies(id.Certificate, toSign, signature) {
				t.Error("OpenSSL refuses the signature")
			}
			if p.verifies(id.Certificate, toSign+" ", signature) {
				t.Error("OpenSSL takes the signature for that of another text, so this test proves nothing")
			}
		})
	}
}

var signatureForm = regexp.MustCompile(`, Signature=([0-9a-f]+)$`)

func signatureOf(t *testing.T, authorization string) []byte {
	t.Helper()
	found := signatureForm.FindStringSubmatch(authorization)
	if found == nil {
		t.Fatalf("got %q, want a signature in lower-case hexadecimal", authorization)
	}
	signature, err := hex.DecodeString(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// verifies reports whether OpenSSL takes a signature for that of a text by the key of a certificate.
func (p *authority) verifies(certificate *x509.Certificate, text string, signature []byte) bool {
	p.t.Helper()
	public, err := x509.MarshalPKIXPublicKey(certificate.PublicKey)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write("verify.pub", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
	p.write("verify.sig", string(signature))
	c := p.command("dgst", "-sha256", "-verify", "verify.pub", "-signature", "verify.sig")
	c.Stdin = strings.NewReader(text)
	return strings.TrimSpace(foreign.Run(c).Stdout) == "Verified OK"
}
