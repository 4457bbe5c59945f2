package identity

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A mac is the integrity check of a PKCS#12 file. Its cost has been charged:
// that of every form of the empty password and of one that is asked for.
type mac struct {
	digest cryptobyte.String
	hash   func() hash.Hash
	empty  [][]byte // forms of the empty password that give different keys
	key    func(ctx context.Context, password []byte) ([]byte, error)
}

// readMAC reads MacData (RFC 7292 section 4) and charges b.
func readMAC(s *cryptobyte.String, b *budget) (*mac, error) {
	var m mac
	var body, info, salt cryptobyte.String
	if !s.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1(&info, asn1.SEQUENCE) {
		return nil, damagedPKCS12()
	}
	algorithm, parameters, ok := readAlgorithm(&info)
	if !ok || !info.ReadASN1(&m.digest, asn1.OCTET_STRING) || !body.ReadASN1(&salt, asn1.OCTET_STRING) {
		return nil, damagedPKCS12()
	}
	if algorithm == oidPBMAC1 {
		return &m, m.readPBMAC1(parameters, b)
	}
	switch algorithm {
	case oidSHA1:
		m.hash = sha1.New
	case oidSHA256:
		m.hash = sha256.New
	case oidSHA384:
		m.hash = sha512.New384
	case oidSHA512:
		m.hash = sha512.New
	default:
		return nil, problem(ErrUnsupported, "integrity check %s; %s", algorithm, exportAgain)
	}
	iterations := int64(1)
	if !body.Empty() {
		if iterations, ok = readCount(&body); !ok {
			return nil, damagedPKCS12()
		}
	}
	salt = bytes.Clone(salt)
	size := m.hash().Size()
	m.empty = [][]byte{{}, nil}
	m.key = func(ctx context.Context, password []byte) ([]byte, error) {
		return derive(ctx, func() ([]byte, error) {
			return pkcs12Key(m.hash, forMAC, password, salt, iterations, size), nil
		})
	}
	return &m, b.chargeIterations(iterations, int64(len(m.empty)+1)*hashesOf(m.hash, size)*hashesPKCS12)
}

// readPBMAC1 reads PBMAC1-params (RFC 9579 section 5), which name a key
// length; a short one would let a password be forged.
func (m *mac) readPBMAC1(parameters cryptobyte.String, b *budget) error {
	var body cryptobyte.String
	if !parameters.ReadASN1(&body, asn1.SEQUENCE) {
		return damagedPKCS12()
	}
	kdf, kdfParameters, okKDF := readAlgorithm(&body)
	algorithm, _, okMAC := readAlgorithm(&body)
	if !okKDF || !okMAC {
		return damagedPKCS12()
	}
	if m.hash = hmacHash(algorithm); m.hash == nil || kdf != oidPBKDF2 {
		return problem(ErrUnsupported, "PBMAC1 with %s and %s; %s", kdf, algorithm, exportAgain)
	}
	p, err := readPBKDF2(kdfParameters)
	if err != nil {
		return err
	}
	if p.length < 20 || p.length > 64 {
		return problem(ErrUnsupported, "PBMAC1 with a key that is not of 20 to 64 bytes; %s", exportAgain)
	}
	size, derive := int(p.length), p.derivation()
	m.empty = [][]byte{{}}
	m.key = func(ctx context.Context, password []byte) ([]byte, error) { return derive(ctx, password, size) }
	return p.charge(b, size, len(m.empty)+1)
}

func (m *mac) verify(ctx context.Context, password, content []byte) (bool, error) {
	sum, err := m.sum(ctx, password, content)
	return err == nil && hmac.Equal(sum, m.digest), err
}

func (m *mac) sum(ctx context.Context, password, content []byte) ([]byte, error) {
	key, err := m.key(ctx, password)
	if err != nil {
		return nil, err
	}
	h := hmac.New(m.hash, key)
	h.Write(content)
	return h.Sum(nil), nil
}
