package credfile

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Setting is one setting of a section. Its key has letters, which may be large or small, digits, '_', '-' and '.'; its value
// is one line of UTF-8 that no SDK takes for anything else: not empty, not in quotes, without white space around it, and
// without a # or ; at its beginning or behind white space.
type Setting struct{ Key, Value string }

// Change says what is to become of one section. It may name each key once, in Set or in Remove.
type Change struct {
	// Section is the text between the brackets: "profile backup" or "default" in the config file, "backup" or "default"
	// in the credentials file. A section that is not there is added at the end, when there is something to set.
	Section string

	// Set is what the section is to hold. The value of a setting that is there is replaced where it stands, with comments
	// and lines that belong to it; key and spacing stay. Others are added after the section's last setting.
	//
	// SDKs differ on what counts when a key or a section stands twice. So every occurrence is changed, and every section
	// of the name gets the setting.
	Set []Setting

	// Remove names the settings that go, with the indented lines that belong to them. What is not there is no error.
	Remove []string
}

// check finds what no file can hold. Its errors never quote a value, nor a name that is at fault.
func (c Change) check() error {
	if fault := nameFault(c.Section); fault != "" {
		return fmt.Errorf("section: %w: its name %s", ErrInvalid, fault)
	}
	var seen []string
	once := func(key string) error {
		if key == "" || strings.Trim(key, keyCharacters) != "" {
			return fmt.Errorf("section %q: %w: a key has characters other than letters, digits, '_', '-' and '.', or none", c.Section, ErrInvalid)
		}
		if slices.Contains(seen, strings.ToLower(key)) {
			return fmt.Errorf("section %q: %w: key %q is named twice", c.Section, ErrInvalid, key)
		}
		seen = append(seen, strings.ToLower(key))
		return nil
	}
	for _, s := range c.Set {
		if err := once(s.Key); err != nil {
			return err
		}
		if fault := valueFault(s.Value); fault != "" {
			return fmt.Errorf("section %q: setting %q: %w: its value %s", c.Section, s.Key, ErrInvalid, fault)
		}
	}
	for _, key := range c.Remove {
		if err := once(key); err != nil {
			return err
		}
	}
	return nil
}

const keyCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."

func nameFault(name string) string {
	switch {
	case name == "" || name == "profile":
		return "is empty"
	case name == "DEFAULT":
		return "stands for every section to some SDKs: write default"
	case strings.ContainsAny(name, "[]#;"):
		return "has one of the characters [ ] # ;"
	}
	return textFault(name)
}

func valueFault(value string) string {
	switch {
	case value == "":
		return "is empty: remove the setting instead"
	case strings.IndexAny(value, "#;") == 0, uncomment(value) != value:
		return "has a # or ; at its beginning or after white space, which begins a comment to some SDKs"
	case strings.IndexAny(value, `"'`) == 0 && value[0] == value[len(value)-1]:
		return "begins and ends with the same quote, which some SDKs take away: quote less, or add something behind"
	}
	return textFault(value)
}

func textFault(s string) string {
	switch {
	case !utf8.ValidString(s):
		return "is not UTF-8"
	case strings.ContainsFunc(s, func(r rune) bool {
		return r != '\t' && unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	}):
		return "has a line break, a NUL or another control character"
	case strings.TrimSpace(s) != s:
		return "begins or ends with white space"
	}
	return ""
}

// plain reports whether SDKs agree on the name of a section with this header; they do not about white space and quotes.
func plain(header string) bool {
	kind, name, typed := strings.Cut(header, " ")
	return !strings.ContainsFunc(kind+name, unicode.IsSpace) && !strings.ContainsAny(kind+name, `"'\`) && (!typed || name != "")
}

// wanted is a Change as lines are compared with it.
type wanted struct {
	section string
	set     map[string]string
	remove  map[string]bool
}

func (c Change) wanted() wanted {
	w := wanted{section: sectionName(c.Section), set: map[string]string{}, remove: map[string]bool{}}
	for _, s := range c.Set {
		w.set[strings.ToLower(s.Key)] = s.Value
	}
	for _, key := range c.Remove {
		w.remove[strings.ToLower(key)] = true
	}
	return w
}

// touches reports whether a line belongs to a setting that is changed.
func (w wanted) touches(r role) bool {
	if r.kind != setting && r.kind != part || r.section != w.section {
		return false
	}
	_, set := w.set[r.key]
	return set || w.remove[r.key]
}

// fulfils reports whether a line is a setting as it is to be.
func (w wanted) fulfils(r role) bool {
	value, ok := w.set[r.key]
	return ok && r.kind == setting && r.section == w.section && r.value == value
}
