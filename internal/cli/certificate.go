package cli

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // a fingerprint that people compare, and no proof of anything
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/named"
)

func newCertificate(streams IO) *cobra.Command {
	c := &cobra.Command{
		Use:   "certificate",
		Short: "Keep certificates under identifiers",
		Long: `Keep client certificates with their private keys in a store, so that everything else names an identifier and nothing
more. The keys are encrypted. Identifiers are compared without regard to case.`,
		Example: "  awsauth certificate add backup client.p12\n  awsauth certificate list",
		Args:    subcommandOnly,
		RunE:    needsSubcommand,
	}
	c.AddCommand(
		newCertificateAdd(streams), newCertificateList(streams), newCertificateShow(streams), newCertificateRemove(streams),
		newCertificateImport(streams), newCertificateExport(streams),
	)
	for _, sub := range c.Commands() {
		refuseEmptyValues(sub)
	}
	return c
}

// refuseEmptyValues makes a command refuse a flag whose value is empty, before it does anything: such a value is that of a
// shell's variable which is not set, and not meant.
func refuseEmptyValues(c *cobra.Command) {
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		var empty error
		c.Flags().Visit(func(f *pflag.Flag) {
			if list, ok := f.Value.(pflag.SliceValue); f.Value.String() == "" || ok && len(list.GetSlice()) == 0 {
				empty = usageError{fmt.Errorf("--%s is empty", f.Name), "leave it out, or give it a value"}
			}
		})
		if empty != nil && len(args) > 0 {
			return ofName(args[0], empty)
		}
		if empty != nil {
			return empty
		}
		return run(c, args)
	}
}

// open opens the certificate store, which must be there.
func (p *place) open(streams IO) (*certstore.Store, error) {
	found, err := p.openStore(streams)
	if err != nil {
		return nil, err
	}
	store, err := found.Open()
	if errors.Is(err, named.ErrNoStore) {
		return nil, configurationError{
			error: fmt.Errorf("%w: none is at %s", err, found.Directory), hint: "awsauth certificate add IDENTIFIER FILE makes it",
		}
	}
	return store, err
}

// create opens the certificate store, or makes it.
func (p *place) create(streams IO, newKey string) (*certstore.Store, error) {
	found, err := p.openStore(streams)
	if err != nil {
		return nil, err
	}
	if found.Directory == "" {
		return nil, configurationError{error: errors.New("there is no home directory to keep certificates in"), hint: "--store DIR names a place"}
	}
	options := found.Options
	options.NewKey = certstore.KeySource(newKey)
	if newKey != "" && !slices.Contains(certstore.KeySources, options.NewKey) {
		return nil, usagef("--store-key is none of systemd, keyring and file")
	}
	return certstore.Create(found.Directory, options)
}

// users are the credentials that use each certificate of the store, by its identifier in lower case; a note when the
// configuration cannot be read.
func (p *place) users(streams IO, certificates []*certstore.Certificate) (byIdentifier map[string][]string, note string) {
	loaded, err := config.Load(streams.Environment.Files(p.config))
	if err != nil {
		return nil, "the configuration cannot be read, and so not who uses them: awsauth config check"
	}
	identifiers := map[string]string{}
	for _, c := range certificates {
		for _, name := range append([]string{c.Identifier}, c.Aliases...) {
			identifiers[strings.ToLower(name)] = strings.ToLower(c.Identifier)
		}
	}
	byIdentifier = map[string][]string{}
	for _, name := range loaded.Names() {
		r, err := loaded.Resolve(name, nil)
		if err != nil {
			continue // Load has checked it
		}
		for ; r != nil; r = r.Source {
			if id, ok := identifiers[strings.ToLower(r.Certificate)]; ok && !slices.Contains(byIdentifier[id], name) {
				byIdentifier[id] = append(byIdentifier[id], name)
			}
		}
	}
	return byIdentifier, ""
}

// certificateView is a certificate as JSON has it. It never has the key.
type certificateView struct {
	Identifier        string          `json:"identifier"`
	Aliases           []string        `json:"aliases,omitempty"`
	Subject           string          `json:"subject,omitempty"`
	Issuer            string          `json:"issuer,omitempty"`
	Serial            string          `json:"serial,omitempty"` // decimal, as CreateSession sends it
	Algorithm         string          `json:"algorithm,omitempty"`
	NotBefore         string          `json:"not_before,omitempty"`
	NotAfter          string          `json:"not_after,omitempty"`
	DaysLeft          *int            `json:"days_left,omitempty"`
	SHA256            string          `json:"sha256,omitempty"`
	SHA1              string          `json:"sha1,omitempty"`
	Chain             []string        `json:"chain,omitempty"` // subjects
	UsedBy            []string        `json:"used_by"`
	Added             string          `json:"added,omitempty"`
	Link              *certstore.Link `json:"link,omitempty"`
	Error             string          `json:"error,omitempty"`
	notBefore, ending time.Time
}

func viewOf(c *certstore.Certificate, usedBy []string, now time.Time) certificateView {
	v := certificateView{Identifier: c.Identifier, Aliases: c.Aliases, UsedBy: append([]string{}, usedBy...), Link: c.Link}
	if !c.Added.IsZero() {
		v.Added = c.Added.Format(time.RFC3339)
	}
	if c.Err != nil {
		v.Error = describe(c.Err)
	}
	leaf := c.Certificate
	if leaf == nil {
		return v
	}
	days := int(leaf.NotAfter.Sub(now) / day)
	v.notBefore, v.ending, v.DaysLeft = leaf.NotBefore, leaf.NotAfter, &days
	v.Subject, v.Issuer, v.Serial = leaf.Subject.String(), leaf.Issuer.String(), leaf.SerialNumber.String()
	v.Algorithm = algorithm(leaf)
	v.NotBefore, v.NotAfter = leaf.NotBefore.UTC().Format(time.RFC3339), leaf.NotAfter.UTC().Format(time.RFC3339)
	sha256Sum, sha1Sum := sha256.Sum256(leaf.Raw), sha1.Sum(leaf.Raw) //nolint:gosec // as above
	v.SHA256, v.SHA1 = fingerprint(sha256Sum[:]), fingerprint(sha1Sum[:])
	for _, above := range c.Chain {
		v.Chain = append(v.Chain, above.Subject.String())
	}
	return v
}

// algorithm says what kind of key a certificate has.
func algorithm(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Curve.Params().Name
	}
	return c.PublicKeyAlgorithm.String()
}

// fingerprint writes a hash as openssl does.
func fingerprint(sum []byte) string {
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = strings.ToUpper(hex.EncodeToString([]byte{b}))
	}
	return strings.Join(pairs, ":")
}

// ends says when a certificate ends, and in which colour.
func (v certificateView) ends(now time.Time) cell {
	left := v.ending.Sub(now)
	switch {
	case v.ending.IsZero():
		return cell{"–", ""}
	case left <= 0:
		return cell{inDays(-left) + " ago", red}
	case left <= time.Duration(warningDays[2])*day:
		return cell{"in " + inDays(left), red}
	case expiryWarning("", v.notBefore, v.ending, now) != "":
		return cell{"in " + inDays(left), yellow}
	}
	return cell{"in " + inDays(left), ""}
}
