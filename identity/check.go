package identity

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// maxChain is how deep a chain may be ("Trust model in IAM Roles Anywhere":
// at most 5 certificates).
const maxChain = 5

// Check returns what IAM Roles Anywhere would refuse about id at the time now:
// every problem as an [*Error], joined, or nil. It follows "Trust model in IAM
// Roles Anywhere" of the user guide: X.509 version 3; an end entity with key
// usage digitalSignature, a subject and a signature of SHA-256 or stronger;
// within its validity; with a chain of at most five authorities that links.
// Whether the chain ends at the trust anchor is not known here.
func (id *Identity) Check(now time.Time) error {
	if id.Certificate == nil {
		return id.problem(ErrNoCertificate, "")
	}
	var problems []error
	report := func(sentinel error, format string, args ...any) {
		problems = append(problems, id.problem(sentinel, format, args...))
	}
	id.checkKey(report)
	checkLeaf(id.Certificate, now, report)
	checkChain(id.Certificate, id.Chain, now, report)
	return errors.Join(problems...)
}

// A reporter takes one problem.
type reporter func(sentinel error, format string, args ...any)

func (id *Identity) problem(sentinel error, format string, args ...any) error {
	return &Error{File: id.Origin, Err: sentinel, Detail: fmt.Sprintf(format, args...)}
}

func (id *Identity) checkKey(report reporter) {
	if reason := unsupported(id.Certificate.PublicKey); reason != "" {
		report(ErrUnsupportedKey, "the key of %s: %s", subject(id.Certificate), reason)
	}
	switch {
	case id.Key == nil:
		report(ErrNoPrivateKey, "%s cannot sign without one", subject(id.Certificate))
	case !samePublicKey(id.Key.Public(), id.Certificate.PublicKey):
		report(ErrKeyMismatch, "the private key is not that of %s", subject(id.Certificate))
	}
}

func checkLeaf(c *x509.Certificate, now time.Time, report reporter) {
	if c.Version != 3 {
		report(ErrVersion, "%s is version %d", subject(c), c.Version)
	}
	if isAuthority(c) {
		report(ErrCertificateAuthority, "%s has CA:TRUE; use a certificate that it issued", subject(c))
	}
	if c.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		report(ErrKeyUsage, "%s must be issued with it", subject(c))
	}
	if len(c.Subject.Names) == 0 {
		report(ErrEmptySubject, "the certificate with serial number %s must be issued with one, such as CN=backup", serial(c))
	}
	checkSignature(c, report)
	checkValidity(c, now, report)
}

func checkChain(leaf *x509.Certificate, chain []*x509.Certificate, now time.Time, report reporter) {
	if len(chain) > maxChain {
		report(ErrChain, "%d certificates beside the leaf; %d is the most", len(chain), maxChain)
	}
	below := []*x509.Certificate{leaf}
	for _, c := range chain {
		if bytes.Equal(c.Raw, leaf.Raw) {
			report(ErrChain, "the leaf %s is repeated in the chain", subject(c))
			continue
		}
		if !issuedAny(c, below) {
			report(ErrChain, "%s does not link: it issued none of the certificates before it", subject(c))
		}
		if !isAuthority(c) || c.Version != 3 || c.KeyUsage&x509.KeyUsageCertSign == 0 {
			report(ErrChain, "%s is not an authority: version 3, CA:TRUE and key usage keyCertSign are required", subject(c))
		}
		if !isSelfSigned(c) {
			checkSignature(c, report)
		}
		checkValidity(c, now, report)
		below = append(below, c)
	}
}

func issuedAny(issuer *x509.Certificate, certificates []*x509.Certificate) bool {
	for _, c := range certificates {
		if issued(issuer, c) {
			return true
		}
	}
	return false
}

func checkSignature(c *x509.Certificate, report reporter) {
	if isWeak(c.SignatureAlgorithm) {
		report(ErrWeakSignature, "%s is signed with %s; SHA-256 or stronger is required", subject(c), c.SignatureAlgorithm)
	}
}

func checkValidity(c *x509.Certificate, now time.Time, report reporter) {
	switch {
	case now.After(c.NotAfter):
		report(ErrExpired, "%s ended on %s, %s ago", subject(c), c.NotAfter.UTC().Format(time.DateOnly), span(now.Sub(c.NotAfter)))
	case now.Before(c.NotBefore):
		report(ErrNotYetValid, "%s begins on %s, in %s; is the clock right?", subject(c), c.NotBefore.UTC().Format(time.DateOnly), span(c.NotBefore.Sub(now)))
	}
}

// span says d in the largest unit that fits, cut off: "3 days".
func span(d time.Duration) string {
	const day = 24 * time.Hour
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{day, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		switch n := d / unit.size; {
		case n == 1:
			return "1 " + unit.name
		case n > 1:
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return "less than a second"
}
