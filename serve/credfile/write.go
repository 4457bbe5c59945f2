package credfile

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Write makes the change to the file at path as Apply does, and reports whether there was anything to change. Without a file
// it makes one, of mode 0600, and its directory, of mode 0700. A symbolic link of this user or of root is followed, and stays.
//
// The file is replaced by rename: whoever reads it gets all of the old content or all of the new, also after a crash. Mode,
// owner and access control list stay as far as this user may set them; where not, fewer people can read it. Beside NAME two
// files appear: NAME.lock, which stays, and NAME.awsauth.bak, of mode 0600, with the content before the last change.
//
// It may be called concurrently, by several processes too: each change is made to what the one before has left. It waits for
// the lock for ten seconds, and for a file that looks half written for two; the context ends both.
//
// Its errors name the file and quote no value. They are those of Apply and the file's: ErrNotRegular, ErrForeignLink,
// ErrDanglingLink, ErrLocked, ErrShrunk, ErrBusy, the context's and the operating system's. An error leaves the file as it
// was, unless changed is true: then it has the new content, and only making that durable or giving the lock back has failed.
func Write(ctx context.Context, path string, c Change) (changed bool, err error) {
	return writer{lockPatience: 10 * time.Second, patience: 2 * time.Second, at: func(string) {}}.write(ctx, path, c)
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

func (w writer) write(ctx context.Context, name string, c Change) (changed bool, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("change %s: %w", name, err)
		}
	}()
	if err := c.check(); err != nil {
		return false, err
	}
	path, err := resolve(name)
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

// lock takes the lock, and sees to it that its file has not been removed meanwhile and locked anew by another.
func (w writer) lock(ctx context.Context, d *directory) (*flock.Flock, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, w.lockPatience, ErrLocked)
	defer cancel()
	for {
		if info, err := d.root.Lstat(d.lock()); err == nil && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("lock %s: %w", d.lock(), ErrNotRegular)
		}
		lock := flock.New(filepath.Join(d.path, d.lock()), flock.SetFlag(os.O_CREATE|os.O_RDWR|nofollow|nonblocking), flock.SetPermissions(0o600))
		if ok, err := lock.TryLockContext(ctx, pause); !ok {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return nil, fmt.Errorf("lock: %w", err)
		}
		held, err := lock.Stat()
		if err == nil {
			var there fs.FileInfo
			if there, err = d.root.Lstat(d.lock()); err == nil && os.SameFile(held, there) {
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
