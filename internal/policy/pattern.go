package policy

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// Wildcards inside a compiled pattern are bytes that UTF-8 does not use.
const (
	anyRun     = '\xff' // "*"
	anyOne     = '\xfe' // "?"
	segmentRun = '\xfd' // "*" that stops at a colon
	segmentOne = '\xfc' // "?" that is no colon
)

// patternSyntax says what a pattern may hold.
type patternSyntax struct {
	wildcards bool // "*" and "?"
	variables bool // "${…}"
	colons    colonRule
}

// colonRule says how wildcards in the first five segments of an ARN treat colons.
type colonRule int

const (
	noSegments       colonRule = iota // not an ARN: colons are characters like others
	segmentsApart                     // ARN operators: no wildcard matches a colon
	segmentsExpanded                  // Resource: only a "*" that ends its segment matches colons
)

// pattern is a value of a policy, made ready for comparison. Only with variables is there work left for each request.
type pattern struct {
	source string
	text   string // without variables: the compiled pattern
	parts  []part // with variables
	colons colonRule
}

// part is compiled text followed by a variable.
type part struct {
	text     string
	key      string // of the variable, in lower case; empty after the last one
	fallback string
	optional bool // whether there is a fallback
}

var (
	errUnclosedVariable = errors.New(`policy variable lacks its closing brace; a literal dollar sign is written ${$}`)
	errVariableName     = errors.New(`policy variable must be ${prefix:key} or ${prefix:key, 'default'}`)
)

func compilePattern(source string, syntax patternSyntax) (*pattern, error) {
	p := &pattern{source: source, colons: syntax.colons}
	var text []byte
	for rest := source; rest != ""; {
		switch {
		case syntax.variables && strings.HasPrefix(rest, "${"):
			variable, after, err := cutVariable(rest[len("${"):])
			if err != nil {
				return nil, err
			}
			rest = after
			if variable.key == "" {
				text = append(text, variable.text...)
				continue
			}
			variable.text = string(text)
			p.parts = append(p.parts, variable)
			text = nil
			continue
		case syntax.wildcards && rest[0] == '*':
			if len(text) == 0 || text[len(text)-1] != anyRun {
				text = append(text, anyRun)
			}
		case syntax.wildcards && rest[0] == '?':
			text = append(text, anyOne)
		default:
			text = append(text, rest[0])
		}
		rest = rest[1:]
	}
	if p.parts == nil {
		p.text = keepSegments(string(text), p.colons)
	} else if len(text) > 0 {
		p.parts = append(p.parts, part{text: string(text)})
	}
	return p, nil
}

// cutVariable reads a variable up to and with its closing brace. For the special characters ${*}, ${?} and ${$} it
// returns a part without a key.
func cutVariable(s string) (part, string, error) {
	if len(s) >= 2 && strings.ContainsRune("*?$", rune(s[0])) && s[1] == '}' {
		return part{text: s[:1]}, s[2:], nil
	}
	name, rest, closed := strings.Cut(s, "}")
	if !closed {
		return part{}, "", errUnclosedVariable
	}
	v := part{}
	if before, _, found := strings.Cut(name, ", '"); found {
		name, rest = before, s[len(before)+len(", '"):]
		v.fallback, rest, v.optional = strings.Cut(rest, "'}")
		if !v.optional {
			return part{}, "", errUnclosedVariable
		}
	}
	prefix, key, found := strings.Cut(name, ":")
	if !found || prefix == "" || key == "" || strings.TrimSpace(name) != name || strings.ContainsAny(name, "{}$*?'") {
		return part{}, "", errVariableName
	}
	v.key = strings.ToLower(name)
	return v, rest, nil
}

// resolve returns the compiled pattern with the variables filled in from context. It returns false, and the key, when
// a variable has no value, or several, and no default: nothing is equal to such a pattern, and nothing is like it.
func (p *pattern) resolve(context Context) (text, missing string, ok bool) {
	if p.parts == nil {
		return p.text, "", true
	}
	var b []byte
	for _, part := range p.parts {
		b = append(b, part.text...)
		if part.key == "" {
			continue
		}
		switch values := context.values[part.key]; {
		case len(values) == 1 && utf8.ValidString(values[0]): // other bytes could be taken for wildcards
			b = append(b, values[0]...)
		case len(values) == 0 && part.optional:
			b = append(b, part.fallback...)
		default:
			return "", part.key, false
		}
	}
	return keepSegments(string(b), p.colons), "", true
}

// keepSegments turns the wildcards in the first five segments of a compiled ARN into those that stop at colons.
func keepSegments(text string, rule colonRule) string {
	if rule == noSegments {
		return text
	}
	b := []byte(text)
	for i, colons := 0, 0; i < len(b) && colons < 5; i++ {
		switch {
		case b[i] == ':':
			colons++
		case b[i] == anyOne:
			b[i] = segmentOne
		case b[i] == anyRun:
			last := i+1 == len(b) || b[i+1] == ':'
			if rule == segmentsApart || !last {
				b[i] = segmentRun
			}
		}
	}
	return string(b)
}

// run is where a wildcard for several characters ends in the pattern, and up to where it matches in the text.
type run struct {
	pattern, text int
	open          bool
}

// glob reports whether the compiled pattern matches all of s. With fold, ASCII letters match in either case.
//
// On a mismatch the last run that can grow grows. To grow an earlier run of the same sort could not help: the text up
// to there was matched as early as possible, and for runs that stop at colons no colon was passed.
func glob(pattern, s string, fold bool) bool {
	var wide, narrow run
	for p, i := 0, 0; ; {
		if p == len(pattern) && i == len(s) {
			return true
		}
		if p < len(pattern) {
			switch c := pattern[p]; {
			case c == anyRun:
				p++
				wide, narrow = run{p, i, true}, run{}
				continue
			case c == segmentRun:
				p++
				narrow = run{p, i, true}
				continue
			case i == len(s):
			case c == anyOne, c == segmentOne && s[i] != ':':
				p++
				i += runeLen(s[i:])
				continue
			case c == s[i], fold && lower(c) == lower(s[i]):
				p++
				i++
				continue
			}
		}
		switch {
		case narrow.open && narrow.text < len(s) && s[narrow.text] != ':':
			narrow.text += runeLen(s[narrow.text:])
			p, i = narrow.pattern, narrow.text
		case wide.open && wide.text < len(s):
			wide.text += runeLen(s[wide.text:])
			p, i = wide.pattern, wide.text
		default:
			return false
		}
	}
}

func runeLen(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return n
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}
