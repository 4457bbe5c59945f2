package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/awsauth-go/awsauth/internal/nearest"
	"github.com/awsauth-go/awsauth/internal/secret"
	"github.com/awsauth-go/awsauth/internal/yamlfile"
)

// Mistake is what is wrong at one place of a file.
type Mistake struct {
	File string
	yamlfile.Mistake
}

func (m Mistake) String() string {
	if m.IsZero() {
		return m.File + ": " + m.Text
	}
	return m.File + ":" + m.Mistake.String()
}

// Error lists every mistake in the configuration.
type Error struct{ Mistakes []Mistake }

func (e *Error) Error() string {
	if len(e.Mistakes) == 1 {
		return e.Mistakes[0].String()
	}
	lines := []string{fmt.Sprintf("%d mistakes in the configuration", len(e.Mistakes))}
	for _, m := range e.Mistakes {
		lines = append(lines, m.String())
	}
	return strings.Join(lines, "\n")
}

// ErrNotConfigured reports a name that no credential has.
var ErrNotConfigured = errors.New("no credential has this name")

// NameError is ErrNotConfigured with the names that there are.
type NameError struct {
	Name  string // "" when what was typed is not repeated: it looks as no name does
	Known []string
	Near  string
}

func (e *NameError) Error() string {
	if e.Name == "" {
		return ErrNotConfigured.Error()
	}
	return e.Name + ": " + ErrNotConfigured.Error()
}

func (e *NameError) Unwrap() error { return ErrNotConfigured }

// mostNames is how many names a hint lists.
const mostNames = 8

// Hint answers what to do.
func (e *NameError) Hint() string {
	if slices.Contains(reserved, e.Near) {
		return "nothing is configured under it; did you mean awsauth get " + e.Near + "?"
	}
	if len(e.Known) == 0 {
		return "nothing is configured yet; awsauth config path shows where the file goes, awsauth config edit begins one"
	}
	listed := e.Known
	if len(listed) > mostNames {
		listed = append(slices.Clone(listed[:mostNames]), "…")
	}
	text := "awsauth config show lists " + strings.Join(listed, ", ")
	if e.Near != "" {
		text = "did you mean " + e.Near + "? " + text
	}
	return text
}

// wellFormed reports whether every file could be read, so that what is said of them together has a meaning.
func wellFormed(mistakes []Mistake) bool {
	return !slices.ContainsFunc(mistakes, func(m Mistake) bool { return m.Path == "" })
}

// elsewhere leaves out what is said of places that could not be read: it is about what stands there no longer.
func elsewhere(mistakes, unread []Mistake) []Mistake {
	return slices.DeleteFunc(mistakes, func(m Mistake) bool {
		return slices.ContainsFunc(unread, func(u Mistake) bool { return u.File == m.File && u.Position == m.Position })
	})
}

// inOrder sorts mistakes by place, and leaves one of each.
func inOrder(mistakes []Mistake, files []File) []Mistake {
	place := map[string]int{}
	for i, f := range files {
		place[f.Path] = i
	}
	slices.SortStableFunc(mistakes, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(place[a.File], place[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return slices.Compact(mistakes)
}

// longestShown is how long a name may be that a message repeats, when nobody has it: what is longer may be a secret.
const longestShown = 32

func (c *Config) notConfigured(name string) *NameError {
	names := c.Names()
	e := &NameError{Known: names, Near: nearest.Name(name, slices.Concat(names, reserved))}
	if nameForm.MatchString(name) && len(name) <= longestShown {
		e.Name = name
	}
	return e
}

// OverrideError is a flag or a variable that cannot be used.
type OverrideError struct {
	Origin Origin
	Err    error
}

func (e *OverrideError) Error() string {
	if errors.Is(e.Err, secret.ErrReference) {
		return e.Origin.String() + ": " + e.Err.Error()
	}
	return e.Origin.String() + " " + e.Err.Error()
}

func (e *OverrideError) Unwrap() error { return e.Err }
