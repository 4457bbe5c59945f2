// Package keyring is the operating system's keyring, for secrets of one line: the Secret Service on Linux (GNOME Keyring,
// KWallet), the Keychain on macOS, the Credential Manager on Windows.
//
//	key, err := keyring.OS{SessionBus: os.Getenv("DBUS_SESSION_BUS_ADDRESS")}.Get(ctx, "awsauth", "legacy")
//
// It starts no keyring and no message bus, and gives up after a few seconds: a locked keyring may ask a person who is not
// there.
package keyring

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/awsauth-go/awsauth/internal/secret"
)

// patience is how long the keyring may take: a person may have to unlock it.
const patience = 10 * time.Second

// errPanicked reports that the library has failed in a way of its own.
var errPanicked = errors.New("it broke off")

// OS is the operating system's keyring.
type OS struct {
	// SessionBus is DBUS_SESSION_BUS_ADDRESS, by which the keyring is found on Linux; empty means the user's standard one.
	SessionBus string
}

var _ secret.Keyring = OS{}

// Get answers an entry, or secret.ErrNotInKeyring, or secret.ErrNoKeyring.
func (o OS) Get(ctx context.Context, service, key string) (secret.Secret, error) {
	value, err := o.ask(ctx, func() (string, error) { return keyring.Get(service, key) })
	return secret.New(value), err
}

// Set makes an entry, or replaces it; secret.ErrNoKeyring.
func (o OS) Set(ctx context.Context, service, key string, value secret.Secret) error {
	_, err := o.ask(ctx, func() (string, error) { return "", keyring.Set(service, key, value.Reveal()) })
	return err
}

// ask calls the keyring, which knows no context: when it takes too long, the call is left behind.
func (o OS) ask(ctx context.Context, call func() (string, error)) (string, error) {
	if !reachable(o.SessionBus) {
		return "", secret.ErrNoKeyring
	}
	type answer struct {
		value string
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		a := answer{err: errPanicked}
		defer func() {
			// The library takes a bus that ends while a person is asked to unlock for an answer of nil. What it panics
			// with may be the secret.
			_ = recover()
			answers <- a
		}()
		a.value, a.err = call()
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case a := <-answers:
		if errors.Is(a.err, keyring.ErrNotFound) {
			return "", secret.ErrNotInKeyring
		}
		if a.err != nil {
			return "", fmt.Errorf("%w: %v", secret.ErrNoKeyring, a.err)
		}
		return a.value, nil
	case <-timer.C:
		return "", fmt.Errorf("%w: it has not answered within %s: is it locked?", secret.ErrNoKeyring, patience)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
