package policy

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// stringValue is a value of the string operators, of Bool and of the ARN operators.
type stringValue struct {
	*pattern
	compare func(pattern, requested string) bool
}

func (v stringValue) match(requested string, context Context) bool {
	text, _, ok := v.resolve(context)
	return ok && v.compare(text, requested)
}

func (v stringValue) missing(context Context) string {
	_, key, _ := v.resolve(context)
	return key
}

func (v stringValue) String() string { return v.source }

func compileString(compare func(pattern, requested string) bool, wildcards bool) func(string, bool) (value, error) {
	return func(text string, variables bool) (value, error) {
		p, err := compilePattern(text, patternSyntax{wildcards: wildcards, variables: variables})
		return stringValue{p, compare}, err
	}
}

func equalText(pattern, requested string) bool { return pattern == requested }

func likeText(pattern, requested string) bool { return glob(pattern, requested, false) }

// compileARN serves ArnEquals and ArnLike alike: AWS documents them as identical.
func compileARN(text string, variables bool) (value, error) {
	p, err := compilePattern(text, patternSyntax{wildcards: true, variables: variables, colons: segmentsApart})
	return stringValue{p, likeARN}, err
}

func likeARN(pattern, requested string) bool {
	return strings.HasPrefix(requested, "arn:") && strings.Count(requested, ":") >= 5 && glob(pattern, requested, false)
}

func compileBool(text string, variables bool) (value, error) {
	p, err := compilePattern(text, patternSyntax{variables: variables})
	if err == nil && p.parts == nil && !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false") {
		err = errors.New("must be true or false")
	}
	return stringValue{p, strings.EqualFold}, err
}

// relation says which results of a comparison of the request's value with the policy's are wanted.
type relation func(order int) bool

func equal(order int) bool          { return order == 0 }
func less(order int) bool           { return order < 0 }
func lessOrEqual(order int) bool    { return order <= 0 }
func greater(order int) bool        { return order > 0 }
func greaterOrEqual(order int) bool { return order >= 0 }

type numberValue struct {
	number   float64
	relation relation
	source   string
}

func compileNumber(r relation) func(string, bool) (value, error) {
	return func(text string, _ bool) (value, error) {
		n, ok := parseNumber(text)
		if !ok {
			return nil, errors.New("must be a number")
		}
		return numberValue{n, r, text}, nil
	}
}

func (v numberValue) match(requested string, _ Context) bool {
	n, ok := parseNumber(requested)
	return ok && v.relation(cmp.Compare(n, v.number))
}

func (v numberValue) String() string { return v.source }

// parseNumber reads an integer or decimal number. Beyond 2^53, neighbouring integers are equal.
func parseNumber(s string) (float64, bool) {
	if strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false // such as 0x10, 1_000 or Inf, which ParseFloat takes
	}
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil
}

type dateValue struct {
	date     time.Time
	relation relation
	source   string
}

func compileDate(r relation) func(string, bool) (value, error) {
	return func(text string, _ bool) (value, error) {
		t, ok := parseDate(text)
		if !ok {
			return nil, errors.New("must be a date such as 2026-01-31T12:00:00Z, or seconds since 1970")
		}
		return dateValue{t, r, text}, nil
	}
}

func (v dateValue) match(requested string, _ Context) bool {
	t, ok := parseDate(requested)
	return ok && v.relation(t.Compare(v.date))
}

func (v dateValue) String() string { return v.source }

// dateLayouts are those of the W3C note on ISO 8601, to which the IAM User Guide refers. Fractions of a second are
// read by the first.
var dateLayouts = []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"}

func parseDate(s string) (time.Time, bool) {
	for _, layout := range dateLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	seconds, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(seconds, 0), err == nil
}

type binaryValue struct {
	data   []byte
	source string
}

func compileBinary(text string, _ bool) (value, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("must be base64")
	}
	return binaryValue{data, text}, nil
}

// match takes the request's value in base64 too.
func (v binaryValue) match(requested string, _ Context) bool {
	data, err := base64.StdEncoding.DecodeString(requested)
	return err == nil && bytes.Equal(data, v.data)
}

func (v binaryValue) String() string { return v.source }

type addressValue struct {
	prefix netip.Prefix
	source string
}

func compileAddress(text string, _ bool) (value, error) {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		address, err := netip.ParseAddr(text)
		if err != nil || address.Zone() != "" {
			return nil, errors.New("must be an IP address or a range such as 203.0.113.0/24")
		}
		prefix = netip.PrefixFrom(address, address.BitLen())
	}
	return addressValue{prefix.Masked(), text}, nil
}

func (v addressValue) match(requested string, _ Context) bool {
	address, err := netip.ParseAddr(requested)
	return err == nil && v.prefix.Contains(address.Unmap())
}

func (v addressValue) String() string { return v.source }
