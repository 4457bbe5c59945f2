package identity

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/hex"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

func TestPKCS12OfOpenSSLIsRead(t *testing.T) {
	p := newPKI(t)
	dir := t.TempDir()
	writeFile(t, dir+"/leaf.pem", certPEM(p.leaf))
	writeFile(t, dir+"/leaf.key", keyPEM(t, p.leaf.key))
	writeFile(t, dir+"/chain.pem", certPEM(p.root, p.leaf, p.intermediate))
	for _, test := range []struct {
		name     string
		args     string
		password string
	}{
		{"the default", "", "secret"},
		{"the default without a password", "", ""},
		{"a password beyond ASCII", "", "pässwörd €𝄞"},
		{"legacy", "-legacy", "secret"},
		{"legacy without a password", "-legacy", ""},
		{"legacy with a password beyond ASCII", "-legacy", "pässwörd €𝄞"},
		{"3DES for both", "-legacy -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1", "secret"},
		{"3DES of two keys", "-legacy -keypbe PBE-SHA1-2DES -certpbe PBE-SHA1-2DES", "secret"},
		{"RC2 of 128 bits", "-legacy -keypbe PBE-SHA1-RC2-128 -certpbe PBE-SHA1-RC2-128", "secret"},
		{"RC2 of 40 bits for both", "-legacy -keypbe PBE-SHA1-RC2-40 -certpbe PBE-SHA1-RC2-40", "secret"},
		{"AES of 128 bits", "-keypbe AES-128-CBC -certpbe AES-128-CBC", "secret"},
		{"AES of 192 bits with a SHA-384 MAC", "-keypbe AES-192-CBC -certpbe AES-192-CBC -macalg sha384", "secret"},
		{"a SHA-512 MAC", "-macalg sha512", "secret"},
		{"certificates in clear", "-certpbe NONE", "secret"},
		{"the key in clear", "-keypbe NONE", "secret"},
		{"nothing encrypted", "-keypbe NONE -certpbe NONE", "secret"},
		{"no MAC", "-nomac", "secret"},
		{"no MAC and no password", "-nomac", ""},
		{"no MAC and nothing encrypted", "-nomac -keypbe NONE -certpbe NONE", ""},
		{"100,000 iterations", "-iter 100000", "secret"},
		{"one iteration in the MAC", "-nomaciter", "secret"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			out := filepath.Join(t.TempDir(), "client.p12")
			args := append(strings.Fields("pkcs12 -export -in leaf.pem -inkey leaf.key -certfile chain.pem -name client"), strings.Fields(test.args)...)
			openssl(t, dir, append(args, "-out", out, "-passout", "pass:"+test.password)...)
			f := File{Certificate: out}
			if test.password != "" {
				f.Password = with(test.password)
			}
			id, err := f.Identity(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			checkIdentity(t, id, p.leaf.Certificate, p.intermediate.Certificate, p.root.Certificate)
			if test.password == "" {
				return
			}

			_, err = File{Certificate: out}.Identity(t.Context())
			checkError(t, err, ErrPasswordRequired, out)
			_, err = File{Certificate: out, Password: with("wrong")}.Identity(t.Context())
			checkError(t, err, ErrWrongPassword, out)
		})
	}
}

func TestPKCS12OfAnotherLibraryIsRead(t *testing.T) {
	p := newPKI(t)
	chain := []*x509.Certificate{p.intermediate.Certificate, p.root.Certificate}
	for _, test := range []struct {
		name     string
		encoder  *pkcs12.Encoder
		password string
	}{
		{"PBMAC1", pkcs12.Modern2026, "secret"},
		{"PBMAC1 without a password", pkcs12.Modern2026, ""},
		{"PBES2", pkcs12.Modern2023, "secret"},
		{"3DES", pkcs12.LegacyDES, "secret"},
		{"RC2", pkcs12.LegacyRC2, "sécret"},
		{"no encryption and no MAC", pkcs12.Passwordless, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			data, err := test.encoder.Encode(p.leaf.key, p.leaf.Certificate, chain, test.password)
			if err != nil {
				t.Fatal(err)
			}
			b := one(data)
			b.Password = with(test.password)
			if test.password == "" {
				b.Password = never(t)
			}
			id, err := Parse(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			checkIdentity(t, id, p.leaf.Certificate, chain...)
			if test.password == "" {
				return
			}
			b.Password = with("wrong")
			checkRefused(t, b, ErrWrongPassword, "client")
		})
	}
}

func TestKeytoolStoresAreReadByTheEntryThatIsMeant(t *testing.T) {
	store := func(name string) string { return filepath.Join("testdata", "keytool", name) }
	t.Run("the client's entry is taken beside the authority's", func(t *testing.T) {
		id, err := File{Certificate: store("client-and-authority.p12"), Password: with("changeit")}.Identity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkInvariant(t, id)
		if got := id.Certificate.Subject.CommonName; got != "backup" {
			t.Errorf("got %s, want backup", got)
		}
		if len(id.Chain) != 1 || id.Chain[0].Subject.CommonName != "Keytool CA" {
			t.Errorf("got a chain of %d, want the authority", len(id.Chain))
		}
	})
	t.Run("two clients are ambiguous", func(t *testing.T) {
		_, err := File{Certificate: store("two-entries.p12"), Password: with("changeit")}.Identity(t.Context())
		checkError(t, err, ErrAmbiguous, "two-entries.p12", `entry "backup"`, `entry "web"`, "CN=web")
	})
	t.Run("a certificate beside the store says which", func(t *testing.T) {
		id, err := File{Certificate: store("backup.pem"), PrivateKey: store("two-entries.p12"), Password: with("changeit")}.Identity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkInvariant(t, id)
		if got := id.Certificate.Subject.CommonName; got != "backup" || len(id.Chain) != 1 {
			t.Errorf("got %s with a chain of %d, want backup with 1", got, len(id.Chain))
		}
	})
}

func TestKeyDerivationBombsAreRefusedBeforeAnyDerivation(t *testing.T) {
	f := forge{t, newLeaf(t, "leaf", nil)}
	const tooMany = 2_000_001
	clear := f.data(der(0x30, f.certBag(f.leaf)))
	var nested [][]byte
	for range 10 {
		nested = append(nested, f.shrouded(f.pbes2(f.pbkdf2(500_000))))
	}
	for _, test := range []struct {
		name string
		data []byte
	}{
		{"encrypted PKCS#8, PBKDF2", f.pkcs8(f.pbes2(f.pbkdf2(tooMany)))},
		{"encrypted PKCS#8, the largest count", f.pkcs8(f.pbes2(f.pbkdf2(1<<63 - 1)))},
		{"encrypted PKCS#8, scrypt with 128 MiB", f.pkcs8(f.pbes2(f.scrypt(1<<17, 8, 1)))},
		{"encrypted PKCS#8, scrypt with a huge N", f.pkcs8(f.pbes2(f.scrypt(1<<62, 8, 1)))},
		{"encrypted PKCS#8, scrypt with a huge r", f.pkcs8(f.pbes2(f.scrypt(2, 1<<62, 1)))},
		{"encrypted PKCS#8, scrypt with a huge p", f.pkcs8(f.pbes2(f.scrypt(1<<14, 8, 1<<62)))},
		{"encrypted PKCS#8, scrypt that mixes 64 MiB 16 times", f.pkcs8(f.pbes2(f.scrypt(1<<16, 8, 16)))},
		{"the MAC", f.pfx(f.mac(tooMany), clear)},
		{"the MAC of PBMAC1", f.pfx(f.pbmac1(tooMany), clear)},
		{"the encryption of the certificates", f.pfx(nil, f.encryptedData(f.pbes2(f.pbkdf2(tooMany)), make([]byte, 64)))},
		{"the old encryption of the certificates", f.pfx(nil, f.encryptedData(f.pbe(tooMany), make([]byte, 64)))},
		{"a shrouded key", f.pfx(nil, f.data(der(0x30, f.shrouded(f.pbes2(f.pbkdf2(tooMany))))))},
		{"a shrouded key inside encryption", f.pfx(nil, f.encryptedData(f.pbes2(f.pbkdf2(1)), f.seal(der(0x30, f.shrouded(f.pbe(tooMany))))))},
		{"a shrouded key with scrypt inside encryption", f.pfx(nil, f.encryptedData(f.pbes2(f.pbkdf2(1)), f.seal(der(0x30, f.shrouded(f.pbes2(f.scrypt(1<<20, 8, 1)))))))},
		{"many shrouded keys", f.pfx(nil, f.data(der(0x30, nested...)))},
		{"many shrouded keys inside encryption", f.pfx(nil, f.encryptedData(f.pbes2(f.pbkdf2(1)), f.seal(der(0x30, nested...))))},
		{"PBMAC1 with a key of four hashes", f.pfx(f.pbmac1Of(oidHMACSHA1, 2_000_000, 64), clear)},
		{"PBMAC1 with a dear hash", f.pfx(f.pbmac1Of(oidHMACSHA512, 2_000_000, 64), clear)},
		{"encrypted PKCS#8, PBKDF2 with a dear hash", f.pkcs8(f.pbes2(f.pbkdf2Of(oidHMACSHA512, 2_000_000)))},
		{"the MAC with a dear hash", f.pfx(f.macOf(oidSHA512, 1_000_000), clear)},
		{"two old encryptions, each of key and IV", f.pfx(nil, f.encryptedData(f.pbe(2_000_000), make([]byte, 64)), f.encryptedData(f.pbe(2_000_000), make([]byte, 64)))},
		{"two shrouded keys with scrypt and 64 MiB", f.pfx(nil, f.data(der(0x30, f.shrouded(f.pbes2(f.scrypt(1<<16, 8, 1))), f.shrouded(f.pbes2(f.scrypt(1<<16, 8, 1))))))},
		{"the sum of all", f.pfx(f.mac(900_000), f.encryptedData(f.pbe(1_500_000), make([]byte, 64)), f.data(der(0x30, f.shrouded(f.pbe(1_500_000)))))},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := one(test.data)
			b.Password = with("secret")
			checkRefused(t, b, ErrTooCostly, "client")
		})
	}
	b := one(f.pfx(nil, f.data(der(0x30, f.shrouded(f.pbe(0))))))
	checkRefused(t, b, ErrDamaged, "iteration count")
}

func TestPKCS12ThatCannotBeReadSaysWhy(t *testing.T) {
	f := forge{t, newLeaf(t, "leaf", nil)}
	key := f.bag(oidKeyBag, pkcs8(t, f.leaf.key))
	bags := make([][]byte, 33)
	for i := range bags {
		bags[i] = key
	}
	signed := der(0x30, f.integer(3), der(0x30, f.oid("1.2.840.113549.1.7.2"), der(0xa0, der(0x30))))
	pieces := der(0x30, f.integer(3), der(0x30, f.oid(oidData), der(0xa0, der(0x24, der(0x04, []byte("x"))))))
	for _, test := range []struct {
		name string
		data []byte
		want error
	}{
		{"signed instead of a MAC", signed, ErrUnsupported},
		{"encrypted to a public key", f.pfx(nil, der(0x30, f.oid("1.2.840.113549.1.7.3"), der(0xa0, der(0x30)))), ErrUnsupported},
		{"octets in pieces, as BER allows", pieces, ErrUnsupported},
		{"encrypted octets in pieces", f.pfx(nil, der(0x30, f.oid(oidEncryptedData), der(0xa0, der(0x30, f.integer(0), der(0x30, f.oid(oidData), f.pbe(1), der(0xa0, der(0x04, make([]byte, 8)))))))), ErrUnsupported},
		{"safe contents inside safe contents", f.pfx(nil, f.data(der(0x30, f.bag(oidSafeContents, der(0x30))))), ErrUnsupported},
		{"encryption with RC4", f.pfx(nil, f.encryptedData(der(0x30, f.oid("1.2.840.113549.1.12.1.1"), der(0x30)), make([]byte, 8))), ErrUnsupported},
		{"a MAC with MD5", f.pfx(der(0x30, der(0x30, der(0x30, f.oid("1.2.840.113549.2.5")), der(0x04, nil)), der(0x04, nil)), f.data(der(0x30))), ErrUnsupported},
		{"an SDSI certificate", f.pfx(nil, f.data(der(0x30, f.bag(oidCertBag, der(0x30, f.oid("1.2.840.113549.1.9.22.2"), der(0xa0, der(0x04, nil))))))), ErrUnsupported},
		{"more keys than the limit", f.pfx(nil, f.data(der(0x30, bags[:17]...))), ErrTooLarge},
		{"no bags", f.pfx(nil, f.data(der(0x30))), ErrNoCertificate},
		{"no content", der(0x30, f.integer(3)), ErrDamaged},
		{"only a bag that does not matter", f.pfx(nil, f.data(der(0x30, f.certBag(f.leaf), f.bag("1.2.840.113549.1.12.10.1.5", der(0x30))))), ErrNoPrivateKey},
	} {
		t.Run(test.name, func(t *testing.T) { checkRefused(t, one(test.data), test.want, "client") })
	}
	t.Run("more bags than the limits of both", func(t *testing.T) {
		checkRefused(t, one(f.pfx(nil, f.data(der(0x30, bags...)))), ErrTooLarge, "32 certificates and keys")
	})
}

func TestPlainTextThatIsNotPaddedDERIsAWrongPassword(t *testing.T) {
	f := forge{t, newLeaf(t, "leaf", nil)}
	algorithm, sealed := f.pbes2(f.pbkdf2(1)), f.seal([]byte("no DER"))
	almost := f.encrypt(join(der(0x30, make([]byte, 12)), []byte{1, 2}))
	for name, data := range map[string][]byte{
		"DER before padding of which one byte is wrong": der(0x30, algorithm, der(0x04, almost)),
		"PKCS#8":  der(0x30, algorithm, der(0x04, sealed)),
		"PKCS#12": f.pfx(nil, f.encryptedData(algorithm, sealed)),
	} {
		t.Run(name, func(t *testing.T) {
			b := one(data)
			b.Password = with("secret")
			checkRefused(t, b, ErrWrongPassword, "client")
		})
	}
}

func TestAPasswordThatTheMACProvedMakesTheRestDamaged(t *testing.T) {
	leaf := newLeaf(t, "leaf", nil)
	f := forge{t, leaf}
	safe := der(0x30, f.encryptedData(f.pbes2(f.pbkdf2(1)), make([]byte, 64)))
	b := one(der(0x30, f.integer(3), f.data(safe), f.macProving([]byte("secret"), safe)))
	b.Password = with("secret")
	checkRefused(t, b, ErrDamaged, "decrypted")
}

func TestBothFormsOfTheEmptyPasswordAreTriedBeforeAnybodyIsAsked(t *testing.T) {
	leaf := newLeaf(t, "leaf", nil)
	f := forge{t, leaf}
	safe := der(0x30, f.data(der(0x30, f.certBag(leaf), f.bag(oidKeyBag, pkcs8(t, leaf.key)))))
	for name, password := range map[string][]byte{"with a terminator": {}, "without one": nil} {
		t.Run(name, func(t *testing.T) {
			b := one(der(0x30, f.integer(3), f.data(safe), f.macProving(password, safe)))
			b.Password = never(t)
			id, err := Parse(t.Context(), b)
			if err != nil {
				t.Fatal(err)
			}
			checkIdentity(t, id, leaf.Certificate)
		})
	}
}

func TestPBMAC1WithAShortKeyIsRefused(t *testing.T) {
	f := forge{t, nil}
	short := bytes.Replace(f.pbmac1(1), f.integer(32), f.integer(1), 1)
	checkRefused(t, one(f.pfx(short, f.data(der(0x30)))), ErrUnsupported, "20 to 64 bytes")
}

// RFC 2268 section 5, the vectors whose effective bits are those of the key.
func TestRC2DecryptsTheVectorsOfItsRFC(t *testing.T) {
	for _, test := range []struct{ key, plain, encrypted string }{
		{"ffffffffffffffff", "ffffffffffffffff", "278b27e42e2f0d49"},
		{"3000000000000000", "1000000000000001", "30649edf9be7d2c2"},
		{"88bca90e90875a7f0f79c384627bafb2", "0000000000000000", "2269552ab0f85ca6"},
	} {
		key, plain, encrypted := unhex(t, test.key), unhex(t, test.plain), unhex(t, test.encrypted)
		got := make([]byte, 8)
		newRC2(key).Decrypt(got, encrypted)
		if !bytes.Equal(got, plain) {
			t.Errorf("key %x: got %x, want %x", key, got, plain)
		}
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReadingAllocatesLittleWhateverAFileDeclares(t *testing.T) {
	f := forge{t, newLeaf(t, "leaf", nil)}
	long := join([]byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff}, make([]byte, 1<<10))
	salt := bytes.Repeat([]byte("salt"), 200_000)
	bigSalt := f.pfx(nil, f.encryptedData(der(0x30, f.oid(oidPBE3KeyTripleDES), der(0x30, der(0x04, salt), f.integer(1))), make([]byte, 64)))
	for name, data := range map[string][]byte{
		"a length of 2 GiB":             long,
		"a salt of 800,000 bytes":       bigSalt,
		"scrypt that declares a GiB":    f.pkcs8(f.pbes2(f.scrypt(1<<20, 8, 1))),
		"PBMAC1 with a long key":        f.pfx(f.pbmac1(1), f.data(der(0x30))),
		"a PKCS#12 with a million bags": f.pfx(nil, f.data(der(0x30, bytes.Repeat(f.bag("1.2.3", der(0x30)), 60_000)))),
	} {
		t.Run(name, func(t *testing.T) {
			b := one(data)
			b.Password = with("secret")
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			ends(t, func() {
				if _, err := Parse(context.Background(), b); err == nil {
					t.Error("accepted")
				}
			})
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
				t.Errorf("allocated %d MiB", grown>>20)
			}
		})
	}
}
