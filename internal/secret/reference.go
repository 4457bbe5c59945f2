package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/awsauth-go/awsauth/internal/safefile"
)

// maxSize bounds what a reference may lead to, in bytes.
const maxSize = 64 << 10

// References is the form of a reference, for help and messages.
const References = "env:NAME, file:PATH or - for standard input"

var (
	// ErrReference reports a text that is not a reference. The text may be the secret itself and is never quoted.
	ErrReference = errors.New("not a reference: use " + References)
	// ErrMode reports a file that others can read or write.
	ErrMode = errors.New("others may read or write the file")
	// ErrEmpty reports a reference that leads to nothing.
	ErrEmpty = errors.New("is empty")
)

// Resolver reads what references point at.
type Resolver struct {
	Stdin     io.Reader                   // for "-"; nil refuses it
	LookupEnv func(string) (string, bool) // for "env:"; nil refuses it
}

// Resolve reads the secret that a reference points at: "env:NAME", "file:PATH" or "-". One line ending at the end of a
// file or of standard input is cut.
func (r Resolver) Resolve(reference string) (Secret, error) {
	value, err := r.read(reference)
	if err != nil {
		return Secret{}, err
	}
	if value == "" {
		return Secret{}, fmt.Errorf("%s: %w", name(reference), ErrEmpty)
	}
	return New(value), nil
}

// name says which reference, without what it leads to. What follows env: is shown only when it looks as the names of
// variables do: whoever writes env:$NAME for env:NAME has given the secret itself.
func name(reference string) string {
	if reference == "-" {
		return "standard input"
	}
	if variable, ok := strings.CutPrefix(reference, "env:"); ok && strings.Trim(variable, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != "" {
		return "env:"
	}
	return reference
}

func (r Resolver) read(reference string) (string, error) {
	scheme, rest, found := strings.Cut(reference, ":")
	switch {
	case reference == "-" && r.Stdin != nil:
		return readAll("standard input", r.Stdin)
	case !found || rest == "":
		return "", ErrReference
	case scheme == "env" && r.LookupEnv != nil:
		value, set := r.LookupEnv(rest)
		if !set {
			return "", fmt.Errorf("%s: the environment variable is not set", name(reference))
		}
		return value, nil
	case scheme == "file":
		return readFile(rest)
	}
	return "", ErrReference
}

func readFile(path string) (string, error) {
	data, mode, err := safefile.ReadMode(path, maxSize)
	if err != nil {
		return "", fmt.Errorf("file:%s: %w", path, err)
	}
	if !private(mode) {
		return "", fmt.Errorf("file:%s has mode %04o: %w; chmod 600 %s", path, mode.Perm(), ErrMode, path)
	}
	return withoutLineEnd(data), nil
}

func readAll(name string, r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if len(b) > maxSize {
		return "", fmt.Errorf("%s: longer than %d bytes", name, maxSize)
	}
	return withoutLineEnd(b), nil
}

func withoutLineEnd(b []byte) string {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return string(bytes.TrimSuffix(b, []byte("\r")))
}
