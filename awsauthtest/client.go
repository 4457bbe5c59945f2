package awsauthtest

import (
	"os"
	"path/filepath"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/pki"
)

// Client is a certificate that a CA has issued to a client, with its chain and its private key. Identity is an
// identity.Source: it goes into awsauth.Session as it is.
type Client struct {
	Identity *identity.Identity

	t testing.TB
}

// Files says where WriteFiles has put a client.
type Files struct {
	Certificate string // certificate.pem: the certificate, then its chain
	PrivateKey  string // key.pem: PKCS#8, mode 0600
}

// WriteFiles writes the client into a directory that exists, such as t.TempDir(), for programs that read files. Written
// again into the same directory, another client takes this one's place, as a renewal does: first the one file, then the
// other.
func (c *Client) WriteFiles(dir string) Files {
	c.t.Helper()
	key, err := pki.KeyPEM(c.Identity.Key)
	if err != nil {
		c.t.Fatalf("write files of %s: %v", c.Identity.Origin, err)
	}
	files := Files{Certificate: filepath.Join(dir, "certificate.pem"), PrivateKey: filepath.Join(dir, "key.pem")}
	c.write(files.Certificate, append(pki.CertificatesPEM(c.Identity.Certificate), pki.CertificatesPEM(c.Identity.Chain...)...), 0o644)
	c.write(files.PrivateKey, key, 0o600)
	return files
}

// WritePKCS12 writes the client as client.p12, encrypted with the password as OpenSSL 3 does, and answers its path.
func (c *Client) WritePKCS12(dir, password string) string {
	c.t.Helper()
	data, err := pkcs12.Modern2023.Encode(c.Identity.Key, c.Identity.Certificate, c.Identity.Chain, password)
	if err != nil {
		c.t.Fatalf("write PKCS#12 of %s: %v", c.Identity.Origin, err)
	}
	path := filepath.Join(dir, "client.p12")
	c.write(path, data, 0o600)
	return path
}

func (c *Client) write(path string, data []byte, mode os.FileMode) {
	c.t.Helper()
	if err := os.WriteFile(path, data, mode); err != nil {
		c.t.Fatalf("write %s: %v", c.Identity.Origin, err)
	}
}
