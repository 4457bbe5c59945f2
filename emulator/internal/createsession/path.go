package createsession

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
)

// maxChain is the number of certificates accepted in X-Amz-X509-Chain.
const maxChain = 5

// checkPath looks for a path from the leaf to a certificate of the trust anchor; intermediates may come in any order.
func (a *attempt) checkPath() error {
	if n := len(a.signature.Chain); n > maxChain {
		return denied(untrusted, fmt.Sprintf("X-Amz-X509-Chain has %d certificates, and at most %d are accepted", n, maxChain),
			"send the intermediates between the certificate and the trust anchor, and nothing else")
	}
	switch {
	case a.now.Before(a.leaf.NotBefore):
		return denied(untrusted, "the certificate is not valid before "+at(a.leaf.NotBefore), "wait, or check the clock that issued it")
	case a.now.After(a.leaf.NotAfter):
		return denied(untrusted, "the certificate expired at "+at(a.leaf.NotAfter), "renew the certificate")
	}
	_, roots := a.anchor.Roots()
	intermediates := x509.NewCertPool()
	for _, c := range a.signature.Chain {
		if !c.Equal(a.leaf) {
			intermediates.AddCert(c)
		}
	}
	paths, err := a.leaf.Verify(x509.VerifyOptions{
		Roots:         roots,
		Intermediates: intermediates,
		CurrentTime:   a.now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return denied(untrusted, "no path leads from the certificate to the trust anchor "+a.anchor.Name+": "+a.pathProblem(err),
			"send the intermediates, or use the trust anchor of the certificate's CA")
	}
	for _, path := range paths {
		if err = checkAuthorities(path); err == nil {
			a.path = path
			return nil
		}
	}
	return denied(untrusted, err.Error(), "have the intermediate certificate issued anew")
}

func at(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// checkAuthorities demands of the path's intermediates what Go's verification leaves open.
func checkAuthorities(path []*x509.Certificate) error {
	for _, c := range path[1:max(1, len(path)-1)] {
		if c.KeyUsage&x509.KeyUsageCertSign == 0 {
			return fmt.Errorf("the certificate %q has no keyUsage keyCertSign", c.Subject)
		}
		if !account.StrongSignature(c.SignatureAlgorithm) {
			return fmt.Errorf("%q is signed with %s, not with SHA-256 or stronger", c.Subject, c.SignatureAlgorithm)
		}
	}
	return nil
}

// pathProblem says where the path ends and why. It walks from the leaf towards the anchor and takes the first issuer that
// is fit for it; err, the verdict of the verification, speaks only when every step is.
func (a *attempt) pathProblem(err error) string {
	roots, _ := a.anchor.Roots()
	last := a.leaf
	for range maxChain + 1 {
		problem := ""
		var next *x509.Certificate
		for _, issuer := range slices.Concat(roots, a.signature.Chain) {
			if !bytes.Equal(issuer.RawSubject, last.RawIssuer) || issuer.Equal(last) {
				continue
			}
			if problem = a.issuerProblem(issuer, last); problem == "" {
				next = issuer
				break
			}
		}
		switch {
		case problem != "":
			return problem
		case next == nil:
			return fmt.Sprintf("%q is issued by %q, which is neither in X-Amz-X509-Chain nor the trust anchor, %s",
				last.Subject, last.Issuer, subjects(roots))
		case slices.ContainsFunc(roots, next.Equal):
			return verdict(err)
		}
		last = next
	}
	return verdict(err)
}

// issuerProblem says why one certificate, that by its name issued another, cannot have; or "".
func (a *attempt) issuerProblem(issuer, issued *x509.Certificate) string {
	switch {
	case issued.CheckSignatureFrom(issuer) == nil:
	case !issuer.BasicConstraintsValid || !issuer.IsCA:
		return fmt.Sprintf("%q is no certificate authority: it lacks basicConstraints CA:TRUE", issuer.Subject)
	case issuer.KeyUsage&x509.KeyUsageCertSign == 0:
		return fmt.Sprintf("the certificate %q has no keyUsage keyCertSign", issuer.Subject)
	case !account.StrongSignature(issued.SignatureAlgorithm):
		return fmt.Sprintf("%q is signed with %s, not with SHA-256 or stronger", issued.Subject, issued.SignatureAlgorithm)
	default:
		return fmt.Sprintf("%q is not signed by the key of %q", issued.Subject, issuer.Subject)
	}
	switch {
	case a.now.Before(issuer.NotBefore):
		return fmt.Sprintf("%q is not valid before %s", issuer.Subject, at(issuer.NotBefore))
	case a.now.After(issuer.NotAfter):
		return fmt.Sprintf("%q expired at %s", issuer.Subject, at(issuer.NotAfter))
	}
	return ""
}

// verdict is Go's own text without its prefix.
func verdict(err error) string {
	invalid := x509.CertificateInvalidError{}
	if errors.As(err, &invalid) && invalid.Cert != nil && invalid.Reason == x509.TooManyIntermediates {
		return fmt.Sprintf("there are more certificates below %q than its path length allows", invalid.Cert.Subject)
	}
	return strings.TrimPrefix(err.Error(), "x509: ")
}

func subjects(certificates []*x509.Certificate) string {
	quoted := make([]string, len(certificates))
	for i, c := range certificates {
		quoted[i] = fmt.Sprintf("%q", c.Subject)
	}
	return strings.Join(quoted, ", ")
}
