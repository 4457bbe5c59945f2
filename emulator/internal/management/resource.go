package management

import (
	"net/http"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// collection is what the account holds of one kind of resource, and what all kinds can do.
type collection[T any] struct {
	kind     string // in ARNs
	idMember string // the ID's name in requests
	entries  func(*account.State) map[string]*T
	fields   func(*T) fields
	copy     func(*T) *T
	answer   func(*T) any // of every operation on one resource
}

// fields are what all kinds of resources have; the pointers lead into the entry.
type fields struct {
	id        string
	createdAt time.Time
	updatedAt *time.Time
	enabled   *bool
	tags      *[]account.Tag
}

// get answers the resource in the path.
func (c collection[T]) get(r *request) (any, error) {
	id, err := c.admit(r)
	if err != nil {
		return nil, err
	}
	var found *T
	r.account.Read(func(s *account.State) { found = c.entries(s)[id] })
	if found == nil {
		return nil, c.missing(id)
	}
	return c.answer(found), nil
}

// remove deletes the resource in the path and answers what it was.
func (c collection[T]) remove(r *request) (any, error) {
	id, err := c.admit(r)
	if err != nil {
		return nil, err
	}
	var removed *T
	err = r.account.Write(func(s *account.State) error {
		if removed = c.entries(s)[id]; removed == nil {
			return c.missing(id)
		}
		delete(c.entries(s), id)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.answer(removed), nil
}

func (c collection[T]) enable(r *request) (any, error)  { return c.setEnabled(r, true) }
func (c collection[T]) disable(r *request) (any, error) { return c.setEnabled(r, false) }

func (c collection[T]) setEnabled(r *request, enabled bool) (any, error) {
	id, err := c.admit(r)
	if err != nil {
		return nil, err
	}
	return c.change(r, id, func(_ *account.State, x *T) error {
		*c.fields(x).enabled = enabled
		return nil
	})
}

// admit admits a request that names its resource in the path, and answers the ID.
func (c collection[T]) admit(r *request) (id string, err error) {
	id = value(r.path.text(c.idMember, uuid.required()), "")
	return id, r.admit(c.arn(r, id))
}

// change puts a changed copy in the place of an entry and answers it. f checks before it changes.
func (c collection[T]) change(r *request, id string, f func(*account.State, *T) error) (any, error) {
	var changed *T
	err := r.account.Write(func(s *account.State) error {
		entry := c.entries(s)[id]
		if entry == nil {
			return c.missing(id)
		}
		changed = c.copy(entry)
		if err := f(s, changed); err != nil {
			return err
		}
		*c.fields(changed).updatedAt = r.now
		c.entries(s)[id] = changed
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c.answer(changed), nil
}

// tags answers the tags of an entry, and whether it exists.
func (c collection[T]) tags(s *account.State, id string) ([]account.Tag, bool) {
	if x := c.entries(s)[id]; x != nil {
		return *c.fields(x).tags, true
	}
	return nil, false
}

// setTags puts a copy with these tags in the place of an entry.
func (c collection[T]) setTags(s *account.State, id string, tags []account.Tag) {
	x := c.copy(c.entries(s)[id])
	*c.fields(x).tags = tags
	c.entries(s)[id] = x
}

func (c collection[T]) arn(r *request, id string) string {
	return r.account.ARN("rolesanywhere", c.kind+"/"+id)
}

func (c collection[T]) missing(id string) error { return missing(c.kind, id) }

func missing(kind, id string) error {
	kind = strings.ReplaceAll(kind, "-", " ")
	return &wire.Refusal{
		Status:  http.StatusNotFound,
		Code:    "ResourceNotFoundException",
		Message: "There is no " + kind + " with ID " + id + ".",
		Remedy:  "list what the account has in this region",
	}
}

// shallow copies an entry without a lock; its lists are replaced, never written to.
func shallow[T any](x *T) *T {
	c := *x
	return &c
}

// orEmpty answers a list that JSON writes as [] rather than null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
