package query

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Constraint is what a string parameter must satisfy.
type Constraint struct {
	Required bool
	Min, Max int      // characters; Max 0 is no limit
	Pattern  *Pattern // nil is any
	Enum     []string // none is any
	// Sensitive keeps the value out of the refusal.
	Sensitive bool
}

// Pattern is a pattern of AWS's service models; it matches values as a whole.
type Pattern struct {
	text    string
	matches *regexp.Regexp
}

// NewPattern compiles a pattern as the service model writes it. It panics on one that does not compile.
func NewPattern(text string) *Pattern {
	expression := javaEscape.ReplaceAllString(text, `\x{$1}`)
	return &Pattern{text, regexp.MustCompile(`\A(?:` + expression + `)\z`)}
}

var javaEscape = regexp.MustCompile(`\\u([0-9A-F]{4})`)

// Patterns that several parameters of IAM and STS share.
var (
	Names     = NewPattern(`[\w+=,.@-]*`)
	Documents = NewPattern(`[\u0009\u000A\u000D\u0020-\u00FF]+`)
)

// Check says what is wrong with a parameter's value, or "".
func (c Constraint) Check(name, value string) string {
	n := utf8.RuneCountInString(value)
	fault := ""
	switch {
	case n < c.Min:
		fault = "Member must have length greater than or equal to " + strconv.Itoa(c.Min)
	case c.Max > 0 && n > c.Max:
		fault = "Member must have length less than or equal to " + strconv.Itoa(c.Max)
	case c.Pattern != nil && !c.Pattern.matches.MatchString(value):
		fault = "Member must satisfy regular expression pattern: " + c.Pattern.text
	case len(c.Enum) > 0 && !slices.Contains(c.Enum, value):
		fault = "Member must satisfy enum value set: [" + strings.Join(c.Enum, ", ") + "]"
	default:
		return ""
	}
	shown := "Value '" + value + "' at '"
	if c.Sensitive {
		shown = "Value at '"
	}
	return shown + label(name) + "' failed to satisfy constraint: " + fault
}

// Check says what is wrong with an integer parameter's value, or "".
func (r Range) Check(name string, n int) string {
	fault := ""
	switch {
	case n < r.Min:
		fault = "Member must have value greater than or equal to " + strconv.Itoa(r.Min)
	case n > r.Max:
		fault = "Member must have value less than or equal to " + strconv.Itoa(r.Max)
	default:
		return ""
	}
	return "Value '" + strconv.Itoa(n) + "' at '" + label(name) + "' failed to satisfy constraint: " + fault
}

func missing(name string) string {
	return "Value null at '" + label(name) + "' failed to satisfy constraint: Member must not be null"
}

// label names a parameter as AWS's messages do: Tags.member.1.Key is tags.1.member.key.
func label(name string) string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		if part == "member" && i+1 < len(parts) {
			parts[i], parts[i+1] = parts[i+1], part
			break
		}
	}
	for i, part := range parts {
		if part != "" {
			parts[i] = string(unicode.ToLower(rune(part[0]))) + part[1:]
		}
	}
	return strings.Join(parts, ".")
}
