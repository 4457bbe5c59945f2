package rolesanywhere

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds the nesting of an answer; AWS's has four levels.
const maxDepth = 32

// ambiguity says why two readers could understand a JSON text differently, or nothing: it is not UTF-8, or an object names
// a member twice. Names are compared without case, as encoding/json compares them.
func ambiguity(text []byte) (problem string) {
	switch {
	case !utf8.Valid(text):
		return "it is not UTF-8"
	case !json.Valid(text):
		return "it is not JSON"
	}
	var open []map[string]bool // the names in each open object; lists have none
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			if len(open) == maxDepth {
				return "it is nested too deeply"
			}
			open = append(open, make(map[string]bool))
		case '}', ']':
			open = open[:len(open)-1]
		case '"':
			quoted := text[i : i+stringLength(text[i:])]
			i += len(quoted) - 1
			if !bytes.HasPrefix(bytes.TrimLeft(text[i+1:], " \t\r\n"), []byte(":")) {
				continue // a value
			}
			name, names := fold(quoted), open[len(open)-1]
			if names[name] {
				return "it names a member twice"
			}
			names[name] = true
		}
	}
	return ""
}

// stringLength is the length of the JSON string, with its quotes, that a valid text begins with.
func stringLength(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// fold maps quoted names that are equal without case to one, also those in which ſ and K stand for s and k.
func fold(quoted []byte) string {
	name := string(quoted)
	if bytes.IndexByte(quoted, '\\') >= 0 && json.Unmarshal(quoted, &name) == nil {
		name = `"` + name + `"`
	}
	return strings.ToLower(strings.ToUpper(name))
}
