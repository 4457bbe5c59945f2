package credfile

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Write makes the change to the file at path, and reports whether there was anything to change. Without a file it makes one,
// of mode 0600, and its directory, of mode 0700. A symbolic link of this user or of root is followed, and stays.
//
// The file is replaced by rename: whoever reads it gets all of the old content or all of the new, also after a crash. Mode,
// owner and access control list stay. Beside NAME two files appear: NAME.lock, which stays and is waited for ten seconds, and
// NAME.awsauth.bak, of mode 0600, with the content before the last change.
//
// An error leaves the file as it was, except for one of making the rename durable: then changed is true.
func Write(ctx context.Context, path string, c Change) (changed bool, err error) {
	w := writer{lockPatience: 10 * time.Second, patience: 2 * time.Second, at: func(string) {}}
	if changed, err = w.write(ctx, path, c); err != nil {
		return changed, fmt.Errorf("change %s: %w", path, err)
	}
	return changed, nil
}

type writer struct {
	lockPatience time.Duration
	patience     time.Duration      // with a file that looks as if another program had just truncated it
	at           func(stage string) // for tests that interfere
}

const (
	pause    = 20 * time.Millisecond // between looks, at the lock too
	attempts = 20
)

func (w writer) write(ctx context.Context, path string, c Change) (changed bool, err error) {
	if err := c.check(); err != nil {
		return false, err
	}
	path, err = resolve(path)
	if err != nil {
		return false, err
	}
	d, err := open(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	// A look without the lock: where nothing is to change, nothing has to be writable. It also tells what there was.
	old, err := d.look()
	if err != nil {
		return false, err
	}
	out, err := Apply(old.data, c)
	if err != nil || bytes.Equal(out, old.data) {
		return false, err
	}
	d.most = sections(old.data)
	if err := d.make(); err != nil {
		return false, err
	}
	lock, err := w.lock(ctx, d)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	w.at("locked")
	if err := d.sweep(); err != nil {
		return false, err
	}
	for range attempts {
		if old, err = w.settled(ctx, d); err != nil {
			return false, err
		}
		out, err := Apply(old.data, c)
		if err != nil || bytes.Equal(out, old.data) {
			return false, err
		}
		if done, err := w.replace(d, old, out); done || err != nil {
			return done, err
		}
	}
	return false, ErrBusy
}

// resolve follows links, so that their targets are replaced and not they.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for hops := 0; ; hops++ {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) && hops > 0 {
			return "", ErrDanglingLink
		}
		if errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode()&fs.ModeSymlink == 0 {
			return path, nil
		}
		if err != nil {
			return "", err
		}
		if !trusted(info) {
			return "", ErrForeignLink
		}
		if hops == 8 {
			return "", errors.New("too many symbolic links")
		}
		link, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(link) {
			link = filepath.Join(filepath.Dir(path), link)
		}
		path = link
	}
}

// directory is where the file lies. It stays the same one whatever becomes of its path.
type directory struct {
	root *os.Root // nil: there is none yet
	path string
	name string // of the file
	most int    // sections seen
}

func open(path string) (*directory, error) {
	d := &directory{path: filepath.Dir(path), name: filepath.Base(path)}
	root, err := os.OpenRoot(d.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	d.root = root
	return d, nil
}

func (d *directory) close() error {
	if d.root == nil {
		return nil
	}
	return d.root.Close()
}

// make makes the directory if there is none.
func (d *directory) make() (err error) {
	if d.root != nil {
		return nil
	}
	if err := os.MkdirAll(d.path, 0o700); err != nil {
		return err
	}
	if d.root, err = os.OpenRoot(d.path); err != nil {
		return err
	}
	parent, err := os.OpenRoot(filepath.Dir(d.path))
	if err != nil {
		return err
	}
	return errors.Join(syncDirectory(parent), parent.Close())
}

// lock takes the lock, and sees to it that its file has not been removed meanwhile and locked anew by another.
func (w writer) lock(ctx context.Context, d *directory) (*flock.Flock, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, w.lockPatience, ErrLocked)
	defer cancel()
	for {
		lock := flock.New(filepath.Join(d.path, d.name+".lock"), flock.SetFlag(os.O_CREATE|os.O_RDWR|nofollow|nonblocking), flock.SetPermissions(0o600))
		if ok, err := lock.TryLockContext(ctx, pause); !ok {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return nil, fmt.Errorf("lock: %w", err)
		}
		held, err := lock.Stat()
		if err == nil {
			var there fs.FileInfo
			if there, err = d.root.Lstat(d.name + ".lock"); err == nil && os.SameFile(held, there) {
				return lock, nil
			}
		}
		if err := errors.Join(err, lock.Close()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("lock: %w", err)
		}
		if err := sleep(ctx); err != nil {
			return nil, fmt.Errorf("lock: %w", err)
		}
	}
}

func sleep(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(pause):
		return nil
	}
}

// snapshot is the file at one moment.
type snapshot struct {
	info       fs.FileInfo // nil: there is none
	data       []byte
	attributes attributes
}

func (s snapshot) same(other snapshot) bool {
	if s.info == nil || other.info == nil {
		return s.info == other.info
	}
	return os.SameFile(s.info, other.info) && s.info.ModTime().Equal(other.info.ModTime()) && bytes.Equal(s.data, other.data)
}

func (d *directory) look() (snapshot, error) {
	for range attempts {
		if s, steady, err := d.read(d.name); steady || err != nil {
			return s, err
		}
	}
	return snapshot{}, ErrBusy
}

// read reads a file unless another takes its name meanwhile: it may be a link, and what that names is not ours to copy.
func (d *directory) read(name string) (s snapshot, steady bool, err error) {
	if d.root == nil {
		return snapshot{}, true, nil
	}
	// Opening a device can have effects, so look before and after.
	info, err := d.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return snapshot{}, true, nil
	}
	if err != nil {
		return snapshot{}, false, err
	}
	if !info.Mode().IsRegular() {
		return snapshot{}, false, ErrNotRegular
	}
	f, err := d.root.OpenFile(name, os.O_RDONLY|nofollow|nonblocking, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return snapshot{}, false, nil
	}
	if err != nil {
		return snapshot{}, false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if s.info, err = f.Stat(); err != nil {
		return snapshot{}, false, err
	}
	if !os.SameFile(info, s.info) {
		return snapshot{}, false, nil
	}
	if s.data, err = io.ReadAll(io.LimitReader(f, maxSize+1)); err != nil {
		return snapshot{}, false, err
	}
	if len(s.data) > maxSize {
		return snapshot{}, false, ErrTooLarge
	}
	s.attributes = readAttributes(f)
	return s, true, nil
}

// settled reads the file once it looks whole. AWS's own tools truncate it before they write.
func (w writer) settled(ctx context.Context, d *directory) (snapshot, error) {
	for deadline := time.Now().Add(w.patience); ; {
		s, err := d.look()
		if err != nil {
			return snapshot{}, err
		}
		n := sections(s.data)
		d.most = max(d.most, n)
		patient := time.Now().Before(deadline)
		switch {
		case n < d.most && !patient:
			return snapshot{}, ErrShrunk
		case n < d.most, patient && w.unfinished(d, s, n):
			w.at("waiting")
			if err := sleep(ctx); err != nil {
				return snapshot{}, err
			}
		default:
			return s, nil
		}
	}
}

// unfinished reports a file changed just now that is empty or has fewer sections than its backup. It may be that somebody
// has removed them, so that is a reason to wait and none to refuse.
func (w writer) unfinished(d *directory, s snapshot, n int) bool {
	if s.info == nil || time.Since(s.info.ModTime()) > w.patience {
		return false
	}
	if len(s.data) == 0 {
		return true
	}
	backup, _, err := d.read(d.backup())
	return err == nil && n < sections(backup.data)
}

func (d *directory) backup() string { return d.name + ".awsauth.bak" }

// replace puts the new content into place, unless the file is no longer what it was.
func (w writer) replace(d *directory, old snapshot, out []byte) (done bool, err error) {
	var staged []string
	defer func() {
		for _, name := range staged {
			if e := d.root.Remove(name); !errors.Is(e, fs.ErrNotExist) {
				err = errors.Join(err, e)
			}
		}
	}()
	temporary := func(data []byte, keepMode bool) (string, error) {
		name := d.prefix() + rand.Text()
		staged = append(staged, name)
		return name, d.stage(name, data, old, keepMode)
	}
	fresh, err := temporary(out, true)
	if err != nil {
		return false, err
	}
	// An empty file is no reason to give up the backup of a full one.
	backup := ""
	if len(old.data) > 0 {
		if backup, err = temporary(old.data, false); err != nil {
			return false, fmt.Errorf("backup: %w", err)
		}
	}
	w.at("staged")
	if now, err := d.look(); err != nil || !now.same(old) {
		return false, err
	}
	if backup != "" {
		if err := d.root.Rename(backup, d.backup()); err != nil {
			return false, fmt.Errorf("backup: %w", err)
		}
	}
	if err := d.root.Rename(fresh, d.name); err != nil {
		return false, err
	}
	return true, syncDirectory(d.root)
}

// stage writes a new file that nobody else can read until it belongs to the owner of the old one.
func (d *directory) stage(name string, data []byte, old snapshot, keepMode bool) (err error) {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|nofollow, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := keep(f, old, keepMode); err != nil {
		return err
	}
	return f.Sync()
}

func (d *directory) prefix() string { return "." + d.name + ".awsauth-" }

// sweep removes what killed writers have left. Its caller has the lock, so nobody is at work there.
func (d *directory) sweep() error {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), d.prefix()) || !entry.Type().IsRegular() {
			continue
		}
		if err := d.root.Remove(entry.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
