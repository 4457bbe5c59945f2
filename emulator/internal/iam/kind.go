package iam

import (
	"maps"
	"slices"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/query"
	"github.com/awsauth-go/awsauth/internal/policy"
)

// kind is what users and roles have in common: policies and tags. Its methods are the operations on these.
type kind struct {
	noun  string // as in AWS's messages and ARNs
	title string // as in names of quotas
	// maxInline is how many characters the inline policies may have together, white space not counted.
	maxInline int
	read      func(*request) string // the parameter that names the user or role
	find      func(*account.State, string) *holder
}

// holder is one user or role while its policies and tags are looked at or changed.
type holder struct {
	name, arn string
	policies  account.Policies
	tags      map[string]string
	store     func(*account.State) // puts a copy with the changed policies and tags in its place
}

var users = kind{
	noun: "user", title: "User", maxInline: 2048,
	read: func(r *request) string {
		c := userName
		c.Required = true
		return r.String("UserName", c)
	},
	find: func(s *account.State, name string) *holder {
		u := s.Users[name]
		if u == nil {
			return nil
		}
		h := &holder{name: name, arn: u.ARN, policies: u.Policies, tags: u.Tags}
		h.store = func(s *account.State) {
			changed := *u
			changed.Policies, changed.Tags = h.policies, h.tags
			s.Users[name] = &changed
		}
		return h
	},
}

var roles = kind{
	noun: "role", title: "Role", maxInline: 10_240,
	read: func(r *request) string { return r.String("RoleName", roleName) },
	find: func(s *account.State, name string) *holder {
		role := s.Roles[name]
		if role == nil {
			return nil
		}
		h := &holder{name: name, arn: role.ARN, policies: role.Policies, tags: role.Tags}
		h.store = func(s *account.State) {
			changed := role.Clone()
			changed.Policies, changed.Tags = h.policies, h.tags
			s.Roles[name] = changed
		}
		return h
	},
}

// missing refuses a name that no user or role has.
func (k kind) missing(name string) error {
	return noSuchEntity("The " + k.noun + " with name " + name + " cannot be found.")
}

// authorize asks whether the caller may do the operation to a user or role. One that is not there is asked for without a
// path, so that only who may do it to that name learns so.
func (k kind) authorize(r *request, name string, extra func(*policy.Context)) error {
	h := &holder{arn: r.account.ARN("iam", k.noun+"/"+name)}
	r.account.Read(func(s *account.State) {
		if found := k.find(s, name); found != nil {
			h = found
		}
	})
	return r.authorize(h.arn, func(x *policy.Context) {
		for key, value := range h.tags {
			x.Set("aws:ResourceTag/"+key, value)
			x.Set("iam:ResourceTag/"+key, value)
		}
		if extra != nil {
			extra(x)
		}
	})
}

// permit answers the name of the user or role that the request is about if the caller may do the operation to it.
func (k kind) permit(r *request) (name string, err error) {
	name = k.read(r)
	if err := r.Err(); err != nil {
		return "", err
	}
	return name, k.authorize(r, name, nil)
}

// look answers the user or role that the request is about if the caller may look at it.
func (k kind) look(r *request) (h *holder, err error) {
	name, err := k.permit(r)
	if err != nil {
		return nil, err
	}
	r.account.Read(func(s *account.State) { h = k.find(s, name) })
	if h == nil {
		return nil, k.missing(name)
	}
	return h, nil
}

// change lets f change the policies and tags of the user or role that the request is about, if the caller may.
func (k kind) change(r *request, extra func(*policy.Context), f func(*holder) error) error {
	name := k.read(r)
	if err := r.Err(); err != nil {
		return err
	}
	if err := k.authorize(r, name, extra); err != nil {
		return err
	}
	return r.account.Write(func(s *account.State) error {
		h := k.find(s, name)
		if h == nil {
			return k.missing(name)
		}
		if err := f(h); err != nil {
			return err
		}
		h.store(s)
		return nil
	})
}

// maxTags is the quota of tags of a user or role.
const maxTags = 50

func (k kind) tag(r *request) (any, error) {
	tags, err := r.readTags()
	if err != nil {
		return nil, err
	}
	return nil, k.change(r, requestTags(tags), func(h *holder) error {
		h.tags = query.MergeTags(h.tags, query.TagMap(tags))
		if len(h.tags) > maxTags {
			return quotaExceeded("TagsPer"+k.title, maxTags)
		}
		return nil
	})
}

func (k kind) untag(r *request) (any, error) {
	keys := r.Strings("TagKeys", maxTags, query.TagKey)
	return nil, k.change(r, func(x *policy.Context) { x.Set("aws:TagKeys", keys...) }, func(h *holder) error {
		h.tags = query.WithoutTags(h.tags, keys)
		return nil
	})
}

// readTags reads Tags and the parameters read before it.
func (r *request) readTags() ([]query.Tag, error) {
	tags := r.Tags("Tags")
	if err := r.Err(); err != nil {
		return nil, err
	}
	return tags, query.CheckTags(tags)
}

// requestTags adds the condition keys of a request that sets tags.
func requestTags(tags []query.Tag) func(*policy.Context) {
	return func(x *policy.Context) {
		keys := make([]string, len(tags))
		for i, t := range tags {
			keys[i] = t.Key
			x.Set("aws:RequestTag/"+t.Key, t.Value)
		}
		x.Set("aws:TagKeys", keys...)
	}
}

// sortedTags answers tags as answers hold them.
func sortedTags(tags map[string]string) []query.Tag {
	var all []query.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, query.Tag{Key: key, Value: tags[key]})
	}
	return all
}
