package identity

import (
	"bytes"
	"context"
	"crypto/des"
	"crypto/sha1"
	"encoding/binary"
	"hash"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Encryption and integrity of PKCS#12 (RFC 7292 appendices B and C, RFC 9579).
const (
	oidPBE3KeyTripleDES = "1.2.840.113549.1.12.1.3"
	oidPBE2KeyTripleDES = "1.2.840.113549.1.12.1.4"
	oidPBERC2Bits128    = "1.2.840.113549.1.12.1.5"
	oidPBERC2Bits40     = "1.2.840.113549.1.12.1.6"
	oidPBMAC1           = "1.2.840.113549.1.5.14"
	oidSHA1             = "1.3.14.3.2.26"
	oidSHA256           = "2.16.840.1.101.3.4.2.1"
	oidSHA384           = "2.16.840.1.101.3.4.2.2"
	oidSHA512           = "2.16.840.1.101.3.4.2.3"
)

// What a PKCS#12 key derivation is for (RFC 7292 appendix B.3).
const (
	forKey = 1
	forIV  = 2
	forMAC = 3
)

// A scheme decrypts with a password. Its cost has been charged.
type scheme interface {
	decrypt(ctx context.Context, password, encrypted []byte) ([]byte, error)
}

// readScheme reads how a part of a PKCS#12 file is encrypted and charges b.
func readScheme(s *cryptobyte.String, b *budget) (scheme, error) {
	algorithm, parameters, ok := readAlgorithm(s)
	if !ok {
		return nil, damagedEncryption()
	}
	p := pkcs12PBE{newBlock: newTripleDES}
	switch algorithm {
	case oidPBES2:
		return readPBES2(parameters, b)
	case oidPBE3KeyTripleDES:
		p.size = 24
	case oidPBE2KeyTripleDES:
		p.size = 16
	case oidPBERC2Bits128:
		p.size, p.newBlock = 16, newRC2Block
	case oidPBERC2Bits40:
		p.size, p.newBlock = 5, newRC2Block
	default:
		return nil, problem(ErrUnsupported, "encryption %s; %s", algorithm, exportAgain)
	}
	var body cryptobyte.String
	if !parameters.ReadASN1(&body, asn1.SEQUENCE) || !body.ReadASN1(&p.salt, asn1.OCTET_STRING) {
		return nil, damagedEncryption()
	}
	if p.iterations, ok = readCount(&body); !ok {
		return nil, damagedEncryption()
	}
	p.salt = bytes.Clone(p.salt)
	hashes := hashesOf(sha1.New, p.size) + hashesOf(sha1.New, des.BlockSize)
	return &p, b.chargeIterations(p.iterations, hashes*hashesPKCS12)
}

// A pkcs12PBE is a scheme of RFC 7292 appendix C, all with SHA-1 and with
// blocks of 8 bytes.
type pkcs12PBE struct {
	salt       cryptobyte.String
	iterations int64
	size       int // of the key
	newBlock   func(key []byte) (decrypter, error)
}

func (p *pkcs12PBE) decrypt(ctx context.Context, password, encrypted []byte) ([]byte, error) {
	key, err := p.derive(ctx, forKey, password, p.size)
	if err != nil {
		return nil, err
	}
	block, err := p.newBlock(key)
	if err != nil {
		return nil, err
	}
	iv, err := p.derive(ctx, forIV, password, block.BlockSize())
	if err != nil {
		return nil, err
	}
	return decryptCBC(block, iv, encrypted)
}

func (p *pkcs12PBE) derive(ctx context.Context, purpose byte, password []byte, size int) ([]byte, error) {
	return derive(ctx, func() ([]byte, error) {
		return pkcs12Key(sha1.New, purpose, password, p.salt, p.iterations, size), nil
	})
}

// newTripleDES takes two keys or three.
func newTripleDES(key []byte) (decrypter, error) {
	if len(key) == 16 {
		key = append(key, key[:8]...)
	}
	return des.NewTripleDESCipher(key)
}

func newRC2Block(key []byte) (decrypter, error) { return newRC2(key), nil }

// pkcs12Key derives size bytes from a password (RFC 7292 appendix B.2).
func pkcs12Key(newHash func() hash.Hash, purpose byte, password, salt []byte, iterations int64, size int) []byte {
	h := newHash()
	v := h.BlockSize()
	input := append(repeated(salt, v), repeated(bmpString(password), v)...)
	diversifier := bytes.Repeat([]byte{purpose}, v)
	var key, a []byte
	for {
		h.Reset()
		h.Write(diversifier)
		h.Write(input)
		a = h.Sum(a[:0])
		for range iterations - 1 {
			h.Reset()
			h.Write(a)
			a = h.Sum(a[:0])
		}
		if key = append(key, a...); len(key) >= size {
			return key[:size]
		}
		addToBlocks(input, repeated(a, v)[:v])
	}
}

// repeated returns b over and over up to a multiple of v bytes.
func repeated(b []byte, v int) []byte {
	n := (len(b) + v - 1) / v * v
	r := make([]byte, n)
	for i := 0; i < n; i += len(b) {
		copy(r[i:], b)
	}
	return r
}

// addToBlocks adds b+1 to every block of input, as big-endian numbers without
// the last carry.
func addToBlocks(input, b []byte) {
	for ; len(input) > 0; input = input[len(b):] {
		carry := 1
		for i := len(b) - 1; i >= 0; i-- {
			carry += int(input[i]) + int(b[i])
			input[i] = byte(carry)
			carry >>= 8
		}
	}
}

// bmpString returns a password of UTF-8 in UTF-16, with a terminating zero
// (RFC 7292 appendix B.1). Nil is the password that some programs write for
// the empty one, without even the terminator.
func bmpString(password []byte) []byte {
	if password == nil {
		return nil
	}
	var b []byte
	for _, unit := range utf16.Encode([]rune(string(password))) {
		b = binary.BigEndian.AppendUint16(b, unit)
	}
	return append(b, 0, 0)
}
