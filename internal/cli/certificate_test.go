package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/config"
)

// Colour comes beside words that say the same, on a terminal alone and only where it is wanted.
func TestTheEndOfACertificateHasAColour(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for left, want := range map[time.Duration]cell{
		312 * day: {"in 312 days", ""}, 29 * day: {"in 29 days", yellow}, 5 * day: {"in 5 days", red}, -3 * day: {"3 days ago", red},
	} {
		v := certificateView{notBefore: now.Add(left - 365*day), ending: now.Add(left)}
		if got := v.ends(now); got != want {
			t.Errorf("%s: got %v, want %v", left, got, want)
		}
	}
}

func TestColourIsForTerminals(t *testing.T) {
	for _, test := range []struct {
		when     string
		terminal bool
		noColor  string
		coloured bool
	}{
		{"auto", true, "", true},
		{"auto", false, "", false},
		{"auto", true, "1", false},
		{"always", false, "1", true},
		{"never", true, "", false},
	} {
		environment := config.Environment{Lookup: func(name string) (string, bool) { return test.noColor, name == "NO_COLOR" }}
		paint := (&colour{test.when}).painter(IO{OutIsTerminal: test.terminal, Environment: environment})
		if coloured := strings.HasPrefix(paint(red, "x"), "\x1b[31m"); coloured != test.coloured {
			t.Errorf("%+v: coloured: %t", test, coloured)
		}
	}
}
