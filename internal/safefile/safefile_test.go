package safefile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/awsauth-go/awsauth/internal/safefile"
)

func TestReadTakesRegularFilesAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("0123456789"), 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		most       int64
		want       string
	}{
		{"a file", path, 10, ""},
		{"a link to a file", link, 10, ""},
		{"a file that is too long", path, 9, "longer than 9 bytes"},
		{"a directory", dir, 10, "not a regular file"},
		{"nothing", filepath.Join(dir, "none"), 10, "no such file or directory"},
	} {
		data, err := safefile.Read(c.path, c.most)
		if got := text(err); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		if err == nil && string(data) != "0123456789" {
			t.Errorf("%s: got %q", c.name, data)
		}
	}
	if runtime.GOOS != "windows" {
		if _, err := safefile.Read("/dev/zero", 10); !errors.Is(err, safefile.ErrNotRegular) {
			t.Errorf("/dev/zero: got %v, want ErrNotRegular", err)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestWriteReplacesAFileWhateverItsModeWas(t *testing.T) {
	dir := t.TempDir()
	path, elsewhere := filepath.Join(dir, "file"), filepath.Join(dir, "elsewhere")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, prepare := range []func() error{
		func() error { return nil },
		func() error { return errors.Join(os.Remove(path), os.Symlink(elsewhere, path)) },
	} {
		if err := prepare(); err != nil {
			t.Fatal(err)
		}
		if err := safefile.Write(path, []byte("new")); err != nil {
			t.Fatal(err)
		}
		data, mode, err := safefile.ReadMode(path, 10)
		if err != nil || !bytes.Equal(data, []byte("new")) {
			t.Errorf("got %q, %v", data, err)
		}
		if runtime.GOOS != "windows" && mode.Perm() != 0o600 {
			t.Errorf("got mode %04o, want 0600", mode.Perm())
		}
		if _, err := os.Stat(elsewhere); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the link was followed")
		}
	}
}

func TestSweepRemovesWhatAKilledWriterLeft(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "[a]*") // what a pattern would read otherwise
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".awsauth-1.tmp", "kept"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := safefile.Sweep(dir); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "kept" {
		t.Errorf("got %v, %v", entries, err)
	}
}

func TestAFailedWriteLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "directory")
	if err := os.MkdirAll(filepath.Join(target, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := safefile.Write(target, []byte("new")); err == nil {
		t.Fatal("a directory was replaced")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v, want the directory alone", entries, err)
	}
}

func TestReplaceKeepsTheModeAndFollowsALink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(target, []byte("old"), 0o644), os.Chmod(target, 0o644), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(dir, "fresh")
	for path, mode := range map[string]fs.FileMode{link: 0o644, fresh: 0o600} {
		if err := safefile.Replace(path, []byte("new")); err != nil {
			t.Fatal(err)
		}
		data, got, err := safefile.ReadMode(path, 10)
		if err != nil || string(data) != "new" || runtime.GOOS != "windows" && got.Perm() != mode {
			t.Errorf("%s: got %q, %04o, %v, want mode %04o", path, data, got.Perm(), err, mode)
		}
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone (%v)", err)
	}
}
