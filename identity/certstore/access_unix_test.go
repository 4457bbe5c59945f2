//go:build !windows

package certstore

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/awsauth-go/awsauth/internal/safefile"
)

// nobody is a user who has nothing.
const nobody = 65534

func TestAStoreThatOthersCanReadIsRefusedWithTheCommandThatMendsIt(t *testing.T) {
	for _, test := range []struct {
		name         string
		file         string // in the store's directory; "" is the directory
		mode         fs.FileMode
		text, advice string // PATH is the file's
		use          bool   // found out at use, not at Open
	}{
		{"the directory, by reading", "", 0o755, "store PATH: the store is not for its owner alone: mode 0755 lets others in", "chmod 700 PATH", false},
		{"the directory, by the group", "", 0o710, "store PATH: the store is not for its owner alone: mode 0710 lets others in", "chmod 700 PATH", false},
		{"store.json", storeFile, 0o644, "PATH: the store is not for its owner alone: mode 0644 lets others in", "chmod 600 PATH", false},
		{"a certificate", "certificates/id-web.json", 0o640, "PATH: the store is not for its owner alone: mode 0640 lets others in", "chmod 600 PATH", true},
		{"a certificate that others can write", "certificates/id-web.json", 0o602, "PATH: the store is not for its owner alone: mode 0602 lets others in", "chmod 600 PATH", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := freshStore(t)
			add(t, s, "web")
			path := s.path(test.file)
			if err := os.Chmod(path, test.mode); err != nil {
				t.Fatal(err)
			}
			opened, err := Open(s.dir, Options{})
			if test.use && err == nil {
				_, err = opened.Source("web").Identity(t.Context())
			}
			checkError(t, err, ErrAccess, strings.ReplaceAll(test.text, "PATH", path), strings.ReplaceAll(test.advice, "PATH", path))
			runAdvice(t, err)
			if _, err := reopen(t, s).Source("web").Identity(t.Context()); err != nil {
				t.Errorf("after the advice: %v", err)
			}
		})
	}
}

// runAdvice does what an error advises.
func runAdvice(t *testing.T, err error) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", hint(err)).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestAKeyFileThatOthersCanReadIsNotUsed(t *testing.T) {
	s := freshStore(t)
	id := add(t, s, "web")
	path := s.path(keyFile)
	if err := os.Chmod(path, 0o604); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	_, err := s.Source("web").Identity(t.Context())
	checkError(t, err, ErrKey, "store "+s.dir+": the store's key is not available: it is in file store.key: "+path+
		": the store is not for its owner alone: mode 0604 lets others in", "chmod 600 "+path)
	runAdvice(t, err)
	checkUsable(t, s, "web", id)
}

func TestAdviceIsACommandWhateverThePath(t *testing.T) {
	s, err := Create(filepath.Join(t.TempDir(), "it's a [store]; $(false)"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(s.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	_, err = Open(s.dir, Options{})
	if !errors.Is(err, ErrAccess) {
		t.Fatalf("got %v, want ErrAccess", err)
	}
	runAdvice(t, err)
	reopen(t, s)
}

func TestAnExistingDirectoryThatOthersCanReadIsNotMadeAStore(t *testing.T) {
	dir := place(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Create(dir, Options{})
	checkError(t, err, ErrAccess, "store "+dir+": the store is not for its owner alone: mode 0755 lets others in", "chmod 700 "+dir)
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("got %q, want nothing there", got)
	}
}

func TestLinksInAStoreAreNotFollowed(t *testing.T) {
	for _, name := range []string{storeFile, "certificates/id-web.json"} {
		s := freshStore(t)
		add(t, s, "web")
		moveAndLink(t, s.path(name))
		opened, err := Open(s.dir, Options{})
		if err == nil {
			err = opened.Exists("web")
		}
		checkError(t, err, ErrDamaged, s.path(name)+": the store is damaged: it is a link", "put the file itself there")
	}
	t.Run("the key", func(t *testing.T) {
		s := freshStore(t)
		add(t, s, "web")
		moveAndLink(t, s.path(keyFile))
		_, err := reopen(t, s).Source("web").Identity(t.Context())
		checkError(t, err, ErrKey, "store "+s.dir+": the store's key is not available: it is in file store.key: "+s.path(keyFile)+": the store is damaged: it is a link", "put the file itself there")
	})
	t.Run("the lock", func(t *testing.T) {
		s := freshStore(t)
		moveAndLink(t, s.path(lockFile))
		if err := s.Add(t.Context(), "web", issue(t, "web"), AddOptions{}); !errors.Is(err, syscall.ELOOP) {
			t.Errorf("got %v, want ELOOP", err)
		}
	})
	t.Run("the directory of certificates", func(t *testing.T) {
		s := freshStore(t)
		outside := t.TempDir()
		if err := errors.Join(os.Remove(s.path(entryDir)), os.Symlink(outside, s.path(entryDir))); err != nil {
			t.Fatal(err)
		}
		if err := s.Add(t.Context(), "web", issue(t, "web"), AddOptions{}); err == nil {
			t.Error("it was added")
		}
		if got := names(t, outside); len(got) != 0 {
			t.Errorf("got %q outside the store", got)
		}
		if left := leftBehind(t, s.dir); len(left) != 0 {
			t.Errorf("%q is left", left)
		}
	})
	t.Run("what is replaced", func(t *testing.T) {
		s := freshStore(t)
		victim := filepath.Join(t.TempDir(), "victim")
		write(t, victim, []byte("victim"))
		if err := os.Symlink(victim, s.path(entryDir, "id-web.json")); err != nil {
			t.Fatal(err)
		}
		id := issue(t, "web")
		if err := s.Add(t.Context(), "web", id, AddOptions{Replace: true}); err != nil {
			t.Fatal(err)
		}
		checkUsable(t, s, "web", id)
		if string(read(t, victim)) != "victim" {
			t.Error("the link was followed")
		}
	})
}

// moveAndLink puts a link in a file's place that leads to it.
func moveAndLink(t *testing.T, path string) {
	t.Helper()
	if err := errors.Join(os.Rename(path, path+".moved"), os.Symlink(path+".moved", path)); err != nil {
		t.Fatal(err)
	}
}

// result is what a child program found.
type result struct {
	Err, Hint string
	Access    bool // ErrAccess
}

// as runs an action on a store as another user, in a program of its own.
func as(t *testing.T, uid int, action, dir string) result {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("left out: only root can become another user")
	}
	c := child(t, action, dir)
	c.Path = publicBinary(t)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	c.Dir = "/"
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", action, err, out)
	}
	var r result
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%s: %v: %s", action, err, out)
	}
	return r
}

// publicBinary is this program where every user may run it.
func publicBinary(t *testing.T) string {
	t.Helper()
	dir := publicDir(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "test")
	if err := os.Link(self, path); err == nil {
		return path
	}
	if err := os.WriteFile(path, read(t, self), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// publicDir is a directory that everybody can go through.
func publicDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// homeOf is a directory of another user.
func homeOf(t *testing.T, uid int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("left out: only root can give files away")
	}
	home := filepath.Join(publicDir(t), "home")
	if err := errors.Join(os.Mkdir(home, 0o700), os.Chown(home, uid, uid)); err != nil {
		t.Fatal(err)
	}
	return home
}

// owners demands that everything below is one user's, and for that user alone.
func owners(t *testing.T, dir string, want int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o600)
		if info.IsDir() {
			mode = 0o700
		}
		if uid, _ := safefile.Owner(info); uid != want || info.Mode().Perm() != mode {
			t.Errorf("%s: got user %d and mode %04o, want %d and %04o", path, uid, info.Mode().Perm(), want, mode)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreForTheirOwnerAloneWhateverTheUmask(t *testing.T) {
	for _, mask := range []string{"umask 0", "umask 022", "umask 077"} {
		dir := place(t)
		c := child(t, "fill", dir)
		c.Args = append([]string{"sh", "-c", mask + `; exec "$0" "$@"`, c.Path}, c.Args[1:]...)
		c.Path = "/bin/sh"
		if out, err := c.Output(); err != nil || string(out) != "{\"Err\":\"\",\"Hint\":\"\",\"Access\":false}\n" {
			t.Fatalf("%s: %v: %s", mask, err, out)
		}
		owners(t, dir, os.Geteuid())
	}
}

// A file is never open to others, not even for the moment between its creation and its mode.
func TestFilesAreForTheirOwnerAloneFromCreation(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	s := freshStore(t)
	stop, seen := make(chan struct{}), make(chan []string)
	go func() {
		var open []string
		defer func() { seen <- open }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			entries, _ := os.ReadDir(s.dir)
			for _, e := range entries {
				if info, err := e.Info(); err == nil && info.Mode().Perm()&0o077 != 0 {
					open = append(open, e.Name())
				}
			}
		}
	}()
	for range 20 {
		if err := s.Add(t.Context(), "web", issue(t, "web"), AddOptions{Replace: true}); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	if open := <-seen; len(open) != 0 {
		t.Errorf("%q were open to others", open)
	}
}

func TestADirectoryOutOfReachSaysSo(t *testing.T) {
	dir := filepath.Join(homeOf(t, 0), "store")
	want := result{Err: "store " + dir + ": the store is not for its owner alone: permission denied", Hint: "run it as the store's owner", Access: true}
	if got := as(t, nobody, "open", dir); got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestAFileOfAnotherUserIsRefused(t *testing.T) {
	s := freshStore(t)
	id := add(t, s, "web")
	path := s.path(entryDir, "id-web.json")
	if os.Geteuid() != 0 {
		t.Skip("left out: only root can give files away")
	}
	if err := os.Chown(path, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	err := s.Exists("web")
	checkError(t, err, ErrAccess, path+": the store is not for its owner alone: it belongs to user 12345, and the store to root", "chown 0 "+path)
	runAdvice(t, err)
	checkUsable(t, s, "web", id)
}

// A file that only another user can read is given to the store's owner: to become the owner does not help who is that already.
func TestAnUnreadableFileIsToldOfWithTheCommandThatMendsIt(t *testing.T) {
	dir := filepath.Join(homeOf(t, nobody), "store")
	if r := as(t, nobody, "fill", dir); r.Err != "" {
		t.Fatal(r.Err)
	}
	path := filepath.Join(dir, keyFile)
	about := "store " + dir + ": the store's key is not available: it is in file store.key: " + path + ": the store is not for its owner alone: "
	if err := os.Chown(path, 0, 0); err != nil {
		t.Fatal(err)
	}
	want := result{Err: about + "it belongs to root, and the store to nobody", Hint: "sudo chown 65534 " + path}
	if got := as(t, nobody, "use two", dir); got.Err != want.Err || got.Hint != want.Hint {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if err := errors.Join(os.Chown(path, nobody, nobody), os.Chmod(path, 0)); err != nil {
		t.Fatal(err)
	}
	want = result{Err: about + "permission denied", Hint: "chmod 600 " + path}
	if got := as(t, nobody, "use two", dir); got.Err != want.Err || got.Hint != want.Hint {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestAStoreThatCannotBeWrittenToSaysSo(t *testing.T) {
	for _, test := range []struct {
		name         string
		spoil        func(dir string) error
		text, advice string // DIR is the store's directory
	}{
		{
			"its directory", func(dir string) error { return os.Chmod(dir, 0o500) },
			"store DIR: the store cannot be changed: permission denied", "chmod 700 DIR",
		},
		{
			"its directory, without a lock", func(dir string) error {
				return errors.Join(os.Remove(filepath.Join(dir, lockFile)), os.Chmod(dir, 0o500))
			},
			"store DIR: the store cannot be changed: permission denied", "chmod 700 DIR",
		},
		{
			"its certificates", func(dir string) error { return os.Chmod(filepath.Join(dir, entryDir), 0o500) },
			"DIR/certificates: the store cannot be changed: permission denied", "chmod 700 DIR/certificates",
		},
		{
			"its lock", func(dir string) error { return os.Chown(filepath.Join(dir, lockFile), 0, 0) },
			"DIR/lock: the store is not for its owner alone: it belongs to root, and the store to nobody", "sudo chown 65534 DIR/lock",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(homeOf(t, nobody), "store")
			if r := as(t, nobody, "fill", dir); r.Err != "" {
				t.Fatal(r.Err)
			}
			if err := test.spoil(dir); err != nil {
				t.Fatal(err)
			}
			for _, action := range []string{"add two", "add four", "remove two"} {
				got := as(t, nobody, action, dir)
				want := result{Err: strings.ReplaceAll(test.text, "DIR", dir), Hint: strings.ReplaceAll(test.advice, "DIR", dir), Access: got.Access}
				if action == "remove two" && test.name == "its directory" {
					continue // it needs nothing but the certificates' directory
				}
				if got != want {
					t.Errorf("%s: got %+v\nwant %+v", action, got, want)
				}
			}
		})
	}
}

// asChild runs an action in a program of its own, as this user.
func asChild(t *testing.T, action, dir string) (r result) {
	t.Helper()
	out, err := child(t, action, dir).Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", action, err, out)
	}
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	return r
}
