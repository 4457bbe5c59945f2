package certstore

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/safefile"
	"github.com/awsauth-go/awsauth/internal/secret"
)

// AddOptions say how a certificate is added. The zero value is the careful one.
type AddOptions struct {
	Aliases []string // further names, beside those that what is replaced has
	Replace bool     // take the place of what has the identifier
	// DropAliases, with Replace, takes the aliases away that the certificate had, when Aliases gives others.
	DropAliases bool
	Force       bool // add what Roles Anywhere would refuse today and perhaps not tomorrow: see Addable
}

func (o AddOptions) dropsAliases() bool { return o.DropAliases && len(o.Aliases) > 0 }

// Addition is one certificate to add: an identity to keep, or a link to what another tool keeps.
type Addition struct {
	Identifier string
	Identity   *identity.Identity // checked; its key must be one that can be written: RSA or ECDSA
	Link       *Link              // in place of Identity
	AddOptions
}

// Add puts an identity under an identifier. What is there stays in force until the new one has been checked and written.
// Errors: ErrIdentifier, ErrExists, and what identity.Check finds.
func (s *Store) Add(ctx context.Context, identifier string, id *identity.Identity, o AddOptions) error {
	return s.AddAll(ctx, []Addition{{Identifier: identifier, Identity: id, AddOptions: o}})
}

// AddLink keeps the paths of a certificate that another tool renews. The files must hold a usable identity now.
func (s *Store) AddLink(ctx context.Context, identifier string, l Link, o AddOptions) error {
	return s.AddAll(ctx, []Addition{{Identifier: identifier, Link: &l, AddOptions: o}})
}

// AddAll adds several certificates: all of them or, with the mistakes of each, none.
func (s *Store) AddAll(ctx context.Context, additions []Addition) error {
	now := time.Now()
	if err := s.checkAll(ctx, additions, now); err != nil {
		return err
	}
	if _, _, err := s.storeKey(ctx); err != nil { // before the lock, because a person may have to unlock the keyring
		return err
	}
	return s.changed(ctx, func() error {
		c, err := s.put(ctx, additions, now)
		if err != nil {
			return err
		}
		return s.commit(c)
	})
}

// put makes the files of all additions.
func (s *Store) put(ctx context.Context, additions []Addition, now time.Time) (c change, err error) {
	taken, err := s.taken(additions)
	if err != nil {
		return c, err
	}
	c.puts = map[string][]byte{}
	for _, a := range additions {
		name := entryName(a.Identifier)
		if _, twice := c.puts[name]; twice {
			return c, certificateError(a.Identifier, ErrExists, "it is added twice", "give each certificate its own identifier")
		}
		e, err := s.entry(ctx, a, now, taken)
		if err != nil {
			return c, err
		}
		raw, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			return c, err
		}
		if len(raw) >= maxFile {
			return c, certificateError(a.Identifier, identity.ErrTooLarge, fmt.Sprintf("its file would be longer than %d bytes", maxFile), "leave out certificates of the chain, or aliases")
		}
		c.puts[name] = append(raw, '\n')
	}
	return c, nil
}

// checkAll reports every mistake of every addition.
func (s *Store) checkAll(ctx context.Context, additions []Addition, now time.Time) error {
	var mistakes []error
	for _, a := range additions {
		if err := CheckIdentifier(a.Identifier); err != nil {
			mistakes = append(mistakes, &Error{Err: err})
			continue
		}
		for _, alias := range a.Aliases {
			if err := checkAlias(alias); err != nil {
				mistakes = append(mistakes, certificateError(a.Identifier, err, "", ""))
			}
		}
		id := a.Identity
		if a.Link != nil {
			var err error
			if id, err = s.linked(ctx, a); err != nil {
				mistakes = append(mistakes, err)
				continue
			}
		}
		if err := Addable(id, now, a.Force); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	return errors.Join(mistakes...)
}

// linked reads the certificate that an addition links to.
func (s *Store) linked(ctx context.Context, a Addition) (*identity.Identity, error) {
	if a.Link.Password != "" {
		// A password in place of its reference would be kept in the clear.
		if _, err := secret.ParseReference(a.Link.Password); err != nil {
			return nil, certificateError(a.Identifier, err, "", "")
		}
	}
	id, err := s.linkSource(a.Identifier, *a.Link).read(ctx)
	if err != nil {
		return nil, final{err}
	}
	return id, nil
}

// Addable reports what Roles Anywhere would refuse about an identity, all of it, or nil. With force it lets pass what a
// later day may mend: a certificate that has expired or is not yet valid, or one like that in its chain; and a chain that is too
// long, or has a certificate in it that is no authority. A chain that does not link is of no use on any day. It signs once, so
// that a key that does not work is found before it is in force.
func Addable(id *identity.Identity, now time.Time, force bool) error {
	problems := id.Check(now)
	if joined, ok := problems.(interface{ Unwrap() []error }); ok {
		linked := !errors.Is(problems, identity.ErrChain) || links(id)
		var left []error
		for _, problem := range joined.Unwrap() {
			if !linked && errors.Is(problem, identity.ErrChain) {
				problem = final{problem}
			}
			if !force || !forcible(problem) {
				left = append(left, problem)
			}
		}
		problems = errors.Join(left...)
	}
	if problems != nil {
		return problems
	}
	return tryKey(id)
}

// links reports whether a chain leads from its leaf upwards, as whoever reads it from a file demands.
func links(id *identity.Identity) bool {
	der, err := x509.MarshalPKCS8PrivateKey(id.Key)
	if err != nil {
		return true // said of the key
	}
	defer clear(der)
	_, err = identity.Parse(context.Background(), identity.Bundle{
		Certificate: identity.Part{Data: MarshalCertificates(id.Certificate, id.Chain)},
		PrivateKey:  identity.Part{Data: der},
	})
	return !errors.Is(err, identity.ErrChain)
}

// final is an error that force does not let pass, whatever its kind.
type final struct{ error }

func (e final) Unwrap() error { return e.error }

// Forcible reports whether force would let an error of Add pass.
func Forcible(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return !slices.ContainsFunc(joined.Unwrap(), func(e error) bool { return !Forcible(e) })
	}
	return forcible(err)
}

func forcible(err error) bool {
	if errors.As(err, new(final)) {
		return false
	}
	return errors.Is(err, identity.ErrExpired) || errors.Is(err, identity.ErrNotYetValid) || errors.Is(err, identity.ErrChain)
}

// tryKey signs and verifies.
func tryKey(id *identity.Identity) error {
	digest := sha256.Sum256([]byte("awsauth"))
	signature, err := id.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return fmt.Errorf("sign with the private key: %w", err)
	}
	algorithm := x509.ECDSAWithSHA256
	if _, ok := id.Certificate.PublicKey.(*rsa.PublicKey); ok {
		algorithm = x509.SHA256WithRSA
	}
	if err := id.Certificate.CheckSignature(algorithm, []byte("awsauth"), signature); err != nil {
		return &identity.Error{File: id.Origin, Err: identity.ErrKeyMismatch, Detail: "the certificate does not verify what the private key signs"}
	}
	return nil
}

// taken answers which identifier has each name, all in lower case. Aliases that the additions replace are free.
func (s *Store) taken(additions []Addition) (map[string]string, error) {
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	renamed := map[string]bool{}
	for _, a := range additions {
		renamed[fold(a.Identifier)] = a.Replace && a.dropsAliases()
	}
	taken := map[string]string{}
	for _, name := range names {
		taken[name] = name
		if e, err := s.load(name); err == nil && !renamed[name] {
			for _, alias := range e.Aliases {
				taken[fold(alias)] = name
			}
		}
	}
	return taken, nil
}

// entry makes a certificate's file, when its names are free.
func (s *Store) entry(ctx context.Context, a Addition, now time.Time, taken map[string]string) (*entry, error) {
	own := fold(a.Identifier)
	e := &entry{Version: Version, Identifier: a.Identifier, Aliases: a.Aliases, Added: now.UTC().Truncate(time.Second)}
	if owner, ok := taken[own]; ok {
		if !a.Replace || owner != own {
			return nil, certificateError(a.Identifier, ErrExists, aliasOf(own, owner), "awsauth certificate add "+owner+" --replace FILE rotates it")
		}
		if before, err := s.load(a.Identifier); err == nil && !a.dropsAliases() {
			e.Identifier, e.Aliases = before.Identifier, before.Aliases
			for _, alias := range a.Aliases {
				if !containsFold(e.Aliases, alias) {
					e.Aliases = append(e.Aliases, alias)
				}
			}
		}
	}
	for _, alias := range e.Aliases {
		name := fold(alias)
		if owner, ok := taken[name]; ok && owner != own {
			return nil, certificateError(a.Identifier, ErrExists, fmt.Sprintf("its alias %q is of %q", alias, owner), "give it another alias")
		}
		taken[name] = own
	}
	taken[own] = own
	if a.Link != nil {
		link, err := a.Link.absolute()
		e.Link = &link
		return e, err
	}
	return e, s.fillIn(ctx, e, a.Identity)
}

// absolute makes the paths those of any working directory.
func (l Link) absolute() (Link, error) {
	for _, path := range []*string{&l.Certificate, &l.PrivateKey, &l.Chain} {
		if *path == "" {
			continue
		}
		var err error
		if *path, err = filepath.Abs(*path); err != nil {
			return l, err
		}
	}
	return l, nil
}

// fillIn puts an identity into an entry, from which it must come back.
func (s *Store) fillIn(ctx context.Context, e *entry, id *identity.Identity) error {
	m, key, err := s.storeKey(ctx)
	if err != nil {
		return err
	}
	e.Certificates = string(MarshalCertificates(id.Certificate, id.Chain))
	plain, err := x509.MarshalPKCS8PrivateKey(id.Key)
	if err != nil {
		return certificateError(e.Identifier, identity.ErrUnsupportedKey, "a key that cannot leave its place cannot be kept in the store", "")
	}
	defer clear(plain)
	if _, err := e.identity(ctx, plain); err != nil {
		return err // force can let pass what could not be read again
	}
	e.PrivateKey, err = s.seal(m, key, purposeOf(e.Identifier), plain)
	return err
}

func aliasOf(name, owner string) string {
	if name == owner {
		return ""
	}
	return fmt.Sprintf("it is an alias of %q", owner)
}

// Remove takes a certificate out, by its identifier or an alias. One that is damaged can be removed too.
func (s *Store) Remove(ctx context.Context, name string) error {
	return s.changed(ctx, func() error {
		identifier := name
		if e, err := s.find(name); err == nil {
			identifier = e.Identifier
		} else if errors.Is(err, ErrNotFound) || CheckIdentifier(name) != nil {
			return err // what is no identifier is never made a file's name
		}
		return s.commit(change{removes: []string{entryName(identifier)}})
	})
}

// change is what a writer does to the files of certificates, by their names.
type change struct {
	puts    map[string][]byte
	removes []string
}

// journal is a change that is made even if its writer is killed: all its files are written, and renamed one by one.
type journal struct {
	Puts    map[string]string `json:"puts"` // name of the file on its way, by the name of its place
	Removes []string          `json:"removes"`
}

// commit makes a change. It is in force, all of it, as soon as one rename has happened: that of its only file, or that of
// the journal.
func (s *Store) commit(c change) error {
	j := journal{Puts: map[string]string{}, Removes: c.removes}
	for name, data := range c.puts {
		f, err := safefile.Stage(s.dir, data)
		if err != nil {
			return errors.Join(s.unwritable(err, s.dir), s.sweep())
		}
		j.Puts[name] = filepath.Base(f.Name())
	}
	if len(j.Puts)+len(j.Removes) == 1 {
		if err := s.apply(j); err != nil {
			return errors.Join(err, s.sweep())
		}
		return nil
	}
	if err := s.promise(j); err != nil {
		err = s.unwritable(err, s.dir)
		if _, there := os.Lstat(s.path(journalFile)); errors.Is(there, fs.ErrNotExist) {
			err = errors.Join(err, s.sweep())
		}
		return err
	}
	// From here on nothing is taken back: what fails now is finished by whoever uses the store next.
	return s.redo()
}

// promise writes the journal, or leaves none.
func (s *Store) promise(j journal) error {
	raw, err := json.Marshal(j)
	if err != nil {
		return err
	}
	if len(raw) > maxFile {
		return errors.New("too many certificates for one change")
	}
	if err := safefile.Write(s.path(journalFile), raw); err != nil {
		if failed := os.Remove(s.path(journalFile)); !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
		return err
	}
	return nil
}

// redo finishes the change of a killed writer, and removes what it has left half-written. The caller holds the lock.
func (s *Store) redo() error {
	raw, err := s.read(journalFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	default:
		j, err := parseJournal(raw)
		if err != nil {
			return &Error{Where: s.path(journalFile), Err: ErrDamaged, Detail: "it is not what was written", Advice: "remove it, and make the last change again"}
		}
		if err := s.apply(j); errors.Is(err, fs.ErrNotExist) {
			return &Error{Where: s.path(journalFile), Err: ErrDamaged, Detail: "a file that it names is gone", Advice: "remove it, and make the last change again"}
		} else if err != nil {
			return err
		}
		if err := os.Remove(s.path(journalFile)); err != nil {
			return s.unwritable(err, s.dir)
		}
		if err := safefile.SyncDir(s.dir); err != nil {
			return err
		}
	}
	return s.sweep()
}

// apply renames and removes. It does so within the store's directory, whatever links the owner has put there: the superuser
// may be at work on another's store.
func (s *Store) apply(j journal) (err error) {
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	if info, err := root.Lstat(entryDir); err != nil || !info.IsDir() {
		return s.noEntryDir()
	}
	for name, onItsWay := range j.Puts {
		if err := put(root, onItsWay, name); err != nil {
			return s.unwritable(err, s.path(entryDir), s.dir)
		}
	}
	for _, name := range j.Removes {
		if err := root.Remove(filepath.Join(entryDir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return s.unwritable(err, s.path(entryDir))
		}
	}
	return safefile.SyncDir(s.path(entryDir))
}

// put gives a file its place, unless that was done before its writer was killed.
func put(root *os.Root, onItsWay, name string) error {
	place := filepath.Join(entryDir, name)
	err := root.Rename(onItsWay, place)
	if errors.Is(err, fs.ErrNotExist) {
		if _, there := root.Lstat(place); there == nil {
			return nil
		}
	}
	return err
}

// parseJournal reads a journal, which must name files of the store alone.
func parseJournal(raw []byte) (journal, error) {
	var j journal
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&j); err != nil {
		return journal{}, err
	}
	places := slices.Clone(j.Removes)
	for place, onItsWay := range j.Puts {
		places = append(places, place)
		if ok, err := filepath.Match(temporary, onItsWay); err != nil || !ok || onItsWay != filepath.Base(onItsWay) || strings.ContainsAny(onItsWay, "/\\\x00") {
			return journal{}, ErrDamaged
		}
	}
	for _, place := range places {
		name, ok := strings.CutPrefix(place, entryPrefix)
		name, also := strings.CutSuffix(name, entrySuffix)
		if !ok || !also || CheckIdentifier(name) != nil {
			return journal{}, ErrDamaged
		}
	}
	return j, nil
}
