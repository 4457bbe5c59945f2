package createsession

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

// AWS's texts for certificates, known from the field.
const (
	insufficient = "Untrusted certificate. Insufficient certificate"
	untrusted    = "Untrusted signing certificate"
	badSignature = "Invalid signature"
	revoked      = "Certificate revoked"
)

// checkLeaf demands of the end-entity certificate what the User Guide's "Trust model" does.
func (a *attempt) checkLeaf() error {
	c := a.leaf
	reason := ""
	switch {
	case c.Version != 3:
		reason = fmt.Sprintf("the certificate is X.509 version %d, not 3", c.Version)
	case c.BasicConstraintsValid && c.IsCA:
		reason = "the certificate is a certificate authority: its basicConstraints have CA:TRUE"
	case c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		reason = "the certificate's keyUsage lacks digitalSignature"
	case !account.StrongSignature(c.SignatureAlgorithm):
		reason = fmt.Sprintf("the certificate is signed with %s, not with SHA-256 or stronger", c.SignatureAlgorithm)
	case len(c.Subject.Names) == 0:
		reason = "the certificate's subject is empty"
	case c.SerialNumber.Sign() <= 0:
		reason = "the certificate's serial number is not positive"
	case !usableKey(c.PublicKey):
		reason = "the certificate's key is neither RSA of 2048 bits or more nor ECDSA on P-256, P-384 or P-521"
	default:
		return nil
	}
	return denied(insufficient, reason,
		"have it issued anew: X.509 v3, CA:FALSE, keyUsage digitalSignature, a subject, SHA-256, RSA 2048 or P-256")
}

func usableKey(key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= 2048
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256() || k.Curve == elliptic.P384() || k.Curve == elliptic.P521()
	}
	return false
}

func (a *attempt) checkSignature() error {
	switch err := a.signature.Verify(); {
	case err == nil:
		a.signed = true
		return nil
	case errors.Is(err, sigv4x509.ErrAlgorithm):
		return denied(badSignature, fmt.Sprintf("%s does not go with the certificate's key", a.signature.Algorithm),
			"sign with the algorithm of the private key's type")
	default:
		return denied(badSignature, "the signature does not verify with the certificate's public key",
			fmt.Sprintf("use the private key that belongs to %s", a.leaf.Subject))
	}
}

// checkRevocation looks every certificate of the path up in the enabled lists of its issuer. Lists do not expire here.
func (a *attempt) checkRevocation() error {
	for _, crl := range a.crls {
		list := crl.List()
		for _, c := range a.path {
			if !bytes.Equal(list.RawIssuer, c.RawIssuer) {
				continue
			}
			for _, entry := range list.RevokedCertificateEntries {
				if entry.SerialNumber.Cmp(c.SerialNumber) == 0 {
					return denied(revoked, fmt.Sprintf("%s, serial number %s, is on the list %s", c.Subject, c.SerialNumber, crl.Name),
						"have a new certificate issued")
				}
			}
		}
	}
	return nil
}
