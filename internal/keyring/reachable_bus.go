//go:build !windows && !darwin

package keyring

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"
)

// autolaunch is the address by which somebody asks for a bus to be started where there is none.
const autolaunch = "autolaunch:"

// reachable reports whether there is a message bus to ask on. Without one, the library would start one: it looks for the
// user's standard bus where the address is empty or autolaunch, and runs dbus-launch when it does not find it.
func reachable(sessionBus string) bool {
	if sessionBus != "" && sessionBus != autolaunch {
		return true
	}
	current, err := user.Current() // as the library does: where this fails it looks nowhere
	return err == nil && hasBus(filepath.Join("/run/user", current.Uid))
}

// hasBus reports whether the library finds a bus by what is in a user's directory for run-time files: the bus itself, or a
// file that begins with its address.
func hasBus(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, "bus")); err == nil {
		return true
	}
	text, err := os.ReadFile(filepath.Join(dir, "dbus-session"))
	address, found := strings.CutPrefix(string(text), "DBUS_SESSION_BUS_ADDRESS=")
	return err == nil && found && strings.TrimRight(address, "\r\n") != ""
}
