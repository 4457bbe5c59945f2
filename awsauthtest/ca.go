package awsauthtest

import (
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/pki"
)

// CA is a throw-away certificate authority: a new P-256 key in memory, of which nothing is left when the test ends. Its
// methods fail the test when they cannot do their work. It is safe for concurrent use.
type CA struct {
	t    testing.TB
	pki  *pki.CA
	root *pki.CA
	now  func() time.Time
}

// NewCA makes a root whose subject is CN=name. Start has made one already, which its emulator trusts.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	return newCA(t, name, time.Now)
}

func newCA(t testing.TB, name string, now func() time.Time) *CA {
	t.Helper()
	root, err := pki.NewCA(name, now())
	if err != nil {
		t.Fatalf("new CA %q: %v", name, err)
	}
	return &CA{t: t, pki: root, root: root, now: now}
}

// Intermediate makes a CA below this one. Clients that it issues bring the chain along.
func (ca *CA) Intermediate(name string) *CA {
	ca.t.Helper()
	below, err := ca.pki.At(ca.now()).Intermediate(name)
	if err != nil {
		ca.t.Fatalf("new intermediate CA %q: %v", name, err)
	}
	return &CA{t: ca.t, pki: below, root: ca.root, now: ca.now}
}

// PEM answers the CA's own certificate, as CreateTrustAnchor takes it.
func (ca *CA) PEM() []byte { return pki.CertificatesPEM(ca.pki.Certificate) }

// Issue issues a certificate with the subject CN=name, valid from a minute ago for 90 days, and its key: P-256 and good
// in all respects, unless traits say otherwise. Traits apply in order; of two that contradict each other the last wins.
func (ca *CA) Issue(name string, traits ...Trait) *Client {
	ca.t.Helper()
	id, err := ca.issue(name, traits)
	if err != nil {
		ca.t.Fatalf("issue %q: %v", name, err)
	}
	return &Client{Identity: id, t: ca.t}
}

// Revoke answers a revocation list of the clients' certificates, in PEM as ImportCrl takes it. Local.Revoke has it take
// effect.
func (ca *CA) Revoke(clients ...*Client) []byte {
	ca.t.Helper()
	var serials []*big.Int
	for _, c := range clients {
		serials = append(serials, c.Identity.Certificate.SerialNumber)
	}
	list, err := ca.pki.At(ca.now()).Revoke(serials...)
	if err != nil {
		ca.t.Fatalf("revoke: %v", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: list})
}
