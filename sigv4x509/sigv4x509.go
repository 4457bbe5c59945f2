// Package sigv4x509 signs and verifies requests with AWS4-X509-RSA-SHA256 and AWS4-X509-ECDSA-SHA256, the signatures by
// which IAM Roles Anywhere authenticates the holder of an X.509 certificate.
//
//	signer, err := sigv4x509.NewSigner(leaf, chain, key)
//	...
//	_, err = signer.Sign(request, body, "eu-west-1", time.Now())
//
// It works on bytes alone: it opens no file and no connection, and it does not judge certificates. Whether a leaf may be
// used is package identity's question, whether it leads to a trust anchor is the server's. AWS4-X509-MLDSA is not
// implemented.
//
// Source: IAM Roles Anywhere User Guide, "Authentication" and "Signing process".
package sigv4x509

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"fmt"
)

// Algorithm is the first line of the string to sign and the first word of the Authorization header.
type Algorithm string

const (
	// RSASHA256 is RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2).
	RSASHA256 Algorithm = "AWS4-X509-RSA-SHA256"
	// ECDSASHA256 is ECDSA with SHA-256 on every curve, the signature in ASN.1 DER (RFC 3279 section 2.2.3).
	ECDSASHA256 Algorithm = "AWS4-X509-ECDSA-SHA256"
)

// AlgorithmOf answers the algorithm that a public key signs with: it follows from the key's type alone, never from the
// certificate's own signature.
func AlgorithmOf(public crypto.PublicKey) (Algorithm, error) {
	switch public.(type) {
	case *rsa.PublicKey:
		return RSASHA256, nil
	case *ecdsa.PublicKey:
		return ECDSASHA256, nil
	}
	return "", fmt.Errorf("no AWS4-X509 algorithm for a key of type %T: use RSA or ECDSA", public)
}

// Header names and fixed words of the protocol.
const (
	headerAuthorization = "Authorization"
	headerDate          = "X-Amz-Date"
	headerX509          = "X-Amz-X509"
	headerX509Chain     = "X-Amz-X509-Chain"

	service    = "rolesanywhere"
	terminator = "aws4_request"
	// path is the canonical URI. It is a constant of the protocol, as in AWS's own client: a prefix that a proxy or a
	// mount adds is not signed.
	path = "/sessions"

	dateFormat = "20060102"
	timeFormat = "20060102T150405Z"
)
