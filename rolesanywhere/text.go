package rolesanywhere

import (
	"strings"

	"github.com/awsauth-go/awsauth/internal/printable"
)

// maxText bounds, in bytes, what a message repeats of a server's text.
const maxText = 1000

// shown makes a server's text fit for a message: one printable line of bounded length that does not echo a signature of
// this call.
func (c *call) shown(s string) string {
	return withoutEcho(bounded(s, maxText), c.signatures)
}

// bounded is a printable line of a server's text.
func bounded(s string, most int) string {
	cut := len(s) > most
	if cut {
		s = s[:most]
	}
	s = printable.Line(s)
	if cut {
		s += "…"
	}
	return s
}

// echoLength is how many characters of a signature in a row count as an echo.
const echoLength = 16

// withoutEcho replaces runs of hexadecimal digits that repeat a signature: a server that answers with the request's
// headers must not get them into a log.
func withoutEcho(s string, signatures []string) string {
	const digits = "0123456789abcdefABCDEF"
	var kept strings.Builder
	for s != "" {
		run := len(s) - len(strings.TrimLeft(s, digits))
		switch {
		case run == 0:
			if run = strings.IndexAny(s, digits); run < 0 {
				run = len(s)
			}
			kept.WriteString(s[:run])
		case echoes(s[:run], signatures):
			kept.WriteString("[signature]")
		default:
			kept.WriteString(s[:run])
		}
		s = s[run:]
	}
	return kept.String()
}

func echoes(run string, signatures []string) bool {
	run = strings.ToLower(run)
	for i := range len(run) - echoLength + 1 {
		for _, signature := range signatures {
			if strings.Contains(signature, run[i:i+echoLength]) {
				return true
			}
		}
	}
	return false
}
