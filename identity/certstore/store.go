// Package certstore keeps certificates with their private keys under identifiers, so that programs name an identifier and
// nothing else. The keys are encrypted; the certificates are not.
//
//	store, err := certstore.Create("/var/lib/awsauth/certificates", certstore.Options{})
//	…
//	id, err := identity.File{Certificate: "client.p12", Password: ask}.Identity(ctx)
//	…
//	err = store.Add(ctx, "backup", id, certstore.AddOptions{})
//	…
//	session.Identity = store.Source("backup")
//
// A certificate is one file, so that a damaged one harms no other. Files are replaced whole and changes to several of them
// are all made or none, whenever the program is killed. Whoever reads needs no lock and sees a change at once: a Source reads
// its file at every use.
//
// A store is for one user: its directory has mode 0700, and its files 0600. The superuser may work on another's store, and
// leaves its files to their owner.
//
// The store's key encrypts the private keys. It is kept where the store records it: in a file beside them, in the operating
// system's keyring, or in a credential of systemd's. When it is not to be had, nothing else is used in its place.
//
// It keeps no passwords and asks for none, and it does not renew certificates: Link leaves that to the tool that does, and
// keeps the paths alone.
package certstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gofrs/flock"

	"github.com/awsauth-go/awsauth/internal/safefile"
	"github.com/awsauth-go/awsauth/internal/secret"
)

// Version is the version of the store's form that this package writes, and the only one that it reads.
const Version = 1

// Names in the store's directory.
const (
	storeFile   = "store.json"
	keyFile     = "store.key"
	lockFile    = "lock"
	journalFile = "journal.json"
	entryDir    = "certificates"
	entryPrefix = "id-" // keeps names that Windows reserves, such as con, apart from files
	entrySuffix = ".json"
)

// maxFile bounds a file of the store, in bytes.
const maxFile = 2 << 20

// lockPatience is how long a change waits for another.
const lockPatience = 10 * time.Second

// Options say where the store's key may be, and who tells passwords. The zero value knows the key file alone.
type Options struct {
	// Keyring of the operating system; nil means that there is none.
	Keyring Keyring
	// CredentialsDirectory is where systemd has put this unit's credentials ($CREDENTIALS_DIRECTORY); empty means that there
	// are none.
	CredentialsDirectory string
	// NewKey is where Create puts the key of a new store. Empty means the first that is there: SystemdKey, KeyringKey, FileKey.
	NewKey KeySource
	// Password resolves the password reference of a linked certificate whose key is encrypted; nil refuses. It is safe for
	// concurrent use.
	Password func(ctx context.Context, reference, file string) ([]byte, error)
}

// Keyring is the operating system's: secrets of one line by service and key.
type Keyring interface {
	secret.Keyring
	Set(ctx context.Context, service, key string, value secret.Secret) error
}

// Store is a directory of certificates. It is safe for concurrent use, also by several programs.
type Store struct {
	dir     string
	options Options

	mu   sync.Mutex // guards meta and key
	meta meta
	key  []byte // of meta; nil until it is needed

	// runCredentials is where systemd keeps the credentials of running units, which the superuser may read.
	runCredentials string
}

// meta is what store.json holds.
type meta struct {
	Version int       `json:"awsauth_certificate_store"`
	ID      string    `json:"id"`    // random; binds keys to this store
	Key     KeySource `json:"key"`   // where the key is
	Check   []byte    `json:"check"` // nothing, encrypted: tells the store's key from another
}

// Open opens a store that is there. One that is not is fs.ErrNotExist; one that others can read or write is ErrAccess; one that
// has certificates and no store.json is ErrDamaged. It finishes what a killed program has left.
func Open(dir string, o Options) (*Store, error) {
	s, err := newStore(dir, o)
	if err != nil {
		return nil, err
	}
	if err := s.checkAccess(); err != nil {
		return nil, err
	}
	err = s.readMeta()
	if errors.Is(err, ErrVersion) {
		return nil, err // what has been left there is not for this version to finish
	}
	if tidied := s.tidy(); tidied != nil {
		return nil, tidied
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Create opens a store, and makes it when it is not there.
func Create(dir string, o Options) (*Store, error) {
	s, err := Open(dir, o)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	if s, err = newStore(dir, o); err != nil {
		return nil, err
	}
	if err := s.keyPlace(context.Background()); err != nil {
		return nil, err // before anything is made
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, &Error{Where: "store " + s.dir, Err: cause(err), Advice: "name a directory that can be made"}
	}
	if err := s.checkAccess(); err != nil {
		return nil, err
	}
	err = s.locked(context.Background(), func() error {
		if err := s.readMeta(); !errors.Is(err, fs.ErrNotExist) {
			return err // somebody else has made it meanwhile, or it is damaged
		}
		return s.fill()
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

func newStore(dir string, o Options) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	return &Store{dir: dir, options: o, runCredentials: "/run/credentials"}, nil
}

// fill fills the directory of a new store. store.json comes last: without it there is no store.
func (s *Store) fill() error {
	m := meta{Version: Version, ID: rand.Text()}
	var err error
	if m.Key, err = s.makeKey(context.Background(), m.ID); err != nil {
		return err
	}
	if _, err := s.files(); errors.Is(err, fs.ErrNotExist) {
		if err := s.makeEntryDir(); err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	if m.Check, err = s.seal(m, s.key, purposeCheck, nil); err != nil {
		return err
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	s.meta = m
	return safefile.Write(s.path(storeFile), append(raw, '\n'))
}

// makeEntryDir makes the directory of entries: it is the owner's before it has its name, whenever the program is killed.
func (s *Store) makeEntryDir() error {
	made, err := os.MkdirTemp(s.dir, temporary) // 0700 from creation
	if err != nil {
		return err
	}
	if err := s.leaveToOwner(made); err != nil {
		return errors.Join(err, os.Remove(made))
	}
	return os.Rename(made, s.path(entryDir))
}

// Directory is where the store is.
func (s *Store) Directory() string { return s.dir }

// KeySource is where the store's key is.
func (s *Store) KeySource() KeySource {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.meta.Key
}

func (s *Store) path(elements ...string) string {
	return filepath.Join(append([]string{s.dir}, elements...)...)
}

// hasEntries reports whether there are files of certificates.
func (s *Store) hasEntries() bool {
	entries, err := s.files()
	return err == nil && len(entries) > 0
}

// readMeta reads store.json, and forgets the key of another store that was in its place.
func (s *Store) readMeta() error {
	raw, err := s.read(storeFile)
	if errors.Is(err, fs.ErrNotExist) && s.hasEntries() {
		if raw, err = s.read(storeFile); errors.Is(err, fs.ErrNotExist) { // nobody has made the store meanwhile
			return &Error{
				Where: s.path(storeFile), Err: ErrDamaged, Detail: "it is missing, and there are certificates",
				Advice: "restore it from a backup, or move the directory away",
			}
		}
	}
	if err != nil {
		return err
	}
	m, err := s.parseMeta(raw)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.ID != s.meta.ID || m.Key != s.meta.Key || !bytes.Equal(m.Check, s.meta.Check) {
		s.key = nil
	}
	s.meta = m
	return nil
}

func (s *Store) parseMeta(raw []byte) (meta, error) {
	// The version first: what another version means by the rest is not known.
	var v struct {
		Version int `json:"awsauth_certificate_store"`
	}
	var m meta
	switch err := json.Unmarshal(raw, &v); {
	case err != nil || v.Version < 1:
		return meta{}, &Error{Where: s.path(storeFile), Err: ErrDamaged, Detail: "it is not what was written", Advice: "restore it from a backup"}
	case v.Version != Version:
		return meta{}, &Error{
			Where: "store " + s.dir, Err: ErrVersion, Detail: fmt.Sprintf("version %d, and this program knows version %d", v.Version, Version),
			Advice: "use the version of awsauth that has made it",
		}
	case json.Unmarshal(raw, &m) != nil:
		return meta{}, &Error{Where: s.path(storeFile), Err: ErrDamaged, Detail: "it is not what was written", Advice: "restore it from a backup"}
	case m.ID == "" || !m.Key.known():
		return meta{}, &Error{Where: s.path(storeFile), Err: ErrDamaged, Detail: "it does not say where the key is", Advice: "restore it from a backup"}
	}
	return m, nil
}

// read reads a file of the store, which must be the owner's and nobody else's. A link is refused.
func (s *Store) read(elements ...string) ([]byte, error) {
	path := s.path(elements...)
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return nil, &Error{Where: path, Err: ErrDamaged, Detail: "it is a link", Advice: "put the file itself there"}
	}
	f, err := os.OpenFile(path, os.O_RDONLY|safefile.NoFollow|safefile.NonBlocking, 0)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return nil, s.unreadable(path)
		}
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := s.checkFile(path, info); err != nil {
		return nil, err
	}
	var data bytes.Buffer
	data.Grow(int(min(info.Size(), maxFile)) + bytes.MinRead)
	if _, err := data.ReadFrom(io.LimitReader(f, maxFile+1)); err != nil {
		return nil, err
	}
	if data.Len() > maxFile {
		return nil, &Error{Where: path, Err: ErrDamaged, Detail: fmt.Sprintf("longer than %d bytes", maxFile), Advice: "restore it from a backup"}
	}
	return data.Bytes(), nil
}

// locked runs a change while nobody else makes one. A killed program's lock goes with it.
func (s *Store) locked(ctx context.Context, change func() error) (err error) {
	if err := s.makeLock(); err != nil {
		return s.unlockable(err)
	}
	lock := s.lock(os.O_CREATE)
	limited, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	const pause = 10 * time.Millisecond
	if _, err := lock.TryLockContext(limited, pause); err != nil {
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			return &Error{Where: "store " + s.dir, Err: ErrLocked, Advice: "wait until it is done, and try again"}
		}
		return s.unlockable(err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if err := s.redo(); err != nil {
		return err
	}
	return change()
}

// unlockable says what is wrong with the lock's file.
func (s *Store) unlockable(err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("lock %s: %w", s.path(lockFile), cause(err))
	}
	if _, there := os.Lstat(s.path(lockFile)); there == nil {
		return s.unreadable(s.path(lockFile))
	}
	return s.unwritable(err, s.dir)
}

// changed is locked for a store that is there: what changes it goes by the store.json of that moment.
func (s *Store) changed(ctx context.Context, change func() error) error {
	return s.locked(ctx, func() error {
		if err := s.readMeta(); err != nil {
			return err
		}
		return change()
	})
}

func (s *Store) lock(flags int) *flock.Flock {
	return flock.New(s.path(lockFile), flock.SetFlag(flags|os.O_RDWR|safefile.NoFollow), flock.SetPermissions(0o600))
}

// makeLock makes the lock's file, when the superuser works on another's store: it is the owner's before it has its name, so
// that no moment of being killed leaves the owner with a lock that only the superuser can take.
func (s *Store) makeLock() error {
	_, _, foreign, err := s.foreign()
	if err != nil || !foreign {
		return err
	}
	if _, err := os.Lstat(s.path(lockFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := safefile.Stage(s.dir, nil)
	if err != nil {
		return err
	}
	linked := os.Link(f.Name(), s.path(lockFile))
	if err := f.Discard(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Lstat(s.path(lockFile)); err == nil {
		return nil // made here or, meanwhile, by another
	}
	return linked
}

// tidy finishes what a killed program has left, unless somebody is at work. Where no lock is, no writer has been.
func (s *Store) tidy() error {
	left, err := s.leftovers()
	if err != nil {
		return err
	}
	if _, err := os.Lstat(s.path(journalFile)); errors.Is(err, fs.ErrNotExist) && len(left) == 0 {
		return nil
	}
	lock := s.lock(0)
	mine, err := lock.TryLock()
	if err != nil || !mine {
		return nil //nolint:nilerr // a reader goes on without: whoever writes next tidies up
	}
	return errors.Join(s.redo(), lock.Unlock())
}

// temporary is the pattern of the names of files on their way.
const temporary = ".awsauth-*.tmp"

// leftovers are the files on their way, whatever the directory's name is: filepath.Glob would take a part of it as a pattern.
func (s *Store) leftovers() ([]string, error) {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var left []string
	for _, f := range files {
		if ok, _ := filepath.Match(temporary, f.Name()); ok {
			left = append(left, s.path(f.Name()))
		}
	}
	return left, nil
}

// sweep removes what killed writers have left. The caller holds the lock.
func (s *Store) sweep() error {
	left, err := s.leftovers()
	for _, path := range left {
		if failed := os.Remove(path); !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

var identifierForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// CheckIdentifier reports a text that cannot be an identifier: ErrIdentifier.
func CheckIdentifier(s string) error {
	if !identifierForm.MatchString(s) {
		return ErrIdentifier
	}
	return nil
}

// checkAlias reports a text that cannot be an alias: ErrAlias.
func checkAlias(s string) error {
	const longest = 255
	if s == "" || len(s) > longest || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ErrAlias
	}
	return nil
}

// entryName is the name of an identifier's file.
func entryName(identifier string) string {
	return entryPrefix + fold(identifier) + entrySuffix
}

// fold is how names are compared: without case, in one way everywhere, so that a name that is free is also found as itself.
func fold(name string) string { return strings.ToLower(name) }

// names answers the identifiers, in lower case.
func (s *Store) names() ([]string, error) {
	names, err := s.files()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, s.noEntryDir()
	}
	return names, err
}

func (s *Store) noEntryDir() error {
	return &Error{Where: s.path(entryDir), Err: ErrDamaged, Detail: "there is no such directory", Advice: "restore it from a backup"}
}

func (s *Store) files() ([]string, error) {
	files, err := os.ReadDir(s.path(entryDir))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		name, ok := strings.CutPrefix(f.Name(), entryPrefix)
		if name, also := strings.CutSuffix(name, entrySuffix); ok && also && CheckIdentifier(name) == nil {
			names = append(names, name)
		}
	}
	return names, nil
}

// cause leaves out the path, which the message has.
func cause(err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		return p.Err
	}
	if l := new(os.LinkError); errors.As(err, &l) {
		return l.Err
	}
	return err
}
