package management

import (
	"cmp"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
)

// defaultPageSize is how many resources a page has when the request does not say. AWS's number is not documented.
const defaultPageSize = 50

// list answers one page, ordered by creation and then by ID, and the token of the next page, "" at the end. A token says
// after which resource to go on, so that what is made or deleted meanwhile shifts no other resource out of a listing.
func (c collection[T]) list(r *request) ([]*T, string, error) {
	after := value(r.query.text("nextToken", limits{min: 1, max: 10_000}), "")
	size := value(r.query.integer("pageSize", limits{min: 1}), defaultPageSize)
	if err := r.admit("*"); err != nil {
		return nil, "", err
	}
	last, ok := c.parseToken(after)
	if !ok {
		return nil, "", invalid("Invalid nextToken.",
			"the token is not one that "+r.operation+" gave out", "start without a token")
	}
	var all []*T
	r.account.Read(func(s *account.State) { all = slices.Collect(maps.Values(c.entries(s))) })
	all = slices.DeleteFunc(all, func(x *T) bool { return c.position(x).compare(last) <= 0 })
	slices.SortFunc(all, func(a, b *T) int { return c.position(a).compare(c.position(b)) })
	if len(all) <= size {
		return all, "", nil
	}
	return all[:size], c.token(c.position(all[size-1])), nil
}

// position is where a resource stands in a listing. The zero value stands before all.
type position struct {
	created int64 // Unix time in microseconds
	id      string
}

func (c collection[T]) position(x *T) position {
	f := c.fields(x)
	return position{f.createdAt.UnixMicro(), f.id}
}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.created, q.created), cmp.Compare(p.id, q.id))
}

func (c collection[T]) token(p position) string {
	return base64.StdEncoding.EncodeToString([]byte(c.kind + " " + strconv.FormatInt(p.created, 10) + " " + p.id))
}

func (c collection[T]) parseToken(token string) (position, bool) {
	if token == "" {
		return position{}, true
	}
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		return position{}, false
	}
	parts := strings.Split(string(raw), " ")
	if len(parts) != 3 || parts[0] != c.kind {
		return position{}, false
	}
	created, err := strconv.ParseInt(parts[1], 10, 64)
	return position{created, parts[2]}, err == nil
}

// page writes a page: its items by their name in the model, and nextToken unless it is the last.
func page[T, D any](name string, items []*T, detail func(*T) D, token string) map[string]any {
	details := make([]D, len(items))
	for i, x := range items {
		details[i] = detail(x)
	}
	answer := map[string]any{name: details}
	if token != "" {
		answer["nextToken"] = token
	}
	return answer
}
