package policy

import (
	"maps"
	"slices"
	"strings"
)

// Context holds the condition keys of a request and their values. Key names are compared without regard to case, as
// IAM does, tag keys after the slash included; values are kept as they are. The zero value is empty and ready for use.
// A Context may be read by several goroutines at once, but not while one of them calls Set.
type Context struct {
	values map[string][]string // by the key in lower case
}

// NewContext returns a context with the given keys and values. Of two keys that differ only in case, the one that
// sorts last is kept.
func NewContext(values map[string][]string) Context {
	var c Context
	for _, key := range slices.Sorted(maps.Keys(values)) {
		c.Set(key, values[key]...)
	}
	return c
}

// Set gives key the values, in place of those it had. A key without values is absent.
func (c *Context) Set(key string, values ...string) {
	key = strings.ToLower(key)
	if len(values) == 0 {
		delete(c.values, key)
		return
	}
	if c.values == nil {
		c.values = make(map[string][]string)
	}
	c.values[key] = slices.Clone(values)
}

// Values returns the values of key, none when it is absent. The caller must not change them.
func (c Context) Values(key string) []string { return c.values[strings.ToLower(key)] }
