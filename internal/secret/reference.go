package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/awsauth-go/awsauth/internal/safefile"
)

// maxSize bounds what a reference may lead to, in bytes.
const maxSize = 64 << 10

// References is the form of a reference on the command line, for help and messages; in a configuration there is no
// standard input, and there are commands.
const (
	References           = "env:NAME, file:PATH, keyring:SERVICE/KEY, systemd:NAME or - for standard input"
	ConfiguredReferences = "env:NAME, file:PATH, keyring:SERVICE/KEY, systemd:NAME or command: [/PROGRAM, ARGUMENT]"
)

var (
	// ErrReference reports a text that is not a reference. The text may be the secret itself and is never quoted.
	ErrReference = errors.New("not a reference: use " + References)
	// ErrMode reports a file that others can read or write.
	ErrMode = errors.New("others may read or write the file")
	// ErrEmpty reports a reference that leads to nothing.
	ErrEmpty = errors.New("is empty")
	// ErrNoKeyring reports that there is no keyring of the operating system, or that it does not answer.
	ErrNoKeyring = errors.New("the keyring is not available")
	// ErrNotInKeyring reports that the keyring does not have an entry.
	ErrNotInKeyring = errors.New("the keyring has no such entry")
	// ErrCommand reports a program that did not give a secret.
	ErrCommand = errors.New("the program gave no secret")
)

// Reference says where a secret is: how, and under which name there. The zero value is no reference. What it holds may be the
// secret in the wrong place, and lies behind a pointer as that of a Secret does.
type Reference struct{ at *location }

// location is where a secret is.
type location struct {
	scheme  string   // "env", "file", "keyring", "systemd", "-", "command" or "literal"
	name    string   // after the scheme
	command []string // the program and its arguments
	literal Secret
}

// location answers where the secret is; nowhere for the zero value.
func (r Reference) location() location {
	if r.at == nil {
		return location{}
	}
	return *r.at
}

const (
	schemeEnv     = "env"
	schemeFile    = "file"
	schemeKeyring = "keyring"
	schemeSystemd = "systemd"
	schemeStdin   = "-"
	schemeCommand = "command"
	schemeLiteral = "literal"
)

// ParseReference reads "env:NAME", "file:PATH", "keyring:SERVICE/KEY", "systemd:NAME" or "-".
func ParseReference(text string) (Reference, error) {
	scheme, name, found := strings.Cut(text, ":")
	switch {
	case text == schemeStdin:
		return Reference{&location{scheme: schemeStdin}}, nil
	case !found || name == "" || strings.ContainsRune(name, 0):
		return Reference{}, ErrReference
	case scheme == schemeEnv, scheme == schemeFile:
		return Reference{&location{scheme: scheme, name: name}}, nil
	case scheme == schemeKeyring:
		if service, key, ok := strings.Cut(name, "/"); ok && service != "" && key != "" {
			return Reference{&location{scheme: scheme, name: name}}, nil
		}
	case scheme == schemeSystemd:
		if name != "." && name != ".." && !strings.ContainsAny(name, `/\`) {
			return Reference{&location{scheme: scheme, name: name}}, nil
		}
	}
	return Reference{}, ErrReference
}

// CommandReference is a program that prints the secret: its absolute path and its arguments. There is no shell.
func CommandReference(command []string) (Reference, error) {
	if len(command) == 0 || !filepath.IsAbs(command[0]) {
		return Reference{}, errors.New("is a command that does not begin with the absolute path of a program, as [/usr/bin/pass, show, aws]")
	}
	return Reference{&location{scheme: schemeCommand, command: command}}, nil
}

// LiteralReference is the secret itself, where it may stand.
func LiteralReference(s Secret) Reference {
	return Reference{&location{scheme: schemeLiteral, literal: s}}
}

// IsZero reports whether there is no reference.
func (r Reference) IsZero() bool { return r.at == nil }

// IsLiteral reports whether the secret itself was given.
func (r Reference) IsLiteral() bool { return r.location().scheme == schemeLiteral }

// LiteralLength is how long the secret itself is, in bytes; 0 where it was not given.
func (r Reference) LiteralLength() int {
	if !r.IsLiteral() {
		return 0
	}
	return len(r.location().literal.Reveal())
}

// IsStdin reports whether the secret is read from standard input.
func (r Reference) IsStdin() bool { return r.location().scheme == schemeStdin }

// File answers the path of a "file:" reference, and "" for others.
func (r Reference) File() string {
	if at := r.location(); at.scheme == schemeFile {
		return at.name
	}
	return ""
}

// RelativeTo answers the reference with a relative path taken from a directory.
func (r Reference) RelativeTo(dir string) Reference {
	if path := r.File(); path != "" && !filepath.IsAbs(path) {
		return Reference{&location{scheme: schemeFile, name: filepath.Join(dir, path)}}
	}
	return r
}

// String says which reference it is, without what it leads to. What follows env: is shown only when it looks as the names
// of variables do: whoever writes env:$NAME for env:NAME has given the secret itself. Of a command only the program is
// shown: an argument may be a secret.
func (r Reference) String() string {
	at := r.location()
	switch at.scheme {
	case "":
		return ""
	case schemeStdin:
		return "standard input"
	case schemeLiteral:
		return Redacted
	case schemeCommand:
		return schemeCommand + ":" + at.command[0]
	case schemeEnv:
		if strings.Trim(at.name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != "" {
			return schemeEnv + ":"
		}
	}
	return at.scheme + ":" + at.name
}

// Format implements fmt.Formatter.
func (r Reference) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(r.String())) }

// MarshalText implements encoding.TextMarshaler, and so JSON and YAML.
func (r Reference) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Keyring is the operating system's.
type Keyring interface {
	// Get answers an entry: ErrNotInKeyring, or ErrNoKeyring.
	Get(ctx context.Context, service, key string) (Secret, error)
}

// Resolver reads what references point at. A field that is not set refuses its references.
type Resolver struct {
	Stdin                io.Reader                   // for "-"
	LookupEnv            func(string) (string, bool) // for "env:"
	Keyring              Keyring                     // for "keyring:"
	CredentialsDirectory string                      // for "systemd:": what systemd has set CREDENTIALS_DIRECTORY to
	Environment          []string                    // of programs, all of it: NAME=VALUE
}

// Resolve reads the secret that a reference points at. One line ending at the end of a file, of standard input and of what
// a program prints is cut.
func (r Resolver) Resolve(ctx context.Context, reference Reference) (Secret, error) {
	if reference.IsLiteral() {
		return reference.at.literal, nil
	}
	value, err := r.read(ctx, reference)
	if errors.Is(err, ErrReference) {
		return Secret{}, err
	}
	if err != nil {
		separator := ":"
		if errors.Is(err, ErrMode) {
			separator = " has"
		}
		return Secret{}, fmt.Errorf("%s%s %w", reference, separator, err)
	}
	if value == "" {
		return Secret{}, fmt.Errorf("%s: %w", reference, ErrEmpty)
	}
	return New(value), nil
}

func (r Resolver) read(ctx context.Context, reference Reference) (string, error) {
	at := reference.location()
	switch {
	case reference.IsStdin() && r.Stdin != nil:
		return readAll(r.Stdin)
	case at.scheme == schemeEnv && r.LookupEnv != nil:
		value, set := r.LookupEnv(at.name)
		if !set {
			return "", errors.New("the environment variable is not set")
		}
		return value, nil
	case at.scheme == schemeFile:
		return readFile(at.name)
	case at.scheme == schemeKeyring:
		return r.readKeyring(ctx, at.name)
	case at.scheme == schemeSystemd:
		return r.readSystemd(at.name)
	case at.scheme == schemeCommand && r.Environment != nil:
		return runCommand(ctx, at.command, r.Environment, commandTimeout)
	}
	return "", ErrReference
}

func readFile(path string) (string, error) {
	data, mode, err := safefile.ReadMode(path, maxSize)
	if err != nil {
		return "", err
	}
	if !private(mode) {
		return "", modeError{path, mode.Perm()}
	}
	return withoutLineEnd(data), nil
}

func (r Resolver) readKeyring(ctx context.Context, name string) (string, error) {
	if r.Keyring == nil {
		return "", ErrNoKeyring
	}
	service, key, _ := strings.Cut(name, "/")
	value, err := r.Keyring.Get(ctx, service, key)
	return value.Reveal(), err
}

// readSystemd reads a credential of the unit (systemd.exec(5), "Credentials"): a file that systemd has made for the unit's
// user alone, whatever its mode says.
func (r Resolver) readSystemd(name string) (string, error) {
	if r.CredentialsDirectory == "" {
		return "", errors.New("systemd has given this process no credentials: CREDENTIALS_DIRECTORY is not set")
	}
	data, err := safefile.Read(filepath.Join(r.CredentialsDirectory, name), maxSize)
	return withoutLineEnd(data), err
}

func readAll(r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxSize {
		return "", fmt.Errorf("longer than %d bytes", maxSize)
	}
	return withoutLineEnd(b), nil
}

func withoutLineEnd(b []byte) string {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return string(bytes.TrimSuffix(b, []byte("\r")))
}

// Text writes a reference as ParseReference reads it, to be kept; "" for one that no text has.
func (r Reference) Text() string {
	at := r.location()
	switch at.scheme {
	case schemeStdin:
		return schemeStdin
	case schemeCommand, schemeLiteral, "":
		return ""
	}
	return at.scheme + ":" + at.name
}
