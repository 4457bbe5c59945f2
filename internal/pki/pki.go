// Package pki makes certificate authorities and certificates in memory, for the demo, the emulator and tests. Keys are
// new each time and nothing is written to disk.
//
//	ca, err := pki.NewCA("demo-ca", time.Now())
//	id, err := ca.Issue(pki.Leaf{CommonName: "demo-client"})
//
// It is not a CA to run: it keeps no serial numbers, no revocation and no keys.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/awsauth-go/awsauth/identity"
)

// CA is a certificate authority: its certificate, its key, and the intermediates between it and the root, its own first.
type CA struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
	Chain       []*x509.Certificate // what its leaves send; empty for a root
	now         time.Time
}

// The life of what is made here.
const (
	caLife   = 10 * 365 * 24 * time.Hour
	leafLife = 90 * 24 * time.Hour
)

// NewCA makes a root, valid from a minute before now.
func NewCA(name string, now time.Time) (*CA, error) {
	ca := &CA{now: now}
	return ca, ca.make(name, nil, nil)
}

// Intermediate makes a CA below this one.
func (ca *CA) Intermediate(name string) (*CA, error) { return ca.IntermediateWith(name, nil) }

// IntermediateWith is Intermediate with a template that change alters before it is signed; may be nil.
func (ca *CA) IntermediateWith(name string, change func(*x509.Certificate)) (*CA, error) {
	below := &CA{now: ca.now}
	if err := below.make(name, ca, change); err != nil {
		return nil, err
	}
	below.Chain = append([]*x509.Certificate{below.Certificate}, ca.Chain...)
	return below, nil
}

// At answers the same CA at another time: what it makes is valid from a minute before then.
func (ca *CA) At(now time.Time) *CA {
	later := *ca
	later.now = now
	return &later
}

func (ca *CA) make(name string, parent *CA, change func(*x509.Certificate)) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make CA: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          NewSerial(),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             ca.now.Add(-time.Minute),
		NotAfter:              ca.now.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if change != nil {
		change(template)
	}
	ca.Key = key
	if parent == nil {
		parent = &CA{Certificate: template, Key: key}
	}
	ca.Certificate, err = Sign(template, parent.Certificate, key.Public(), parent.Key)
	if err != nil {
		return fmt.Errorf("make CA: %w", err)
	}
	return nil
}

// Leaf says what an end-entity certificate is to be. The zero value of a field is the default.
type Leaf struct {
	CommonName string
	Key        crypto.Signer // a new P-256 key when nil
	// Change alters the template before it is signed; may be nil.
	Change func(*x509.Certificate)
}

// Issue makes an end-entity certificate and its key, valid for 90 days from a minute before the CA's now.
func (ca *CA) Issue(l Leaf) (*identity.Identity, error) {
	key := l.Key
	if key == nil {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, fmt.Errorf("issue certificate: %w", err)
		}
	}
	template := &x509.Certificate{
		SerialNumber:          NewSerial(),
		Subject:               pkix.Name{CommonName: l.CommonName},
		NotBefore:             ca.now.Add(-time.Minute),
		NotAfter:              ca.now.Add(leafLife),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if l.Change != nil {
		l.Change(template)
	}
	certificate, err := Sign(template, ca.Certificate, key.Public(), ca.Key)
	if err != nil {
		return nil, fmt.Errorf("issue certificate: %w", err)
	}
	return &identity.Identity{Certificate: certificate, Chain: ca.Chain, Key: key, Origin: "certificate " + l.CommonName}, nil
}

// Revoke makes a revocation list of the given serial numbers, in DER.
func (ca *CA) Revoke(serials ...*big.Int) ([]byte, error) {
	list := &x509.RevocationList{Number: NewSerial(), ThisUpdate: ca.now, NextUpdate: ca.now.Add(leafLife)}
	for _, serial := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: serial, RevocationTime: ca.now})
	}
	return x509.CreateRevocationList(rand.Reader, list, ca.Certificate, ca.Key)
}

// Sign signs a template and parses the result.
func Sign(template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// NewSerial draws a serial number of 127 bits (RFC 5280 section 4.1.2.2 asks for a positive one of at most 20 octets).
func NewSerial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b)
}

// CertificatesPEM encodes certificates, one after the other.
func CertificatesPEM(certificates ...*x509.Certificate) []byte {
	var out []byte
	for _, c := range certificates {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return out
}

// KeyPEM encodes a private key as PKCS#8.
func KeyPEM(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}
