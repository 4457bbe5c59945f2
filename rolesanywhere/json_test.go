package rolesanywhere

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestAmbiguity(t *testing.T) {
	const (
		twice = "it names a member twice"
		none  = ""
	)
	for _, c := range []struct{ text, want string }{
		{`{}`, none},
		{`null`, none},
		{`"a"`, none},
		{`{"a":1,"b":1}`, none},
		{`{"a":1,"b":"a"}`, none},
		{`{"a":"a","b":["a","a",{"a":"a"}],"c":{"a":1}}`, none},
		{`[{"a":1},{"a":1}]`, none},
		{`{"a":{"a":{"a":1}}}`, none},
		{`{"a\"":1,"a":1}`, none},
		{`{"a":"\",\"a\":1"}`, none},
		{`{"a":"{","b":"}"}`, none},
		{strings.Repeat("[", 32) + strings.Repeat("]", 32), none},
		{`{"a":1,"a":1}`, twice},
		{`{"a":1,"A":1}`, twice},
		{"{ \"a\" :1,\n\"a\"\t\r\n :1}", twice},
		{`{"a":1,"\u0061":1}`, twice},
		{`{"s":1,"ſ":1}`, twice},
		{`{"k":1,"\u212a":1}`, twice},
		{`{"":1,"":1}`, twice},
		{`{"a":1,"b":{"x":[]},"a":1}`, twice},
		{`{"b":[1,{"a":1,"a":1}]}`, twice},
		{strings.Repeat("[", 33) + strings.Repeat("]", 33), "it is nested too deeply"},
		{``, "it is not JSON"},
		{`{"a":1`, "it is not JSON"},
		{`{} {}`, "it is not JSON"},
		{"{\"a\":\"\x80\"}", "it is not UTF-8"},
	} {
		if got := ambiguity([]byte(c.text)); got != c.want {
			t.Errorf("%s: got %q, want %q", c.text, got, c.want)
		}
	}
}

// FuzzAmbiguity holds it against encoding/json: what is not ambiguous has as many members after decoding as before.
func FuzzAmbiguity(f *testing.F) {
	for _, s := range []string{goodAnswer, accessDenied, `{"a":[{"\u0061\"":1e9},null,true]}`, `{"s":1,"ſ":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		problem := ambiguity(text)
		var v any
		err := json.Unmarshal(text, &v)
		if err != nil && problem == "" {
			t.Fatalf("no problem with what does not decode: %v", err)
		}
		if problem != "" {
			return
		}
		// In valid JSON a colon outside strings follows every name.
		names, inString := 0, false
		for i := 0; i < len(text); i++ {
			switch {
			case text[i] == '\\' && inString:
				i++
			case text[i] == '"':
				inString = !inString
			case text[i] == ':' && !inString:
				names++
			}
		}
		if got := members(v); got != names {
			t.Fatalf("%d names became %d members", names, got)
		}
	})
}

func members(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, inner := range v {
			n += members(inner)
		}
	case []any:
		for _, inner := range v {
			n += members(inner)
		}
	}
	return n
}
