package iam

import (
	"cmp"
	"strings"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/query"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
	"github.com/awsauth-go/awsauth/internal/policy"
)

// maxTrustPolicy is how many characters a trust policy may have, white space not counted.
const maxTrustPolicy = 2048

// role is a role as answers hold it.
type role struct {
	Path                     string
	RoleName                 string
	RoleID                   string `xml:"RoleId"`
	ARN                      string `xml:"Arn"`
	CreateDate               wire.Seconds
	AssumeRolePolicyDocument string
	Description              string `xml:",omitempty"`
	MaxSessionDuration       int
	Tags                     []query.Tag `xml:"Tags>member"`
}

type roleAnswer struct{ Role role }

func newRole(r *account.Role) role {
	return role{
		Path: r.Path, RoleName: r.Name, RoleID: r.ID, ARN: r.ARN, CreateDate: wire.Seconds(r.CreatedAt),
		AssumeRolePolicyDocument: encode(r.TrustPolicy), Description: r.Description,
		MaxSessionDuration: r.MaxSessionDuration, Tags: sortedTags(r.Tags),
	}
}

func createRole(r *request) (any, error) {
	created := &account.Role{
		Name: r.String("RoleName", roleName), Path: r.path(), ID: account.NewUniqueID(account.PrefixRole), CreatedAt: r.now,
		Description:        r.String("Description", description),
		MaxSessionDuration: r.Int("MaxSessionDuration", sessionRange),
		TrustPolicy:        r.String("AssumeRolePolicyDocument", document),
	}
	tags, err := r.readTags()
	if err != nil {
		return nil, err
	}
	created.Tags = query.TagMap(tags)
	created.ARN = r.account.ARN("iam", "role"+created.Path+created.Name)
	if err := r.authorize(created.ARN, requestTags(tags)); err != nil {
		return nil, err
	}
	if err := checkTrustPolicy(created.Name, created.TrustPolicy); err != nil {
		return nil, err
	}
	err = r.account.Write(func(s *account.State) error {
		if taken(s.Roles, created.Name) {
			return entityAlreadyExists("Role with name " + created.Name + " already exists.")
		}
		s.Roles[created.Name] = created
		return nil
	})
	return roleAnswer{newRole(created)}, err
}

func checkTrustPolicy(role, document string) error {
	if _, err := policy.ParseTrust([]byte(document)); err != nil {
		return malformedPolicy(err)
	}
	if policySize(document) > maxTrustPolicy {
		return policyTooLong(maxTrustPolicy, "role "+role)
	}
	return nil
}

func getRole(r *request) (any, error) {
	name, err := roles.permit(r)
	if err != nil {
		return nil, err
	}
	var found *account.Role
	r.account.Read(func(s *account.State) { found = s.Roles[name] })
	if found == nil {
		return nil, roles.missing(name)
	}
	return roleAnswer{newRole(found)}, nil
}

type roleList struct {
	Roles []role `xml:"Roles>member"`
	page
}

func listRoles(r *request) (any, error) {
	prefix, w := r.String("PathPrefix", pathPrefix), r.window()
	if err := r.Err(); err != nil {
		return nil, err
	}
	if err := r.authorize(r.account.ARN("iam", "role"+cmp.Or(prefix, "/")), nil); err != nil {
		return nil, err
	}
	var all []role
	r.account.Read(func(s *account.State) {
		for _, found := range s.Roles {
			if strings.HasPrefix(found.Path, prefix) {
				listed := newRole(found)
				listed.Tags = nil // lists leave tags out
				all = append(all, listed)
			}
		}
	})
	all, p := cut(w, all, func(e role) string { return e.RoleName })
	return roleList{all, p}, nil
}

func updateRole(r *request) (any, error) {
	text, longest := r.String("Description", description), r.Int("MaxSessionDuration", sessionRange)
	return struct{}{}, r.changeRole(func(changed *account.Role) error {
		if r.Has("Description") {
			changed.Description = text
		}
		if r.Has("MaxSessionDuration") {
			changed.MaxSessionDuration = longest
		}
		return nil
	})
}

func updateAssumeRolePolicy(r *request) (any, error) {
	text := r.String("PolicyDocument", document)
	return nil, r.changeRole(func(changed *account.Role) error {
		changed.TrustPolicy = text
		return checkTrustPolicy(changed.Name, text)
	})
}

// changeRole lets f change a copy of the role that the request names, which then takes the role's place.
func (r *request) changeRole(f func(*account.Role) error) error {
	name, err := roles.permit(r)
	if err != nil {
		return err
	}
	return r.account.Write(func(s *account.State) error {
		old := s.Roles[name]
		if old == nil {
			return roles.missing(name)
		}
		changed := old.Clone()
		if err := f(changed); err != nil {
			return err
		}
		s.Roles[name] = changed
		return nil
	})
}

func deleteRole(r *request) (any, error) {
	name, err := roles.permit(r)
	if err != nil {
		return nil, err
	}
	return nil, r.account.Write(func(s *account.State) error {
		old := s.Roles[name]
		if old == nil {
			return roles.missing(name)
		}
		if err := checkNoPolicies(old.Policies); err != nil {
			return err
		}
		delete(s.Roles, name)
		return nil
	})
}
