package identity

import (
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCheckAcceptsWhatRolesAnywhereAccepts(t *testing.T) {
	p := newPKI(t)
	for name, id := range map[string]*Identity{
		"with an intermediate":              {Certificate: p.leaf.Certificate, Chain: []*x509.Certificate{p.intermediate.Certificate}, Key: p.leaf.key},
		"with the root too":                 {Certificate: p.leaf.Certificate, Chain: []*x509.Certificate{p.intermediate.Certificate, p.root.Certificate}, Key: p.leaf.key},
		"without a chain":                   {Certificate: p.leaf.Certificate, Key: p.leaf.key},
		"in the second in which it ends":    {Certificate: p.leaf.Certificate, Key: p.leaf.key},
		"in the second in which it started": {Certificate: p.leaf.Certificate, Key: p.leaf.key},
	} {
		now := time.Now()
		switch {
		case strings.Contains(name, "ends"):
			now = id.Certificate.NotAfter
		case strings.Contains(name, "started"):
			now = id.Certificate.NotBefore
		}
		if err := id.Check(now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckAcceptsARootWithAWeakSignatureOfItsOwn(t *testing.T) {
	p := newPKI(t)
	root := *p.root.Certificate
	root.SignatureAlgorithm = x509.ECDSAWithSHA1
	id := &Identity{Certificate: p.leaf.Certificate, Chain: []*x509.Certificate{p.intermediate.Certificate, &root}, Key: p.leaf.key}
	if err := id.Check(time.Now()); err != nil {
		t.Error(err)
	}
}

func TestCheckFindsWhatRolesAnywhereWouldRefuse(t *testing.T) {
	p := newPKI(t)
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	lasting := func(from, to string) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.NotBefore, _ = time.Parse(time.DateOnly, from)
			c.NotAfter, _ = time.Parse(time.DateOnly, to)
		}
	}
	valid := func(c *x509.Certificate) { lasting("2026-01-01", "2027-01-01")(c) }
	root := newCertificate(t, "Root", newP256(t), nil, func(c *x509.Certificate) { authority(c); valid(c) })
	leafWith := func(change func(*x509.Certificate)) *testCertificate {
		return newCertificate(t, "leaf", newP256(t), root, func(c *x509.Certificate) { valid(c); change(c) })
	}
	alone := func(change func(*x509.Certificate)) *Identity {
		c := leafWith(change)
		return &Identity{Certificate: c.Certificate, Key: c.key, Origin: "client.pem"}
	}
	below := func(issuer *testCertificate, chain ...*testCertificate) *Identity {
		c := newCertificate(t, "leaf", newP256(t), issuer, valid)
		id := &Identity{Certificate: c.Certificate, Key: c.key, Origin: "client.pem"}
		for _, c := range chain {
			id.Chain = append(id.Chain, c.Certificate)
		}
		return id
	}
	keyed := func(id *Identity, key *testCertificate) *Identity { id.Key = key.key; return id }
	nothing := func(*x509.Certificate) {}
	notAuthority := newCertificate(t, "Not an authority", newP256(t), root, valid)
	noCertSign := newCertificate(t, "No keyCertSign", newP256(t), root, func(c *x509.Certificate) { valid(c); c.IsCA, c.KeyUsage = true, x509.KeyUsageCRLSign })
	expired := newCertificate(t, "Old", newP256(t), root, func(c *x509.Certificate) { authority(c); lasting("2025-01-01", "2026-11-22")(c) })
	deep := []*testCertificate{root}
	for range 5 {
		deep = append(deep, newCertificate(t, "Deep", newP256(t), deep[len(deep)-1], func(c *x509.Certificate) { authority(c); valid(c) }))
	}
	slices.Reverse(deep)
	weak := func(c *x509.Certificate) *x509.Certificate {
		changed := *c
		changed.SignatureAlgorithm = x509.ECDSAWithSHA1
		return &changed
	}
	weakLeaf := alone(nothing)
	weakLeaf.Certificate = weak(weakLeaf.Certificate)
	versionOne := alone(nothing)
	changed := *versionOne.Certificate
	changed.Version = 1
	versionOne.Certificate = &changed
	p224 := newCertificate(t, "leaf", newEC(t, elliptic.P224()), root, valid)
	rsa1024 := smallRSA(t, at)
	for _, test := range []struct {
		name string
		id   *Identity
		want []error
		says string
	}{
		{"no certificate", &Identity{Origin: "client.pem"}, []error{ErrNoCertificate}, `"client.pem"`},
		{"no key", &Identity{Certificate: root.Certificate}, []error{ErrNoPrivateKey, ErrCertificateAuthority, ErrKeyUsage}, "CN=Root"},
		{"another key", keyed(alone(nothing), p.leaf), []error{ErrKeyMismatch}, "CN=leaf"},
		{"an authority as leaf", alone(func(c *x509.Certificate) { c.IsCA = true }), []error{ErrCertificateAuthority}, "CA:TRUE"},
		{"no digitalSignature", alone(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), []error{ErrKeyUsage}, "digitalSignature"},
		{"no key usage at all", alone(func(c *x509.Certificate) { c.KeyUsage = 0 }), []error{ErrKeyUsage}, "digitalSignature"},
		{"an empty subject", alone(func(c *x509.Certificate) { c.Subject = pkix.Name{} }), []error{ErrEmptySubject}, "serial number"},
		{"expired three days ago", alone(lasting("2026-01-01", "2026-11-20")), []error{ErrExpired}, "ended on 2026-11-20, 3 days ago"},
		{"valid from tomorrow", alone(lasting("2026-11-24", "2027-01-01")), []error{ErrNotYetValid}, "begins on 2026-11-24, in 12 hours"},
		{"signed with SHA-1", weakLeaf, []error{ErrWeakSignature}, "ECDSA-SHA1"},
		{"version 1", versionOne, []error{ErrVersion}, "version 1"},
		{"a curve that is too small", &Identity{Certificate: p224.Certificate, Key: p224.key}, []error{ErrUnsupportedKey}, "P-256"},
		{"an RSA key that is too small", rsa1024, []error{ErrUnsupportedKey}, "RSA of 2048"},
		{"a chain of six", below(deep[0], deep...), []error{ErrChain}, "5 is the most"},
		{"a chain that does not link", below(root, expired), []error{ErrChain, ErrExpired}, `"CN=Old" does not link`},
		{"an issuer that is no authority", below(notAuthority, notAuthority), []error{ErrChain}, "keyCertSign"},
		{"an authority that may not sign certificates", below(noCertSign, noCertSign), []error{ErrChain}, "keyCertSign"},
		{"an expired authority", below(expired, expired, root), []error{ErrExpired}, `"CN=Old" ended on 2026-11-22, 1 day ago`},
		{"everything at once", keyed(alone(func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, 0; lasting("2025-01-01", "2025-02-01")(c) }), p.leaf), []error{ErrKeyMismatch, ErrCertificateAuthority, ErrKeyUsage, ErrExpired}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.id.Check(at)
			checkError(t, err, test.want[0], test.says)
			for _, sentinel := range everySentinel {
				if got, want := errors.Is(err, sentinel), slices.Contains(test.want, sentinel); got != want {
					t.Errorf("%v: got %v, want %v; %v", sentinel, got, want, err)
				}
			}
		})
	}
}

var everySentinel = []error{
	ErrNoCertificate, ErrNoPrivateKey, ErrKeyMismatch, ErrAmbiguous, ErrCertificateAuthority, ErrVersion, ErrExpired,
	ErrNotYetValid, ErrKeyUsage, ErrWeakSignature, ErrUnsupportedKey, ErrEmptySubject, ErrChain, ErrPasswordRequired,
	ErrWrongPassword, ErrUnsupported, ErrTooCostly, ErrTooLarge, ErrNotRegularFile, ErrDamaged, ErrURI, ErrNoStore,
}

// smallRSA is an identity whose key is too short. Its certificate is made by
// OpenSSL, because crypto/rsa refuses to sign with such a key.
func smallRSA(t *testing.T, at time.Time) *Identity {
	t.Helper()
	dir := t.TempDir()
	openssl(t, dir, "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", "key", "-outform", "DER", "-out", "cert",
		"-subj", "/CN=small", "-addext", "keyUsage=digitalSignature", "-addext", "basicConstraints=critical,CA:FALSE", "-days", "30")
	c, err := x509.ParseCertificate(readFile(t, dir+"/cert"))
	if err != nil {
		t.Fatal(err)
	}
	c.NotBefore, c.NotAfter = at.Add(-time.Hour), at.Add(time.Hour)
	return &Identity{Certificate: c, Key: publicOnly{c.PublicKey}}
}

// publicOnly is a key that never signs.
type publicOnly struct{ public crypto.PublicKey }

func (k publicOnly) Public() crypto.PublicKey { return k.public }

func (publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.ErrUnsupported
}

func TestALeafSignedWithSHA1IsReadAndThenReported(t *testing.T) {
	dir := t.TempDir()
	openssl(t, dir, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "cert", "-sha1",
		"-subj", "/CN=old", "-addext", "keyUsage=digitalSignature", "-addext", "basicConstraints=CA:FALSE", "-days", "30")
	id, err := File{Certificate: dir + "/cert", PrivateKey: dir + "/key"}.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkError(t, id.Check(time.Now()), ErrWeakSignature, "SHA1-RSA")
}

func TestSpansAreSaidInTheLargestUnit(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                      "less than a second",
		time.Second:            "1 second",
		90 * time.Second:       "1 minute",
		119 * time.Minute:      "1 hour",
		47 * time.Hour:         "1 day",
		72 * time.Hour:         "3 days",
		365 * 24 * time.Hour:   "365 days",
		59*time.Second + 1:     "59 seconds",
		23*time.Hour + 59*60e9: "23 hours",
	} {
		if got := span(d); got != want {
			t.Errorf("%v: got %q, want %q", d, got, want)
		}
	}
}
