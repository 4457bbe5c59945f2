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
	"context"
	"encoding/json"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/internal/boottime"
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
		held, enough, err := c.look(name)
		if err != nil {
			c.problem(err)
			return obtain(ctx)
		}
		if enough {
			return held.entry(), nil
		}
		unlock, err := c.tryLock(name)
		now := time.Now()
		switch {
		case err != nil:
			c.problem(err)
			return obtain(ctx)
		case unlock != nil:
			defer unlock()
			return c.obtain(ctx, name, obtain, stale)
		case held.good(now):
			return held.entry(), nil // another renews it
		case now.After(deadline):
			return obtain(ctx) // another takes too long, or many have failed one after the other
		}
		if err := sleep(ctx); err != nil {
			return Entry{}, err
		}
	}
}

// look answers what is held, and whether it is good and not to be renewed yet.
func (c *Cache) look(name string) (held *record, enough bool, err error) {
	held, err = c.read(name)
	now := time.Now()
	return held, err == nil && held.good(now) && !held.due(now), err
}

// obtain has credentials obtained, unless that has been done meanwhile. The caller has the lock.
func (c *Cache) obtain(ctx context.Context, name string, obtain func(context.Context) (Entry, error), stale bool) (Entry, error) {
	held, enough, err := c.look(name)
	switch {
	case err != nil:
		c.problem(err)
		return obtain(ctx)
	case enough:
		return held.entry(), nil
	}
	return c.renew(ctx, name, held, stale && held.good(time.Now()), obtain)
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
		f := schedule.Failure{Count: held.Failures, Life: life, Left: held.ends(now).Sub(now)}
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
	if since, ok := boottime.Now(); ok {
		fresh.Boot, fresh.Since = boottime.Boot(), since
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
