package certstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/secret"
)

const systemdText = "0123456789abcdef0123456789abcdef"

// credentials is a directory as systemd makes it for a unit, with a store's key.
func credentials(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, systemdCredential), []byte(text))
	return dir
}

func TestANewStoreTakesTheFirstKeyThatIsThere(t *testing.T) {
	unit := credentials(t, systemdText)
	for _, test := range []struct {
		name    string
		options Options
		want    KeySource
	}{
		{"nothing but files", Options{}, FileKey},
		{"a keyring", Options{Keyring: &keyring{}}, KeyringKey},
		{"a keyring that is locked", Options{Keyring: &keyring{err: secret.ErrNoKeyring}}, FileKey},
		{"a credential of systemd's", Options{Keyring: &keyring{}, CredentialsDirectory: unit}, SystemdKey},
		{"a unit without the credential", Options{Keyring: &keyring{}, CredentialsDirectory: t.TempDir()}, KeyringKey},
		{"a credential that is too short", Options{CredentialsDirectory: credentials(t, "short")}, FileKey},
		{"a file on request", Options{Keyring: &keyring{}, CredentialsDirectory: unit, NewKey: FileKey}, FileKey},
		{"the keyring on request", Options{Keyring: &keyring{}, CredentialsDirectory: unit, NewKey: KeyringKey}, KeyringKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := Create(place(t), test.options)
			if err != nil {
				t.Fatal(err)
			}
			if s.KeySource() != test.want {
				t.Errorf("got %q, want %q", s.KeySource(), test.want)
			}
			if _, err := os.Stat(s.path(keyFile)); (err == nil) != (test.want == FileKey) {
				t.Errorf("%s: %v", keyFile, err)
			}
			id := add(t, s, "web")
			test.options.NewKey = ""
			again, err := Open(s.dir, test.options)
			if err != nil || again.KeySource() != test.want {
				t.Fatal(again, err)
			}
			checkUsable(t, again, "web", id)
		})
	}
}

func TestAStoreIsNotMadeWithAKeyThatCannotBeHad(t *testing.T) {
	for _, test := range []struct {
		options Options
		text    string // of the error, behind the store's directory
		advice  string
	}{
		{Options{NewKey: SystemdKey}, "it is in systemd credential awsauth-store-key: this process has no such credential", systemdAdvice},
		{Options{NewKey: SystemdKey, CredentialsDirectory: credentials(t, "short\n")}, "it is in systemd credential awsauth-store-key: the credential is shorter than 32 bytes", systemdAdvice},
		{Options{NewKey: KeyringKey}, "it is in the keyring of the operating system: the keyring is not available", keyringAdvice},
		{Options{NewKey: KeyringKey, Keyring: &keyring{err: fmt.Errorf("%w: is it locked?", secret.ErrNoKeyring)}}, "it is in the keyring of the operating system: the keyring is not available: is it locked?", keyringAdvice},
	} {
		dir := place(t)
		s, err := Create(dir, test.options)
		checkError(t, err, ErrKey, "store "+dir+": the store's key is not available: "+test.text, test.advice)
		if s != nil {
			t.Error("got a store too")
		}
		if _, err := Open(dir, test.options); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v, want no store", err)
		}
		if s, err := Create(dir, Options{}); err != nil || s.KeySource() != FileKey { // and it can be made otherwise
			t.Errorf("got %v, %v", s, err)
		}
	}
	if _, err := Create(place(t), Options{NewKey: "safe"}); err == nil || err.Error() != "a store's key is in systemd, keyring or file" {
		t.Errorf("got %v", err)
	}
}

const (
	systemdAdvice = "systemd-run --pipe --wait -p LoadCredentialEncrypted=awsauth-store-key awsauth …, or run it while the agent's unit runs, as root"
	keyringAdvice = "unlock the keyring of the user whose store it is, in a session of that user"
)

// A store whose key is not to be had says where it is and why it is not there; it makes no other, whatever else there is.
func TestAStoreWithoutItsKeySaysSoAndMakesNoOther(t *testing.T) {
	unit := credentials(t, systemdText)
	ring := &keyring{}
	for _, test := range []struct {
		name    string
		made    Options
		spoil   func(t *testing.T, s *Store)
		options Options // of whoever opens it then
		text    string  // behind the store's directory; DIR is it
		advice  string
	}{
		{
			"the file is gone",
			Options{},
			func(t *testing.T, s *Store) { remove(t, s.path(keyFile)) },
			Options{Keyring: &keyring{}, CredentialsDirectory: unit},
			"it was in DIR/store.key: file does not exist", "restore DIR/store.key from a backup",
		},
		{
			"the file is another store's",
			Options{},
			func(t *testing.T, s *Store) { write(t, s.path(keyFile), read(t, freshStore(t).path(keyFile))) },
			Options{},
			"it is in file store.key: it is another key than this store's", "restore DIR/store.key from a backup",
		},
		{
			"the file is empty",
			Options{},
			func(t *testing.T, s *Store) { write(t, s.path(keyFile), nil) },
			Options{},
			"it is in file store.key: it is another key than this store's", "restore DIR/store.key from a backup",
		},
		{
			"the file is a directory",
			Options{},
			func(t *testing.T, s *Store) {
				remove(t, s.path(keyFile))
				if err := os.Mkdir(s.path(keyFile), 0o700); err != nil {
					t.Fatal(err)
				}
			},
			Options{},
			"it is in file store.key: DIR/store.key: the store is damaged: not a regular file", "restore it from a backup",
		},
		{
			"there is no keyring",
			Options{Keyring: ring},
			nil,
			Options{},
			"it is in the keyring of the operating system: the keyring is not available", keyringAdvice,
		},
		{
			"the keyring is locked",
			Options{Keyring: ring},
			nil,
			Options{Keyring: &keyring{err: secret.ErrNoKeyring}, CredentialsDirectory: unit},
			"it is in the keyring of the operating system: the keyring is not available", keyringAdvice,
		},
		{
			"the keyring is another user's",
			Options{Keyring: ring},
			nil,
			Options{Keyring: &keyring{}},
			"it is in the keyring of the operating system: the keyring has no such entry", keyringAdvice,
		},
		{
			"the unit has no credential",
			Options{CredentialsDirectory: unit},
			nil,
			Options{CredentialsDirectory: t.TempDir()},
			"it is in systemd credential awsauth-store-key: no such file or directory", systemdAdvice,
		},
		{
			"no unit",
			Options{CredentialsDirectory: unit},
			nil,
			Options{Keyring: ring},
			"it is in systemd credential awsauth-store-key: this process has no such credential", systemdAdvice,
		},
		{
			"the credential is another",
			Options{CredentialsDirectory: unit},
			nil,
			Options{CredentialsDirectory: credentials(t, strings.ToUpper(systemdText))},
			"it is in systemd credential awsauth-store-key: it is another key than this store's", systemdAdvice,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			made, err := Create(place(t), test.made)
			if err != nil {
				t.Fatal(err)
			}
			add(t, made, "web")
			if test.spoil != nil {
				test.spoil(t, made)
			}
			before, sets := names(t, made.dir), ring.sets
			s, err := Create(made.dir, test.options)
			if err != nil {
				t.Fatal(err)
			}
			s.runCredentials = t.TempDir()
			text := func(s string) string { return strings.ReplaceAll(s, "DIR", made.dir) }
			want := "store " + made.dir + ": the store's key is not available: " + text(test.text)
			_, err = s.Source("web").Identity(t.Context())
			checkError(t, err, ErrKey, want, text(test.advice))
			err = s.Add(t.Context(), "new", issue(t, "new"), AddOptions{})
			checkError(t, err, ErrKey, want, text(test.advice))
			// What needs no key goes on.
			if got := listed(t, s); len(got) != 1 {
				t.Errorf("got %v, want one", got)
			}
			if s.KeySource() != made.KeySource() {
				t.Errorf("got key source %q, want %q", s.KeySource(), made.KeySource())
			}
			if after := names(t, made.dir); strings.Join(after, " ") != strings.Join(before, " ") || ring.sets != sets {
				t.Errorf("got %q, want %q and no new key", after, before)
			}
			if err := s.Remove(t.Context(), "web"); err != nil {
				t.Error(err)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// The superuser, in no unit, finds the key of a running unit: the one that is the store's, among others.
func TestAnOperatorFindsTheKeyOfTheRunningAgent(t *testing.T) {
	s, err := Create(place(t), Options{CredentialsDirectory: credentials(t, systemdText)})
	if err != nil {
		t.Fatal(err)
	}
	id := add(t, s, "web")
	operator := reopen(t, &Store{dir: s.dir})
	operator.runCredentials = t.TempDir()
	for unit, text := range map[string]string{"a.service": "short", "b.service": strings.Repeat("x", 40), "c.service": systemdText + "\n"} {
		if err := os.Mkdir(filepath.Join(operator.runCredentials, unit), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(operator.runCredentials, unit, systemdCredential), []byte(text))
	}
	checkUsable(t, operator, "web", id)
	if err := operator.Add(t.Context(), "more", issue(t, "more"), AddOptions{}); err != nil {
		t.Error(err)
	}
	// A new store never takes what is another unit's.
	fresh, err := newStore(place(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	fresh.runCredentials = operator.runCredentials
	if got := fresh.firstSource(t.Context(), "id"); got != FileKey {
		t.Errorf("got %q, want file", got)
	}
}

func TestAnAgentThatStartsWithTheKeyringLockedGoesOnWhenItIsUnlocked(t *testing.T) {
	ring := &keyring{}
	s, err := Create(place(t), Options{Keyring: ring})
	if err != nil {
		t.Fatal(err)
	}
	id := add(t, s, "web")
	ring.err = secret.ErrNoKeyring
	agent := reopen(t, s)
	source := agent.Source("web")
	if _, err := source.Identity(t.Context()); !errors.Is(err, ErrKey) {
		t.Errorf("got %v, want ErrKey", err)
	}
	ring.err = nil
	checkUsable(t, agent, "web", id)
	ring.err = secret.ErrNoKeyring // and then does not need it again
	checkUsable(t, agent, "web", id)
}

func TestTheSameCertificateIsEncryptedDifferentlyEachTime(t *testing.T) {
	s := freshStore(t)
	id := issue(t, "web")
	var before []byte
	for range 2 {
		if err := s.Add(t.Context(), "web", id, AddOptions{Replace: true}); err != nil {
			t.Fatal(err)
		}
		e, err := s.load("web")
		if err != nil || bytes.Equal(e.PrivateKey, before) || len(e.PrivateKey) < 12+16 {
			t.Errorf("got %x, %v", e.PrivateKey, err)
		}
		before = e.PrivateKey
	}
}

func TestAKeyOpensForItsPurposeAlone(t *testing.T) {
	s := freshStore(t)
	m, key, err := s.storeKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.seal(m, key, purposeOf("Web"), []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	other, renumbered := m, m
	other.ID = "other"
	renumbered.Version++
	for _, test := range []struct {
		name    string
		meta    meta
		purpose string
		want    bool
	}{
		{"the same", m, purposeOf("web"), true},
		{"another identifier", m, purposeOf("web1"), false},
		{"another purpose", m, purposeCheck, false},
		{"another store", other, purposeOf("web"), false},
		{"another version", renumbered, purposeOf("web"), false},
	} {
		if _, err := s.open(test.meta, key, test.purpose, sealed); (err == nil) != test.want {
			t.Errorf("%s: got %v, want it opened: %t", test.name, err, test.want)
		}
	}
	for i := range sealed {
		flipped := bytes.Clone(sealed)
		flipped[i] ^= 1
		if _, err := s.open(m, key, purposeOf("web"), flipped); err == nil {
			t.Errorf("byte %d can be flipped", i)
		}
	}
}

func TestWhereAKeyIsIsSaidForAPerson(t *testing.T) {
	for source, want := range map[KeySource]string{
		SystemdKey: "systemd credential awsauth-store-key", KeyringKey: "the keyring of the operating system", FileKey: "file store.key", "other": "other",
	} {
		if got := source.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAPlaceForTheKeyThatIsNotThereLeavesNoHalfMadeStore(t *testing.T) {
	broken := errors.New("locked")
	for _, test := range []struct {
		name    string
		options Options
		left    []string
	}{
		{"no keyring", Options{NewKey: KeyringKey}, nil},
		{"a keyring that does not answer", Options{NewKey: KeyringKey, Keyring: &refusingKeyring{get: broken}}, nil},
		{"a keyring that takes nothing", Options{NewKey: KeyringKey, Keyring: &refusingKeyring{get: secret.ErrNotInKeyring, set: broken}}, []string{lockFile}},
		{"no credential of systemd", Options{NewKey: SystemdKey}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := place(t)
			if _, err := Create(dir, test.options); !errors.Is(err, ErrKey) {
				t.Errorf("got %v, want ErrKey", err)
			}
			if _, err := os.Stat(dir); test.left == nil {
				if !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("got %v, want no directory", err)
				}
			} else if got := names(t, dir); !slices.Equal(got, test.left) {
				t.Errorf("got %q, want %q", got, test.left)
			}
			if _, err := Open(dir, Options{}); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got %v, want that there is no store", err)
			}
			if _, err := Create(dir, Options{}); err != nil {
				t.Errorf("with another place: %v", err)
			}
		})
	}
}

// refusingKeyring is a keyring that answers errors.
type refusingKeyring struct{ get, set error }

func (k *refusingKeyring) Get(context.Context, string, string) (secret.Secret, error) {
	return secret.Secret{}, k.get
}

func (k *refusingKeyring) Set(context.Context, string, string, secret.Secret) error { return k.set }
