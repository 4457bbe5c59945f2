package awsauthtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"sync"
)

// keyMaker makes a private key.
type keyMaker func() (crypto.Signer, error)

// rsaKey makes one RSA key of a size and gives it to everybody in this process, because making one takes up to seconds.
func rsaKey(bits int) keyMaker {
	return sync.OnceValues(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) })
}

func ecKey(curve elliptic.Curve) keyMaker {
	return func() (crypto.Signer, error) { return ecdsa.GenerateKey(curve, rand.Reader) }
}

func ed25519Key() (crypto.Signer, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

// impostor claims a public key and signs with another's private key.
type impostor struct {
	claimed crypto.PublicKey
	signer  crypto.Signer
}

func (i impostor) Public() crypto.PublicKey { return i.claimed }

func (i impostor) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return i.signer.Sign(random, digest, opts)
}
