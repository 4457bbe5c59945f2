package identity

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/subtle"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// PBES2 and its parts (RFC 8018 appendices A and B, RFC 7914 section 7).
const (
	oidPBES2        = "1.2.840.113549.1.5.13"
	oidPBKDF2       = "1.2.840.113549.1.5.12"
	oidScrypt       = "1.3.6.1.4.1.11591.4.11"
	oidHMACSHA1     = "1.2.840.113549.2.7"
	oidHMACSHA256   = "1.2.840.113549.2.9"
	oidHMACSHA384   = "1.2.840.113549.2.10"
	oidHMACSHA512   = "1.2.840.113549.2.11"
	oidAES128CBC    = "2.16.840.1.101.3.4.1.2"
	oidAES192CBC    = "2.16.840.1.101.3.4.1.22"
	oidAES256CBC    = "2.16.840.1.101.3.4.1.42"
	oidTripleDESCBC = "1.2.840.113549.3.7"
)

const encryptAgain = "encrypt the key again with: openssl pkcs8 -topk8 -in OLD.key -out NEW.key"

// readEncryptedPKCS8 reads an EncryptedPrivateKeyInfo (RFC 5958 section 3).
func (r *reader) readEncryptedPKCS8(ctx context.Context, der []byte) error {
	if !r.withKey {
		return nil
	}
	input := cryptobyte.String(der)
	var body, encrypted cryptobyte.String
	if !input.ReadASN1(&body, asn1.SEQUENCE) {
		return damagedKey()
	}
	algorithm, parameters, ok := readAlgorithm(&body)
	if !ok || !body.ReadASN1(&encrypted, asn1.OCTET_STRING) {
		return damagedKey()
	}
	if algorithm != oidPBES2 {
		return problem(ErrUnsupported, "encryption %s; %s", algorithm, encryptAgain)
	}
	scheme, err := readPBES2(parameters, r.budget)
	if err != nil {
		return err
	}
	password, err := r.askPassword(ctx)
	if err != nil {
		return err
	}
	plain, err := scheme.decrypt(ctx, password, encrypted)
	if err != nil {
		return err
	}
	defer clear(plain)
	if !isSequence(plain) {
		// One wrong password in 256 leaves good padding.
		return wrongPassword()
	}
	return r.addKey(parsePKCS8(plain))
}

// pbes2 is a password-based encryption scheme whose cost has been charged.
type pbes2 struct {
	derive derivation
	size   int // of the key
	block  func(key []byte) (cipher.Block, error)
	iv     cryptobyte.String
}

// readPBES2 reads PBES2-params (RFC 8018 appendix A.4) and charges b.
func readPBES2(parameters cryptobyte.String, b *budget) (*pbes2, error) {
	var body cryptobyte.String
	if !parameters.ReadASN1(&body, asn1.SEQUENCE) {
		return nil, damagedEncryption()
	}
	kdf, kdfParameters, ok := readAlgorithm(&body)
	if !ok {
		return nil, damagedEncryption()
	}
	encryption, iv, ok := readAlgorithm(&body)
	if !ok {
		return nil, damagedEncryption()
	}
	var s pbes2
	switch encryption {
	case oidAES128CBC:
		s.size, s.block = 16, aes.NewCipher
	case oidAES192CBC:
		s.size, s.block = 24, aes.NewCipher
	case oidAES256CBC:
		s.size, s.block = 32, aes.NewCipher
	case oidTripleDESCBC:
		s.size, s.block = 24, des.NewTripleDESCipher
	default:
		return nil, problem(ErrUnsupported, "cipher %s; %s", encryption, encryptAgain)
	}
	var err error
	switch kdf {
	case oidPBKDF2:
		var p *pbkdf2Parameters
		if p, err = readPBKDF2(kdfParameters); err == nil {
			s.derive, err = p.derivation(), p.charge(b, s.size, 1)
		}
	case oidScrypt:
		s.derive, err = readScrypt(kdfParameters, b)
	default:
		err = problem(ErrUnsupported, "key derivation %s; %s", kdf, encryptAgain)
	}
	if err != nil {
		return nil, err
	}
	if !iv.ReadASN1(&s.iv, asn1.OCTET_STRING) {
		return nil, damagedEncryption()
	}
	return &s, nil
}

// decrypt returns the plain text. Without a MAC, a wrong password and a
// damaged cipher text look alike: both are ErrWrongPassword.
func (s *pbes2) decrypt(ctx context.Context, password, encrypted []byte) ([]byte, error) {
	key, err := s.derive(ctx, password, s.size)
	if err != nil {
		return nil, err
	}
	block, err := s.block(key)
	if err != nil {
		return nil, err
	}
	return decryptCBC(block, s.iv, encrypted)
}

// A decrypter is the half of a [cipher.Block] that is needed to read.
type decrypter interface {
	BlockSize() int
	Decrypt(dst, src []byte)
}

// decryptCBC decrypts and takes the padding of RFC 8018 section 6.1.1 away.
func decryptCBC(block decrypter, iv, encrypted []byte) ([]byte, error) {
	size := block.BlockSize()
	if len(iv) != size || len(encrypted) == 0 || len(encrypted)%size != 0 {
		return nil, damagedEncryption()
	}
	plain := make([]byte, len(encrypted))
	for i := 0; i < len(encrypted); i += size {
		block.Decrypt(plain[i:i+size], encrypted[i:i+size])
		subtle.XORBytes(plain[i:i+size], plain[i:i+size], iv)
		iv = encrypted[i : i+size]
	}
	padding := int(plain[len(plain)-1])
	if padding < 1 || padding > size {
		return nil, wrongPassword()
	}
	end := len(plain) - padding
	for _, p := range plain[end:] {
		if int(p) != padding {
			return nil, wrongPassword()
		}
	}
	return plain[:end], nil
}

// isSequence reports whether der is one SEQUENCE and nothing more.
func isSequence(der cryptobyte.String) bool {
	return der.SkipASN1(asn1.SEQUENCE) && der.Empty()
}

func wrongPassword() error {
	return problem(ErrWrongPassword, "or the encrypted part is damaged")
}

func damagedEncryption() error {
	return problem(ErrDamaged, "the parameters of the encryption cannot be read")
}
