package identity

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"testing"

	"golang.org/x/crypto/scrypt"
)

// A forge writes PKCS#12 files that no tool writes.
type forge struct {
	t    testing.TB
	leaf *testCertificate
}

func (f forge) oid(dotted string) []byte {
	f.t.Helper()
	id, err := x509.ParseOID(dotted)
	if err != nil {
		f.t.Fatal(err)
	}
	body, err := id.MarshalBinary()
	if err != nil {
		f.t.Fatal(err)
	}
	return der(0x06, body)
}

func (f forge) integer(n int64) []byte {
	f.t.Helper()
	b, err := asn1.Marshal(n)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f forge) pbkdf2(iterations int64) []byte { return f.pbkdf2Of(oidHMACSHA256, iterations) }

func (f forge) pbkdf2Of(prf string, iterations int64) []byte {
	return der(0x30, f.oid(oidPBKDF2), der(0x30, der(0x04, []byte("saltsalt")), f.integer(iterations), der(0x30, f.oid(prf))))
}

func (f forge) scrypt(n, r, p int64) []byte {
	return der(0x30, f.oid(oidScrypt), der(0x30, der(0x04, []byte("saltsalt")), f.integer(n), f.integer(r), f.integer(p)))
}

// pbes2 is the AlgorithmIdentifier of AES-128-CBC with a zero IV.
func (f forge) pbes2(kdf []byte) []byte { return f.pbes2Of(oidAES128CBC, kdf) }

func (f forge) pbes2Of(aes string, kdf []byte) []byte {
	return der(0x30, f.oid(oidPBES2), der(0x30, kdf, der(0x30, f.oid(aes), der(0x04, make([]byte, 16)))))
}

func (f forge) pbe(iterations int64) []byte { return f.pbeOf(oidPBE3KeyTripleDES, iterations) }

func (f forge) pbeOf(algorithm string, iterations int64) []byte {
	return der(0x30, f.oid(algorithm), der(0x30, der(0x04, []byte("saltsalt")), f.integer(iterations)))
}

func (f forge) bag(kind string, value []byte) []byte {
	return der(0x30, f.oid(kind), der(0xa0, value))
}

func (f forge) certBag(c *testCertificate) []byte {
	return f.bag(oidCertBag, der(0x30, f.oid(oidX509), der(0xa0, der(0x04, c.Raw))))
}

func (f forge) shrouded(algorithm []byte) []byte {
	return f.bag(oidShroudedKeyBag, der(0x30, algorithm, der(0x04, make([]byte, 64))))
}

func (f forge) data(content []byte) []byte {
	return der(0x30, f.oid(oidData), der(0xa0, der(0x04, content)))
}

func (f forge) encryptedData(algorithm, encrypted []byte) []byte {
	return der(0x30, f.oid(oidEncryptedData), der(0xa0, der(0x30, f.integer(0),
		der(0x30, f.oid(oidData), algorithm, der(0x80, encrypted)))))
}

// seal encrypts content as pbes2(pbkdf2(1)) says, with the password "secret".
func (f forge) seal(content []byte) []byte {
	f.t.Helper()
	return f.encrypt(padded(content))
}

// padded adds the padding of RFC 8018 section 6.1.1.
func padded(content []byte) []byte {
	n := 16 - len(content)%16
	return append(bytes.Clone(content), bytes.Repeat([]byte{byte(n)}, n)...)
}

// scryptSealed is encrypted PKCS#8 with scrypt and the empty password.
func (f forge) scryptSealed(content []byte, n, r, p int) []byte {
	f.t.Helper()
	key, err := scrypt.Key(nil, []byte("saltsalt"), n, r, p, 16)
	if err != nil {
		f.t.Fatal(err)
	}
	return der(0x30, f.pbes2(f.scrypt(int64(n), int64(r), int64(p))), der(0x04, f.encryptWith(key, padded(content))))
}

// encrypt is seal without the padding.
func (f forge) encrypt(content []byte) []byte {
	f.t.Helper()
	key, err := pbkdf2.Key(sha256.New, "secret", []byte("saltsalt"), 1, 16)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.encryptWith(key, content)
}

func (f forge) encryptWith(key, content []byte) []byte {
	f.t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		f.t.Fatal(err)
	}
	content = bytes.Clone(content)
	cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(content, content)
	return content
}

// pfx is a file of the safes, without a MAC unless one is given.
func (f forge) pfx(mac []byte, safes ...[]byte) []byte {
	return der(0x30, f.integer(3), f.data(der(0x30, safes...)), mac)
}

func (f forge) mac(iterations int64) []byte { return f.macOf(oidSHA256, iterations) }

func (f forge) macOf(hash string, iterations int64) []byte {
	return der(0x30, der(0x30, der(0x30, f.oid(hash)), der(0x04, make([]byte, 32))), der(0x04, []byte("saltsalt")), f.integer(iterations))
}

func (f forge) pbmac1(iterations int64) []byte { return f.pbmac1Of(oidHMACSHA256, iterations, 32) }

func (f forge) pbmac1Of(prf string, iterations, size int64) []byte {
	params := der(0x30, der(0x30, f.oid(oidPBKDF2), der(0x30, der(0x04, []byte("saltsalt")), f.integer(iterations), f.integer(size), der(0x30, f.oid(prf)))), der(0x30, f.oid(prf)))
	return der(0x30, der(0x30, der(0x30, f.oid(oidPBMAC1), params), der(0x04, make([]byte, 32))), der(0x04, nil), f.integer(1))
}

func (f forge) pkcs8(algorithm []byte) []byte {
	return der(0x30, algorithm, der(0x04, make([]byte, 64)))
}

// macProving is the MacData that password proves; nil is the empty password of
// some programs.
func (f forge) macProving(password, content []byte) []byte {
	f.t.Helper()
	key := pkcs12Key(sha256.New, forMAC, password, []byte("saltsalt"), 1, 32)
	h := hmac.New(sha256.New, key)
	h.Write(content)
	return der(0x30, der(0x30, der(0x30, f.oid(oidSHA256)), der(0x04, h.Sum(nil))), der(0x04, []byte("saltsalt")), f.integer(1))
}
