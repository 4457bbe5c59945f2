package certstore

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/awsauth-go/awsauth/identity"
)

// Certificate is what may be told of a certificate in the store: everything but its key.
type Certificate struct {
	Identifier string
	Aliases    []string // further names that look-up accepts, such as pins with spaces
	Added      time.Time
	// Certificate is the end-entity certificate, and Chain what leads from it towards the trust anchor. Of a linked one they
	// are what the files hold now.
	Certificate *x509.Certificate
	Chain       []*x509.Certificate
	// Link is set when the store keeps the paths alone.
	Link *Link
	// Err says why the certificate cannot be read; the fields above are then as far as they are known.
	Err error
}

// Link is where a certificate is that another tool renews.
type Link struct {
	Certificate string `json:"certificate"`           // absolute path, with everything else that the file holds
	PrivateKey  string `json:"private_key,omitempty"` // absolute path; empty: in Certificate
	Chain       string `json:"chain,omitempty"`       // absolute path; empty: none
	Password    string `json:"password,omitempty"`    // reference, not the password
}

// entry is the form of a certificate's file.
type entry struct {
	Version      int       `json:"awsauth_certificate"`
	Identifier   string    `json:"identifier"`
	Aliases      []string  `json:"aliases,omitempty"`
	Added        time.Time `json:"added"`
	Certificates string    `json:"certificates,omitempty"` // PEM, the leaf first
	PrivateKey   []byte    `json:"private_key,omitempty"`  // PKCS#8, encrypted
	Link         *Link     `json:"link,omitempty"`
}

// parseEntry reads a certificate's file, and demands that it is the identifier's.
func parseEntry(raw []byte, identifier string) (*entry, error) {
	var e entry
	if json.Unmarshal(raw, &e) != nil {
		e = entry{Version: versionAlone(raw)} // what another version means by the rest is not known
	}
	switch {
	case e.Version > Version:
		return nil, certificateError(identifier, ErrVersion, fmt.Sprintf("version %d, and this program knows version %d", e.Version, Version),
			"use the version of awsauth that has added it")
	case e.Version != Version || !e.complete(identifier):
		return nil, damaged(identifier)
	}
	return &e, nil
}

func versionAlone(raw []byte) int {
	var v struct {
		Version int `json:"awsauth_certificate"`
	}
	if json.Unmarshal(raw, &v) != nil {
		return 0
	}
	return v.Version
}

// complete reports whether an entry is one that this package writes.
func (e *entry) complete(identifier string) bool {
	if CheckIdentifier(e.Identifier) != nil || fold(e.Identifier) != fold(identifier) {
		return false
	}
	if slices.ContainsFunc(e.Aliases, func(alias string) bool { return checkAlias(alias) != nil }) {
		return false
	}
	if e.Link == nil {
		return e.Certificates != "" && len(e.PrivateKey) > 0
	}
	return filepath.IsAbs(e.Link.Certificate)
}

func damaged(identifier string) *Error {
	return certificateError(identifier, ErrDamaged, "its file is not what was written",
		fmt.Sprintf("awsauth certificate add %s --replace FILE puts it back", identifier))
}

// find answers the file of an identifier or alias: its name without case, or an alias, without case too.
func (s *Store) find(name string) (*entry, error) {
	if CheckIdentifier(name) == nil {
		e, err := s.load(name)
		if !errors.Is(err, fs.ErrNotExist) {
			return e, err
		}
	}
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	var known []string
	for _, n := range names {
		e, err := s.load(n)
		if err != nil {
			known = append(known, n)
			continue // a damaged one harms no other
		}
		known = append(known, e.Identifier)
		if slices.ContainsFunc(e.Aliases, func(alias string) bool { return fold(alias) == fold(name) }) {
			return e, nil
		}
	}
	return nil, notFound(name, known)
}

func (s *Store) load(identifier string) (*entry, error) {
	raw, err := s.read(entryDir, entryName(identifier))
	if err != nil {
		return nil, err
	}
	return parseEntry(raw, identifier)
}

// Certificate answers what may be told of a certificate, by its identifier or an alias: ErrNotFound.
func (s *Store) Certificate(ctx context.Context, name string) (*Certificate, error) {
	e, err := s.find(name)
	if err != nil {
		return nil, err
	}
	return s.describe(ctx, e, &parsed{}), nil
}

// Exists reports whether look-up accepts a name, with ErrNotFound or what is wrong. It reads no key.
func (s *Store) Exists(name string) error {
	_, err := s.find(name)
	return err
}

// atOnce is how many certificates List reads at a time: linked ones may have to be waited for.
const atOnce = 16

// List answers all certificates, by identifier. One that cannot be read has Err.
func (s *Store) List(ctx context.Context) ([]*Certificate, error) {
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	all := make([]*Certificate, len(names))
	var next atomic.Int64
	var known parsed
	var readers sync.WaitGroup
	for range min(atOnce, len(names)) {
		readers.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(names); i = next.Add(1) - 1 {
				all[i] = s.describeFile(ctx, names[i], &known)
			}
		})
	}
	readers.Wait()
	return slices.DeleteFunc(all, func(c *Certificate) bool { return c == nil }), nil
}

// describeFile answers a certificate, or nil when it has been removed meanwhile.
func (s *Store) describeFile(ctx context.Context, name string, known *parsed) *Certificate {
	e, err := s.load(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &Certificate{Identifier: name, Err: err}
	}
	return s.describe(ctx, e, known)
}

// Names answers all identifiers and aliases. What cannot be read is named by its identifier.
func (s *Store) Names() ([]string, error) {
	names, err := s.names()
	for i, name := range names {
		if e, err := s.load(name); err == nil {
			names[i] = e.Identifier
			names = append(names, e.Aliases...)
		}
	}
	return names, err
}

func (s *Store) describe(ctx context.Context, e *entry, known *parsed) *Certificate {
	c := &Certificate{Identifier: e.Identifier, Aliases: e.Aliases, Added: e.Added, Link: e.Link}
	if e.Link != nil {
		id, err := s.linkSource(e.Identifier, *e.Link).once(ctx)
		if err != nil {
			c.Err = err
			return c
		}
		c.Certificate, c.Chain = id.Certificate, id.Chain
		return c
	}
	certificates, err := known.certificates(e.Certificates)
	if err != nil {
		c.Err = damaged(e.Identifier)
		return c
	}
	c.Certificate, c.Chain = certificates[0], certificates[1:]
	return c
}

// parsed are certificates by their DER: those of a store have the same few above them. It is safe for concurrent use.
type parsed struct{ sync.Map }

// certificates reads PEM, the leaf first.
func (p *parsed) certificates(text string) (all []*x509.Certificate, err error) {
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := p.certificate(block.Bytes, len(all) > 0)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("no certificate")
	}
	return all, nil
}

func (p *parsed) certificate(der []byte, shared bool) (*x509.Certificate, error) {
	if c, ok := p.Load(string(der)); ok {
		return c.(*x509.Certificate), nil
	}
	c, err := x509.ParseCertificate(der)
	if err == nil && shared {
		p.Store(string(der), c)
	}
	return c, err
}

// MarshalCertificates writes a certificate and its chain as PEM, in order.
func MarshalCertificates(leaf *x509.Certificate, chain []*x509.Certificate) []byte {
	var b []byte
	for _, c := range append([]*x509.Certificate{leaf}, chain...) {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

// identity opens the key and puts the identity together.
func (s *Store) identity(ctx context.Context, e *entry) (*identity.Identity, error) {
	plain, err := s.reveal(ctx, e)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return e.identity(ctx, plain)
}

// reveal decrypts a private key.
func (s *Store) reveal(ctx context.Context, e *entry) ([]byte, error) {
	m, key, err := s.storeKey(ctx)
	if err != nil {
		return nil, err
	}
	plain, err := s.open(m, key, purposeOf(e.Identifier), e.PrivateKey)
	if err == nil {
		return plain, nil
	}
	// Since it was opened, the store may have been made anew in the same place, with another key.
	if err := s.readMeta(); err != nil {
		return nil, err
	}
	renewed, key, err := s.storeKey(ctx)
	if err != nil {
		return nil, err
	}
	if plain, err = s.open(renewed, key, purposeOf(e.Identifier), e.PrivateKey); err != nil {
		return nil, damaged(e.Identifier)
	}
	return plain, nil
}

// identity puts the identity together, with the checks of any other file.
func (e *entry) identity(ctx context.Context, plain []byte) (*identity.Identity, error) {
	return identity.Parse(ctx, identity.Bundle{
		Certificate: identity.Part{Name: e.Identifier, Data: []byte(e.Certificates)},
		PrivateKey:  identity.Part{Name: e.Identifier, Data: plain},
	})
}

// purposeOf binds a key to its identifier.
func purposeOf(identifier string) string { return "certificate\x00" + fold(identifier) }
