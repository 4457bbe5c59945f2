package awsauthtest

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
)

// version1 makes an X.509 version 1 certificate of one of version 3, which crypto/x509 does not make: the first field of
// what is signed, the version, and the last, the extensions, are left out (RFC 5280 section 4.1), and the rest is signed
// anew. The issuer's key is P-256, as all of package pki's are.
func version1(c *x509.Certificate, issuer crypto.Signer) (*x509.Certificate, error) {
	var fields []asn1.RawValue
	if _, err := asn1.Unmarshal(c.RawTBSCertificate, &fields); err != nil {
		return nil, fmt.Errorf("take certificate apart: %w", err)
	}
	tbs, err := asn1.Marshal(fields[1 : len(fields)-1])
	if err != nil {
		return nil, fmt.Errorf("put certificate together: %w", err)
	}
	digest := sha256.Sum256(tbs)
	signature, err := issuer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	algorithm := fields[2]
	der, err := asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
	if err != nil {
		return nil, fmt.Errorf("put certificate together: %w", err)
	}
	return x509.ParseCertificate(der)
}
