// Package query reads requests of the AWS Query protocol and refuses, in AWS's words, parameters that do not satisfy
// their constraints:
//
//	f := query.NewForm(call.Form)
//	name := f.String("RoleSessionName", query.Constraint{Required: true, Min: 2, Max: 64, Pattern: query.Names})
//	if err := f.Err(); err != nil {
//		return nil, err // all that is wrong, at once
//	}
//
// Parameters that an operation does not read are ignored, as AWS does.
//
// Source: Smithy, "AWS query protocol"; IAM and STS API references, "Common errors".
package query

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// Form reads the parameters of one operation and collects what is wrong with them.
type Form struct {
	values   url.Values
	problems []string
}

// NewForm reads values that Action has accepted.
func NewForm(values url.Values) *Form { return &Form{values: values} }

// Has reports whether a parameter was sent, be it empty.
func (f *Form) Has(name string) bool { return f.values.Has(name) }

// String answers a parameter, "" when it was not sent.
func (f *Form) String(name string, c Constraint) string {
	if !f.Has(name) {
		if c.Required {
			f.problem(missing(name))
		}
		return ""
	}
	value := f.values.Get(name)
	f.problem(c.Check(name, value))
	return value
}

// Range is what an integer parameter must satisfy.
type Range struct {
	Min, Max int
	Default  int // when the parameter was not sent
}

// Int answers a parameter that is a decimal number.
func (f *Form) Int(name string, r Range) int {
	if !f.Has(name) {
		return r.Default
	}
	n, err := strconv.Atoi(f.values.Get(name))
	if err != nil {
		f.Reject(name, "Member must be an integer")
		return r.Default
	}
	f.problem(r.Check(name, n))
	return n
}

// Strings answers a list of at most most members, each satisfying c.
func (f *Form) Strings(name string, most int, c Constraint) []string {
	return list(f, name, most, func(member string) string { return f.String(member, c) })
}

// Tags answers a list of tags. Each is checked by itself; CheckTags checks them all.
func (f *Form) Tags(name string) []Tag {
	return list(f, name, maxTags, func(member string) Tag {
		return Tag{Key: f.String(member+".Key", TagKey), Value: f.String(member+".Value", tagValue)}
	})
}

// Structs answers a list whose members are structures with one string field.
func (f *Form) Structs(name, field string, most int, c Constraint) []string {
	return list(f, name, most, func(member string) string { return f.String(member+"."+field, c) })
}

// list reads NAME.member.1, NAME.member.2 and so on. A gap is refused, as what follows it would be lost.
func list[T any](f *Form, name string, most int, read func(member string) T) []T {
	indexes := map[int]bool{}
	prefix := name + ".member."
	for key := range f.values {
		rest, found := strings.CutPrefix(key, prefix)
		if !found {
			continue
		}
		index, _, _ := strings.Cut(rest, ".")
		n, err := strconv.Atoi(index)
		if err != nil || strconv.Itoa(n) != index {
			f.Reject(name, "Members must be numbered from 1")
			return nil
		}
		indexes[n] = true
	}
	if len(indexes) > most {
		f.Reject(name, "Member must have length less than or equal to "+strconv.Itoa(most))
		return nil
	}
	var all []T
	for i, n := range slices.Sorted(maps.Keys(indexes)) {
		if n != i+1 {
			f.Reject(name, "Members must be numbered from 1")
			return nil
		}
		all = append(all, read(prefix+strconv.Itoa(n)))
	}
	return all
}

// Reject notes what a parameter must be and is not, without showing its value.
func (f *Form) Reject(name, constraint string) { f.problem(fault(name, constraint)) }

func fault(name, constraint string) string {
	return "Value at '" + label(name) + "' failed to satisfy constraint: " + constraint
}

// problem notes what is wrong; "" is nothing.
func (f *Form) problem(text string) {
	if text != "" {
		f.problems = append(f.problems, text)
	}
}

// Err answers everything that was wrong with the parameters read so far, as one *wire.Refusal, or nil.
func (f *Form) Err() error { return Invalid(f.problems...) }

// Invalid refuses parameters for the given problems, as Constraint.Check words them; without any it answers nil.
func Invalid(problems ...string) error {
	problems = slices.DeleteFunc(slices.Clone(problems), func(s string) bool { return s == "" })
	switch n := len(problems); n {
	case 0:
		return nil
	case 1:
		return ValidationError("1 validation error detected: " + problems[0])
	default:
		return ValidationError(strconv.Itoa(n) + " validation errors detected: " + strings.Join(problems, "; "))
	}
}

// ValidationError refuses parameters with a message of its own.
func ValidationError(message string) error {
	return &wire.Refusal{Status: 400, Code: "ValidationError", Message: message}
}
