// Package printable makes what others have written, and what machines count, fit for a terminal and for a line of a log.
package printable

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Line replaces, by spaces, all that could move a terminal's cursor, end a line or turn the direction of text.
func Line(s string) string {
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

// Lines is Line that keeps line feeds, for messages of our own that have several lines.
func Lines(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && isControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

func isControl(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || // C0, DEL, C1
		r == '\u2028' || r == '\u2029' || // line and paragraph separator
		r == '\u061c' || r == '\u200e' || r == '\u200f' || // marks of direction
		r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' // embeddings, overrides, isolates
}

// RootCause is the innermost error's text: what is around it repeats what a message has already.
func RootCause(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

// Duration writes a duration as people give it: 15m, 1h, 1h30m, 20s.
func Duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// JSON escapes, in a JSON text, the same characters as Line replaces: what a script reads from it stays as it is.
func JSON(text []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(text) {
		if r >= 0x7f && isControl(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.Bytes()
}
