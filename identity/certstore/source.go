package certstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/awsauth-go/awsauth/identity"
)

// Source answers the identity under an identifier or an alias, as it is at each use: a certificate that another program
// replaces is used from then on.
func (s *Store) Source(name string) identity.Source { return &source{store: s, name: name} }

type source struct {
	store *Store
	name  string

	mu     sync.Mutex // guards linked
	linked *linkSource
}

// Identity reads the certificate's file and opens its key.
func (f *source) Identity(ctx context.Context) (*identity.Identity, error) {
	e, err := f.store.find(f.name)
	if err != nil {
		return nil, err
	}
	if e.Link == nil {
		return f.store.identity(ctx, e)
	}
	return f.link(e).Identity(ctx)
}

// link keeps the link's source from use to use, because it remembers the last good pair.
func (f *source) link(e *entry) *linkSource {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.linked == nil || f.linked.link != *e.Link {
		f.linked = f.store.linkSource(e.Identifier, *e.Link)
	}
	return f.linked
}

// linkSource reads a certificate that another tool renews, whichever way it does: it writes files in place, renames new ones
// over them, or swaps a symbolic link. Both files are used only as they were at one moment, and as a pair.
type linkSource struct {
	identifier string
	link       Link
	files      identity.File
	settle     time.Duration // how long fresh files must stay as they are
	patience   time.Duration // how long they may take to become a pair

	mu   sync.Mutex // guards last
	last pair       // the last good one; at first none
}

// pair is what the files held, and how they looked then.
type pair struct {
	*identity.Identity
	state state
}

const (
	// settleTime is how long files must have stayed as they are before they are used: a chain that is being written looks
	// complete after each certificate.
	settleTime = 100 * time.Millisecond
	// shortened is how many times as long they must have stayed when the chain has become shorter than it was: a writer that
	// is held up between two certificates would otherwise take one away.
	shortened = 20
	// linkPatience is how long a renewal may be under way before it is an error, where no earlier pair is known.
	linkPatience = 3 * time.Second
	// absence is how long a file may be away while it is replaced.
	absence   = 500 * time.Millisecond
	linkPause = 20 * time.Millisecond
)

func (s *Store) linkSource(identifier string, l Link) *linkSource {
	files := identity.File{Certificate: l.Certificate, PrivateKey: l.PrivateKey, Chain: l.Chain}
	if l.Password != "" && s.options.Password != nil {
		files.Password = func(ctx context.Context, file string) ([]byte, error) {
			return s.options.Password(ctx, l.Password, file)
		}
	}
	return &linkSource{identifier: identifier, link: l, files: files, settle: settleTime, patience: linkPatience}
}

// Identity answers the pair in the files or, while they are being replaced, the one that was there before.
func (l *linkSource) Identity(ctx context.Context) (*identity.Identity, error) {
	last := l.known()
	if last.Identity != nil {
		id, err := l.once(ctx)
		if err == nil {
			return id, nil
		}
		if time.Now().Before(last.Certificate.NotAfter) && ctx.Err() == nil {
			return last.Identity, nil
		}
	}
	return l.read(ctx)
}

func (l *linkSource) known() pair {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

func (l *linkSource) keep(p pair) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = p
}

// read reads until there is a pair, or patience ends.
func (l *linkSource) read(ctx context.Context) (*identity.Identity, error) {
	start := time.Now()
	for {
		id, err := l.once(ctx)
		if err == nil || time.Since(start) >= l.patienceFor(err) {
			return id, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(linkPause):
		}
	}
}

// errUnsettled reports files that have just changed.
var errUnsettled = errors.New("the files are being replaced")

// patienceFor is how long an error may last: files that do not belong together yet may be in the middle of a renewal.
func (l *linkSource) patienceFor(err error) time.Duration {
	if errors.Is(err, fs.ErrNotExist) {
		return min(absence, l.patience)
	}
	for _, e := range []error{errUnsettled, identity.ErrKeyMismatch, identity.ErrNoCertificate, identity.ErrNoPrivateKey, identity.ErrChain, identity.ErrDamaged} {
		if errors.Is(err, e) {
			return l.patience
		}
	}
	// A file of a few bytes is of no format yet. One that has long been so is of none at all.
	if now, unseen := l.state(); errors.Is(err, identity.ErrUnsupported) && unseen == nil && now.rest(l.patience) > 0 {
		return l.patience
	}
	return 0
}

// once reads the files; those that have changed within the last moments, or do so now, are left alone. What it answers is
// known from then on.
//
// That key and leaf belong together is certain, because both are looked at. That the chain is whole cannot be seen in the
// files: it follows from nobody having written for a while.
func (l *linkSource) once(ctx context.Context) (*identity.Identity, error) {
	before, err := l.state()
	if err != nil {
		return nil, l.explain(err)
	}
	last := l.known()
	if err := sleep(ctx, l.unrest(before, last)); err != nil {
		return nil, err
	}
	id, err := l.files.Identity(ctx)
	if err != nil {
		return nil, l.explain(err)
	}
	if last.Identity != nil && before != last.state && len(id.Chain) < len(last.Chain) {
		if err := sleep(ctx, before.rest(shortened*l.settle)); err != nil {
			return nil, err
		}
	}
	after, err := l.state()
	if err != nil || after != before {
		return nil, l.explain(errUnsettled)
	}
	named := *id
	named.Origin = fmt.Sprintf("%s (%s)", l.identifier, l.link.Certificate)
	l.keep(pair{&named, after})
	return &named, nil
}

// unrest is how long to wait before files are read. Those that were good when they looked so need no rest; others need it
// from now on, because their times may be those of another clock, or of another file before it was renamed.
func (l *linkSource) unrest(now state, last pair) time.Duration {
	switch {
	case last.Identity == nil:
		return now.rest(l.settle)
	case now == last.state:
		return 0
	}
	return l.settle
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (l *linkSource) explain(err error) error {
	if errors.Is(err, errUnsettled) {
		return certificateError(l.identifier, errUnsettled, l.link.Certificate, "wait until the tool that renews them is done")
	}
	return fmt.Errorf("certificate %q: %w", l.identifier, err)
}

// state is what shows that a file has been replaced.
type state struct {
	newest time.Time
	sizes  [3]int64
	times  [3]time.Time
	paths  [3]string // where links lead to
}

// rest is how much of a time without changes is left, all of it when the newest file is from the future.
func (s state) rest(quiet time.Duration) time.Duration {
	return min(quiet, quiet-time.Since(s.newest))
}

func (l *linkSource) state() (s state, err error) {
	for i, path := range []string{l.link.Certificate, l.link.PrivateKey, l.link.Chain} {
		if path == "" {
			continue
		}
		if s.paths[i], err = filepath.EvalSymlinks(path); err != nil {
			return s, missing(path, err)
		}
		info, err := os.Stat(s.paths[i])
		if err != nil {
			return s, missing(path, err)
		}
		s.sizes[i], s.times[i] = info.Size(), info.ModTime().Round(0)
		if s.times[i].After(s.newest) {
			s.newest = s.times[i]
		}
	}
	return s, nil
}

// missing is an error of the file that the link names.
func missing(path string, err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		err = p.Err
	}
	return &identity.Error{File: path, Err: err}
}

// IsLink reports whether a certificate is one whose paths alone are kept.
func (s *Store) IsLink(name string) bool {
	e, err := s.find(name)
	return err == nil && e.Link != nil
}
