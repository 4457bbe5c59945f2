package identity

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	minRSABits = 2048
	maxRSABits = 8192
)

// allowedKeys is what messages say when a key is none of these.
const allowedKeys = "RSA of 2048 to 8192 bits and ECDSA on P-256, P-384 or P-521 can be used"

// checkPublicKey returns an Error with ErrUnsupportedKey unless Roles Anywhere
// takes signatures of such a key.
func checkPublicKey(public crypto.PublicKey) error {
	if reason := unsupported(public); reason != "" {
		return problem(ErrUnsupportedKey, "%s", reason)
	}
	return nil
}

// unsupported says why a key cannot be used, or nothing.
func unsupported(public crypto.PublicKey) string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		bits := k.N.BitLen()
		if minRSABits <= bits && bits <= maxRSABits {
			return ""
		}
		return fmt.Sprintf("RSA of %d bits; %s", bits, allowedKeys)
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() || k.Curve == elliptic.P521() {
			return ""
		}
		return fmt.Sprintf("ECDSA on %s; %s", k.Curve.Params().Name, allowedKeys)
	}
	return allowedKeys
}

func samePublicKey(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

func isAuthority(c *x509.Certificate) bool { return c.BasicConstraintsValid && c.IsCA }

func isSelfSigned(c *x509.Certificate) bool { return issued(c, c) }

// issued reports whether issuer's key signed c. Weak signatures count by name
// only, because they are reported for what they are by [Identity.Check].
func issued(issuer, c *x509.Certificate) bool {
	if !bytes.Equal(issuer.RawSubject, c.RawIssuer) {
		return false
	}
	if isWeak(c.SignatureAlgorithm) {
		return true
	}
	err := issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	// An algorithm that this program cannot verify is not evidence of a
	// broken link either.
	return err == nil || errors.Is(err, x509.ErrUnsupportedAlgorithm)
}

func isWeak(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	}
	return false
}

// parseCertificate parses one DER certificate of a file; number counts from 1.
func parseCertificate(der []byte, number int) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		if oid, ok := unsupportedPublicKey(der); ok {
			return nil, problem(ErrUnsupportedKey, "certificate %d has a key of algorithm or curve %s; %s", number, algorithmName(oid), allowedKeys)
		}
		return nil, problem(ErrDamaged, "certificate %d cannot be parsed", number)
	}
	// Verifying with a huge modulus takes minutes, so it must not come so far.
	if k, ok := c.PublicKey.(*rsa.PublicKey); ok && k.N.BitLen() > maxRSABits {
		return nil, problem(ErrUnsupportedKey, "certificate %d has an RSA key of %d bits; %s", number, k.N.BitLen(), allowedKeys)
	}
	return c, nil
}

// subject returns the subject of c for a message.
func subject(c *x509.Certificate) string {
	if text := c.Subject.String(); text != "" {
		return quoted(text)
	}
	return "the certificate without a subject"
}

func serial(c *x509.Certificate) string {
	text := c.SerialNumber.String()
	if len(text) > 60 {
		return fmt.Sprintf("%s… (%d digits)", text[:60], len(text))
	}
	return text
}

// quoted returns a name out of a file on one line and of bounded length.
func quoted(name string) string {
	const most = 120
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	return strconv.Quote(name)
}
