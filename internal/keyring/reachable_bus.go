//go:build !windows && !darwin

package keyring

import (
	"os"
	"path/filepath"
	"strconv"
)

// reachable reports whether there is a message bus to ask on. Without one, the library would start one.
func reachable(sessionBus string) bool {
	if sessionBus != "" {
		return true
	}
	runtime := filepath.Join("/run/user", strconv.Itoa(os.Getuid()))
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(filepath.Join(runtime, name)); err == nil {
			return true
		}
	}
	return false
}
