package policy

import (
	"strings"
	"testing"
)

// TestGlobMatchesAsItsDefinitionSays compares glob with the definition of its wildcards, for every short pattern and text.
func TestGlobMatchesAsItsDefinitionSays(t *testing.T) {
	patterns := words([]string{"a", ":", string([]byte{anyRun}), string([]byte{segmentRun}), string([]byte{segmentOne})}, 5)
	texts := words([]string{"a", "é", ":"}, 4)
	for _, p := range patterns {
		for _, s := range texts {
			if got, want := glob(p, s, false), define(p, []rune(s)); got != want {
				t.Fatalf("glob(%q, %q): got %v, want %v", p, s, got, want)
			}
		}
	}
}

// define is what a pattern means, tried in every way.
func define(pattern string, text []rune) bool {
	if pattern == "" {
		return len(text) == 0
	}
	rest := pattern[1:]
	switch c := pattern[0]; c {
	case anyRun, segmentRun:
		return define(rest, text) || len(text) > 0 && (c == anyRun || text[0] != ':') && define(pattern, text[1:])
	case segmentOne:
		return len(text) > 0 && text[0] != ':' && define(rest, text[1:])
	default:
		return len(text) > 0 && text[0] == rune(c) && define(rest, text[1:])
	}
}

// words returns every word of up to n letters.
func words(letters []string, n int) []string {
	all, last := []string{""}, []string{""}
	for range n {
		var longer []string
		for _, w := range last {
			for _, l := range letters {
				longer = append(longer, w+l)
			}
		}
		all, last = append(all, longer...), longer
	}
	return all
}

func TestGlobDoesNotExplode(t *testing.T) {
	pattern := strings.Repeat("a"+string([]byte{anyRun}), 500) + "b"
	if glob(pattern, strings.Repeat("a", 4000), false) {
		t.Error("matched a text without the pattern's last letter")
	}
}
