package cli

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/printable"
	"github.com/awsauth-go/awsauth/internal/safefile"
)

func newCertificateRemove(streams IO) *cobra.Command {
	var (
		where place
		force bool
	)
	c := &cobra.Command{
		Use:               "remove IDENTIFIER [flags]",
		Short:             "Take a certificate out of the store",
		Long:              "Take a certificate and its key out of the store. One that a configured credential uses is kept, unless --force says otherwise.",
		Example:           "  awsauth certificate remove backup",
		Annotations:       map[string]string{annotationExit: "yes"},
		Args:              oneName("a certificate's identifier"),
		ValidArgsFunction: completeIdentifiers(streams, &where),
		RunE: func(c *cobra.Command, args []string) error {
			return ofName(args[0], removeCertificate(c.Context(), streams, &where, args[0], force))
		},
	}
	c.Flags().BoolVar(&force, "force", false, "remove it though a credential uses it")
	heading(c, "How it is removed", "force")
	where.flags(c)
	return c
}

func removeCertificate(ctx context.Context, streams IO, where *place, name string, force bool) error {
	store, err := where.open(streams)
	if err != nil {
		return err
	}
	certificate, err := store.Certificate(ctx, name)
	switch {
	case err == nil:
	case errors.Is(err, certstore.ErrNotFound) || certstore.CheckIdentifier(name) != nil:
		return err
	default:
		certificate = &certstore.Certificate{Identifier: name} // it is damaged, and may be in use all the same
	}
	if !strings.EqualFold(certificate.Identifier, name) {
		return usageError{
			fmt.Errorf("it is an alias of %q", certificate.Identifier),
			fmt.Sprintf("awsauth certificate remove %s removes the certificate with all its names", certificate.Identifier),
		}
	}
	if !force {
		used, _ := where.users(streams, []*certstore.Certificate{certificate})
		if by := used[strings.ToLower(certificate.Identifier)]; len(by) > 0 {
			return usageError{
				fmt.Errorf("it is used by %s", strings.Join(by, ", ")), "change the configuration first (awsauth config edit), or --force",
			}
		}
	}
	if err := store.Remove(ctx, name); err != nil {
		return err
	}
	_, err = fmt.Fprintf(streams.Out, "%s  removed from %s\n", name, store.Directory())
	return err
}

func newCertificateExport(streams IO) *cobra.Command {
	var (
		where           place
		privateKey, yes bool
	)
	c := &cobra.Command{
		Use:   "export IDENTIFIER [flags]",
		Short: "Print a certificate of the store",
		Long: `Print a certificate and its chain in PEM. The private key is printed too when --private-key asks for it, and somebody at the
terminal confirms that, or --yes does.`,
		Example:           "  awsauth certificate export backup > backup.pem",
		Annotations:       map[string]string{annotationExit: "yes"},
		Args:              oneName("a certificate's identifier"),
		ValidArgsFunction: completeIdentifiers(streams, &where),
		RunE: func(c *cobra.Command, args []string) error {
			return ofName(args[0], exportCertificate(c.Context(), streams, &where, args[0], privateKey, yes))
		},
	}
	f := c.Flags()
	f.BoolVar(&privateKey, "private-key", false, "print the private key too, unencrypted (PKCS#8)")
	f.BoolVar(&yes, "yes", false, "do not ask whether the key may be printed")
	heading(c, "What is printed", "private-key", "yes")
	where.flags(c)
	return c
}

func exportCertificate(ctx context.Context, streams IO, where *place, name string, privateKey, yes bool) error {
	if yes && !privateKey {
		return usagef("--yes goes with --private-key: a certificate is no secret")
	}
	store, err := where.open(streams)
	if err != nil {
		return err
	}
	c, err := store.Certificate(ctx, name)
	if err != nil {
		return err
	}
	if c.Err != nil {
		return c.Err
	}
	out := certstore.MarshalCertificates(c.Certificate, c.Chain)
	if privateKey {
		if err := mayExport(ctx, streams, c.Identifier, yes); err != nil {
			return err
		}
		key, err := privateKeyPEM(ctx, store, name)
		if err != nil {
			return err
		}
		out = append(out, key...)
	}
	_, err = streams.Out.Write(out)
	return err
}

// mayExport asks whether a key may be printed.
func mayExport(ctx context.Context, streams IO, identifier string, yes bool) error {
	if yes {
		return nil
	}
	if streams.Confirm == nil {
		return usageError{errNobody, "--yes prints the private key without asking"}
	}
	answer, err := streams.Confirm(ctx, "Print the private key of "+identifier+", unencrypted? Type yes: ")
	switch {
	case errors.Is(err, errNobody):
		return usageError{errNobody, "--yes prints the private key without asking"}
	case err != nil && !errors.Is(err, errInputEnded):
		return err
	case answer != "yes" || err != nil:
		return usageError{errors.New("not confirmed, nothing printed"), "type yes, or leave --private-key out"}
	}
	return nil
}

func privateKeyPEM(ctx context.Context, store *certstore.Store, name string) ([]byte, error) {
	id, err := store.Source(name).Identity(ctx)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(id.Key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func newCertificateImport(streams IO) *cobra.Command {
	var (
		where          place
		file, storeKey string
		replace, force bool
	)
	c := &cobra.Command{
		Use:   "import --client-certificates FILE|- [flags]",
		Short: "Put the client certificates of a Mendix app into the store",
		Long: `Put into the store what the Mendix platform sets CLIENT_CERTIFICATES to: a JSON array of PKCS#12 files with their passwords
and pins. Each certificate gets its first pin that can be an identifier; its other pins become aliases. Where no pin can be one,
an identifier is made of the first; one without a pin gets its position, from 1. All are imported, or none.`,
		Example: `  printenv CLIENT_CERTIFICATES | \
    awsauth certificate import --client-certificates -`,
		Annotations: map[string]string{annotationExit: "yes"},
		Args:        noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return usagef("--client-certificates is missing: the file that has the JSON, or - for standard input")
			}
			raw, err := readInput(c.Context(), streams, file)
			if err != nil {
				return err
			}
			additions, err := certstore.ParseClientCertificates(c.Context(), raw)
			if err != nil {
				return importProblem(err)
			}
			for i := range additions {
				additions[i].Replace, additions[i].DropAliases, additions[i].Force = replace, true, force // the file has all its pins
			}
			if err := importable(additions, force); err != nil {
				return err
			}
			store, err := where.create(streams, storeKey)
			if err != nil {
				return err
			}
			if err := store.AddAll(c.Context(), additions); err != nil {
				return notImported(err, additions, replace)
			}
			return listImported(streams, store, additions)
		},
	}
	f := c.Flags()
	f.StringVar(&file, "client-certificates", "", "`FILE` JSON as the platform sets CLIENT_CERTIFICATES, or - for standard input")
	f.BoolVar(&replace, "replace", false, "take the place of what has an identifier already")
	f.BoolVar(&force, "force", false, "import what has expired or is not yet valid, and a chain that is too long or has a certificate in it that is no authority")
	heading(c, "What is imported", "client-certificates", "replace", "force")
	where.flags(c)
	f.StringVar(&storeKey, "store-key", "", "`PLACE` of a new store's key: systemd, keyring or file (default the first that is there)")
	heading(c, "Where it is configured", "store-key")
	completeValues(c, "store-key", string(certstore.SystemdKey), string(certstore.KeyringKey), string(certstore.FileKey))
	return c
}

// importProblem is about what was given, and no single certificate of the store.
func importProblem(err error) error {
	if errors.Is(err, certstore.ErrClientCertificates) {
		return err
	}
	return configurationError{error: fmt.Errorf("nothing was imported\n%w", err), hint: "correct the entries; docs/coming-from-mendix.md shows their form"}
}

// importable reports the entries that Roles Anywhere would refuse.
func importable(additions []certstore.Addition, force bool) error {
	now := time.Now()
	forcible := true
	var mistakes []error
	for i, a := range additions {
		if err := certstore.Addable(a.Identity, now, force); err != nil {
			mistakes = append(mistakes, fmt.Errorf("entry %d: %w", i+1, err))
			forcible = forcible && certstore.Forcible(err)
		}
	}
	err := errors.Join(mistakes...)
	switch {
	case err == nil:
		return nil
	case forcible && !force:
		return configurationError{
			error: fmt.Errorf("nothing was imported\n%w", err), hint: "correct the entries; docs/coming-from-mendix.md shows their form; --force imports them all the same",
		}
	}
	return importProblem(err)
}

// notImported says which entry has a name that is taken, and what to do about it here.
func notImported(err error, additions []certstore.Addition, replace bool) error {
	taken := new(certstore.Error)
	if !errors.As(err, &taken) || !errors.Is(taken, certstore.ErrExists) {
		return err
	}
	entry := ""
	for i, a := range additions {
		if taken.Where == fmt.Sprintf("certificate %q", a.Identifier) {
			entry = fmt.Sprintf("entry %d: ", i+1)
		}
	}
	hint := "leave the pin out, or remove the certificate that has it"
	if !replace && taken.Detail == "" { // the identifier is taken, and not as an alias of another
		hint = "awsauth certificate import --replace puts what is imported in its place"
	}
	return usageError{fmt.Errorf("nothing was imported\n%s%w", entry, err), hint}
}

// maxImport bounds what is imported, in bytes.
const maxImport = 8 << 20

// readInput reads a file, or standard input.
func readInput(ctx context.Context, streams IO, file string) ([]byte, error) {
	if file != "-" {
		raw, err := safefile.Read(file, maxImport)
		if err != nil {
			return nil, configurationError{error: fmt.Errorf("--client-certificates %s: %w", file, err), hint: knownHint(err)}
		}
		return raw, nil
	}
	var raw bytes.Buffer
	_, err := io.Copy(&raw, io.LimitReader(interruptibleReader{ctx, streams.In}, maxImport+1))
	return raw.Bytes(), err
}

func listImported(streams IO, store *certstore.Store, additions []certstore.Addition) error {
	var b strings.Builder
	for _, a := range additions {
		b.WriteString(a.Identifier + "  " + printable.Line(a.Identity.Certificate.Subject.String()))
		if len(a.Aliases) > 0 {
			fmt.Fprintf(&b, ", also %s", strings.Join(a.Aliases, ", "))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s imported into %s (key: %s)\n", count(len(additions), "certificate", "certificates"), store.Directory(), store.KeySource())
	_, err := fmt.Fprint(streams.Out, b.String())
	return err
}
