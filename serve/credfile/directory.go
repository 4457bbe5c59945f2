package credfile

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

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
			return "", syscall.ELOOP
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

// The names beside the file: of its backup, of its lock, and what those of new files begin with.
func (d *directory) backup() string { return d.name + ".awsauth.bak" }

func (d *directory) lock() string { return d.name + ".lock" }

func (d *directory) prefix() string { return "." + d.name + ".awsauth-" }

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
	f, err := d.root.OpenFile(name, os.O_RDONLY|nonblocking, 0)
	// Where a link has come, os.Root follows it within the directory; otherwise its error may be one that is not the system's.
	if system := syscall.Errno(0); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ELOOP) || err != nil && !errors.As(err, &system) {
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

// stage writes a new file that nobody else can read until it belongs to the owner of the old one.
func (d *directory) stage(name string, data []byte, old snapshot, keepMode bool) (err error) {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
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
