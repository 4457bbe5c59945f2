package management

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// limits are a member's constraints in the model. Zero means none.
type limits struct {
	must     bool // absent and null are wrong
	min, max int  // of a text's characters, a blob's bytes, a list's items, or a number
	pattern  *pattern
	values   []string // of an enumeration
}

// required answers the same limits for a member that must be there.
func (l limits) required() limits {
	l.must = true
	return l
}

// The constraints that several members share (model 2018-05-10).
var (
	uuid         = limits{min: 36, max: 36, pattern: newPattern(`.*[a-f0-9]{8}-([a-z0-9]{4}-){3}[a-z0-9]{12}.*`)}
	resourceName = limits{min: 1, max: 255, pattern: newPattern(`[ a-zA-Z0-9-_]*`)}
	anyARN       = limits{min: 1, max: 1011}
	tagText      = newPattern(`[ a-zA-Z0-9_.:/=+@-]*`)
	tagKey       = limits{min: 1, max: 128, pattern: tagText}
	tagValue     = limits{max: 256, pattern: tagText}
	tagItems     = limits{max: 200}
)

// pattern is a regular expression that a whole text must match, quoted in refusals as the model writes it.
type pattern struct {
	source string
	whole  *regexp.Regexp
}

func newPattern(source string) *pattern {
	return &pattern{source, regexp.MustCompile("^(?:" + source + ")$")}
}

// members are an object of a request. Each method reads one member: it answers nil when the member is absent, null or
// wrong, and notes in problems what is wrong. Names are compared exactly, and members not asked for are ignored, as AWS
// does. A nil *members has no members and notes nothing.
type members struct {
	prefix   string // of the members' names in refusals, such as "source."
	values   map[string]any
	problems *[]string
}

// value is what p points to, or otherwise when there is nothing.
func value[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

func (m *members) text(name string, l limits) *string {
	text, ok := read[string](m, name, l, "a string")
	if !ok || !m.check(name, text, l.textProblems(text)) {
		return nil
	}
	return &text
}

func (m *members) flag(name string, l limits) *bool {
	flag, ok := read[bool](m, name, l, "a boolean")
	if !ok {
		return nil
	}
	return &flag
}

// integer reads a number, also one such as 3600.0 that a language without integers writes.
func (m *members) integer(name string, l limits) *int {
	const kind = "an integer"
	number, ok := read[json.Number](m, name, l, kind)
	if !ok {
		return nil
	}
	f, err := strconv.ParseFloat(string(number), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		m.check(name, number, []string{"Member must be " + kind})
		return nil
	}
	n := int(f)
	if !m.check(name, number, l.sizeProblems("value", n)) {
		return nil
	}
	return &n
}

// blob reads bytes written in base64.
func (m *members) blob(name string, l limits) []byte {
	const kind = "base64"
	text, ok := read[string](m, name, l, kind)
	if !ok {
		return nil
	}
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		m.check(name, text, []string{"Member must be " + kind})
		return nil
	}
	if !m.check(name, text, l.sizeProblems("length", len(data))) {
		return nil
	}
	return data
}

// texts reads a list of strings; an empty list is not nil.
func (m *members) texts(name string, list, item limits) []string {
	items, ok := m.list(name, list)
	if !ok {
		return nil
	}
	texts := make([]string, 0, len(items))
	for _, i := range items {
		text, ok := i.(string)
		if !ok {
			m.check(name, items, []string{"Member must be a list of strings"})
			return nil
		}
		if len(item.textProblems(text)) > 0 {
			m.check(name, items, []string{"Member must satisfy constraint: [" + item.String() + "]"})
			return nil
		}
		texts = append(texts, text)
	}
	return texts
}

func (m *members) object(name string, l limits) *members {
	object, ok := read[map[string]any](m, name, l, "an object")
	if !ok {
		return nil
	}
	return &members{m.prefix + name + ".", object, m.problems}
}

// objects reads a list of objects; an empty list is not nil.
func (m *members) objects(name string, list limits) []*members {
	items, ok := m.list(name, list)
	if !ok {
		return nil
	}
	objects := make([]*members, 0, len(items))
	for i, item := range items {
		object, ok := item.(map[string]any)
		if !ok {
			m.check(name, items, []string{"Member must be a list of objects"})
			return nil
		}
		prefix := fmt.Sprintf("%s%s.%d.member.", m.prefix, name, i+1)
		objects = append(objects, &members{prefix, object, m.problems})
	}
	return objects
}

func (m *members) list(name string, l limits) ([]any, bool) {
	items, ok := read[[]any](m, name, l, "a list")
	return items, ok && m.check(name, items, l.sizeProblems("length", len(items)))
}

// read finds a member and its type; kind names the type in refusals.
func read[T any](m *members, name string, l limits, kind string) (T, bool) {
	var v T
	if m == nil {
		return v, false
	}
	raw := m.values[name]
	if raw == nil {
		if l.must {
			m.note("null", name, "Member must not be null")
		}
		return v, false
	}
	v, ok := raw.(T)
	if !ok {
		m.check(name, raw, []string{"Member must be " + kind})
	}
	return v, ok
}

// check notes what is wrong with a value, and reports whether nothing is.
func (m *members) check(name string, value any, problems []string) bool {
	for _, p := range problems {
		m.note("'"+quote(value)+"'", name, p)
	}
	return len(problems) == 0
}

func (m *members) note(value, name, problem string) {
	*m.problems = append(*m.problems, "Value "+value+" at '"+m.prefix+name+"' failed to satisfy constraint: "+problem)
}

// quote writes a value as AWS's refusals quote it, except that a long one is cut short.
func quote(value any) string {
	const most = 100
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case json.Number:
		text = string(v)
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = quote(item)
		}
		text = "[" + strings.Join(items, ", ") + "]"
	default:
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err) // what was decoded encodes
		}
		text = string(raw)
	}
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

func (l limits) textProblems(text string) []string {
	problems := l.sizeProblems("length", utf8.RuneCountInString(text))
	if l.pattern != nil && !l.pattern.whole.MatchString(text) {
		problems = append(problems, l.pattern.String())
	}
	if l.values != nil && !slices.Contains(l.values, text) {
		problems = append(problems, "Member must satisfy enum value set: ["+strings.Join(l.values, ", ")+"]")
	}
	return problems
}

// sizeProblems compares a value, or the length of a value, with the limits.
func (l limits) sizeProblems(what string, n int) []string {
	switch {
	case l.max > 0 && n > l.max:
		return []string{fmt.Sprintf("Member must have %s less than or equal to %d", what, l.max)}
	case n < l.min:
		return []string{fmt.Sprintf("Member must have %s greater than or equal to %d", what, l.min)}
	}
	return nil
}

// String lists the constraints of a text, as AWS does when an item of a list breaks one.
func (l limits) String() string {
	all := []string{
		fmt.Sprintf("Member must have length less than or equal to %d", l.max),
		fmt.Sprintf("Member must have length greater than or equal to %d", l.min),
	}
	if l.pattern != nil {
		all = append(all, l.pattern.String())
	}
	return strings.Join(all, ", ")
}

func (p *pattern) String() string {
	return "Member must satisfy regular expression pattern: " + p.source
}
