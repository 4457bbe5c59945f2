package iam

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/awsauth-go/awsauth/emulator/internal/query"
)

var (
	maxItems = query.Range{Min: 1, Max: 1000, Default: 100}
	marker   = query.Constraint{Min: 1, Max: 320, Pattern: query.NewPattern(`[\u0020-\u00FF]+`)}
)

// page is what every answer to a list operation has.
type page struct {
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

// window is the part of a list that a request asks for.
type window struct {
	after string // name of the last entry of the page before; "" for the first page
	size  int
}

// window reads Marker and MaxItems. A marker names an entry, so that pages fit together whatever is created or deleted
// between them.
func (r *request) window() window {
	w := window{size: r.Int("MaxItems", maxItems)}
	if m := r.String("Marker", marker); m != "" {
		name, err := base64.RawURLEncoding.DecodeString(m)
		if err != nil || len(name) == 0 {
			r.Reject("Marker", "Member must be the Marker of an answer")
		}
		w.after = string(name)
	}
	return w
}

// cut answers the entries in the window. It sorts entries by name.
func cut[E any](w window, entries []E, name func(E) string) ([]E, page) {
	slices.SortFunc(entries, func(a, b E) int { return strings.Compare(name(a), name(b)) })
	entries = slices.DeleteFunc(entries, func(e E) bool { return name(e) <= w.after })
	if len(entries) <= w.size {
		return entries, page{}
	}
	entries = entries[:w.size]
	last := base64.RawURLEncoding.EncodeToString([]byte(name(entries[w.size-1])))
	return entries, page{IsTruncated: true, Marker: last}
}

func itself(s string) string { return s }
