// Package secret holds values that must not be seen, and reads them from where operators keep them.
//
//	key, err := secret.Resolver{Stdin: os.Stdin, LookupEnv: os.LookupEnv}.Resolve("file:/run/secrets/key")
//	fmt.Println(key)      // [secret]
//	use(key.Reveal())
//
// It does not promise to wipe memory: Go cannot.
package secret

import (
	"fmt"
	"log/slog"
)

// Redacted is what every secret prints as.
const Redacted = "[secret]"

// Secret is a string that prints as [secret] with every verb, in JSON, YAML and slog, also from inside another type: the
// value lies behind a pointer, which packages that print by reflection do not follow. The zero value is no secret.
type Secret struct{ value *string }

// New makes a secret of a string. An empty string makes the zero value.
func New(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{&s}
}

// Reveal answers the value itself.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.value == nil }

// Format implements fmt.Formatter.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s.value == nil {
		return ""
	}
	return Redacted
}

// MarshalText implements encoding.TextMarshaler, and so JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
