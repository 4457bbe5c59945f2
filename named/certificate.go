package named

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/secret"
)

// identity answers where the certificate is: in the store, or in files.
func (c *Credential) identity() (identity.Source, error) {
	name := c.config.Certificate
	if !config.IsURI(name) && (!strings.Contains(name, ":") || c.stored(name)) {
		return storedIdentity{c, name}, nil
	}
	opened, err := identity.Open(name, c.password())
	if err != nil {
		return nil, &SettingError{Key: "certificate", Err: err}
	}
	file, ok := opened.(identity.File)
	if dir := c.config.Origins["certificate"].Directory(); ok && dir != "" {
		for _, path := range []*string{&file.Certificate, &file.PrivateKey, &file.Chain} {
			if *path != "" && !filepath.IsAbs(*path) {
				*path = filepath.Join(dir, *path)
			}
		}
		opened = file
	}
	return told{opened, c.s.Use, Use{File: file.Certificate}}, nil
}

// stored reports whether the store has a name: an alias may look as the URI of a place that nobody knows.
func (c *Credential) stored(name string) bool {
	store, err := c.s.Store.Open()
	return err == nil && store.Exists(name) == nil
}

// password resolves the reference, or asks. Standard input can be read once: one password then serves all files.
func (c *Credential) password() identity.PasswordFunc {
	reference := c.config.CertificatePassword
	if reference.IsZero() {
		return c.s.Prompt
	}
	located := reference.RelativeTo(c.config.Origins["certificate_password"].Directory())
	read := func(ctx context.Context) (secret.Secret, error) {
		return c.s.Resolve(ctx, "certificate_password", located)
	}
	if located.IsStdin() {
		var once sync.Once
		var value secret.Secret
		var err error
		read = func(ctx context.Context) (secret.Secret, error) {
			once.Do(func() { value, err = c.s.Resolve(ctx, "certificate_password", located) })
			return value, err
		}
	}
	return func(ctx context.Context, _ string) ([]byte, error) {
		value, err := read(ctx)
		return []byte(value.Reveal()), err
	}
}

// told tells of the identity that is used.
type told struct {
	identity.Source
	tell func(Use)
	use  Use
}

func (t told) Identity(ctx context.Context) (*identity.Identity, error) {
	id, err := t.Source.Identity(ctx)
	if err == nil && t.tell != nil {
		t.use.Identity = id
		t.tell(t.use)
	}
	return id, err
}

// storedIdentity is a certificate in the store.
type storedIdentity struct {
	c    *Credential
	name string
}

func (s storedIdentity) Identity(ctx context.Context) (*identity.Identity, error) {
	store, err := s.c.s.Store.Open()
	if errors.Is(err, ErrNoStore) {
		return nil, noStore(s.c.s.Store.Directory, s.name)
	}
	if err != nil {
		return nil, err
	}
	return told{store.Source(s.name), s.c.s.Use, Use{Identifier: s.name}}.Identity(ctx)
}

// noStore is what certstore says of an identifier that nobody has, where there is no store at all.
func noStore(directory, name string) error {
	e := &certstore.Error{
		Err: certstore.ErrNotFound, Detail: "there is no certificate store at " + directory + " yet",
		Advice: "awsauth certificate add IDENTIFIER FILE makes one; a certificate in files is named file:leaf.pem?key=leaf.key",
	}
	if certstore.CheckIdentifier(name) == nil {
		e.Where = fmt.Sprintf("certificate %q", name)
	}
	return e
}

// remembering keeps the certificate that was used.
type remembering struct {
	identity.Source
	used **x509.Certificate
}

func (r remembering) Identity(ctx context.Context) (*identity.Identity, error) {
	id, err := r.Source.Identity(ctx)
	if err == nil {
		*r.used = id.Certificate
	}
	return id, err
}
