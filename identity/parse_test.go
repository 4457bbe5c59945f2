package identity

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

func TestVectorsAreRead(t *testing.T) {
	for _, test := range []struct {
		name, certificate, key, chain, password string
		wantChain                               int
	}{
		{"RSA of 2048 bits in PKCS#8", "rsa2048.pem", "rsa2048.key", "", "", 0},
		{"RSA of 2048 bits in PKCS#1", "rsa2048.pem", "rsa2048.pkcs1.key", "", "", 0},
		{"RSA of 4096 bits", "rsa4096.pem", "rsa4096.key", "", "", 0},
		{"ECDSA on P-256 in PKCS#8", "p256.pem", "p256.key", "", "", 0},
		{"ECDSA on P-256 in SEC1", "p256.pem", "p256.sec1.key", "", "", 0},
		{"ECDSA on P-256 in encrypted PKCS#8", "p256.pem", "p256.enc.key", "", "secret", 0},
		{"ECDSA on P-384", "p384.pem", "p384.key", "", "", 0},
		{"ECDSA on P-521", "p521.pem", "p521.key", "", "", 0},
		{"RSA with an intermediate", "rsa2048i.pem", "rsa2048i.key", "int.pem", "", 1},
		{"ECDSA with an intermediate", "p256i.pem", "p256i.key", "int.pem", "", 1},
		{"an expired leaf", "expired.pem", "expired.key", "", "", 0},
		{"an authority as leaf", "root.pem", "root.key", "", "", 0},
		{"modern PKCS#12 without a password", "rsa2048.modern.p12", "", "", "", 1},
		{"legacy PKCS#12 without a password", "rsa2048.legacy.p12", "", "", "", 1},
		{"PKCS#12 with a password", "rsa2048.pw.p12", "", "", "secret", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := File{Certificate: vector(test.certificate), Password: never(t)}
			if test.key != "" {
				f.PrivateKey = vector(test.key)
			}
			if test.chain != "" {
				f.Chain = vector(test.chain)
			}
			if test.password != "" {
				f.Password = with(test.password)
			}
			id, err := f.Identity(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			checkInvariant(t, id)
			if len(id.Chain) != test.wantChain {
				t.Errorf("got a chain of %d certificates, want %d", len(id.Chain), test.wantChain)
			}
			if id.Origin != f.Certificate {
				t.Errorf("got origin %q, want %q", id.Origin, f.Certificate)
			}
		})
	}
}

func TestCertificatesAndKeysMayBeSpreadAndShuffled(t *testing.T) {
	p := newPKI(t)
	leaf, intermediate, root, key := certPEM(p.leaf), certPEM(p.intermediate), certPEM(p.root), keyPEM(t, p.leaf.key)
	crossed := newCertificate(t, "Intermediate", p.intermediate.key, newAuthority(t, "Other root", nil), authority)
	der := func(c *testCertificate) *x509.Certificate { return c.Certificate }
	part := func(data ...[]byte) Part { return Part{"client", join(data...)} }
	for _, test := range []struct {
		name   string
		bundle Bundle
		chain  []*x509.Certificate
	}{
		{"all in one file", one(join(leaf, intermediate, root, key)), []*x509.Certificate{der(p.intermediate), der(p.root)}},
		{"all in one file, key first and root before leaf", one(join(key, root, leaf, intermediate)), []*x509.Certificate{der(p.intermediate), der(p.root)}},
		{"three files", Bundle{Certificate: part(leaf), PrivateKey: part(key), Chain: part(root, intermediate)}, []*x509.Certificate{der(p.intermediate), der(p.root)}},
		{"certificates beside the key", Bundle{Certificate: part(leaf), PrivateKey: part(key, intermediate)}, []*x509.Certificate{der(p.intermediate)}},
		{"the leaf repeated in the chain", Bundle{Certificate: part(leaf, key), Chain: part(leaf, intermediate, intermediate)}, []*x509.Certificate{der(p.intermediate)}},
		{"no chain", one(join(leaf, key)), nil},
		{"a cross-signed intermediate keeps both certificates", one(join(leaf, certPEM(crossed), intermediate, key)), []*x509.Certificate{der(crossed), der(p.intermediate)}},
		{"DER certificate and DER key", Bundle{Certificate: part(p.leaf.Raw), PrivateKey: part(pkcs8(t, p.leaf.key)), Chain: part(p.intermediate.Raw)}, []*x509.Certificate{der(p.intermediate)}},
		{"text around and unknown blocks between", one(join([]byte("Bag Attributes\r\n"), leaf, []byte("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"), key)), nil},
		{"a byte order mark", one(join([]byte("\xef\xbb\xbf"), leaf, key)), nil},
		{"lines ending in CR LF", one(bytes.ReplaceAll(join(leaf, key), []byte("\n"), []byte("\r\n"))), nil},
		{"the key twice", one(join(leaf, key, key)), nil},
		{"the key of the authority too", one(join(leaf, intermediate, key, keyPEM(t, p.intermediate.key))), []*x509.Certificate{der(p.intermediate)}},
		{"another key beside the certificate is not the key that was named", Bundle{Certificate: part(leaf, keyPEM(t, p.root.key)), PrivateKey: part(key)}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.bundle.Password = never(t)
			id, err := Parse(t.Context(), test.bundle)
			if err != nil {
				t.Fatal(err)
			}
			checkIdentity(t, id, p.leaf.Certificate, test.chain...)
			if err := id.Check(time.Now()); err != nil && len(test.chain) < 3 && !strings.Contains(test.name, "cross") {
				t.Error(err)
			}
		})
	}
}

func TestWhatDoesNotBelongTogetherIsRefused(t *testing.T) {
	p := newPKI(t)
	other := newPKI(t)
	renewed := newCertificate(t, "leaf", p.leaf.key, p.intermediate, nil)
	leaf, key := certPEM(p.leaf), keyPEM(t, p.leaf.key)
	var many []*testCertificate
	for range 17 {
		many = append(many, newCertificate(t, "many", p.leaf.key, nil, nil))
	}
	for _, test := range []struct {
		name   string
		bundle Bundle
		want   error
		says   []string
	}{
		{"a key of somebody else", Bundle{Certificate: Part{"leaf.pem", leaf}, PrivateKey: Part{"leaf.key", keyPEM(t, other.leaf.key)}}, ErrKeyMismatch, []string{`"leaf.key"`, "CN=leaf"}},
		{"no key", one(leaf), ErrNoPrivateKey, []string{`"client"`}},
		{"no key in the file named for it", Bundle{Certificate: Part{"leaf.pem", join(leaf, key)}, PrivateKey: Part{"leaf.key", leaf}}, ErrNoPrivateKey, []string{`"leaf.key"`}},
		{"no certificate", one(key), ErrNoCertificate, []string{`"client"`}},
		{"a certificate renewed in place beside the old one", one(join(leaf, certPEM(renewed), key)), ErrAmbiguous, []string{p.leaf.SerialNumber.String(), renewed.SerialNumber.String()}},
		{"two leaves each with its key", one(join(leaf, key, certPEM(other.leaf), keyPEM(t, other.leaf.key))), ErrAmbiguous, []string{"CN=leaf"}},
		{"a root without the intermediate", one(join(leaf, certPEM(p.root), key)), ErrChain, []string{`"CN=Root" does not link`, `"CN=Intermediate"`}},
		{"an authority of the same name but another key", one(join(leaf, certPEM(other.intermediate), key)), ErrChain, []string{`"CN=Intermediate" does not link`, "another key"}},
		{"a stranger beside a complete chain", one(join(leaf, certPEM(p.intermediate, p.root, newLeaf(t, "stranger", nil)), key)), ErrChain, []string{`"CN=stranger" does not link`, "complete"}},
		{"more certificates than the limit", one(certPEM(many...)), ErrTooLarge, []string{"16"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkRefused(t, test.bundle, test.want, test.says...)
		})
	}
}

func checkRefused(t *testing.T, b Bundle, want error, says ...string) {
	t.Helper()
	var err error
	ends(t, func() { _, err = Parse(t.Context(), b) })
	checkError(t, err, want, says...)
}

// hang is what no machine is too slow for: what takes longer has no bound.
const hang = time.Minute

// ends fails when f takes as if it had no bound.
func ends(t *testing.T, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took > hang {
		t.Errorf("took %v", took)
	}
}

func checkError(t *testing.T, err, want error, says ...string) {
	t.Helper()
	var e *Error
	if !errors.Is(err, want) || !errors.As(err, &e) {
		t.Fatalf("got %v, want %v", err, want)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
}

func TestUnsupportedKeysAreNamedAsSuch(t *testing.T) {
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224 := newEC(t, elliptic.P224())
	sec1 := func(key crypto.Signer) []byte {
		dir := t.TempDir()
		writeFile(t, dir+"/k", keyPEM(t, key))
		openssl(t, dir, "ec", "-in", "k", "-out", "sec1")
		return readFile(t, dir+"/sec1")
	}
	leaf := certPEM(newLeaf(t, "leaf", nil))
	dir := t.TempDir()
	openssl(t, dir, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1", "-nodes", "-keyout", "k1.key", "-out", "k1.pem", "-subj", "/CN=k1")
	openssl(t, dir, "dsaparam", "-out", "dsa.param", "1024")
	openssl(t, dir, "gendsa", "-out", "dsa.old", "dsa.param")
	openssl(t, dir, "pkcs8", "-topk8", "-nocrypt", "-in", "dsa.old", "-out", "dsa.key")
	openssl(t, dir, "genrsa", "-out", "rsa1024.key", "1024")
	openssl(t, dir, "genpkey", "-algorithm", "x25519", "-out", "x25519.key")
	for _, test := range []struct {
		name string
		data []byte
	}{
		{"Ed25519", join(leaf, keyPEM(t, edKey))},
		{"Ed25519 recorded", join(readFile(t, vector("ed25519.pem")), readFile(t, vector("ed25519.key")))},
		{"P-224 in PKCS#8", join(leaf, keyPEM(t, p224))},
		{"P-224 in SEC1", join(leaf, sec1(p224))},
		{"secp256k1 as key", join(leaf, readFile(t, dir+"/k1.key"))},
		{"secp256k1 as certificate", readFile(t, dir+"/k1.pem")},
		{"DSA", join(leaf, readFile(t, dir+"/dsa.key"))},
		{"X25519", join(leaf, readFile(t, dir+"/x25519.key"))},
		{"RSA of 1024 bits", join(leaf, readFile(t, dir+"/rsa1024.key"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkRefused(t, one(test.data), ErrUnsupportedKey, "RSA of 2048 to 8192 bits", "P-256")
		})
	}
}

func TestAKeyOfAnUnsupportedKindDoesNotHideAnother(t *testing.T) {
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	leaf := newLeaf(t, "leaf", nil)
	id, err := Parse(t.Context(), one(join(keyPEM(t, edKey), certPEM(leaf), keyPEM(t, leaf.key))))
	if err != nil {
		t.Fatal(err)
	}
	checkIdentity(t, id, leaf.Certificate)
}

func TestUnsupportedContainersNameTheRemedy(t *testing.T) {
	leaf := newLeaf(t, "leaf", nil)
	dir := t.TempDir()
	writeFile(t, dir+"/leaf.pem", certPEM(leaf))
	writeFile(t, dir+"/leaf.key", keyPEM(t, leaf.key))
	writeFile(t, dir+"/rsa.key", readFile(t, vector("rsa2048.key")))
	openssl(t, dir, "rsa", "-traditional", "-aes128", "-in", "rsa.key", "-out", "proc-type.key", "-passout", "pass:secret")
	openssl(t, dir, "pkcs8", "-topk8", "-v1", "PBE-MD5-DES", "-provider", "legacy", "-provider", "default", "-in", "rsa.key", "-out", "pbes1.key", "-passout", "pass:secret")
	openssl(t, dir, "pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES", "-in", "rsa.key", "-out", "pkcs12-pbe.key", "-passout", "pass:secret")
	openssl(t, dir, "crl2pkcs7", "-nocrl", "-certfile", "leaf.pem", "-out", "leaf.p7b")
	openssl(t, dir, "crl2pkcs7", "-nocrl", "-certfile", "leaf.pem", "-outform", "DER", "-out", "leaf.p7b.der")
	openssl(t, dir, "x509", "-in", "leaf.pem", "-trustout", "-out", "trusted.pem")
	openssl(t, dir, "pkcs12", "-export", "-in", "leaf.pem", "-inkey", "leaf.key", "-out", "leaf.p12", "-passout", "pass:")
	ber := readFile(t, dir+"/leaf.p12")
	ber[1] = 0x80
	for _, test := range []struct {
		name string
		data []byte
		says string
	}{
		{"OpenSSL's old encryption", readFile(t, dir+"/proc-type.key"), "openssl pkcs8 -topk8 -in OLD.key -out NEW.key"},
		{"PBES1", readFile(t, dir+"/pbes1.key"), "openssl pkcs8 -topk8 -in OLD.key -out NEW.key"},
		{"PKCS#12 encryption in PKCS#8", readFile(t, dir+"/pkcs12-pbe.key"), "openssl pkcs8 -topk8 -in OLD.key -out NEW.key"},
		{"PKCS#7 in PEM", readFile(t, dir+"/leaf.p7b"), "openssl pkcs7"},
		{"PKCS#7 in DER", readFile(t, dir+"/leaf.p7b.der"), "openssl pkcs7"},
		{"a trusted certificate", readFile(t, dir+"/trusted.pem"), "openssl x509"},
		{"PKCS#12 in BER", ber, "openssl pkcs12"},
		{"an OpenSSH key", pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: []byte("openssh-key-v1")}), "ssh-keygen -p -m PKCS8"},
		{"no container at all", []byte("hunter2\n"), "neither PEM nor DER nor PKCS#12"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := one(test.data)
			b.Password = never(t)
			checkRefused(t, b, ErrUnsupported, `"client"`, test.says)
		})
	}
}

func TestTheLargestRSAKeyIsReadAndALargerOneRefused(t *testing.T) {
	id, err := Parse(t.Context(), one(readFile(t, "testdata/sizes/rsa8192.pem")))
	if err != nil {
		t.Fatal(err)
	}
	checkInvariant(t, id)
	checkRefused(t, one(readFile(t, "testdata/sizes/rsa9216.pem")), ErrUnsupportedKey, "8192")
}

func TestHugeRSAKeysAreRefusedBeforeAnyArithmetic(t *testing.T) {
	huge := bytes.Repeat([]byte{0x5b}, 900_000)
	number := func(n []byte) []byte { return der(0x02, n) }
	key := der(0x30, number([]byte{0}), number(huge), number([]byte{1, 0, 1}), number(huge[:1]), number([]byte{3}), number([]byte{5}), number([]byte{1}), number([]byte{1}), number([]byte{1}))
	checkRefused(t, one(key), ErrUnsupportedKey, "8192")
	checkRefused(t, one(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: key[:len(key)/2]})), ErrDamaged)

	// A certificate with such a key would be slow to verify with.
	c := newLeaf(t, "leaf", nil)
	spki := der(0x30, der(0x30, []byte{0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1}, []byte{5, 0}),
		der(0x03, []byte{0}, der(0x30, number(huge), number([]byte{1, 0, 1}))))
	tbs := der(0x30, bytes.Replace(content(t, c.RawTBSCertificate), c.RawSubjectPublicKeyInfo, spki, 1))
	checkRefused(t, one(der(0x30, tbs, content(t, c.Raw)[len(c.RawTBSCertificate):])), ErrUnsupportedKey, "8192")
}

// der is one element with a tag around the concatenated contents.
func der(tag byte, contents ...[]byte) []byte {
	body := join(contents...)
	switch n := len(body); {
	case n < 0x80:
		return join([]byte{tag, byte(n)}, body)
	case n < 1<<8:
		return join([]byte{tag, 0x81, byte(n)}, body)
	case n < 1<<16:
		return join([]byte{tag, 0x82, byte(n >> 8), byte(n)}, body)
	default:
		return join([]byte{tag, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}, body)
	}
}

// content is what an element holds.
func content(t *testing.T, element cryptobyte.String) []byte {
	t.Helper()
	var body cryptobyte.String
	if !element.ReadAnyASN1(&body, new(asn1.Tag)) {
		t.Fatal("not DER")
	}
	return body
}

func TestDamagedFilesAreNamedAsSuch(t *testing.T) {
	leaf := newLeaf(t, "leaf", nil)
	c, k := certPEM(leaf), keyPEM(t, leaf.key)
	second := newLeaf(t, "second", nil)
	for _, test := range []struct {
		name string
		data []byte
	}{
		{"an empty file", []byte{}},
		{"PEM cut short", join(k, c[:len(c)-30])},
		{"PEM that is not base64", join(k, bytes.Replace(c, []byte("MII"), []byte("M!I"), 1))},
		{"a damaged block between good ones", join(c, bytes.Replace(certPEM(second), []byte("\n"), []byte("\n#"), 1), k)},
		{"a certificate block that holds something else", join(k, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("0\x03abc")}))},
		{"DER cut short", leaf.Raw[:100]},
		{"something behind DER", join(leaf.Raw, []byte{0})},
		{"a key cut short", join(c, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8(t, leaf.key)[:60]}))},
	} {
		t.Run(test.name, func(t *testing.T) { checkRefused(t, one(test.data), ErrDamaged, `"client"`) })
	}
}

func TestReadingAPEMFileOfManyHeadersEnds(t *testing.T) {
	line := []byte("-----BEGIN CERTIFICATE-----\n")
	for _, data := range [][]byte{
		bytes.Repeat(line, (1<<20)/len(line)),
		bytes.Repeat([]byte("-----BEGIN A-----\nA: B\n"), (1<<20)/23),
		bytes.Repeat([]byte("-----BEGIN "), (1<<20)/11),
		bytes.Repeat([]byte("-----BEGIN A-----\n-----END A-----\n"), (1<<20)/34),
		append(bytes.Repeat([]byte("\n-----END A-----"), (1<<20)/17), line...),
	} {
		ends(t, func() {
			if _, err := Parse(t.Context(), one(data)); err == nil {
				t.Error("a file without certificates was accepted")
			}
		})
	}
}

func TestAFileAboveTheSizeLimitIsRefused(t *testing.T) {
	checkRefused(t, one(make([]byte, 1<<20+1)), ErrTooLarge, "1048576")
}

func TestAFailingPasswordFuncIsReportedWithItsCause(t *testing.T) {
	cause := errors.New("no terminal")
	b := Bundle{
		Certificate: Part{"leaf.pem", readFile(t, vector("p256.pem"))},
		PrivateKey:  Part{"leaf.key", readFile(t, vector("p256.enc.key"))},
		Password:    func(context.Context, string) ([]byte, error) { return nil, cause },
	}
	checkRefused(t, b, cause, `"leaf.key"`, "no terminal")
}

func TestAFileNamedAsTheChainHoldsCertificates(t *testing.T) {
	leaf := newLeaf(t, "leaf", nil)
	b := Bundle{Certificate: Part{"leaf.pem", certPEM(leaf)}, PrivateKey: Part{"leaf.key", keyPEM(t, leaf.key)}, Chain: Part{"leaf.key", keyPEM(t, leaf.key)}}
	checkRefused(t, b, ErrChain, `"leaf.key"`, "holds no certificate")
}

func TestAnUnsupportedKeyIsCalledByTheNameOfItsAlgorithm(t *testing.T) {
	checkRefused(t, one(join(readFile(t, vector("ed25519.pem")), readFile(t, vector("ed25519.key")))), ErrUnsupportedKey, "is of algorithm Ed25519;")
	for oid, want := range map[string]string{
		"1.3.101.112": "Ed25519", "1.3.132.0.10": "secp256k1", "1.3.132.0.33": "P-224", "1.2.840.113549.1.1.10": "RSASSA-PSS", "1.2.3": "1.2.3",
	} {
		if got := algorithmName(oid); got != want {
			t.Errorf("%s: got %s, want %s", oid, got, want)
		}
	}
}
