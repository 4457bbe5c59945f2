package cli

import (
	"context"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/awsauth-go/awsauth/internal/pki"
)

const chainHint = "give the certificates between the leaf and the trust anchor, and no others"

// A chain that does not lead from the certificate upwards would be refused at every use: --force does not help, and is not
// offered.
func TestForceDoesNotAddAChainThatDoesNotLink(t *testing.T) {
	s := newShelf(t)
	s.issue("leaf", nil)
	stranger, err := pki.NewCA("stranger", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	s.write("chain.pem", pki.CertificatesPEM(stranger.Certificate))
	add := []string{"certificate", "add", "leaf", "$DIR/leaf.pem", "$DIR/leaf.key", "$DIR/chain.pem", "--store-key", "file"}
	problem := `certificate chain is not usable: "CN=stranger" does not link: "CN=leaf" was issued by "CN=a-ca", which is missing`
	for _, more := range [][]string{nil, {"--force"}} {
		s.refused(ExitIdentity, `certificate add leaf: identity "$DIR/leaf.pem": `+problem, chainHint, slices.Concat(add, more)...)
	}
	s.refused(ExitIdentity, `certificate add leaf: certificate "leaf": identity "$DIR/leaf.pem": `+problem, chainHint, append(add, "--link")...)
}

func TestAnAliasIsAFurtherOne(t *testing.T) {
	s := newShelf(t)
	s.issue("al", nil)
	add := []string{"certificate", "add", "al", "$DIR/al.pem", "$DIR/al.key", "--store-key", "file"}
	s.must(append(add, "--alias", "old")...)
	s.must(append(add, "--replace", "--alias", "new")...)
	for _, name := range []string{"al", "old", "new"} {
		s.must("certificate", "show", name)
	}
}

func TestAKeyThatIsMissedIsNamedAsAddTakesIt(t *testing.T) {
	s := newShelf(t)
	id := s.issue("leaf", nil)
	s.issue("other", nil)
	bag, err := pkcs12.Modern2023.EncodeTrustStore([]*x509.Certificate{id.Certificate}, shelfPassword)
	if err != nil {
		t.Fatal(err)
	}
	s.write("keyless.p12", bag)
	const missing = "no private key found: a PEM block PRIVATE KEY, a DER key or a PKCS#12 file is expected; a key in a file of its own must be named"
	named := func(file string) string {
		return "name the file of its key: awsauth certificate add x $DIR/" + file + " leaf.key"
	}
	for _, test := range []struct {
		name    string
		files   []string
		about   string // the file that the message names
		hint    string
		linking bool // with --link too
	}{
		{"a certificate alone", []string{"leaf.pem"}, "leaf.pem", named("leaf.pem"), true},
		{"PKCS#12 without a key", []string{"keyless.p12"}, "keyless.p12", named("keyless.p12"), false},
		{"two certificates", []string{"leaf.pem", "other.pem"}, "other.pem", named("leaf.pem"), false},
		{
			"the key first",
			[]string{"leaf.key", "leaf.pem"},
			"leaf.pem",
			"the certificate comes first, and its key second: awsauth certificate add x $DIR/leaf.pem $DIR/leaf.key", true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := []string{"certificate", "add", "x"}
			for _, file := range test.files {
				args = append(args, "$DIR/"+file)
			}
			args = append(args, "--store-key", "file", "--certificate-password", "env:SESAME")
			message := `identity "$DIR/` + test.about + `": ` + missing
			checkRefusal(t, s.run(args...), ExitIdentity, "certificate add x: "+message, test.hint)
			if test.linking {
				checkRefusal(t, s.run(append(args, "--link")...), ExitIdentity, `certificate add x: certificate "x": `+message, test.hint)
			}
		})
	}
}

func TestAnEncryptedKeyInTheCertificatesPlaceIsSeen(t *testing.T) {
	s := newShelf(t)
	s.issue("leaf", nil)
	s.write("leaf.key", s.vector("p256.enc.key"))
	s.write("leaf.pem", s.vector("p256.pem"))
	got := s.run("certificate", "add", "x", "$DIR/leaf.key", "$DIR/leaf.pem")
	if want := "the certificate comes first, and its key second: awsauth certificate add x $DIR/leaf.pem $DIR/leaf.key"; !strings.Contains(got.stderr, want) {
		t.Errorf("got %s, want %s", got.stderr, want)
	}
}

func TestALinkedFileWithAPasswordNeedsItsReference(t *testing.T) {
	s := newShelf(t)
	s.write("backup.p12", s.pkcs12(s.issue("backup", nil)))
	asked := func(context.Context, string) ([]byte, error) { return []byte(shelfPassword), nil }
	got := s.runWith(asked, "certificate", "add", "linked", "$DIR/backup.p12", "--link", "--store-key", "file")
	checkRefusal(t, got, ExitIdentity,
		`certificate add linked: certificate "linked": identity "$DIR/backup.p12": password required: the file is encrypted, or it is damaged`,
		"a linked file is read again and again, and so needs a reference to its password: --certificate-password file:PATH or env:NAME")
	s.must("certificate", "add", "linked", "$DIR/backup.p12", "--link", "--certificate-password", "env:SESAME")
}

func TestAKeyIsNoChain(t *testing.T) {
	s := newShelf(t)
	s.issue("deep", nil)
	add := []string{"certificate", "add", "deep", "$DIR/deep.pem", "$DIR/deep.key", "$DIR/deep.key", "--store-key", "file"}
	s.refused(ExitIdentity, `certificate add deep: identity "$DIR/deep.key": certificate chain is not usable: the file named as the chain holds no certificate`, chainHint, add...)
}

func TestACertificateThatHasExpiredIsSaidToHave(t *testing.T) {
	s := newShelf(t)
	s.expired("old", 664)
	got := s.must("certificate", "add", "old", "$DIR/old.pem", "$DIR/old.key", "--store-key", "file", "--force")
	if want := "old  CN=old, ECDSA P-256, expired 664 days ago\n"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
