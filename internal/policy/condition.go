package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// condition is one key under one operator of a Condition element.
type condition struct {
	operator string // as written
	key      string // as written
	lower    string
	set      setOperator
	ifExists bool
	negated  bool
	null     bool // the Null operator, which has no values but the next two
	present  bool // Null: holds when the key is there
	absent   bool // Null: holds when it is not
	values   []value
}

// value is what a condition operator compares with.
type value interface {
	match(requested string, context Context) bool
	String() string // as written in the policy
}

type setOperator int

const (
	single setOperator = iota
	forAllValues
	forAnyValue
)

var setOperators = map[string]setOperator{"ForAllValues": forAllValues, "ForAnyValue": forAnyValue}

// operator is how a condition operator compares, without set operator and IfExists.
type operator struct {
	negated bool
	compile func(text string, variables bool) (value, error)
}

// operators are those of the IAM User Guide, "Condition operators". Null stands apart.
var operators = map[string]operator{
	"StringEquals":              {false, compileString(equalText, false)},
	"StringNotEquals":           {true, compileString(equalText, false)},
	"StringEqualsIgnoreCase":    {false, compileString(strings.EqualFold, false)},
	"StringNotEqualsIgnoreCase": {true, compileString(strings.EqualFold, false)},
	"StringLike":                {false, compileString(likeText, true)},
	"StringNotLike":             {true, compileString(likeText, true)},
	"NumericEquals":             {false, compileNumber(equal)},
	"NumericNotEquals":          {true, compileNumber(equal)},
	"NumericLessThan":           {false, compileNumber(less)},
	"NumericLessThanEquals":     {false, compileNumber(lessOrEqual)},
	"NumericGreaterThan":        {false, compileNumber(greater)},
	"NumericGreaterThanEquals":  {false, compileNumber(greaterOrEqual)},
	"DateEquals":                {false, compileDate(equal)},
	"DateNotEquals":             {true, compileDate(equal)},
	"DateLessThan":              {false, compileDate(less)},
	"DateLessThanEquals":        {false, compileDate(lessOrEqual)},
	"DateGreaterThan":           {false, compileDate(greater)},
	"DateGreaterThanEquals":     {false, compileDate(greaterOrEqual)},
	"Bool":                      {false, compileBool},
	"BinaryEquals":              {false, compileBinary},
	"IpAddress":                 {false, compileAddress},
	"NotIpAddress":              {true, compileAddress},
	"ArnEquals":                 {false, compileARN},
	"ArnNotEquals":              {true, compileARN},
	"ArnLike":                   {false, compileARN},
	"ArnNotLike":                {true, compileARN},
}

const nullOperator = "Null"

var operatorNames = append(slices.Sorted(maps.Keys(operators)), nullOperator)

// parseConditions compiles a Condition element. An empty one, and an operator without keys, hold always.
func parseConditions(e element, variables bool) ([]condition, error) {
	members, err := e.object("condition")
	if err != nil {
		return nil, err
	}
	var all []condition
	for _, m := range members {
		c, compile, err := parseOperator(m)
		if err != nil {
			return nil, err
		}
		keys, err := m.object("condition operator")
		if err != nil {
			return nil, err
		}
		seen := make(map[string]bool)
		for _, k := range keys {
			c := c
			if err := c.parseKey(k, compile, variables); err != nil {
				return nil, err
			}
			if seen[c.lower] {
				return nil, k.problem("given twice: condition keys are compared without regard to case")
			}
			seen[c.lower] = true
			all = append(all, c)
		}
	}
	return all, nil
}

// parseOperator reads a name such as ForAnyValue:StringLikeIfExists.
func parseOperator(m memberElement) (condition, operator, error) {
	c := condition{operator: m.name}
	name, prefix := m.name, ""
	if set, rest, found := strings.Cut(name, ":"); found {
		if c.set = setOperators[set]; c.set == single {
			return c, operator{}, m.problem(unknown("set operator", set, slices.Sorted(maps.Keys(setOperators))))
		}
		name, prefix = rest, set+":"
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	if name == nullOperator {
		if c.ifExists || c.set != single {
			return c, operator{}, m.problem("Null takes neither IfExists nor a set operator")
		}
		c.null = true
		return c, operator{}, nil
	}
	op, ok := operators[name]
	if !ok {
		near := closest(name, operatorNames)
		if near == "" {
			return c, op, m.problem("unknown condition operator")
		}
		if c.ifExists && near != nullOperator {
			near += "IfExists"
		}
		return c, op, m.problem("unknown condition operator, did you mean " + prefix + near + "?")
	}
	c.negated = op.negated
	return c, op, nil
}

func (c *condition) parseKey(k memberElement, op operator, variables bool) error {
	if prefix, name, found := strings.Cut(k.name, ":"); !found || prefix == "" || name == "" {
		return k.problem("condition key must have a prefix, as in aws:SourceArn")
	}
	c.key, c.lower = k.name, strings.ToLower(k.name)
	list, err := k.list()
	if err != nil {
		return err
	}
	for _, v := range list {
		if v.kind != stringNode && v.kind != numberNode && v.kind != boolNode {
			return v.problem("must be a string, a number or a boolean")
		}
		if c.null {
			if err := c.addNull(v); err != nil {
				return err
			}
			continue
		}
		compiled, err := op.compile(v.text, variables)
		if err != nil {
			return v.problem(err.Error())
		}
		c.values = append(c.values, compiled)
	}
	return nil
}

func (c *condition) addNull(v element) error {
	switch {
	case strings.EqualFold(v.text, "true"):
		c.absent = true
	case strings.EqualFold(v.text, "false"):
		c.present = true
	default:
		return v.problem("must be true or false")
	}
	return nil
}

// holds evaluates the condition as the IAM User Guide says in "Condition operators" and "Single-valued vs.
// multivalued context keys". A negated operator is the opposite of the plain one for each value of the request.
// A key with several values under an operator without a set operator is compared as any one of them.
func (c *condition) holds(context Context) bool {
	requested := context.values[c.lower]
	switch {
	case c.null:
		return len(requested) == 0 && c.absent || len(requested) > 0 && c.present
	case len(requested) == 0 && c.ifExists, c.set == forAllValues && allEmpty(requested):
		return true
	case c.set == forAnyValue && allEmpty(requested):
		return false
	case c.set == single:
		return c.any(requested, context, false) != c.negated
	case c.set == forAllValues:
		return !c.any(requested, context, !c.negated)
	default:
		return c.any(requested, context, c.negated)
	}
}

// any reports whether one of the requested values matches one of the condition's, or with none, matches none of them.
func (c *condition) any(requested []string, context Context, none bool) bool {
	for _, r := range requested {
		matched := false
		for i := 0; i < len(c.values) && !matched; i++ {
			matched = c.values[i].match(r, context)
		}
		if matched != none {
			return true
		}
	}
	return false
}

// allEmpty reports whether values are none, or only empty strings: what IAM calls an empty data set.
func allEmpty(values []string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return v != "" })
}

// explain says why the condition does not hold.
func (c *condition) explain(context Context) string {
	requested := context.values[c.lower]
	got := "no value"
	if len(requested) > 0 {
		got = quoted(requested)
	}
	want := "the key absent"
	switch {
	case c.null && c.present:
		want = "a value"
	case !c.null:
		texts := make([]string, len(c.values))
		for i, v := range c.values {
			texts[i] = v.String()
		}
		want = quoted(texts)
		switch {
		case c.negated:
			want = "not " + want
		case len(texts) > 1:
			want = "one of " + want
		}
	}
	text := fmt.Sprintf("condition %s %s: got %s, want %s", c.operator, c.key, got, want)
	for _, v := range c.values {
		if s, ok := v.(interface{ missing(Context) string }); ok && s.missing(context) != "" {
			return text + ", whose variable " + s.missing(context) + " has no single value"
		}
	}
	return text
}

// quoted lists texts, each in quotation marks.
func quoted(texts []string) string {
	q := make([]string, len(texts))
	for i, t := range texts {
		q[i] = fmt.Sprintf("%q", t)
	}
	return strings.Join(q, ", ")
}
