package diskcache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/internal/safefile"
)

// oldest is how long a file may lie there that nobody has written: no credentials are good for longer.
const oldest = 24 * time.Hour

// sweep removes what nobody can use any more, and what killed writers have left.
func (c *Cache) sweep(now time.Time) error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		ours := strings.HasSuffix(e.Name(), suffix) || safefile.IsTemporary(e.Name())
		if err != nil || now.Sub(info.ModTime()) < oldest {
			continue
		}
		if name, isLock := strings.CutSuffix(e.Name(), lockSuffix); isLock {
			if err := c.removeLock(name); err != nil {
				return err
			}
			continue
		}
		if !ours {
			continue
		}
		if err := ignoreMissing(os.Remove(filepath.Join(c.dir, e.Name()))); err != nil {
			return err
		}
	}
	return nil
}

// removeLock removes the lock of what is no longer held, unless somebody has it.
func (c *Cache) removeLock(name string) error {
	if _, err := os.Lstat(filepath.Join(c.dir, name+suffix)); err == nil {
		return nil
	}
	unlock, err := c.tryLock(name)
	if err != nil || unlock == nil {
		return err
	}
	defer unlock()
	return ignoreMissing(os.Remove(filepath.Join(c.dir, name+lockSuffix)))
}

// Held is one file of the cache, for people.
type Held struct {
	File     string // its name
	Entry           // empty when it cannot be read
	Obtained time.Time
	Renew    time.Time
	Readable bool
}

// List answers what the cache holds. A directory that is not there holds nothing.
func (c *Cache) List() ([]Held, error) {
	names, err := c.names()
	if err != nil {
		return nil, err
	}
	var all []Held
	for _, name := range names {
		r, err := c.read(name)
		if err != nil {
			return nil, err
		}
		h := Held{File: name + suffix}
		if r != nil {
			h.Entry, h.Obtained, h.Renew, h.Readable = r.entry(), r.Obtained, r.Renew, true
		}
		all = append(all, h)
	}
	return all, nil
}

func (c *Cache) names() ([]string, error) {
	info, err := os.Lstat(c.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := c.check(c.dir, info); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok {
			names = append(names, name)
		}
	}
	return names, nil
}

// Clear removes all that is held, and answers how many files that were.
func (c *Cache) Clear(ctx context.Context) (n int, err error) {
	names, err := c.names()
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if err := c.remove(ctx, name); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// remove removes one file. Whoever obtains credentials meanwhile is waited for.
func (c *Cache) remove(ctx context.Context, name string) error {
	for {
		unlock, err := c.tryLock(name)
		if err != nil {
			return err
		}
		if unlock == nil {
			if err := sleep(ctx); err != nil {
				return err
			}
			continue
		}
		defer unlock()
		return errors.Join(
			ignoreMissing(os.Remove(filepath.Join(c.dir, name+suffix))), ignoreMissing(os.Remove(filepath.Join(c.dir, name+lockSuffix))),
		)
	}
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
