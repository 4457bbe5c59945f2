package certstore

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/awsauth-go/awsauth/internal/safefile"
	"github.com/awsauth-go/awsauth/internal/secret"
)

// KeySource is where a store's key is kept.
type KeySource string

// The places of a store's key.
const (
	// SystemdKey is the credential awsauth-store-key of the unit, at least 32 bytes of any text.
	SystemdKey KeySource = "systemd"
	// KeyringKey is an entry of the operating system's keyring.
	KeyringKey KeySource = "keyring"
	// FileKey is the file store.key in the store's directory.
	FileKey KeySource = "file"
)

// KeySources are all of them, in the order in which a new store takes the first that is there.
var KeySources = []KeySource{SystemdKey, KeyringKey, FileKey}

func (k KeySource) known() bool { return slices.Contains(KeySources, k) }

// String says it for a person.
func (k KeySource) String() string {
	switch k {
	case SystemdKey:
		return "systemd credential " + systemdCredential
	case KeyringKey:
		return "the keyring of the operating system"
	case FileKey:
		return "file " + keyFile
	}
	return string(k)
}

const (
	// systemdCredential is the name of the credential that holds a store's key.
	systemdCredential = "awsauth-store-key"
	// keyringService is under which keys of stores are kept in a keyring; the store's ID is the entry.
	keyringService = "awsauth certificate store"
	// leastKey is how long a key that an operator gives must be, in bytes.
	leastKey = 32
)

// keyPlace reports a place for a new store's key that was asked for and is not there.
func (s *Store) keyPlace(ctx context.Context) error {
	var err error
	switch s.options.NewKey {
	case SystemdKey:
		_, err = s.systemdKey(meta{})
	case KeyringKey:
		if s.options.Keyring == nil {
			err = secret.ErrNoKeyring
		} else if _, err = s.options.Keyring.Get(ctx, keyringService, rand.Text()); errors.Is(err, secret.ErrNotInKeyring) {
			err = nil
		}
	}
	if err != nil {
		return s.keyError(s.options.NewKey, err)
	}
	return nil
}

// makeKey makes the key of a new store, or finds the one that systemd gives, and says where it is.
func (s *Store) makeKey(ctx context.Context, id string) (KeySource, error) {
	source := s.options.NewKey
	if source == "" {
		source = s.firstSource(ctx, id)
	}
	made := rand.Text() + rand.Text() // 260 bits
	switch source {
	case SystemdKey:
		var err error
		if made, err = s.systemdKey(meta{}); err != nil {
			return "", s.keyError(source, err)
		}
	case KeyringKey:
		if s.options.Keyring == nil {
			return "", s.keyError(source, secret.ErrNoKeyring)
		}
		if err := s.options.Keyring.Set(ctx, keyringService, id, secret.New(made)); err != nil {
			return "", s.keyError(source, err)
		}
	case FileKey:
		if err := safefile.Write(s.path(keyFile), []byte(made+"\n")); err != nil {
			return "", s.keyError(source, err)
		}
	default:
		return "", fmt.Errorf("a store's key is in systemd, keyring or file")
	}
	key, err := derive(made, id, "certificates")
	s.key = key
	return source, err
}

// firstSource is the first place that is there.
func (s *Store) firstSource(ctx context.Context, id string) KeySource {
	if _, err := s.systemdKey(meta{}); err == nil {
		return SystemdKey
	}
	if s.options.Keyring != nil {
		if _, err := s.options.Keyring.Get(ctx, keyringService, id); errors.Is(err, secret.ErrNotInKeyring) {
			return KeyringKey
		}
	}
	return FileKey
}

// storeKey answers the store's key, from where the store records it and from nowhere else, with the meta that it belongs to.
func (s *Store) storeKey(ctx context.Context) (meta, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.key != nil {
		return s.meta, s.key, nil
	}
	var text string
	var err error
	switch s.meta.Key {
	case SystemdKey:
		text, err = s.systemdKey(s.meta)
	case KeyringKey:
		text, err = s.keyringKey(ctx)
	case FileKey:
		var raw []byte
		raw, err = s.read(keyFile)
		text = strings.TrimSpace(string(raw))
	}
	if err != nil {
		return meta{}, nil, s.keyError(s.meta.Key, err)
	}
	key, err := derive(text, s.meta.ID, "certificates")
	if err != nil {
		return meta{}, nil, err
	}
	if _, err := s.open(s.meta, key, purposeCheck, s.meta.Check); err != nil {
		return meta{}, nil, s.keyError(s.meta.Key, errors.New("it is another key than this store's"))
	}
	s.key = key
	return s.meta, key, nil
}

func (s *Store) keyringKey(ctx context.Context) (string, error) {
	if s.options.Keyring == nil {
		return "", secret.ErrNoKeyring
	}
	value, err := s.options.Keyring.Get(ctx, keyringService, s.meta.ID)
	return value.Reveal(), err
}

// systemdKey reads the credential of this unit or, for an operator who is the superuser, that of a running unit that has
// it. With a store's meta it takes only the store's own.
func (s *Store) systemdKey(m meta) (string, error) {
	var paths []string
	if s.options.CredentialsDirectory != "" {
		paths = append(paths, filepath.Join(s.options.CredentialsDirectory, systemdCredential))
	} else if m.ID != "" {
		running, err := filepath.Glob(filepath.Join(s.runCredentials, "*", systemdCredential))
		if err != nil {
			return "", err
		}
		paths = running
	}
	last := error(errors.New("this process has no such credential"))
	for _, path := range paths {
		raw, err := safefile.Read(path, maxFile)
		text := strings.TrimSpace(string(raw))
		switch {
		case err != nil:
			last = err
		case len(text) < leastKey:
			last = fmt.Errorf("the credential is shorter than %d bytes", leastKey)
		case m.ID == "" || s.opens(m, text):
			return text, nil
		default:
			last = errors.New("it is another key than this store's")
		}
	}
	return "", last
}

// opens reports whether a text is the store's key.
func (s *Store) opens(m meta, text string) bool {
	key, err := derive(text, m.ID, "certificates")
	if err != nil {
		return false
	}
	_, err = s.open(m, key, purposeCheck, m.Check)
	return err == nil
}

// keyError says where the key is, why it is not to be had, and what to do. It never makes another.
func (s *Store) keyError(source KeySource, err error) error {
	e := &Error{Where: "store " + s.dir, Err: ErrKey, Detail: fmt.Sprintf("it is in %s: %s", source, cause(err))}
	switch source {
	case SystemdKey:
		e.Advice = "systemd-run --pipe --wait -p LoadCredentialEncrypted=" + systemdCredential + " awsauth …, or run it while the agent's unit runs, as root"
	case KeyringKey:
		e.Advice = "unlock the keyring of the user whose store it is, in a session of that user"
	case FileKey:
		e.Advice = "restore " + s.path(keyFile) + " from a backup"
		if own := new(Error); errors.As(err, &own) {
			e.Advice = own.Advice
		}
		if errors.Is(err, os.ErrNotExist) {
			e.Detail = "it was in " + s.path(keyFile) + ": " + fs.ErrNotExist.Error()
		}
	}
	return e
}

// derive makes an AES-256 key of a store's secret (RFC 5869), one for each purpose.
func derive(text, id, purpose string) ([]byte, error) {
	const size = 32
	return hkdf.Key(sha256.New, []byte(text), []byte(id), "awsauth store 1 "+purpose, size)
}

const purposeCheck = "check"

// associated binds what is encrypted to the store, its version and the identifier.
func associated(m meta, purpose string) []byte {
	return fmt.Appendf(nil, "awsauth certificate store %d\x00%s\x00%s", m.Version, m.ID, purpose)
}

func (s *Store) seal(m meta, key []byte, purpose string, plain []byte) ([]byte, error) {
	aead, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, plain, associated(m, purpose)), nil
}

func (s *Store) open(m meta, key []byte, purpose string, sealed []byte) ([]byte, error) {
	aead, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, nil, sealed, associated(m, purpose))
}

// newGCM is AES-256-GCM with a random nonce before what is sealed (SP 800-38D, 8.2.2).
func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
