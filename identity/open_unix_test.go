//go:build unix

package identity

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestOnlyRegularFilesOfBoundedSizeAreRead(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(path("fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", path("link-to-device")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", path("loop")); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path("sparse"), nil)
	if err := os.Truncate(path("sparse"), 100<<20); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, file string
		want       error
		says       string
	}{
		{"a FIFO that nobody writes to", path("fifo"), ErrNotRegularFile, "named pipe"},
		{"a device without an end", "/dev/zero", ErrNotRegularFile, "device"},
		{"a link to a device", path("link-to-device"), ErrNotRegularFile, "device"},
		{"a directory", dir, ErrNotRegularFile, "directory"},
		{"a file of 100 MB", path("sparse"), ErrTooLarge, "1048576"},
		{"a file that is not there", path("missing"), fs.ErrNotExist, "no such file"},
		{"a link to itself", path("loop"), syscall.ELOOP, "symbolic links"},
		{"a file below a file", vector("p256.pem") + "/x", syscall.ENOTDIR, "not a directory"},
		{"no name", "", fs.ErrNotExist, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ends(t, func() {
				_, err := File{Certificate: vector("p256.pem"), PrivateKey: test.file, Chain: test.file}.Identity(t.Context())
				if test.file == "" {
					_, err = File{}.Identity(t.Context())
				}
				checkError(t, err, test.want, test.file, test.says)
			})
		})
	}
}

func TestOpeningAFIFODoesNotWaitForItsWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	opened := make(chan error, 1)
	go func() {
		file, err := os.OpenFile(path, os.O_RDONLY|nonblocking, 0)
		if err == nil {
			err = file.Close()
		}
		opened <- err
	}()
	select {
	case err := <-opened:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("still waiting after 5 seconds")
	}
}
