//go:build unix

package diskcache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// Nothing that somebody else could have put there is followed, waited for or believed.
func TestAKeyInAHostileDirectory(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	held := flock.New("")
	for name, plant := range map[string]func(dir string) error{
		"a link in the lock's place": func(dir string) error {
			return os.Symlink(filepath.Join(dir, "..", "elsewhere"), filepath.Join(dir, "key.lock"))
		},
		"a pipe in the lock's place": func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "key.lock"), 0o600) },
		"a lock that is never given back": func(dir string) error {
			held = flock.New(filepath.Join(dir, "key.lock"))
			_, err := held.TryLock()
			return err
		},
		"a key that others can read": func(dir string) error { return os.WriteFile(filepath.Join(dir, "key"), testKey, 0o644) },
		"a directory of others":      func(dir string) error { return os.Chmod(dir, 0o777) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "c")
			if err := errors.Join(os.Mkdir(dir, 0o700), plant(dir)); err != nil {
				t.Fatal(err)
			}
			if key, err := OwnKey(ctx, dir); err == nil {
				t.Errorf("got key %x", key)
			}
			if _, err := os.Lstat(filepath.Join(dir, "..", "elsewhere")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a link was followed: %v", err)
			}
		})
	}
	runtime.KeepAlive(held) // or collecting garbage gives it back
}
