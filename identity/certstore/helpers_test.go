package certstore

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/internal/secret"
)

// soak asks for the full form of the long tests.
var soak = os.Getenv("AWSAUTH_SOAK") != ""

// full is how often a long test does its work.
func full(t testing.TB, short, long int) int {
	t.Helper()
	if soak {
		return long
	}
	t.Logf("the short form: %d in place of %d; AWSAUTH_SOAK=1 for all", short, long)
	return short
}

// authority is one for all tests, an intermediate: what it issues has a chain of one, which must not get lost.
var authority = sync.OnceValue(func() *pki.CA {
	root, err := pki.NewCA("root", time.Now())
	if err != nil {
		panic(err)
	}
	below, err := root.Intermediate("intermediate")
	if err != nil {
		panic(err)
	}
	return below
})

var pkiLeaf = pki.Leaf{CommonName: "client"}

func issue(t testing.TB, name string) *identity.Identity {
	t.Helper()
	id, err := authority().Issue(pki.Leaf{CommonName: name})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func issueWith(t testing.TB, change func(*x509.Certificate)) *identity.Identity {
	t.Helper()
	id, err := authority().Issue(pki.Leaf{CommonName: "client", Change: change})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// place is a directory that a store may be made in.
func place(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "store")
}

// freshStore is an empty store with its key in a file.
func freshStore(t testing.TB) *Store {
	t.Helper()
	s, err := Create(place(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// reopen is what a program does that starts now.
func reopen(t testing.TB, s *Store) *Store {
	t.Helper()
	again, err := Open(s.dir, s.options)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func add(t testing.TB, s *Store, name string, aliases ...string) *identity.Identity {
	t.Helper()
	id := issue(t, name)
	if err := s.Add(t.Context(), name, id, AddOptions{Aliases: aliases}); err != nil {
		t.Fatal(err)
	}
	return id
}

func link(t testing.TB, s *Store, name string, l Link) {
	t.Helper()
	if err := s.AddLink(t.Context(), name, l, AddOptions{}); err != nil {
		t.Fatal(err)
	}
}

// checkUsable demands that a name leads to an identity, with its chain, that signs.
func checkUsable(t testing.TB, s *Store, name string, want *identity.Identity) {
	t.Helper()
	got, err := s.Source(name).Identity(t.Context())
	if err != nil {
		t.Errorf("%q: %v", name, err)
		return
	}
	if !got.Certificate.Equal(want.Certificate) {
		t.Errorf("%q: got %s, want %s", name, got.Certificate.Subject, want.Certificate.Subject)
	}
	if err := matches(got); err != nil {
		t.Errorf("%q: %v", name, err)
	}
	if len(got.Chain) != len(want.Chain) {
		t.Errorf("%q: got a chain of %d, want %d", name, len(got.Chain), len(want.Chain))
	}
}

// matches reports a key that is not its certificate's, by signing.
func matches(id *identity.Identity) error {
	digest := sha256.Sum256([]byte("test"))
	signature, err := id.Key.Sign(rand.Reader, digest[:], nil)
	if err != nil {
		return err
	}
	if public, ok := id.Certificate.PublicKey.(*ecdsa.PublicKey); !ok || !ecdsa.VerifyASN1(public, digest[:], signature) {
		return errors.New("the key is not the certificate's")
	}
	return nil
}

// checkError demands an error's text and its advice.
func checkError(t testing.TB, err, is error, text, advice string) {
	t.Helper()
	if err == nil {
		t.Errorf("got no error, want %q", text)
		return
	}
	if !errors.Is(err, is) {
		t.Errorf("got %v, want it to be %v", err, is)
	}
	if err.Error() != text {
		t.Errorf("got %q\nwant %q", err, text)
	}
	if got := hint(err); got != advice {
		t.Errorf("got advice %q\nwant       %q", got, advice)
	}
}

func hint(err error) string {
	if e := new(Error); errors.As(err, &e) {
		return e.Hint()
	}
	return ""
}

// names are what is in a directory.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := []string{}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func write(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// alter writes a file of a store again, changed.
func alter(t testing.TB, path string, change func([]byte) []byte) {
	t.Helper()
	write(t, path, change(read(t, path)))
}

func replace(before, after string) func([]byte) []byte {
	return func(b []byte) []byte {
		changed := bytes.Replace(b, []byte(before), []byte(after), 1)
		if bytes.Equal(changed, b) {
			panic("nothing to replace: " + before)
		}
		return changed
	}
}

// keyring is one in memory.
type keyring struct {
	mu      sync.Mutex
	entries map[string]string
	err     error // of every call
	sets    int
}

func (k *keyring) Get(_ context.Context, service, key string) (secret.Secret, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return secret.Secret{}, k.err
	}
	value, ok := k.entries[service+"/"+key]
	if !ok {
		return secret.Secret{}, secret.ErrNotInKeyring
	}
	return secret.New(value), nil
}

func (k *keyring) Set(_ context.Context, service, key string, value secret.Secret) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return k.err
	}
	if k.entries == nil {
		k.entries = map[string]string{}
	}
	k.sets++
	k.entries[service+"/"+key] = value.Reveal()
	return nil
}

var _ Keyring = (*keyring)(nil)

// listed is a store's content: the serial number of each certificate.
func listed(t testing.TB, s *Store) map[string]string {
	t.Helper()
	all, err := s.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{}
	for _, c := range all {
		if c.Err != nil {
			t.Errorf("%s: %v", c.Identifier, c.Err)
			continue
		}
		content[c.Identifier] = c.Certificate.SerialNumber.String()
	}
	return content
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keyPEM(t testing.TB, id *identity.Identity) []byte {
	t.Helper()
	data, err := pki.KeyPEM(id.Key)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func certificatesPEM(id *identity.Identity) []byte {
	return MarshalCertificates(id.Certificate, id.Chain)
}

// leftBehind are the files that no program at work would leave.
func leftBehind(t testing.TB, dir string) []string {
	t.Helper()
	return slices.DeleteFunc(names(t, dir), func(name string) bool {
		return !strings.HasSuffix(name, ".tmp") && name != journalFile
	})
}

func toJSON(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
