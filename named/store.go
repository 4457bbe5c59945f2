package named

import (
	"context"
	"errors"
	"io/fs"
	"sync"

	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/keyring"
	"github.com/awsauth-go/awsauth/internal/secret"
)

// Store is the certificate store that counts here: opened when it is needed first, and shared.
type Store struct {
	Directory string // "" where there is no home to keep one in
	Options   certstore.Options

	once  sync.Once
	store *certstore.Store
	err   error
}

// OpenStore finds the store: the one given or AWSAUTH_STORE's, then that of the configuration (nil for none), then the
// standard place.
func OpenStore(e config.Environment, directory string, c *config.Config) *Store {
	if directory == "" {
		_, directory = e.Flag("store")
	}
	if directory == "" && c != nil {
		directory = c.Store
	}
	if directory == "" {
		directory = e.StoreDirectory()
	}
	return &Store{Directory: directory, Options: certstore.Options{
		Keyring:              Keyring(e),
		CredentialsDirectory: e.CredentialsDirectory(),
		Password: func(ctx context.Context, reference, _ string) ([]byte, error) {
			r, err := secret.ParseReference(reference)
			if err != nil {
				return nil, err
			}
			value, err := Resolver(e).Resolve(ctx, r)
			return []byte(value.Reveal()), err
		},
	}}
}

// Keyring is the operating system's.
func Keyring(e config.Environment) keyring.OS { return keyring.OS{SessionBus: e.SessionBus()} }

// Resolver reads references: all but standard input.
func Resolver(e config.Environment) secret.Resolver {
	return secret.Resolver{
		LookupEnv: e.Lookup, Keyring: Keyring(e), CredentialsDirectory: e.CredentialsDirectory(), Environment: e.ProgramEnvironment(),
	}
}

// ErrNoStore reports that there is no certificate store yet.
var ErrNoStore = errors.New("there is no certificate store yet")

// Open opens the store: ErrNoStore when it has not been made.
func (s *Store) Open() (*certstore.Store, error) {
	s.once.Do(func() {
		if s.Directory == "" {
			s.err = ErrNoStore
			return
		}
		s.store, s.err = certstore.Open(s.Directory, s.Options)
		if errors.Is(s.err, fs.ErrNotExist) {
			s.err = ErrNoStore
		}
	})
	return s.store, s.err
}
