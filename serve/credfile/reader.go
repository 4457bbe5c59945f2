package credfile

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A role is what a line is to one reader.
type role struct {
	kind    kind
	section string // as sectionName writes it
	key     string // in small letters; of a part, that of the setting it belongs to
	value   string // of a setting what stands on its line, of a part the line
}

type kind byte

const (
	nothing kind = iota // blank, comment, or not understood
	header
	setting
	part // continues a setting or is nested in it
)

// A reader says line by line what it takes a file for. There are two, since there are two families of rules; the edit is
// planned by the first and has to please both.
type reader interface {
	lines(text string) iter.Seq[string] // without their endings
	read(line string) role
}

// sdk reads as aws-sdk-go-v2 does (config/internal/ini).
type sdk struct {
	section, key string
	valued       bool // key's value is not empty
}

// lines leaves a carriage return in the line, as the SDK does.
func (*sdk) lines(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			if !yield(strings.TrimSuffix(line, "\n")) {
				return
			}
		}
	}
}

func (r *sdk) read(line string) role {
	unindented := strings.TrimLeft(line, " \t")
	if strings.TrimSpace(line) == "" || unindented[0] == '#' || unindented[0] == ';' {
		return role{}
	}
	if name, ok := sdkHeader(line); ok {
		r.section, r.key = name, ""
		return role{kind: header, section: name}
	}
	if r.section == "" {
		return role{}
	}
	indented := len(unindented) < len(line)
	if !indented {
		line = uncomment(line)
	}
	key, value, ok := split(line, unicode.IsSpace)
	value = unquote(value)
	switch {
	case !ok && !indented, !ok && r.key == "":
		return role{}
	case !ok, indented && r.key != "" && !r.valued:
		return role{kind: part, section: r.section, key: r.key, value: unindented}
	case indented: // under nothing that could have parts: a setting after all
		value = strings.TrimSpace(uncomment(value))
	}
	r.key, r.valued = key, value != ""
	return role{kind: setting, section: r.section, key: key, value: value}
}

func sdkHeader(line string) (name string, ok bool) {
	if i := strings.IndexAny(line, "#;"); i >= 0 {
		line = line[:i]
	}
	line = strings.TrimSpace(line)
	if len(line) < 2 || line[0] != '[' || line[len(line)-1] != ']' {
		return "", false
	}
	return sectionName(line[1 : len(line)-1]), true
}

// uncomment cuts what is a comment to the SDK for Go, behind a value.
func uncomment(s string) string {
	for i := 1; i < len(s); i++ {
		if (s[i] == '#' || s[i] == ';') && (s[i-1] == ' ' || s[i-1] == '\t') {
			return s[:i-1]
		}
	}
	return s
}

func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[0] == s[len(s)-1] {
		return s[1 : len(s)-1]
	}
	return s
}

// split cuts a setting in two; its key comes in small letters.
func split(s string, space func(rune) bool) (key, value string, ok bool) {
	i := strings.IndexAny(s, "=:")
	if i < 0 {
		return "", "", false
	}
	return strings.ToLower(strings.TrimFunc(s[:i], space)), strings.TrimFunc(s[i+1:], space), true
}

// python reads as Python's configparser does with the settings that botocore gives it, but goes on where that gives up.
type python struct {
	section, key string
	within       bool // a section, whatever its name
	indent       int
}

// lines ends lines at a carriage return too, as Python does.
func (*python) lines(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
			for line := range strings.SplitSeq(line, "\r") {
				if !yield(line) {
					return
				}
			}
		}
	}
}

func (r *python) read(line string) role {
	text := strings.TrimLeftFunc(line, isSpace)
	indent := utf8.RuneCountInString(line[:len(line)-len(text)])
	text = strings.TrimRightFunc(text, isSpace)
	if text == "" || text[0] == '#' || text[0] == ';' {
		return role{}
	}
	if r.within && r.key != "" && indent > r.indent {
		return role{kind: part, section: r.section, key: r.key, value: text}
	}
	r.indent = indent
	if end := strings.LastIndexByte(text, ']'); text[0] == '[' && end > 1 {
		r.section, r.key, r.within = sectionName(text[1:end]), "", true
		return role{kind: header, section: r.section}
	}
	key, value, ok := split(text, isSpace)
	if !r.within || !ok {
		return role{}
	}
	r.key = key
	return role{kind: setting, section: r.section, key: key, value: value}
}

// isSpace reports what Python counts as white space: what Go does, and four separators.
func isSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

// sectionName writes what stands between brackets as sections are compared: one space behind the type, no quotes, and the
// default profile without a type, which it may have in the config file.
func sectionName(header string) string {
	header = strings.TrimSpace(header)
	i := strings.IndexAny(header, " \t")
	if i < 0 {
		return header
	}
	kind, name := header[:i], unquote(strings.TrimLeft(header[i:], " \t"))
	if kind == "profile" && name == "default" {
		return name
	}
	if canonical := len(kind) + 1 + len(name); canonical == len(header) && header[i] == ' ' {
		return header
	}
	return kind + " " + name
}
