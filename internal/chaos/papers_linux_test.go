package chaos

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/pki"
)

// papers are the certificates of a run: those of the servers, and the one by which the agent is known to Roles Anywhere.
type papers struct {
	t     testing.TB
	ca    *pki.CA // which the agent trusts
	other *pki.CA // which it does not
}

func newPapers(t testing.TB) *papers {
	t.Helper()
	p := &papers{t: t}
	var err error
	if p.ca, err = pki.NewCA("chaos", time.Now()); err != nil {
		t.Fatal(err)
	}
	if p.other, err = pki.NewCA("inspection", time.Now()); err != nil {
		t.Fatal(err)
	}
	return p
}

// write writes the CA and a client's certificate and key.
func (p *papers) write(dir string) {
	p.t.Helper()
	client, err := p.ca.Issue(pki.Leaf{CommonName: "chaos-client"})
	if err != nil {
		p.t.Fatal(err)
	}
	key, err := pki.KeyPEM(client.Key)
	if err != nil {
		p.t.Fatal(err)
	}
	for name, text := range map[string][]byte{"ca.pem": pki.CertificatesPEM(p.ca.Certificate), "client.pem": pki.CertificatesPEM(client.Certificate), "client.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *papers) issue(ca *pki.CA, host string) *tls.Config {
	id, err := ca.Issue(pki.Leaf{CommonName: host, Change: func(c *x509.Certificate) { serves(c, host) }})
	if err != nil {
		p.t.Error(err)
		return &tls.Config{}
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{id.Certificate.Raw}, PrivateKey: id.Key}}}
}

// serves makes a certificate one for a host.
func serves(c *x509.Certificate, host string) {
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if ip := net.ParseIP(host); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{host}
	}
}

func (p *papers) good(host string) *tls.Config    { return p.issue(p.ca, host) }
func (p *papers) foreign(host string) *tls.Config { return p.issue(p.other, host) }

// ended is a certificate whose 90 days were over yesterday.
func (p *papers) ended(host string) *tls.Config {
	return p.issue(p.ca.At(time.Now().Add(-91*24*time.Hour)), host)
}

func (p *papers) selfSigned(host string) *tls.Config {
	ca, err := pki.NewCA(host, time.Now())
	if err != nil {
		p.t.Error(err)
		return &tls.Config{}
	}
	template := &x509.Certificate{SerialNumber: pki.NewSerial(), Subject: ca.Certificate.Subject, NotBefore: ca.Certificate.NotBefore, NotAfter: ca.Certificate.NotAfter}
	serves(template, host)
	own, err := pki.Sign(template, template, ca.Key.Public(), ca.Key)
	if err != nil {
		p.t.Error(err)
		return &tls.Config{}
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{own.Raw}, PrivateKey: ca.Key}}}
}
