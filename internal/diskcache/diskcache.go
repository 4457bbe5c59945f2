// Package diskcache holds credentials for the next process: a file for each request, encrypted, and a lock, so that of many
// processes that need the same credentials one asks for them.
//
//	cache, err := diskcache.Open(dir, key)
//	entry, err := cache.Get(ctx, request, obtain)
//
// What it cannot use it takes for absent: a file that is damaged, of another version, of another request, or of another key. A
// directory or file that belongs to another user, or that others may read, is an error, and is neither read nor changed.
package diskcache

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/gofrs/flock"

	"github.com/awsauth-go/awsauth/internal/safefile"
	"github.com/awsauth-go/awsauth/internal/schedule"
)

// ErrAccess reports a directory or a file that is not this user's alone.
var ErrAccess = errors.New("the cache is not for its owner alone")

const (
	suffix     = ".credentials"
	lockSuffix = ".lock"
	// magic begins every file, and is authenticated with it: a file of another version is none.
	magic   = "awsauth credentials 1\n"
	maxFile = 1 << 20
	// keySize is that of AES-256.
	keySize = 32
	// patience is how long a held credential is held up by the attempt to renew it.
	patience = 3 * time.Second
	// longestWait is how long another process may take to obtain what this one needs.
	longestWait = 15 * time.Second
	// pause is between looks at what it has come to.
	pause = 10 * time.Millisecond
)

// Entry is what is held: credentials, and whatever their owner keeps with them.
type Entry struct {
	Credentials aws.Credentials
	Extra       json.RawMessage // the owner's
}

// Cache is a directory of credentials.
type Cache struct {
	// Problem is told when the cache cannot be used, and credentials are obtained without it; nil for nobody.
	Problem func(error)

	dir string
	key []byte // AES-256
}

// Open answers the cache in a directory, which is made when it is used first. The key has 32 bytes.
func Open(dir string, key []byte) (*Cache, error) {
	if len(key) != keySize {
		return nil, errors.New("a cache's key has 32 bytes")
	}
	return &Cache{dir: dir, key: key}, nil
}

// record is a file's content.
type record struct {
	AccessKeyID     string          `json:"access_key_id"`
	SecretAccessKey string          `json:"secret_access_key"`
	SessionToken    string          `json:"session_token"`
	AccountID       string          `json:"account_id,omitempty"`
	Source          string          `json:"source,omitempty"`
	Expires         time.Time       `json:"expires"`
	Obtained        time.Time       `json:"obtained"`
	Renew           time.Time       `json:"renew"`
	Failures        int             `json:"failures,omitempty"`
	Retry           time.Time       `json:"retry,omitzero"` // after failures
	Extra           json.RawMessage `json:"extra,omitempty"`
}

func (r *record) entry() Entry {
	return Entry{Credentials: aws.Credentials{
		AccessKeyID: r.AccessKeyID, SecretAccessKey: r.SecretAccessKey, SessionToken: r.SessionToken, AccountID: r.AccountID,
		Source: r.Source, CanExpire: true, Expires: r.Expires,
	}, Extra: r.Extra}
}

// good reports whether the credentials have not ended. Whoever sees a time before they were obtained does not know how long ago
// that was: the clock has been set back.
func (r *record) good(now time.Time) bool {
	const skew = time.Minute
	return r != nil && now.Before(r.Expires) && !now.Before(r.Obtained.Add(-skew))
}

// due reports whether they are to be renewed now.
func (r *record) due(now time.Time) bool { return !now.Before(r.Renew) && !now.Before(r.Retry) }

// Get answers what is held for a request, or has it obtained. Of all processes one obtains it at a time; the others are given what
// is good meanwhile, or wait for it. When a renewal fails, what is held is given until it ends. What obtain answers without an end
// is not held. Errors are obtain's and the context's: where the cache itself fails, Problem is told, and credentials are obtained.
func (c *Cache) Get(ctx context.Context, request []byte, obtain func(context.Context) (Entry, error)) (Entry, error) {
	return c.get(ctx, request, obtain, true)
}

// Renew is Get for those who hold credentials themselves, and are to know when a renewal has failed: then its error is the answer,
// though there may be credentials that are good.
func (c *Cache) Renew(ctx context.Context, request []byte, obtain func(context.Context) (Entry, error)) (Entry, error) {
	return c.get(ctx, request, obtain, false)
}

// get is Get, or with stale false Renew.
func (c *Cache) get(ctx context.Context, request []byte, obtain func(context.Context) (Entry, error), stale bool) (Entry, error) {
	name := c.name(request)
	if err := c.makeDir(); err != nil {
		c.problem(err)
		return obtain(ctx)
	}
	for deadline := time.Now().Add(longestWait); ; {
		held, err := c.read(name)
		if err != nil {
			c.problem(err)
			return obtain(ctx)
		}
		now := time.Now()
		good := held.good(now)
		if good && !held.due(now) {
			return held.entry(), nil
		}
		unlock, err := c.tryLock(name)
		switch {
		case err != nil:
			c.problem(err)
			return obtain(ctx)
		case unlock != nil:
			defer unlock()
			return c.obtain(ctx, name, obtain, stale)
		case good:
			return held.entry(), nil // another renews it
		case now.After(deadline):
			return obtain(ctx) // another takes too long, or many have failed one after the other
		}
		if err := sleep(ctx); err != nil {
			return Entry{}, err
		}
	}
}

// obtain has credentials obtained, unless that has been done meanwhile. The caller has the lock.
func (c *Cache) obtain(ctx context.Context, name string, obtain func(context.Context) (Entry, error), stale bool) (Entry, error) {
	held, err := c.read(name)
	if err != nil {
		c.problem(err)
		return obtain(ctx)
	}
	now := time.Now()
	good := held.good(now)
	if good && !held.due(now) {
		return held.entry(), nil
	}
	return c.renew(ctx, name, held, good && stale, obtain)
}

func (c *Cache) problem(err error) {
	if c.Problem != nil {
		c.Problem(err)
	}
}

func sleep(ctx context.Context) error {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// renew has credentials obtained and keeps them; good says that what is held may be given in their place. The caller has the lock.
func (c *Cache) renew(ctx context.Context, name string, held *record, good bool, obtain func(context.Context) (Entry, error)) (Entry, error) {
	attempt := ctx
	if good {
		var cancel context.CancelFunc
		attempt, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	got, err := obtain(attempt)
	now := time.Now()
	switch {
	case err != nil && good && ctx.Err() == nil:
		held.Failures++
		life := held.Expires.Sub(held.Obtained)
		f := schedule.Failure{Count: held.Failures, Life: life, Left: held.Expires.Sub(now)}
		held.Retry = now.Add(f.RetryAfter(mathrand.Float64()))
		c.keep(name, held)
		return held.entry(), nil
	case err != nil:
		return Entry{}, err
	case !got.Credentials.CanExpire:
		return got, nil
	}
	fresh := &record{
		AccessKeyID: got.Credentials.AccessKeyID, SecretAccessKey: got.Credentials.SecretAccessKey, SessionToken: got.Credentials.SessionToken,
		AccountID: got.Credentials.AccountID, Source: got.Credentials.Source,
		Expires: got.Credentials.Expires, Obtained: now.Round(0), Extra: got.Extra,
	}
	fresh.Renew = fresh.Obtained.Add(schedule.RenewAfter(fresh.Expires.Sub(fresh.Obtained), mathrand.Float64()))
	c.keep(name, fresh)
	return got, nil
}

// keep writes what is held, and removes what nobody can use.
func (c *Cache) keep(name string, r *record) {
	if err := errors.Join(c.write(name, r), c.sweep(time.Now())); err != nil {
		c.problem(err)
	}
}

// name is that of a request's file: nothing of the request can be seen in it.
func (c *Cache) name(request []byte) string {
	sum := sha256.Sum256(append([]byte(magic), request...))
	return hex.EncodeToString(sum[:16])
}

func (c *Cache) makeDir() error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(c.dir)
	if err != nil {
		return err
	}
	return c.check(c.dir, info)
}

// check refuses what is another user's, or open to others.
func (c *Cache) check(path string, info fs.FileInfo) error {
	switch uid, known := safefile.Owner(info); {
	case known && uid != os.Geteuid():
		return fmt.Errorf("%w: %s belongs to another user", ErrAccess, path)
	case known && info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("%w: %s has mode %04o: chmod go= %s", ErrAccess, path, info.Mode().Perm(), path)
	}
	return nil
}

// read answers what is held under a name; nil for nothing that can be used.
func (c *Cache) read(name string) (*record, error) {
	path := filepath.Join(c.dir, name+suffix)
	sealed, info, err := safefile.ReadInfo(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := c.check(path, info); err != nil {
		return nil, err
	}
	plain, err := c.unseal(name, sealed)
	if err != nil {
		return nil, nil //nolint:nilerr // damaged, or not ours: it is obtained anew
	}
	r := new(record)
	if err := json.Unmarshal(plain, r); err != nil || r.AccessKeyID == "" || r.SecretAccessKey == "" {
		return nil, nil //nolint:nilerr // as above
	}
	return r, nil
}

func (c *Cache) write(name string, r *record) error {
	plain, err := json.Marshal(r)
	if err != nil {
		return err
	}
	sealed, err := c.seal(name, plain)
	if err != nil {
		return err
	}
	return safefile.Write(filepath.Join(c.dir, name+suffix), sealed)
}

func (c *Cache) seal(name string, plain []byte) ([]byte, error) {
	aead, err := c.aead()
	if err != nil {
		return nil, err
	}
	return aead.Seal([]byte(magic), nil, plain, []byte(magic+name)), nil
}

var errForeign = errors.New("not a file of this cache")

func (c *Cache) unseal(name string, sealed []byte) ([]byte, error) {
	rest, ok := bytes.CutPrefix(sealed, []byte(magic))
	if !ok {
		return nil, errForeign
	}
	aead, err := c.aead()
	if err != nil {
		return nil, err
	}
	return aead.Open(nil, nil, rest, []byte(magic+name))
}

// aead is AES-256-GCM with a random nonce before what is sealed (SP 800-38D, 8.2.2).
func (c *Cache) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(c.key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// tryLock takes the lock of a name, and answers how to give it back; nil when another has it.
func (c *Cache) tryLock(name string) (unlock func(), err error) {
	path := filepath.Join(c.dir, name+lockSuffix)
	for {
		if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%w: %s is no file", ErrAccess, path)
		}
		l := flock.New(path, flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR|noLink))
		ok, err := l.TryLock()
		if err != nil || !ok {
			return nil, err
		}
		if c.sameLock(l, path) {
			return func() { _ = l.Unlock() }, nil
		}
		_ = l.Unlock() // it was removed meanwhile
	}
}

func (c *Cache) sameLock(l *flock.Flock, path string) bool {
	mine, err := l.Stat()
	there, err2 := os.Lstat(path)
	return err == nil && err2 == nil && os.SameFile(mine, there)
}

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
