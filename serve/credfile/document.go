package credfile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Apply makes the change to a file's content, and leaves that as it is. It answers equal bytes when there is nothing to
// change, and else a content in which every SDK reads the section as asked for and all else as before, or nil and an error:
// ErrInvalid, ErrAmbiguous, ErrBinary or ErrTooLarge.
func Apply(file []byte, c Change) (out []byte, err error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(file) > maxSize {
		return nil, ErrTooLarge
	}
	if bytes.IndexByte(file, 0) >= 0 {
		return nil, ErrBinary
	}
	text, want := string(file), c.wanted()
	// A setting is added like the one before it. Where that would make it part of a nested one it is not indented.
	for _, indented := range []bool{true, false} {
		var edits []edit
		if edits, err = plan(text, c, want, indented); err != nil {
			return nil, err
		}
		if err = verify(text, edits, want); err != nil {
			continue
		}
		out, at := make([]byte, 0, len(file)), 0
		for _, e := range edits {
			out = append(append(out, text[at:e.start]...), e.text...)
			at = e.end
		}
		if out = append(out, text[at:]...); len(out) > maxSize {
			return nil, ErrTooLarge
		}
		return out, nil
	}
	return nil, err
}

// Lookup answers what the SDK for Go reads as a setting of a section: lines that continue it are joined by line feeds, and
// one that has nested settings is empty. Of several the last counts. Section and key are written as in a Change; ok is false
// when the section or the setting is not there.
func Lookup(file []byte, section, key string) (value string, ok bool) {
	section, key = sectionName(section), strings.ToLower(key)
	r := new(sdk)
	for line := range r.lines(string(file)) {
		is := r.read(line)
		if is.section != section || is.key != key {
			continue
		}
		switch {
		case is.kind == setting:
			value, ok = is.value, true
		case is.kind == part && value != "":
			value += "\n" + is.value
		}
	}
	return value, ok
}

// sections counts the headers.
func sections(file []byte) (n int) {
	r := new(sdk)
	for line := range r.lines(string(file)) {
		if r.read(line).kind == header {
			n++
		}
	}
	return n
}

// edit replaces a range of whole lines, or adds behind a last line that has no ending.
type edit struct {
	start, end int
	text       string
}

// block is one section of the name that is changed.
type block struct {
	end    int    // behind its last setting, or else its header
	indent string // of its last setting
	keys   []string
}

// plan lists the edits in the order of the file.
func plan(text string, c Change, want wanted, indented bool) (edits []edit, err error) {
	var current *block
	found, at := false, 0
	complete := func() {
		if current == nil {
			return
		}
		if !indented {
			current.indent = ""
		}
		added := ""
		for _, s := range c.Set {
			if !slices.Contains(current.keys, strings.ToLower(s.Key)) {
				added += current.indent + s.Key + " = " + s.Value + ending(text, current.end)
			}
		}
		if added == "" {
			return
		}
		// Where the last line goes, it takes its lack of an ending along.
		if last := len(edits) - 1; last < 0 || edits[last].end < current.end || edits[last].text != "" {
			added = separator(text, current.end) + added
		}
		edits = append(edits, edit{current.end, current.end, added})
	}
	first, second := new(sdk), new(python)
	for line := range strings.Lines(text) {
		start, end := at, at+len(line)
		at = end
		is, other := first.read(strings.TrimSuffix(line, "\n")), role{}
		for line := range second.lines(line) {
			if r := second.read(line); r.kind != nothing {
				other = r
			}
		}
		if is.kind == header {
			complete()
			current = nil
			if is.section == want.section {
				current, found = &block{end: end}, true
			}
		}
		if current == nil || is.kind != setting && is.kind != part {
			continue
		}
		current.end = end
		if is.kind == setting {
			current.keys = append(current.keys, is.key)
			current.indent = line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		}
		if !want.touches(is) || want.fulfils(is) && want.fulfils(other) {
			continue
		}
		e := edit{start: start, end: end}
		if value, ok := want.set[is.key]; ok && is.kind == setting {
			e.text = replaceValue(line, value)
		}
		edits = append(edits, e)
	}
	complete()
	if found || len(c.Set) == 0 {
		return edits, nil
	}
	if !plain(c.Section) {
		return nil, fmt.Errorf("section: %w: it is not there yet, and SDKs read a new one differently whose name has white space, quotes or backslashes", ErrInvalid)
	}
	eol := ending(text, at)
	added := separator(text, at)
	if last := strings.TrimRight(text, " \t\r\n"); last != "" && strings.Count(text[len(last):]+added, "\n") < 2 {
		added += eol
	}
	added += "[" + c.Section + "]" + eol
	for _, s := range c.Set {
		added += s.Key + " = " + s.Value + eol
	}
	return append(edits, edit{at, at, added}), nil
}

// replaceValue keeps the key, the spacing around and the line's ending.
func replaceValue(line, value string) string {
	delimiter := strings.IndexAny(line, "=:")
	tail := strings.TrimLeft(line[delimiter+1:], " \t")
	kept := line[:len(line)-len(tail)]
	if old := strings.TrimRight(tail, " \t\r\n"); old != "" {
		return kept + value + tail[len(old):]
	}
	if delimiter > 0 && line[delimiter-1] == ' ' && line[len(kept)-1] != ' ' {
		kept += " "
	}
	return kept + value + tail
}

// ending answers the line ending in use before a place: of the line before, or else of the file's first.
func ending(text string, at int) string {
	before := text[:at]
	if !strings.HasSuffix(before, "\n") {
		before = before[:strings.IndexByte(before, '\n')+1]
	}
	if strings.HasSuffix(before, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// separator answers the ending that the line before a place lacks.
func separator(text string, at int) string {
	if at == 0 || text[at-1] == '\n' {
		return ""
	}
	return ending(text, at)
}

// verify has both readers read the file as it was and as it would be, side by side: what stays has to mean the same, what
// goes has to be ours to change, and what comes has to mean what was asked for.
func verify(text string, edits []edit, want wanted) error {
	for _, pair := range [][2]reader{{new(sdk), new(sdk)}, {new(python), new(python)}} {
		before, after := pair[0], pair[1]
		at := 0
		ambiguous := func() error {
			return fmt.Errorf("line %d or near it: %w: put headers alone on their lines, and indent no setting deeper than the one before it",
				1+strings.Count(text[:min(at, max(0, len(text)-1))], "\n"), ErrAmbiguous)
		}
		for _, e := range append(slices.Clip(edits), edit{start: len(text), end: len(text)}) {
			for kept := range strings.Lines(text[at:e.start]) {
				for line := range before.lines(kept) {
					was, is := before.read(line), after.read(line)
					if was != is || want.touches(is) && !want.fulfils(is) {
						return ambiguous()
					}
				}
				at += len(kept)
			}
			for line := range before.lines(text[e.start:e.end]) {
				if was := before.read(line); !want.touches(was) && strings.TrimSpace(line) != "" {
					return ambiguous()
				}
			}
			for line := range after.lines(e.text) {
				is := after.read(line)
				ours := is == role{kind: header, section: want.section} || want.fulfils(is)
				if !ours && strings.TrimSpace(line) != "" {
					return ambiguous()
				}
			}
			at = e.end
		}
	}
	return nil
}
