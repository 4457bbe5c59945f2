package cli

import (
	"slices"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/pki"
)

const (
	chainHint = "give the certificates between the leaf and the trust anchor, and no others"
	addHelp   = "awsauth certificate add --help"
)

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
