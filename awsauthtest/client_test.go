package awsauthtest_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/identity"
)

func TestFilesHoldTheClientAndItsChain(t *testing.T) {
	const password = "throw-away"
	ca := awsauthtest.NewCA(t, "Acme CA").Intermediate("Acme Intermediate")
	for _, trait := range []awsauthtest.Trait{awsauthtest.P256, awsauthtest.RSA2048, awsauthtest.ThroughIntermediate} {
		t.Run(string(trait), func(t *testing.T) {
			client := ca.Issue("backup", trait)
			files := client.WriteFiles(t.TempDir())
			sameClient(t, client, identity.File{Certificate: files.Certificate, PrivateKey: files.PrivateKey})
			sameClient(t, client, identity.File{
				Certificate: client.WritePKCS12(t.TempDir(), password),
				Password:    func(context.Context, string) ([]byte, error) { return []byte(password), nil },
			})
		})
	}
}

func sameClient(t *testing.T, want *awsauthtest.Client, from identity.Source) {
	t.Helper()
	got, err := from.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !got.Certificate.Equal(want.Identity.Certificate) {
		t.Error("got another certificate")
	}
	if len(got.Chain) != len(want.Identity.Chain) || !got.Chain[0].Equal(want.Identity.Chain[0]) {
		t.Errorf("got a chain of %d, want the same of %d", len(got.Chain), len(want.Identity.Chain))
	}
	if !got.Key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(want.Identity.Key.Public()) {
		t.Error("got another key")
	}
}

func TestPrivateKeysAreForTheirOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // permissions are no bits there
	}
	client := awsauthtest.NewCA(t, "Acme CA").Issue("backup")
	files := client.WriteFiles(t.TempDir())
	for _, path := range []string{files.PrivateKey, client.WritePKCS12(filepath.Dir(files.PrivateKey), "")} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s: got mode %v, want 0600", filepath.Base(path), got)
		}
	}
}

func TestWrittenAgainAnotherClientTakesItsPlace(t *testing.T) {
	ca, dir := awsauthtest.NewCA(t, "Acme CA").Intermediate("Acme Intermediate"), t.TempDir()
	ca.Issue("backup", awsauthtest.RSA2048).WriteFiles(dir)
	renewed := ca.Issue("backup")
	files := renewed.WriteFiles(dir)
	sameClient(t, renewed, identity.File{Certificate: files.Certificate, PrivateKey: files.PrivateKey})
}

func TestRevocationListNamesTheRevoked(t *testing.T) {
	ca := awsauthtest.NewCA(t, "Acme CA")
	one, two := ca.Issue("one"), ca.Issue("two")
	ca.Issue("three")
	block, rest := pem.Decode(ca.Revoke(one, two))
	if block == nil || block.Type != "X509 CRL" || len(rest) > 0 {
		t.Fatal("not one PEM block X509 CRL")
	}
	list, err := x509.ParseRevocationList(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if len(list.RevokedCertificateEntries) != 2 {
		t.Fatalf("got %d entries, want 2", len(list.RevokedCertificateEntries))
	}
	for i, c := range []*awsauthtest.Client{one, two} {
		if got := list.RevokedCertificateEntries[i].SerialNumber; got.Cmp(c.Identity.Certificate.SerialNumber) != 0 {
			t.Errorf("entry %d: got serial number %d, want that of %s", i, got, c.Identity.Origin)
		}
	}
}

func TestWhatCannotBeWrittenFailsTheTest(t *testing.T) {
	for name, write := range map[string]func(*awsauthtest.Client){
		"a key without PKCS#8":  func(c *awsauthtest.Client) { c.WriteFiles(t.TempDir()) },
		"a key without PKCS#12": func(c *awsauthtest.Client) { c.WritePKCS12(t.TempDir(), "") },
		"no directory":          func(c *awsauthtest.Client) { c.WriteFiles(filepath.Join(t.TempDir(), "none")) },
	} {
		t.Run(name, func(t *testing.T) {
			traits := []awsauthtest.Trait{awsauthtest.WrongSignature}
			if name == "no directory" {
				traits = nil
			}
			if got := failure(t, func(fake testing.TB) { write(awsauthtest.NewCA(fake, "Acme CA").Issue("backup", traits...)) }); got == "" {
				t.Error("got no failure")
			}
		})
	}
}
