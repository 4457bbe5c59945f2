package identity

import (
	"bytes"
	"crypto/des"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
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
	decrypt(password, encrypted []byte) ([]byte, error)
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
	return &p, b.chargeIterations(p.iterations)
}

// A pkcs12PBE is a scheme of RFC 7292 appendix C, all with SHA-1.
type pkcs12PBE struct {
	salt       cryptobyte.String
	iterations int64
	size       int // of the key
	newBlock   func(key []byte) (decrypter, error)
}

func (p *pkcs12PBE) decrypt(password, encrypted []byte) ([]byte, error) {
	key := pkcs12Key(sha1.New, forKey, password, p.salt, p.iterations, p.size)
	block, err := p.newBlock(key)
	if err != nil {
		return nil, err
	}
	iv := pkcs12Key(sha1.New, forIV, password, p.salt, p.iterations, block.BlockSize())
	return decryptCBC(block, iv, encrypted)
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

// A mac is the integrity check of a PKCS#12 file. Its cost has been charged.
type mac struct {
	digest cryptobyte.String
	hash   func() hash.Hash
	key    func(password []byte) ([]byte, error)
}

// readMAC reads MacData (RFC 7292 section 4) and charges b twice: for the
// empty password and for another.
func readMAC(s *cryptobyte.String, b *budget) (*mac, error) {
	spent := b.spent
	m, err := readMacData(s, b)
	if err != nil {
		return nil, err
	}
	return m, b.spend(b.spent - spent)
}

func readMacData(s *cryptobyte.String, b *budget) (*mac, error) {
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
	m.key = func(password []byte) ([]byte, error) {
		return pkcs12Key(m.hash, forMAC, password, salt, iterations, m.hash().Size()), nil
	}
	return &m, b.chargeIterations(iterations)
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
	derive, size, err := readPBKDF2(kdfParameters, b)
	if err != nil {
		return err
	}
	if size < 20 || size > 64 {
		return problem(ErrUnsupported, "PBMAC1 with a key that is not of 20 to 64 bytes; %s", exportAgain)
	}
	m.key = func(password []byte) ([]byte, error) { return derive(password, int(size)) }
	return nil
}

func (m *mac) verify(password, content []byte) (bool, error) {
	sum, err := m.sum(password, content)
	return err == nil && hmac.Equal(sum, m.digest), err
}

func (m *mac) sum(password, content []byte) ([]byte, error) {
	key, err := m.key(password)
	if err != nil {
		return nil, err
	}
	h := hmac.New(m.hash, key)
	h.Write(content)
	return h.Sum(nil), nil
}
