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
	// Opening a device can have effects, so look before and after.
	if info, err := os.Stat(path); err != nil {
		return nil, 0, cause(err)
	} else if !info.Mode().IsRegular() {
		return nil, 0, ErrNotRegular
	}
	f, err := os.OpenFile(path, os.O_RDONLY|nonblocking, 0)
	if err != nil {
		return nil, 0, cause(err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, ErrNotRegular
	}
	data, err = io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, 0, cause(err)
	}
	if int64(len(data)) > most {
		return nil, 0, fmt.Errorf("longer than %d bytes", most)
	}
	return data, info.Mode(), nil
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

// Write puts a file of mode 0600 into place, whole or not at all: it is written beside and renamed. What stood there, a
// link included, is replaced.
func Write(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), temporary) // 0600 from creation
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Sweep removes what killed writers have left in a directory. Whoever calls it must be the only writer there.
func Sweep(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, temporary))
	if err != nil {
		return err
	}
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}
