package certstore

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/awsauth-go/awsauth/internal/nearest"
)

// What can be wrong with a store, for errors.Is.
var (
	// ErrNotFound reports an identifier that no certificate has.
	ErrNotFound = errors.New("no certificate has this identifier")
	// ErrExists reports an identifier that is taken, as an identifier or as an alias.
	ErrExists = errors.New("a certificate has this identifier already")
	// ErrIdentifier reports a text that cannot be an identifier.
	ErrIdentifier = errors.New("not an identifier: use 1 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first")
	// ErrAlias reports a text that cannot be an alias.
	ErrAlias = errors.New("not an alias: use 1 to 255 printable characters")
	// ErrAccess reports a store that is not for its owner alone.
	ErrAccess = errors.New("the store is not for its owner alone")
	// ErrReadOnly reports a store that this user may not write to.
	ErrReadOnly = errors.New("the store cannot be changed")
	// ErrVersion reports a store that another version has made.
	ErrVersion = errors.New("the store is of another version")
	// ErrDamaged reports a file of the store that is not what was written.
	ErrDamaged = errors.New("the store is damaged")
	// ErrKey reports that the store's key is not to be had.
	ErrKey = errors.New("the store's key is not available")
	// ErrLocked reports that somebody else is changing the store.
	ErrLocked = errors.New("the store is being changed by another program")
)

// Error says what is wrong with a store, where, and what to do.
type Error struct {
	Where  string // the identifier in quotes, or a path
	Err    error
	Detail string // the facts; may be empty
	Advice string // what to do: a command where there is one; may be empty
}

func (e *Error) Error() string {
	text := e.Err.Error()
	if e.Where != "" {
		text = e.Where + ": " + text
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// Hint answers what to do, or "".
func (e *Error) Hint() string { return e.Advice }

var plainPath = regexp.MustCompile(`^[A-Za-z0-9/._:@%+=,~-]+$`)

// shell writes a path as a shell takes it.
func shell(path string) string {
	if plainPath.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

func certificateError(identifier string, err error, detail, advice string) *Error {
	return &Error{Where: fmt.Sprintf("certificate %q", identifier), Err: err, Detail: detail, Advice: advice}
}

// unwritable says of an error of writing what mends it: the directories are those that must let this user write, the likeliest
// first.
func (s *Store) unwritable(err error, directories ...string) error {
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("store %s: %w", s.dir, cause(err))
	}
	at, advice := directories[0], "run it as a user who may write there"
	for _, directory := range directories {
		if mended := writeAdvice(directory); mended != "" {
			at, advice = directory, mended
			break
		}
	}
	if errors.Is(err, syscall.EROFS) {
		advice = "mount its file system for writing, or name another store"
	}
	if at == s.dir {
		at = "store " + at
	}
	return &Error{Where: at, Err: ErrReadOnly, Detail: cause(err).Error(), Advice: advice}
}

// most is how many known identifiers a hint lists.
const most = 8

// notFound says which identifiers there are, and which is the nearest. What was typed is repeated only when it could be an
// identifier: it may be a secret in the wrong place.
func notFound(typed string, known []string) *Error {
	e := &Error{Err: ErrNotFound}
	if CheckIdentifier(typed) == nil {
		e.Where = fmt.Sprintf("certificate %q", typed)
	}
	if len(known) == 0 {
		e.Advice = "the store is empty; awsauth certificate add IDENTIFIER FILE puts one there"
		return e
	}
	slices.SortFunc(known, func(a, b string) int { return strings.Compare(fold(a), fold(b)) })
	listed := known
	if len(listed) > most {
		listed = append(slices.Clone(listed[:most]), "…")
	}
	e.Advice = "the store has " + strings.Join(listed, ", ") + "; awsauth certificate list shows them"
	if near := nearest.Name(typed, known); near != "" {
		e.Advice = "did you mean " + near + "? " + e.Advice
	}
	return e
}
