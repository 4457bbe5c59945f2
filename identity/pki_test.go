package identity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// An issued certificate of a test, with its key.
type testCertificate struct {
	*x509.Certificate
	key crypto.Signer
}

var testSerial = struct {
	sync.Mutex
	last int64
}{last: 1000}

// newCertificate issues a certificate; change may spoil the template. A nil
// issuer is the certificate itself.
func newCertificate(t testing.TB, name string, key crypto.Signer, issuer *testCertificate, change func(*x509.Certificate)) *testCertificate {
	t.Helper()
	testSerial.Lock()
	testSerial.last++
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(testSerial.last),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
	}
	testSerial.Unlock()
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.Certificate, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &testCertificate{c, key}
}

func newAuthority(t testing.TB, name string, issuer *testCertificate) *testCertificate {
	t.Helper()
	return newCertificate(t, name, newP256(t), issuer, authority)
}

func authority(c *x509.Certificate) {
	c.IsCA = true
	c.KeyUsage = x509.KeyUsageCertSign
}

func newLeaf(t testing.TB, name string, issuer *testCertificate) *testCertificate {
	t.Helper()
	return newCertificate(t, name, newP256(t), issuer, nil)
}

// testPKI is root → intermediate → leaf.
type testPKI struct{ root, intermediate, leaf *testCertificate }

func newPKI(t testing.TB) testPKI {
	t.Helper()
	var p testPKI
	p.root = newAuthority(t, "Root", nil)
	p.intermediate = newAuthority(t, "Intermediate", p.root)
	p.leaf = newLeaf(t, "leaf", p.intermediate)
	return p
}

func newP256(t testing.TB) crypto.Signer { return newEC(t, elliptic.P256()) }

func newEC(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func certPEM(certificates ...*testCertificate) []byte {
	var text []byte
	for _, c := range certificates {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return text
}

func pkcs8(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func keyPEM(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8(t, key)})
}

// join concatenates without touching its arguments.
func join(parts ...[]byte) []byte {
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// one is a bundle of a single file.
func one(data []byte) Bundle { return Bundle{Certificate: Part{"client", data}} }

// with is a PasswordFunc that knows the password.
func with(password string) PasswordFunc {
	return func(context.Context, string) ([]byte, error) { return []byte(password), nil }
}

// never is a PasswordFunc for files that need no password.
func never(t testing.TB) PasswordFunc {
	return func(_ context.Context, file string) ([]byte, error) {
		t.Errorf("the password of %s was asked for", file)
		return nil, nil
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func vector(name string) string { return filepath.Join("testdata", "vectors", name) }

// openssl runs the OpenSSL of the machine in dir.
func openssl(t testing.TB, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "openssl", args...)
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openssl %q: %v\n%s", args, err, output)
	}
}

// checkIdentity fails unless id is leaf with its key and the chain.
func checkIdentity(t testing.TB, id *Identity, leaf *x509.Certificate, chain ...*x509.Certificate) {
	t.Helper()
	if !id.Certificate.Equal(leaf) {
		t.Errorf("got leaf %s, want %s", id.Certificate.Subject, leaf.Subject)
	}
	checkInvariant(t, id)
	if len(id.Chain) != len(chain) {
		t.Fatalf("got a chain of %d certificates, want %d", len(id.Chain), len(chain))
	}
	for i := range chain {
		if !id.Chain[i].Equal(chain[i]) {
			t.Errorf("chain[%d]: got %s, want %s", i, id.Chain[i].Subject, chain[i].Subject)
		}
	}
}

// checkInvariant fails unless id is what every loaded identity is: its key
// is that of its leaf, allowed and able to sign, and every certificate of its
// chain issued one before it.
func checkInvariant(t testing.TB, id *Identity) {
	t.Helper()
	checkLinks(t, id)
	digest := make([]byte, 32)
	if _, err := id.Key.Sign(rand.Reader, digest, crypto.SHA256); err != nil {
		t.Errorf("the key does not sign: %v", err)
	}
}

// checkLinks is the part of checkInvariant that takes no random numbers.
func checkLinks(t testing.TB, id *Identity) {
	t.Helper()
	if !samePublicKey(id.Key.Public(), id.Certificate.PublicKey) {
		t.Error("the key does not match the leaf")
	}
	if err := checkPublicKey(id.Key.Public()); err != nil {
		t.Error(err)
	}
	below := []*x509.Certificate{id.Certificate}
	for _, c := range id.Chain {
		if c.Equal(id.Certificate) || !issuedAny(c, below) {
			t.Errorf("the chain does not link at %s", c.Subject)
		}
		below = append(below, c)
	}
}
