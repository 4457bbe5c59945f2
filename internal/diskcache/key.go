package diskcache

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/awsauth-go/awsauth/internal/safefile"
)

// keyFile is where a cache has a key of its own.
const keyFile = "key"

// OwnKey reads the key that lies beside what is held in a directory, or makes it: for who has no store of keys. Errors are ErrAccess,
// the context's and the system's.
func OwnKey(ctx context.Context, dir string) (key []byte, err error) {
	c := &Cache{dir: dir}
	if err := c.makeDir(); err != nil {
		return nil, err
	}
	if key, err := c.readKey(); key != nil || err != nil {
		return key, err
	}
	for {
		unlock, err := c.tryLock(keyFile)
		if err != nil {
			return nil, err
		}
		if unlock != nil {
			defer unlock()
			break
		}
		if err := sleep(ctx); err != nil {
			return nil, err
		}
	}
	if key, err := c.readKey(); key != nil || err != nil { // another has made it
		return key, err
	}
	key = make([]byte, keySize)
	rand.Read(key)
	return key, safefile.Write(filepath.Join(dir, keyFile), key)
}

// readKey answers nil when there is no key that can be one.
func (c *Cache) readKey() ([]byte, error) {
	path := filepath.Join(c.dir, keyFile)
	key, info, err := safefile.ReadInfo(path, keySize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := c.check(path, info); err != nil {
		return nil, err
	}
	if len(key) != keySize {
		return nil, nil
	}
	return key, nil
}
