package credfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A fault is one row of K4: something is wrong with a file or what is around it, or looks as if it were.
type fault struct {
	name    string
	needs   need
	arrange func(s *scene) (mend func())
	err     error  // which Write is to fail with; nil: it is no fault
	says    string // what else its error is to name
}

// need is what a row takes.
type need int

const (
	nothingSpecial need = iota
	ownProcess          // since it changes what holds for all of it
	ordinaryUser        // if we are root, a process that becomes one
	root                // and a process that has mounts of its own and may become another user
)

// scene is where a fault happens.
type scene struct {
	*testing.T
	dir, path string
	change    Change
	want      string // what the file is to become, with the fault mended or at once
	writer    writer
	ctx       context.Context
	user      int // who Write runs as, unless as we do
	kept      map[string]string
}

// rowVariable makes the test's program run one row.
const rowVariable = "AWSAUTH_CREDFILE_TEST_ROW"

const someone = 54321 // a user and a group

var secrets = "# by hand\n[default]\nregion = eu-west-1\naws_secret_access_key = topsecret\n\n" + "[profile a]\nregion = y\n\n[profile b]\noutput = topsecret\n"

// has makes the file what it is to be before.
func (s *scene) has(before string) {
	s.Helper()
	put(s, s.path, before)
	s.want = strings.Replace(before, "region = y", "region = newsecret", 1)
	old := time.Now().Add(-time.Hour) // an empty one is no longer waited for
	s.must(os.Chtimes(s.path, old, old))
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// instead puts something else in the file's place.
func (s *scene) instead(make func() error) (mend func()) {
	s.Helper()
	s.must(os.Remove(s.path))
	s.must(make())
	return func() {
		s.must(os.RemoveAll(s.path))
		s.has(secrets)
	}
}

// at does something at a stage of writing; what is there then, has to stay.
func (s *scene) at(stage string, f func()) {
	s.writer = writing(100*time.Millisecond, map[string]func(){stage: func() {
		f()
		s.kept = s.picture()
	}})
}

// mount mounts a tmpfs on the file's directory.
func (s *scene) mount(options string) {
	s.Helper()
	s.must(syscall.Mount("tmpfs", s.dir, "tmpfs", 0, "mode=0700,"+options))
	s.Cleanup(func() { s.must(syscall.Unmount(s.dir, syscall.MNT_DETACH)) })
	s.has(secrets)
}

// fill writes files until there is no space left.
func (s *scene) fill(size int) (mend func()) {
	s.Helper()
	var names []string
	for {
		name := filepath.Join(s.dir, fmt.Sprintf("filler-%d", len(names)))
		f, err := os.Create(name)
		if err == nil {
			names = append(names, name)
			_, err = f.Write(make([]byte, size))
			err = errors.Join(err, f.Close())
		}
		if errors.Is(err, syscall.ENOSPC) {
			break
		}
		s.must(err)
	}
	return func() {
		for _, name := range names {
			s.must(os.Remove(name))
		}
	}
}

// limit forbids larger files to this process.
func (s *scene) limit(size int) (mend func()) {
	s.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var was syscall.Rlimit
	s.must(syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was))
	s.must(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(size), Max: was.Max}))
	return func() { s.must(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was)) }
}

// unprivileged has Write run as a user to whom file and directory belong.
func (s *scene) unprivileged() {
	s.Helper()
	if os.Getuid() != 0 {
		return
	}
	s.user = someone
	for _, path := range []string{s.path, s.dir} {
		s.must(os.Chown(path, someone, someone))
	}
	for dir := filepath.Dir(s.dir); dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		s.must(os.Chmod(dir, 0o711))
	}
}

// umask is that of this process for the row.
func (s *scene) umask(mask int) {
	was := syscall.Umask(mask)
	s.Cleanup(func() { syscall.Umask(was) })
}

// write does it with one writer or another.
func (s *scene) write(w writer) (bool, error) {
	if s.user != 0 {
		s.must(syscall.Setresgid(-1, someone, -1))
		s.must(syscall.Setresuid(-1, s.user, -1))
		defer func() {
			s.must(syscall.Setresuid(-1, 0, -1))
			s.must(syscall.Setresgid(-1, 0, -1))
		}()
	}
	return w.write(s.ctx, s.path, s.change)
}

// picture is what there is in the directory, but for what Write may make there.
func (s *scene) picture() map[string]string {
	s.Helper()
	all := map[string]string{}
	for _, name := range names(s, s.dir) {
		path := filepath.Join(s.dir, name)
		info, err := os.Lstat(path)
		s.must(err)
		what := info.Mode().String()
		switch {
		case name == "config.lock" && info.Size() == 0, name == "config.awsauth.bak" && info.Mode().IsRegular(), strings.HasPrefix(name, ".config.awsauth-"):
			continue
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if !errors.Is(err, fs.ErrPermission) { // of a row, where we are not root
				s.must(err)
			}
			what += string(data)
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			s.must(err)
			what += target
		}
		all[name] = what
	}
	return all
}

func (f fault) run(t *testing.T) {
	home := t.TempDir()
	s := &scene{T: t, dir: filepath.Join(home, ".aws"), change: region("newsecret"), writer: writing(2*time.Second, nil), ctx: t.Context()}
	s.path = filepath.Join(s.dir, "config")
	s.must(os.Mkdir(s.dir, 0o700))
	s.has(secrets)
	mend := f.arrange(s)
	s.kept = s.picture()
	changed, err := s.write(s.writer)
	if f.err == nil {
		if err != nil || !changed {
			t.Errorf("got %v, %v, want it changed", changed, err)
		}
	} else {
		if !errors.Is(err, f.err) || changed {
			t.Errorf("got %v, %v, want %v", changed, err, f.err)
		}
		text := fmt.Sprint(err)
		t.Log(strings.ReplaceAll(text, home, "~"))
		if !strings.HasPrefix(text, "change "+s.path+": ") || !strings.Contains(text, f.says) || strings.Contains(text, "secret") || strings.Contains(text, "\n") {
			t.Errorf("got %v, want the file's name, %q, and no value", err, f.says)
		}
		if now := s.picture(); !maps.Equal(now, s.kept) {
			t.Errorf("got %.300q, want %.300q", now, s.kept)
		}
	}
	if left := temporaries(t, s.dir); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
	if mend != nil {
		mend()
	}
	s.ctx = t.Context()
	changed, err = s.write(writing(2*time.Second, nil))
	if want := f.err != nil; err != nil || changed != want {
		t.Errorf("again: got %v, %v, want %v", changed, err, want)
	}
	got, err := os.ReadFile(s.path)
	if err != nil || string(got) != s.want {
		t.Errorf("got %.300q, %v, want %.300q", got, err, s.want)
	}
	if left := temporaries(t, s.dir); len(left) > 0 {
		t.Errorf("again: %q is left", left)
	}
	free(t, s.path+".lock")
}

// faults are the rows of K4.
var faults = []fault{
	{"a directory in the file's place", nothingSpecial, func(s *scene) func() {
		return s.instead(func() error { return os.Mkdir(s.path, 0o700) })
	}, ErrNotRegular, ""},
	{"a pipe in the file's place", nothingSpecial, func(s *scene) func() {
		return s.instead(func() error { return syscall.Mkfifo(s.path, 0o600) })
	}, ErrNotRegular, ""},
	{"a device in the file's place", nothingSpecial, func(s *scene) func() {
		return s.instead(func() error { return os.Symlink("/dev/null", s.path) })
	}, ErrNotRegular, ""},
	{"a socket in the file's place", nothingSpecial, func(s *scene) func() {
		return s.instead(func() error {
			s.Chdir(s.dir) // since the path may be too long for a socket
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "config", Net: "unix"})
			if err == nil {
				l.SetUnlinkOnClose(false)
				err = l.Close()
			}
			return err
		})
	}, ErrNotRegular, ""},
	{"a link to nothing", nothingSpecial, func(s *scene) func() {
		return s.instead(func() error { return os.Symlink("nothing", s.path) })
	}, ErrDanglingLink, ""},
	{"links in a circle", nothingSpecial, func(s *scene) func() {
		return s.instead(func() error {
			return errors.Join(os.Symlink("other", s.path), os.Symlink("config", filepath.Join(s.dir, "other")))
		})
	}, syscall.ELOOP, ""},
	{"a link of another user", root, func(s *scene) func() {
		target := filepath.Join(s.dir, "target")
		put(s, target, secrets)
		return s.instead(func() error { return errors.Join(os.Symlink(target, s.path), os.Lchown(s.path, someone, someone)) })
	}, ErrForeignLink, ""},

	{"NUL bytes", nothingSpecial, func(s *scene) func() {
		s.has(secrets + "\x00")
		return func() { s.has(secrets) }
	}, ErrBinary, ""},
	{"a file in UTF-16", nothingSpecial, func(s *scene) func() {
		s.has("\xff\xfe" + strings.Join(strings.Split(secrets, ""), "\x00"))
		return func() { s.has(secrets) }
	}, ErrBinary, "UTF-8"},
	{"a file of 17 MiB", nothingSpecial, func(s *scene) func() {
		s.has(secrets + strings.Repeat("# "+strings.Repeat("topsecret ", 1<<17)+"\n", 14))
		return func() { s.has(secrets) }
	}, ErrTooLarge, "16 MiB"},

	{"a file in the directory's place", nothingSpecial, func(s *scene) func() {
		s.path = filepath.Join(s.dir, "config", "config")
		return func() {
			s.must(os.Remove(filepath.Dir(s.path)))
			s.must(os.Mkdir(filepath.Dir(s.path), 0o700))
			s.has(secrets)
		}
	}, syscall.ENOTDIR, ""},
	{"a directory that may not be written", ordinaryUser, func(s *scene) func() {
		s.unprivileged()
		s.must(os.Chmod(s.dir, 0o500))
		return func() { s.must(os.Chmod(s.dir, 0o700)) }
	}, fs.ErrPermission, "config.lock"},
	{"a file that may not be read", ordinaryUser, func(s *scene) func() {
		s.unprivileged()
		s.must(os.Chmod(s.path, 0))
		return func() { s.must(os.Chmod(s.path, 0o600)) }
	}, fs.ErrPermission, ""},
	{"a directory that is removed meanwhile", nothingSpecial, func(s *scene) func() {
		s.at("staged", func() {
			s.must(os.RemoveAll(s.dir))
			s.must(os.Mkdir(s.dir, 0o700))
		})
		return func() { s.has(secrets) }
	}, ErrShrunk, ""},

	{"a lock that another program holds", nothingSpecial, func(s *scene) func() {
		s.writer.lockPatience = 100 * time.Millisecond
		p := start(s, "hold", s.path+".lock")
		return func() {
			s.must(p.stdin.Close())
			_, _, err := p.finish()
			s.must(err)
		}
	}, ErrLocked, "try again"},
	{"a link in the lock's place", nothingSpecial, func(s *scene) func() {
		s.must(os.Symlink("elsewhere", s.path+".lock"))
		return func() { s.must(os.Remove(s.path + ".lock")) }
	}, ErrNotRegular, "config.lock"},
	{"a directory in the lock's place", nothingSpecial, func(s *scene) func() {
		s.must(os.Mkdir(s.path+".lock", 0o700))
		return func() { s.must(os.Remove(s.path + ".lock")) }
	}, ErrNotRegular, "config.lock"},

	{"a limit on the size of files", ownProcess, func(s *scene) func() { return s.limit(100) }, syscall.EFBIG, ""},
	{"a limit that only the backup exceeds", ownProcess, func(s *scene) func() {
		s.change = Change{Section: "profile b", Remove: []string{"output"}}
		s.want = strings.Replace(secrets, "output = topsecret\n", "", 1)
		return s.limit(len(secrets) - 1)
	}, syscall.EFBIG, "backup"},
	{"a full disk", root, func(s *scene) func() {
		s.mount("size=256k")
		return s.fill(4096)
	}, syscall.ENOSPC, ""},
	{"a disk that has no more inodes", root, func(s *scene) func() {
		s.mount("nr_inodes=16")
		put(s, s.path+".lock", "")
		return s.fill(0)
	}, syscall.ENOSPC, ""},
	{"a disk that may only be read", root, func(s *scene) func() {
		s.mount("size=256k")
		s.must(syscall.Mount("", s.dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
		return func() { s.must(syscall.Mount("", s.dir, "", syscall.MS_REMOUNT, "")) }
	}, syscall.EROFS, ""},
	{"a file that is a mount, as in a container", root, func(s *scene) func() {
		s.must(syscall.Mount(s.path, s.path, "", syscall.MS_BIND, ""))
		return func() { s.must(syscall.Unmount(s.path, 0)) }
	}, syscall.EBUSY, ""},

	{"a program that truncates and does not write", nothingSpecial, func(s *scene) func() {
		s.at("locked", func() { put(s, s.path, "") })
		return func() { s.has(secrets) }
	}, ErrShrunk, ""},
	{"a program that always puts another file there", nothingSpecial, func(s *scene) func() {
		n := 0
		s.at("staged", func() {
			n++
			put(s, s.path+".new", fmt.Sprintf("# %d\n%s", n, secrets))
			s.must(os.Rename(s.path+".new", s.path))
		})
		return func() { s.has(secrets) }
	}, ErrBusy, "try again"},
	{"a context that has ended", nothingSpecial, func(s *scene) func() {
		ctx, cancel := context.WithCancel(s.ctx)
		cancel()
		s.ctx = ctx
		return nil
	}, context.Canceled, ""},
	{"a directory in the backup's place", nothingSpecial, func(s *scene) func() {
		backup := s.path + ".awsauth.bak"
		s.must(os.Mkdir(backup, 0o700))
		return func() { s.must(os.Remove(backup)) }
	}, fs.ErrExist, "backup"},

	{"lines that end as on Windows", nothingSpecial, func(s *scene) func() {
		s.has(strings.ReplaceAll(secrets, "\n", "\r\n"))
		return nil
	}, nil, ""},
	{"a byte order mark", nothingSpecial, func(s *scene) func() {
		s.has("\ufeff" + secrets)
		return nil
	}, nil, ""},
	{"no final newline", nothingSpecial, func(s *scene) func() {
		s.has(strings.TrimRight(secrets, "\n"))
		return nil
	}, nil, ""},
	{"an empty file", nothingSpecial, func(s *scene) func() {
		s.has("")
		s.want = "[profile a]\nregion = newsecret\n"
		return nil
	}, nil, ""},
	{"bytes in Latin-1", nothingSpecial, func(s *scene) func() {
		s.has("# caf\xe9\n" + secrets + "name = Andr\xe9\n")
		return nil
	}, nil, ""},
	{"a file of 10 MiB", nothingSpecial, func(s *scene) func() {
		s.has(secrets + strings.Repeat(strings.Repeat("#", 1023)+"\n", 10<<10))
		return nil
	}, nil, ""},
	{"a line of 1 MiB", nothingSpecial, func(s *scene) func() {
		s.has("[long]\nkey = " + strings.Repeat("v", 1<<20) + "\n" + secrets)
		return nil
	}, nil, ""},
	{"a umask that takes nothing away", nothingSpecial, func(s *scene) func() {
		s.umask(0)
		s.must(os.Chmod(s.path, 0o640))
		return func() { s.modes(0o640) }
	}, nil, ""},
	{"a umask that takes all away from others", nothingSpecial, func(s *scene) func() {
		s.umask(0o077)
		s.must(os.Chmod(s.path, 0o644))
		return func() { s.modes(0o644) }
	}, nil, ""},
	{"temporary files of those that were killed", nothingSpecial, func(s *scene) func() {
		for _, name := range []string{".config.awsauth-ONE", ".config.awsauth-TWO"} {
			put(s, filepath.Join(s.dir, name), secrets)
		}
		return nil
	}, nil, ""},
	{"a file that is for reading only", ordinaryUser, func(s *scene) func() {
		s.unprivileged()
		s.must(os.Chmod(s.path, 0o400))
		return func() { s.modes(0o400) }
	}, nil, ""},
	{"another file put there meanwhile", nothingSpecial, func(s *scene) func() {
		other, done := "[profile c]\noutput = topsecret\n"+secrets, false
		s.at("staged", func() {
			if !done {
				put(s, s.path+".new", other)
				s.must(os.Rename(s.path+".new", s.path))
			}
			done = true
		})
		s.want = strings.Replace(other, "= y", "= newsecret", 1)
		return nil
	}, nil, ""},
	{"a name with a space and brackets", nothingSpecial, func(s *scene) func() {
		s.path = filepath.Join(s.dir, "my [old] config %d;*")
		s.has(secrets)
		return nil
	}, nil, ""},
}

// modes fails the test unless file and backup have the mode that they should.
func (s *scene) modes(file fs.FileMode) {
	s.Helper()
	for path, want := range map[string]fs.FileMode{s.path: file, s.path + ".lock": 0o600, s.path + ".awsauth.bak": 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			s.Errorf("%s: got %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

// TestFileFaultsKeepTheOldFile is K4.
func TestFileFaultsKeepTheOldFile(t *testing.T) {
	only := os.Getenv(rowVariable)
	if len(faults) != 40 {
		t.Errorf("got %d rows, want 40", len(faults))
	}
	ran := 0
	for _, f := range faults {
		if only == f.name {
			f.run(t)
			return
		}
		if only != "" {
			continue
		}
		if f.needs == root && os.Getuid() != 0 {
			t.Run(f.name, func(t *testing.T) { t.Skip("left out, since it takes root") })
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			if f.needs == nothingSpecial || f.needs == ordinaryUser && os.Getuid() != 0 {
				f.run(t)
			} else {
				f.runAlone(t)
			}
		})
		ran++
	}
	t.Logf("%d of %d rows ran", ran, len(faults))
	if os.Getuid() == 0 && ran != 40 {
		t.Error("as root all of them should")
	}
}

// runAlone runs a row in a process of its own.
func (f fault) runAlone(t *testing.T) {
	c := again(t, rowVariable, f.name, "-test.run=^TestFileFaultsKeepTheOldFile$", "-test.v")
	if f.needs == root {
		c.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	}
	out, err := c.CombinedOutput()
	if errors.Is(err, fs.ErrPermission) {
		t.Skipf("left out (%v): as root this takes CAP_SYS_ADMIN, as with docker run --privileged", err)
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestFileFaults")) {
		t.Errorf("%v: %s", err, out)
	}
}
