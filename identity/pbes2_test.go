package identity

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestEncryptedPKCS8OfOpenSSLIsRead(t *testing.T) {
	leaf := newLeaf(t, "leaf", nil)
	dir := t.TempDir()
	writeFile(t, dir+"/leaf.pem", certPEM(leaf))
	writeFile(t, dir+"/leaf.key", keyPEM(t, leaf.key))
	for _, test := range []struct{ name, args string }{
		{"the default", ""},
		{"DER", "-outform DER"},
		{"PBKDF2 with HMAC-SHA-1", "-v2 aes256 -v2prf hmacWithSHA1"},
		{"PBKDF2 with HMAC-SHA-384", "-v2 aes192 -v2prf hmacWithSHA384"},
		{"PBKDF2 with HMAC-SHA-512", "-v2 aes128 -v2prf hmacWithSHA512"},
		{"600,000 iterations", "-iter 600000"},
		{"3DES", "-v2 des3"},
		{"scrypt", "-scrypt"},
		{"scrypt with other parameters", "-scrypt -scrypt_N 8192 -scrypt_r 8 -scrypt_p 4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "encrypted.key")
			args := append(strings.Fields("pkcs8 -topk8 -in leaf.key"), strings.Fields(test.args)...)
			openssl(t, dir, append(args, "-out", out, "-passout", "pass:sécret")...)
			f := File{Certificate: dir + "/leaf.pem", PrivateKey: out, Password: with("sécret")}
			id, err := f.Identity(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			checkIdentity(t, id, leaf.Certificate)

			f.Password = with("wrong")
			_, err = f.Identity(t.Context())
			checkError(t, err, ErrWrongPassword, out)
			f.Password = nil
			_, err = f.Identity(t.Context())
			checkError(t, err, ErrPasswordRequired, out)
		})
	}
}

func TestUnsupportedPartsOfPBES2AreNamed(t *testing.T) {
	f := forge{t, nil}
	camellia := der(0x30, f.oid(oidPBES2), der(0x30, f.pbkdf2(1), der(0x30, f.oid("1.2.392.200011.61.1.1.1.2"), der(0x04, make([]byte, 16)))))
	argon := f.pbes2(der(0x30, f.oid("1.2.3.4"), der(0x30)))
	prf := f.pbes2(der(0x30, f.oid(oidPBKDF2), der(0x30, der(0x04, []byte("salt")), f.integer(1), der(0x30, f.oid("1.2.840.113549.2.8")))))
	for _, test := range []struct {
		name      string
		algorithm []byte
		says      string
	}{
		{"a cipher", camellia, "cipher 1.2.392.200011.61.1.1.1.2"},
		{"a key derivation", argon, "key derivation 1.2.3.4"},
		{"a pseudorandom function", prf, "pseudorandom function 1.2.840.113549.2.8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := one(f.pkcs8(test.algorithm))
			b.Password = never(t)
			checkRefused(t, b, ErrUnsupported, test.says, "openssl pkcs8 -topk8")
		})
	}
}
