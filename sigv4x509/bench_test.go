package sigv4x509_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"testing"

	"github.com/awsauth-go/awsauth/sigv4x509"
)

// The limits: on P-256 1.15 times the bare primitive, on RSA-2048 1.03 times, and 25 allocations more.
func BenchmarkSign(b *testing.B) {
	for _, name := range []string{"p256", "rsa2048"} {
		leaf, chain, key := recordedPKI(b, name)
		signer, err := sigv4x509.NewSigner(leaf, chain, key)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			r := request(b)
			b.ReportAllocs()
			for b.Loop() {
				if err := signer.Sign(r, []byte(exampleBody), "eu-west-1", signedAt); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"-bare", func(b *testing.B) {
			digest := sha256.Sum256([]byte(exampleBody))
			b.ReportAllocs()
			for b.Loop() {
				if err := bare(key, digest[:]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func bare(key crypto.Signer, digest []byte) (err error) {
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		_, err = ecdsa.SignASN1(rand.Reader, k, digest)
	case *rsa.PrivateKey:
		_, err = rsa.SignPKCS1v15(rand.Reader, k, crypto.SHA256, digest)
	}
	return err
}

func BenchmarkVerify(b *testing.B) {
	v := vector{name: "p256", raw: readFile(b, "testdata/vectors/p256.request")}
	r, body := v.read(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sigv4x509.Verify(r, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTrace(b *testing.B) {
	signer, err := sigv4x509.NewSigner(recordedPKI(b, "p256"))
	if err != nil {
		b.Fatal(err)
	}
	r := request(b)
	b.ReportAllocs()
	for b.Loop() {
		signer.Trace(r, []byte(exampleBody), "eu-west-1", signedAt)
	}
}
