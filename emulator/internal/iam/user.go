package iam

import (
	"cmp"
	"strings"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/query"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// user is a user as answers hold it.
type user struct {
	Path       string
	UserName   string
	UserID     string `xml:"UserId"`
	ARN        string `xml:"Arn"`
	CreateDate wire.Seconds
	Tags       []query.Tag `xml:"Tags>member"`
}

type userAnswer struct{ User user }

func newUser(u *account.User) user {
	return user{u.Path, u.Name, u.ID, u.ARN, wire.Seconds(u.CreatedAt), sortedTags(u.Tags)}
}

func createUser(r *request) (any, error) {
	u := &account.User{
		Name: r.String("UserName", newUserName), Path: r.path(), ID: account.NewUniqueID(account.PrefixUser), CreatedAt: r.now,
	}
	tags, err := r.readTags()
	if err != nil {
		return nil, err
	}
	u.Tags = query.TagMap(tags)
	u.ARN = r.account.ARN("iam", "user"+u.Path+u.Name)
	if err := r.authorize(u.ARN, requestTags(tags)); err != nil {
		return nil, err
	}
	err = r.account.Write(func(s *account.State) error {
		if taken(s.Users, u.Name) {
			return entityAlreadyExists("User with name " + u.Name + " already exists.")
		}
		s.Users[u.Name] = u
		return nil
	})
	return userAnswer{newUser(u)}, err
}

// taken reports whether a name differs from another at most in case, as names of one kind must not.
func taken[E any](entries map[string]E, name string) bool {
	for other := range entries {
		if strings.EqualFold(other, name) {
			return true
		}
	}
	return false
}

func getUser(r *request) (any, error) {
	name, err := r.permitUser()
	if err != nil {
		return nil, err
	}
	var u *account.User
	r.account.Read(func(s *account.State) { u = s.Users[name] })
	if u == nil {
		return nil, users.missing(name)
	}
	return userAnswer{newUser(u)}, nil
}

// permitUser is like users.permit where UserName may be left out: then it is the user who has signed with a long-term key.
func (r *request) permitUser() (name string, err error) {
	name = r.String("UserName", userName)
	if err := r.Err(); err != nil {
		return "", err
	}
	if !r.Has("UserName") {
		c := r.call.Caller
		if c.User == nil {
			return "", query.ValidationError("Must specify userName when calling with non-User credentials")
		}
		name = c.User.Name
	}
	return name, users.authorize(r, name, nil)
}

type userList struct {
	Users []user `xml:"Users>member"`
	page
}

func listUsers(r *request) (any, error) {
	prefix, w := r.String("PathPrefix", pathPrefix), r.window()
	if err := r.Err(); err != nil {
		return nil, err
	}
	if err := r.authorize(r.account.ARN("iam", "user"+cmp.Or(prefix, "/")), nil); err != nil {
		return nil, err
	}
	var all []user
	r.account.Read(func(s *account.State) {
		for _, u := range s.Users {
			if strings.HasPrefix(u.Path, prefix) {
				listed := newUser(u)
				listed.Tags = nil // lists leave tags out
				all = append(all, listed)
			}
		}
	})
	all, p := cut(w, all, func(u user) string { return u.UserName })
	return userList{all, p}, nil
}

func deleteUser(r *request) (any, error) {
	name, err := users.permit(r)
	if err != nil {
		return nil, err
	}
	return nil, r.account.Write(func(s *account.State) error {
		u := s.Users[name]
		switch {
		case u == nil:
			return users.missing(name)
		case len(s.KeysOf(name)) > 0:
			return deleteConflict("Cannot delete entity, must delete access keys first.")
		}
		if err := checkNoPolicies(u.Policies); err != nil {
			return err
		}
		delete(s.Users, name)
		return nil
	})
}

// checkNoPolicies refuses to delete who still has policies.
func checkNoPolicies(p account.Policies) error {
	switch {
	case len(p.Inline) > 0:
		return deleteConflict("Cannot delete entity, must delete policies first.")
	case len(p.Attached) > 0:
		return deleteConflict("Cannot delete entity, must detach all policies first.")
	}
	return nil
}
