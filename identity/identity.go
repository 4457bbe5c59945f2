// Package identity says who a program is: an end-entity certificate, its
// chain and its private key, read from the files in which operators keep them.
//
// The shortest way to use it is a [File] literal, or [Open] with the URI that
// a configuration holds:
//
//	src, err := identity.Open("file:/etc/pki/client.pem?key=/etc/pki/client.key", nil)
//	...
//	id, err := src.Identity(ctx)
//	...
//	err = id.Check(time.Now())
//
// Files are PEM (certificates, chain and key in one file or in several),
// DER, or PKCS#12. Keys are PKCS#8, PKCS#1 or SEC1; PKCS#8 may be encrypted
// with PBES2. Keys are RSA of 2048 to 8192 bits or ECDSA on P-256, P-384 or
// P-521. The leaf is found by the private key among all certificates, the
// chain is put in order, and a file is read again at every use, so that a
// renewed certificate needs no restart.
//
// Loading fails for what cannot be used at all: a key without its
// certificate, a certificate that does not link, an unsupported container.
// What IAM Roles Anywhere would refuse later, such as an expired leaf, is the
// business of [Identity.Check].
//
// Files are taken as hostile: sizes, counts and the cost of key derivation are
// bounded before any work is done, and no message quotes their content beyond
// the names and dates of certificates that could be read.
//
// The package does not verify that a chain ends at a trust anchor, does not
// check revocation, keeps no password and writes no file.
package identity

import (
	"context"
	"crypto"
	"crypto/x509"
)

// An Identity is an end-entity certificate with its chain and its private key.
type Identity struct {
	// Certificate is the end-entity certificate (leaf).
	Certificate *x509.Certificate

	// Chain holds the certificates that lead from the leaf towards the trust
	// anchor, the leaf's issuer first. The leaf is never among them; a
	// self-signed root is, when the files have it.
	Chain []*x509.Certificate

	// Key is the private key of Certificate: RSA or ECDSA when it comes from
	// a file.
	Key crypto.Signer

	// Origin says in messages where the identity comes from, such as
	// "/etc/pki/client.p12".
	Origin string
}

// Identity returns id itself: a value is also a [Source].
func (id *Identity) Identity(context.Context) (*Identity, error) { return id, nil }

// A Source hands out an identity. It is asked again at every use, and answers
// with what is true at that moment: a renewed certificate appears by itself.
//
// An implementation returns a key and a certificate that belong together, or
// an error, and lets the caller run [Identity.Check]. It is safe for
// concurrent use, returns soon after ctx ends, and never changes an Identity
// that it has returned; callers do not change it either.
type Source interface {
	Identity(ctx context.Context) (*Identity, error)
}

// A PasswordFunc returns the password of a file, without a line ending. It is
// called only when the file is known to need one, at most once a file and use,
// and may ask a person. The password is not kept.
type PasswordFunc func(ctx context.Context, file string) ([]byte, error)

var (
	_ Source = (*Identity)(nil)
	_ Source = File{}
)
