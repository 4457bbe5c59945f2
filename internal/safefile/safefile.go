// Package safefile reads and writes the small files in which configuration and secrets live: it reads none that never
// ends or that it would have to wait for, and writes none that others can read or that a crash leaves half-written.
package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNotRegular reports a directory, a device or a pipe in a file's place.
var ErrNotRegular = errors.New("not a regular file")

// Read reads a regular file of at most the given number of bytes. Links are followed. Its errors do not name the file.
func Read(path string, most int64) (data []byte, err error) {
	data, _, err = ReadMode(path, most)
	return data, err
}

// ReadMode is Read that also answers the mode of the file that was read.
func ReadMode(path string, most int64) (data []byte, mode fs.FileMode, err error) {
	data, info, err := ReadInfo(path, most)
	if err != nil {
		return nil, 0, err
	}
	return data, info.Mode(), nil
}

// ReadInfo is Read that also answers what is known of the file that was read.
func ReadInfo(path string, most int64) (data []byte, info fs.FileInfo, err error) {
	// Opening a device can have effects, so look before and after.
	if info, err := os.Stat(path); err != nil {
		return nil, nil, cause(err)
	} else if !info.Mode().IsRegular() {
		return nil, nil, ErrNotRegular
	}
	f, err := os.OpenFile(path, os.O_RDONLY|NonBlocking, 0)
	if err != nil {
		return nil, nil, cause(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err = f.Stat()
	if err != nil {
		return nil, nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, nil, ErrNotRegular
	}
	data, err = io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, nil, cause(err)
	}
	if int64(len(data)) > most {
		return nil, nil, fmt.Errorf("longer than %d bytes", most)
	}
	return data, info, nil
}

// cause leaves out the path, which the caller's message has.
func cause(err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// temporary is the pattern of the names of files on their way.
const temporary = ".awsauth-*.tmp"

// Write puts a file of mode 0600 into place, whole or not at all: it is written beside, made durable and renamed. What stood
// there, a link included, is replaced.
func Write(path string, data []byte) error {
	f, err := Stage(filepath.Dir(path), data)
	if err != nil {
		return err
	}
	return f.Commit(path)
}

// Staged is a file on its way: written and durable under a name of its own, and not yet in its place.
type Staged struct {
	name     string
	fleeting bool // need not outlive the host's power
}

// Stage writes a file of mode 0600 into a directory. As the superuser it gives the file to the directory's owner, so that
// whoever keeps the directory can read it.
func Stage(dir string, data []byte) (s Staged, err error) { return stage(dir, data, false) }

// StageFleeting is Stage for what is made anew anyway when the host loses its power: the file is whole or not there for whoever reads
// it, but not made durable, which takes a disk milliseconds.
func StageFleeting(dir string, data []byte) (s Staged, err error) { return stage(dir, data, true) }

func stage(dir string, data []byte, fleeting bool) (s Staged, err error) {
	f, err := os.CreateTemp(dir, temporary) // 0600 from creation
	if err != nil {
		return Staged{}, err
	}
	s = Staged{f.Name(), fleeting}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Discard())
		}
	}()
	if err := giveToOwner(f, dir); err != nil {
		return s, errors.Join(err, f.Close())
	}
	if _, err := f.Write(data); err != nil {
		return s, errors.Join(err, f.Close())
	}
	if fleeting {
		return s, f.Close()
	}
	if err := f.Sync(); err != nil {
		return s, errors.Join(err, f.Close())
	}
	return s, f.Close()
}

// Name is the path of the file while it is on its way.
func (s Staged) Name() string { return s.name }

// Commit puts the file into its place.
func (s Staged) Commit(path string) error {
	if err := os.Rename(s.name, path); err != nil {
		return errors.Join(err, s.Discard())
	}
	if s.fleeting {
		return nil
	}
	return SyncDir(filepath.Dir(path))
}

// Discard removes the file.
func (s Staged) Discard() error { return os.Remove(s.name) }

// Sweep removes what killed writers have left in a directory. Whoever calls it must be the only writer there.
func Sweep(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if IsTemporary(e.Name()) {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// IsTemporary reports whether a name is that of a file on its way.
func IsTemporary(name string) bool {
	is, err := filepath.Match(temporary, name)
	return err == nil && is
}

// Replace is Write that follows a link and keeps the mode of what stands there: for files that people keep, and not only we.
func Replace(path string, data []byte) error {
	mode := fs.FileMode(0o600)
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		mode = info.Mode().Perm()
	}
	f, err := Stage(filepath.Dir(path), data)
	if err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), mode); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Commit(path)
}
