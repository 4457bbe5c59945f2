package awsauthtest

import (
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/pki"
)

// recipe says how a trait comes about.
type recipe struct {
	trait Trait
	apply func(*draft) error
}

// draft is a certificate that is about to be issued.
type draft struct {
	name   string
	now    time.Time
	root   *pki.CA
	issuer *pki.CA
	key    crypto.Signer                    // P-256 when nil
	change []func(*x509.Certificate)        // of the template
	finish []func(*identity.Identity) error // of what has been issued
}

func (ca *CA) issue(name string, traits []Trait) (*identity.Identity, error) {
	now := ca.now()
	d := &draft{name: name, now: now, root: ca.root, issuer: ca.pki.At(now)}
	for _, trait := range traits {
		i := slices.IndexFunc(recipes, func(r recipe) bool { return r.trait == trait })
		if i < 0 {
			return nil, fmt.Errorf("trait %q does not exist", trait)
		}
		if err := recipes[i].apply(d); err != nil {
			return nil, fmt.Errorf("%s: %w", trait, err)
		}
	}
	return d.issue()
}

func (d *draft) issue() (*identity.Identity, error) {
	id, err := d.issuer.Issue(pki.Leaf{CommonName: d.name, Key: d.key, Change: func(c *x509.Certificate) {
		for _, change := range d.change {
			change(c)
		}
	}})
	if err != nil {
		return nil, err
	}
	id.Chain = slices.Clone(id.Chain)
	for _, finish := range d.finish {
		if err := finish(id); err != nil {
			return nil, err
		}
	}
	return id, nil
}

// below puts an intermediate between the issuer so far and the certificate.
func (d *draft) below(name string, change func(*x509.Certificate)) error {
	below, err := d.issuer.IntermediateWith(name, change)
	if err == nil {
		d.issuer = below
	}
	return err
}

var (
	recipes = slices.Concat(kinds, defects)

	kinds = []recipe{
		{P256, withKey(ecKey(elliptic.P256()))},
		{P384, withKey(ecKey(elliptic.P384()))},
		{P521, withKey(ecKey(elliptic.P521()))},
		{RSA2048, withKey(rsaKey(2048))},
		{RSA4096, withKey(rsaKey(4096))},
		{ThroughIntermediate, intermediates(1)},
		{ThroughIntermediates, intermediates(5)},
		{RootInChain, finished(func(d *draft, id *identity.Identity) error {
			id.Chain = append(id.Chain, d.root.Certificate)
			return nil
		})},
		{NoCommonName, template(func(_ *draft, c *x509.Certificate) {
			c.Subject = pkix.Name{Organization: []string{c.Subject.CommonName}}
		})},
		{NoExtendedKeyUsage, template(func(_ *draft, c *x509.Certificate) { c.ExtKeyUsage = nil })},
		{LongSerial, template(func(_ *draft, c *x509.Certificate) {
			c.SerialNumber = new(big.Int).SetBit(c.SerialNumber, 158, 1)
		})},
	}

	defects = []recipe{
		{Expired, template((*draft).ended)},
		{NotYetValid, template(func(d *draft, c *x509.Certificate) { c.NotBefore = d.now.Add(time.Hour) })},
		{CertificateAuthority, template(func(_ *draft, c *x509.Certificate) { c.IsCA = true })},
		{NoKeyUsage, template(func(_ *draft, c *x509.Certificate) { c.KeyUsage = 0 })},
		{NoDigitalSignature, template(func(_ *draft, c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })},
		{Version1, finished(func(d *draft, id *identity.Identity) (err error) {
			id.Certificate, err = version1(id.Certificate, d.issuer.Key)
			return err
		})},
		{SHA1Signature, template((*draft).sha1)},
		{EmptySubject, template(func(_ *draft, c *x509.Certificate) { c.Subject = pkix.Name{} })},
		{RSA1024, withKey(rsaKey(1024))},
		{P224, withKey(ecKey(elliptic.P224()))},

		{ExpiredIntermediate, intermediate((*draft).ended)},
		{IntermediateWithoutCertSign, intermediate(func(_ *draft, c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })},
		{IntermediateNotAuthority, intermediate(func(_ *draft, c *x509.Certificate) { c.IsCA = false })},
		{SHA1Intermediate, intermediate((*draft).sha1)},
		{TooLongChain, intermediates(6)},

		{AnotherKey, finished(func(_ *draft, id *identity.Identity) (err error) {
			id.Key, err = ecKey(elliptic.P256())()
			return err
		})},
		{Ed25519, withKey(ed25519Key)},

		{LeafInChain, finished(func(_ *draft, id *identity.Identity) error {
			id.Chain = slices.Insert(id.Chain, 0, id.Certificate)
			return nil
		})},
		{UnrelatedInChain, finished(func(d *draft, id *identity.Identity) error {
			unrelated, err := d.root.Intermediate("Unrelated CA")
			if err == nil {
				id.Chain = append(id.Chain, unrelated.Certificate)
			}
			return err
		})},
		{IntermediatesMixed, func(d *draft) error {
			d.finish = append(d.finish, func(id *identity.Identity) error {
				slices.Reverse(id.Chain)
				return nil
			})
			return intermediates(3)(d)
		}},

		{ImpostorCA, func(d *draft) (err error) {
			d.issuer, err = pki.NewCA(d.root.Certificate.Subject.CommonName, d.now)
			return err
		}},
		{UnknownCA, func(d *draft) (err error) {
			d.issuer, err = pki.NewCA("Unknown CA", d.now)
			return err
		}},
		{SelfSigned, finished(func(_ *draft, id *identity.Identity) (err error) {
			c := *id.Certificate
			c.SignatureAlgorithm, c.AuthorityKeyId = 0, nil
			id.Chain = nil
			id.Certificate, err = pki.Sign(&c, &c, id.Key.Public(), id.Key)
			return err
		})},
		{MissingIntermediate, func(d *draft) error {
			d.finish = append(d.finish, func(id *identity.Identity) error {
				id.Chain = nil
				return nil
			})
			return intermediates(1)(d)
		}},
		{WrongSignature, finished(func(_ *draft, id *identity.Identity) error {
			other, err := ecKey(elliptic.P256())()
			id.Key = impostor{id.Key.Public(), other}
			return err
		})},
		{ZeroSerial, template(func(_ *draft, c *x509.Certificate) { c.SerialNumber = new(big.Int) })},

		{ParenthesesInName, renamed(func(name string) string { return name + "(1)" })},
		{SpaceInName, renamed(func(name string) string { return name + " 1" })},
		{AccentInName, renamed(func(name string) string { return name + "é" })},
		{LongName, renamed(func(name string) string { return name + strings.Repeat("x", max(0, 65-len(name))) })},
	}
)

// The forms that most recipes have.

func withKey(newKey keyMaker) func(*draft) error {
	return func(d *draft) (err error) {
		d.key, err = newKey()
		return err
	}
}

func template(change func(*draft, *x509.Certificate)) func(*draft) error {
	return func(d *draft) error {
		d.change = append(d.change, func(c *x509.Certificate) { change(d, c) })
		return nil
	}
}

func finished(finish func(*draft, *identity.Identity) error) func(*draft) error {
	return func(d *draft) error {
		d.finish = append(d.finish, func(id *identity.Identity) error { return finish(d, id) })
		return nil
	}
}

func renamed(rename func(string) string) func(*draft) error {
	return func(d *draft) error {
		d.name = rename(d.name)
		return nil
	}
}

func intermediates(n int) func(*draft) error {
	return func(d *draft) error {
		for i := range n {
			if err := d.below(fmt.Sprintf("Intermediate CA %d", i+1), nil); err != nil {
				return err
			}
		}
		return nil
	}
}

func intermediate(change func(*draft, *x509.Certificate)) func(*draft) error {
	return func(d *draft) error {
		return d.below("Intermediate CA", func(c *x509.Certificate) { change(d, c) })
	}
}

// Changes that certificates and intermediates share.

func (d *draft) ended(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = d.now.Add(-2*time.Hour), d.now.Add(-time.Hour)
}

func (d *draft) sha1(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }
