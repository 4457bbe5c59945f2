package diskcache

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/gofrs/flock"

	"github.com/awsauth-go/awsauth/internal/boottime"
	"github.com/awsauth-go/awsauth/internal/safefile"
)

// record is a file's content.
type record struct {
	AccessKeyID     string          `json:"access_key_id"`
	SecretAccessKey string          `json:"secret_access_key"`
	SessionToken    string          `json:"session_token"`
	AccountID       string          `json:"account_id,omitempty"`
	Source          string          `json:"source,omitempty"`
	Expires         time.Time       `json:"expires"`
	Obtained        time.Time       `json:"obtained"`
	Boot            string          `json:"boot,omitempty"`  // of which host and boot Since is; "" for unknown
	Since           time.Duration   `json:"since,omitempty"` // when they were obtained, by the clock that nobody sets
	Renew           time.Time       `json:"renew"`
	Failures        int             `json:"failures,omitempty"`
	Retry           time.Time       `json:"retry,omitzero"` // after failures
	Extra           json.RawMessage `json:"extra,omitempty"`
}

func (r *record) entry() Entry {
	return Entry{Credentials: aws.Credentials{
		AccessKeyID: r.AccessKeyID, SecretAccessKey: r.SecretAccessKey, SessionToken: r.SessionToken, AccountID: r.AccountID,
		Source: r.Source, CanExpire: true, Expires: r.ends(time.Now()),
	}, Extra: r.Extra}
}

// good reports whether the credentials have not ended. Whoever sees a time before they were obtained does not know how long ago
// that was: the clock has been set back.
func (r *record) good(now time.Time) bool {
	const skew = time.Minute
	return r != nil && now.Before(r.ends(now)) && !now.Before(r.Obtained.Add(-skew))
}

// ends is the end by the wall clock as it is set now: it comes when the life is over, also where the clock was ahead when they were
// obtained. Of another boot, or of another host that shares the directory, nothing is known but Expires.
func (r *record) ends(now time.Time) time.Time {
	const tolerance = time.Second
	since, ok := boottime.Now()
	if !ok || r.Boot == "" || r.Boot != boottime.Boot() {
		return r.Expires
	}
	if end := now.Add(r.Expires.Sub(r.Obtained) - (since - r.Since)); end.Before(r.Expires.Add(-tolerance)) {
		return end
	}
	return r.Expires
}

// due reports whether they are to be renewed now.
func (r *record) due(now time.Time) bool { return !now.Before(r.Renew) && !now.Before(r.Retry) }

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
		l := flock.New(path, flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR|safefile.NoFollow|safefile.NonBlocking))
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
