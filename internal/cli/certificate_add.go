package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/printable"
	"github.com/awsauth-go/awsauth/internal/secret"
)

// addFlags are those of certificate add.
type addFlags struct {
	where                place
	replace, force, link bool
	password, storeKey   string
	aliases              []string
}

func newCertificateAdd(streams IO) *cobra.Command {
	var f addFlags
	c := &cobra.Command{
		Use:   "add IDENTIFIER FILE… [flags]",
		Short: "Put a certificate into the store",
		Long: `Put a certificate with its private key into the store, under an identifier of 1 to 63 letters, digits, dots, hyphens and
underscores.

FILE is a PKCS#12 file, or PEM or DER: the certificate, then its private key and its chain, where they are in files of their own.
Everything that Roles Anywhere would refuse is refused here, with the reason. A password is asked for, or named by a reference.

With --replace the new certificate takes the place of what has the identifier, once it has been checked; programs that run use it
from then on. With --link the store keeps the paths alone, and reads the files at every use: for certificates that another tool
renews, as cert-manager, certbot, step or Vault do.`,
		Example: `  awsauth certificate add backup client.p12
  awsauth certificate add backup client.pem client.key chain.pem --replace
  awsauth certificate add web /etc/pki/web.pem /etc/pki/web.key --link`,
		Annotations: map[string]string{annotationExit: "yes"},
		Args:        f.arguments,
		RunE: func(c *cobra.Command, args []string) error {
			return ofName(args[0], f.run(c.Context(), streams, args[0], args[1:]))
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.password, "certificate-password", "", "`REF` password of the file: env:NAME, file:PATH, keyring:SERVICE/KEY, systemd:NAME or -")
	flags.BoolVar(&f.replace, "replace", false, "take the place of what has the identifier")
	flags.BoolVar(&f.link, "link", false, "keep the paths alone, for files that another tool renews")
	flags.StringSliceVar(&f.aliases, "alias", nil, "`NAME` further name that look-up accepts, beside those that are there; may be repeated")
	flags.BoolVar(&f.force, "force", false, "add what has expired or is not yet valid, and a chain that is too long or has a certificate in it that is no authority")
	heading(c, "How it is added", "certificate-password", "replace", "link", "alias", "force")
	f.where.flags(c)
	flags.StringVar(&f.storeKey, "store-key", "", "`PLACE` of a new store's key: systemd, keyring or file (default the first that is there)")
	heading(c, "Where it is configured", "store-key")
	completeValues(c, "store-key", string(certstore.SystemdKey), string(certstore.KeyringKey), string(certstore.FileKey))
	completeValues(c, "alias")
	completeValues(c, "certificate-password")
	return c
}

// mostFiles is how many files an identity may be in: certificate, key and chain.
const mostFiles = 3

func (f *addFlags) arguments(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return usageError{errors.New("an identifier and a file are missing"), c.CommandPath() + " --help"}
	case len(args) == 1:
		return usageError{errors.New("a file is missing: the certificate, and its key where that is in another"), c.CommandPath() + " IDENTIFIER FILE"}
	case len(args) > mostFiles+1:
		return usagef("takes an identifier and up to %d files: the certificate, its key and its chain", mostFiles)
	}
	return nil
}

func (f *addFlags) run(ctx context.Context, streams IO, identifier string, files []string) error {
	if err := certstore.CheckIdentifier(identifier); err != nil {
		return &certstore.Error{Err: err, Advice: "as in: awsauth certificate add backup-client client.p12"}
	}
	if f.link && f.password == "-" {
		return usagef("--certificate-password cannot be standard input for a link, whose password is read again and again")
	}
	options := certstore.AddOptions{Aliases: f.aliases, Replace: f.replace, Force: f.force}
	if f.link {
		return f.addLink(ctx, streams, identifier, files, options)
	}
	id, err := f.read(ctx, streams, files)
	if err != nil {
		return f.unreadable(ctx, err, identifier, files)
	}
	if err := certstore.Addable(id, time.Now(), f.force); err != nil {
		return f.refused(err)
	}
	store, err := f.where.create(streams, f.storeKey)
	if err != nil {
		return err
	}
	if err := store.Add(ctx, identifier, id, options); err != nil {
		return err
	}
	return f.confirm(ctx, streams, store, identifier)
}

// refused says when --force would help.
func (f *addFlags) refused(err error) error {
	if !f.force && certstore.Forcible(err) {
		return refusedAddition{err}
	}
	return err
}

// refusedAddition is what --force would let pass.
type refusedAddition struct{ error }

func (e refusedAddition) Unwrap() error { return e.error }

// Hint answers what to do.
func (e refusedAddition) Hint() string {
	if known := knownHint(e.error); known != "" {
		return known + "; --force adds it all the same"
	}
	return "--force adds it all the same"
}

// adviceError is an error with what to do about it here.
type adviceError struct {
	error
	hint string
}

func (e adviceError) Unwrap() error { return e.error }

// Hint answers what to do.
func (e adviceError) Hint() string { return e.hint }

// unreadable says what to do about files in the words of this command: it takes files, and no URI.
func (f *addFlags) unreadable(ctx context.Context, err error, identifier string, files []string) error {
	command := "awsauth certificate add " + identifier
	switch {
	case f.link && f.password == "" && errors.Is(err, identity.ErrPasswordRequired):
		return adviceError{err, "a linked file is read again and again, and so needs a reference to its password: --certificate-password file:PATH or env:NAME"}
	case !errors.Is(err, identity.ErrNoPrivateKey):
		return err
	case files[0] == "-":
		return adviceError{err, fmt.Sprintf("give the certificate and its key one after the other, or name the files: %s leaf.pem leaf.key", command)}
	case len(files) > 1 && swapped(ctx, files):
		return adviceError{err, fmt.Sprintf("the certificate comes first, and its key second: %s %s %s", command, shellWord(files[1]), shellWord(files[0]))}
	}
	return adviceError{err, fmt.Sprintf("name the file of its key: %s %s leaf.key", command, shellWord(files[0]))}
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9/._:@%+=,-]+$`)

// shellWord writes an argument as a shell takes it.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return quotePOSIX(s)
}

// swapped reports whether the key was named before its certificate. A key that is encrypted is seen without its password.
func swapped(ctx context.Context, files []string) bool {
	_, err := identity.File{Certificate: files[1], PrivateKey: files[0]}.Identity(ctx)
	return err == nil || errors.Is(err, identity.ErrPasswordRequired)
}

// read reads the identity from files, or from standard input.
func (f *addFlags) read(ctx context.Context, streams IO, files []string) (*identity.Identity, error) {
	password, err := f.passwordFunc(ctx, streams)
	if err != nil {
		return nil, err
	}
	if slices.Contains(files, "-") {
		return f.readStdin(ctx, streams, files, password)
	}
	source := identity.File{Certificate: files[0], Password: password}
	if len(files) > 1 {
		source.PrivateKey = files[1]
	}
	if len(files) > 2 {
		source.Chain = files[2]
	}
	return source.Identity(ctx)
}

// maxInput bounds standard input, in bytes.
const maxInput = 1 << 20

func (f *addFlags) readStdin(ctx context.Context, streams IO, files []string, password identity.PasswordFunc) (*identity.Identity, error) {
	if len(files) > 1 || f.password == "-" {
		return nil, usagef("standard input gives one file that has everything, and then no password")
	}
	var raw bytes.Buffer
	if _, err := io.Copy(&raw, io.LimitReader(interruptibleReader{ctx, streams.In}, maxInput+1)); err != nil {
		return nil, err
	}
	return identity.Parse(ctx, identity.Bundle{Certificate: identity.Part{Name: "standard input", Data: raw.Bytes()}, Password: password})
}

func (f *addFlags) passwordFunc(ctx context.Context, streams IO) (identity.PasswordFunc, error) {
	if f.password == "" {
		return askPassword(streams), nil
	}
	refs := newReferences(ctx, streams, flagWord)
	reference, err := secret.ParseReference(f.password)
	if err != nil {
		return nil, configurationError{error: fmt.Errorf("--certificate-password: %w", err), hint: referenceHint(err)}
	}
	return func(ctx context.Context, _ string) ([]byte, error) {
		value, err := refs.resolve(ctx, "certificate-password", reference)
		return []byte(value.Reveal()), err
	}, nil
}

func (f *addFlags) addLink(ctx context.Context, streams IO, identifier string, files []string, o certstore.AddOptions) error {
	link := certstore.Link{}
	for i, into := range []*string{&link.Certificate, &link.PrivateKey, &link.Chain} {
		if i >= len(files) {
			break
		}
		path, err := filepath.Abs(files[i])
		if err != nil {
			return err
		}
		*into = path
	}
	if f.password != "" {
		reference, err := secret.ParseReference(f.password)
		if err != nil {
			return configurationError{error: fmt.Errorf("--certificate-password: %w", err), hint: referenceHint(err)}
		}
		dir, err := filepath.Abs(".")
		if err != nil {
			return err
		}
		link.Password = reference.RelativeTo(dir).Text()
	}
	store, err := f.where.create(streams, f.storeKey)
	if err != nil {
		return err
	}
	if err := store.AddLink(ctx, identifier, link, o); err != nil {
		return f.unreadable(ctx, f.refused(err), identifier, files)
	}
	return f.confirm(ctx, streams, store, identifier)
}

// confirm says what has been added, and where its key is.
func (f *addFlags) confirm(ctx context.Context, streams IO, store *certstore.Store, identifier string) error {
	c, err := store.Certificate(ctx, identifier)
	if err != nil {
		return err
	}
	v := viewOf(c, nil, time.Now())
	what := "added"
	if f.replace {
		what = "in force"
	}
	now := time.Now()
	expires := "expires "
	if !now.Before(v.ending) {
		expires = "expired "
	}
	_, err = fmt.Fprintf(streams.Out, "%s  %s, %s, %s\n%s in %s (key: %s)\n", c.Identifier, printable.Line(v.Subject), v.Algorithm, expires+v.ends(now).text,
		what, store.Directory(), store.KeySource())
	return err
}
