package printable_test

import (
	"testing"

	"github.com/awsauth-go/awsauth/internal/printable"
)

func TestControlCharactersBecomeSpaces(t *testing.T) {
	for in, want := range map[string]string{
		"plain, naïve, 日本":       "plain, naïve, 日本",
		"\x1b[2Jhint":            " [2Jhint",
		"a\r\nb":                 "a  b",
		"csi\u009b1A":            "csi 1A",
		"a\u2028b\u2029c":        "a b c",
		"\u202eevil\u202c\u2066": " evil  ",
		"bad\xffutf":             "badutf",
		"del\x7f":                "del ",
	} {
		if got := printable.Line(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got, want := printable.Lines("one\n\x1btwo\r"), "one\n two "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestControlCharactersInJSONAreEscaped(t *testing.T) {
	for in, want := range map[string]string{
		"{\"naïve\": \"日本\"}\n": "{\"naïve\": \"日本\"}\n",
		"\"\u202e\u009b\x7f\"":  `"\u202e\u009b\u007f"`,
	} {
		if got := string(printable.JSON([]byte(in))); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
