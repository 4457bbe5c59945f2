//go:build !windows && !darwin

package keyring

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/awsauth-go/awsauth/internal/secret"
)

func TestWhereThereIsABus(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  bool
	}{
		{"nothing", nil, false},
		{"a socket of its name", map[string]string{"bus": ""}, true},
		{"a file that says where it is", map[string]string{"dbus-session": "DBUS_SESSION_BUS_ADDRESS=unix:abstract=/tmp/dbus-E1c73yNqrG\n"}, true},
		{"a file that says nothing", map[string]string{"dbus-session": ""}, false},
		{"a file that names no address", map[string]string{"dbus-session": "DBUS_SESSION_BUS_ADDRESS=\n"}, false},
		{"a file that says something else", map[string]string{"dbus-session": "# moved\nDBUS_SESSION_BUS_ADDRESS=unix:path=/tmp/bus\n"}, false},
		{"something else", map[string]string{"keyring": ""}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range c.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := hasBus(dir); got != c.want {
				t.Errorf("got %t, want %t", got, c.want)
			}
		})
	}
}

func TestAnAddressThatAsksForABusIsNone(t *testing.T) {
	// To the library it is as if there were none: it looks for the user's standard bus, and starts one.
	if got, want := reachable("autolaunch:"), reachable(""); got != want {
		t.Errorf("got %t, want %t as without an address", got, want)
	}
	if !reachable("unix:path=/run/bus") {
		t.Error("got false, want true for an address")
	}
}

func TestWithoutABusNothingIsAsked(t *testing.T) {
	if reachable("") {
		t.Skip("this user has a message bus, so there is always something to ask; TestWhereThereIsABus has both")
	}
	for _, address := range []string{"", "autolaunch:"} {
		_, err := OS{SessionBus: address}.ask(t.Context(), func() (string, error) {
			t.Errorf("%q: the library was asked", address)
			return "", nil
		})
		if !errors.Is(err, secret.ErrNoKeyring) {
			t.Errorf("%q: got %v, want %v", address, err, secret.ErrNoKeyring)
		}
	}
}
