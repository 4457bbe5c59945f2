package identity

import (
	"bytes"
	"context"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"runtime/debug"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/scrypt"
)

// A derivation turns a password into a key of size bytes. Its cost has been
// charged. It holds nothing that the caller of Parse may change.
type derivation func(ctx context.Context, password []byte, size int) ([]byte, error)

// derive runs f until ctx ends. An f that is given up goes on by itself, for
// as long as the budget allows, because nothing stops a derivation halfway.
func derive(ctx context.Context, f func() ([]byte, error)) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	type result struct {
		key []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		key, err := f()
		done <- result{key, err}
	}()
	select {
	case r := <-done:
		return r.key, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pbkdf2Parameters are the PBKDF2-params of RFC 8018 appendix A.2.
type pbkdf2Parameters struct {
	salt       cryptobyte.String
	iterations int64
	length     int64 // of the key; 0 when it is left out
	prf        func() hash.Hash
}

func readPBKDF2(parameters cryptobyte.String) (*pbkdf2Parameters, error) {
	var body cryptobyte.String
	p := pbkdf2Parameters{prf: sha1.New}
	if !parameters.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1(&p.salt, asn1.OCTET_STRING) {
		return nil, damagedEncryption()
	}
	var ok bool
	if p.iterations, ok = readCount(&body); !ok {
		return nil, damagedEncryption()
	}
	if body.PeekASN1Tag(asn1.INTEGER) {
		if p.length, ok = readCount(&body); !ok {
			return nil, damagedEncryption()
		}
	}
	if !body.Empty() {
		algorithm, _, ok := readAlgorithm(&body)
		if !ok {
			return nil, damagedEncryption()
		}
		if p.prf = hmacHash(algorithm); p.prf == nil {
			return nil, problem(ErrUnsupported, "pseudorandom function %s; %s", algorithm, encryptAgain)
		}
	}
	return &p, nil
}

// charge charges b for a number of keys of size bytes.
func (p *pbkdf2Parameters) charge(b *budget, size, keys int) error {
	return b.chargeIterations(p.iterations, int64(keys)*hashesOf(p.prf, size)*hashesPBKDF2)
}

func (p *pbkdf2Parameters) derivation() derivation {
	salt := bytes.Clone(p.salt)
	return func(ctx context.Context, password []byte, size int) ([]byte, error) {
		return derive(ctx, func() ([]byte, error) {
			return pbkdf2.Key(p.prf, string(password), salt, int(p.iterations), size)
		})
	}
}

// hmacHash returns the hash of an HMAC, or nil.
func hmacHash(algorithm string) func() hash.Hash {
	switch algorithm {
	case oidHMACSHA1:
		return sha1.New
	case oidHMACSHA256:
		return sha256.New
	case oidHMACSHA384:
		return sha512.New384
	case oidHMACSHA512:
		return sha512.New
	}
	return nil
}

// readScrypt reads scrypt-params (RFC 7914 section 7.1) and charges b. The
// memory goes back to the system after each derivation, because garbage of
// several would pile up before it is collected.
func readScrypt(parameters cryptobyte.String, b *budget) (derivation, error) {
	var body, octets cryptobyte.String
	if !parameters.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1(&octets, asn1.OCTET_STRING) {
		return nil, damagedEncryption()
	}
	n, okN := readCount(&body)
	r, okR := readCount(&body)
	p, okP := readCount(&body)
	if !okN || !okR || !okP {
		return nil, damagedEncryption()
	}
	if err := b.chargeScrypt(n, r, p); err != nil {
		return nil, err
	}
	salt := bytes.Clone(octets)
	return func(ctx context.Context, password []byte, size int) ([]byte, error) {
		return derive(ctx, func() ([]byte, error) {
			defer debug.FreeOSMemory()
			return scrypt.Key(password, salt, int(n), int(r), int(p), size)
		})
	}, nil
}
