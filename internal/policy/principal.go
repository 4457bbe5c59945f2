package policy

import (
	"slices"
	"strings"
)

// principals is the value of a Principal or NotPrincipal element. Federated principals and canonical users are
// accepted and match nobody: a Request has neither.
type principals struct {
	any      bool
	accounts []string
	arns     []string // of users, roles and sessions
	services []string
	source   []string // as written, for Explain
}

var principalTypes = []string{"AWS", "Service", "Federated", "CanonicalUser"}

func parsePrincipals(e element) (*principals, error) {
	if e.kind == stringNode {
		if e.text != "*" {
			return nil, e.problem(`must be "*" or an object such as {"AWS": …} or {"Service": …}`)
		}
		return &principals{any: true, source: []string{"*"}}, nil
	}
	members, err := e.object("principal")
	if err != nil {
		return nil, err
	}
	if len(members) == 0 {
		return nil, e.problem("must not be empty")
	}
	all := &principals{}
	for _, m := range members {
		if !slices.Contains(principalTypes, m.name) {
			return nil, m.problem(unknown("principal type", m.name, principalTypes))
		}
		values, err := m.strings()
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			if problem := all.add(m.name, v.text); problem != "" {
				return nil, v.problem(problem)
			}
			all.source = append(all.source, v.text)
		}
	}
	return all, nil
}

// add adds one principal, or returns what is wrong with it.
func (p *principals) add(kind, value string) (problem string) {
	if kind == "AWS" && value == "*" {
		p.any = true
		return ""
	}
	if strings.ContainsAny(value, "*?") {
		return `principals have no wildcards, except "*" alone for everyone under AWS`
	}
	switch kind {
	case "AWS":
		return p.addAWS(value)
	case "Service":
		if strings.ContainsAny(value, ":/ ") || !strings.Contains(value, ".") {
			return "service principal must be a name such as rolesanywhere.amazonaws.com"
		}
		p.services = append(p.services, value)
	}
	return ""
}

func (p *principals) addAWS(value string) (problem string) {
	if isAccount(value) {
		p.accounts = append(p.accounts, value)
		return ""
	}
	a := strings.SplitN(value, ":", 6)
	if len(a) != 6 || a[0] != "arn" || a[1] == "" || a[3] != "" || !isAccount(a[4]) {
		return `must be "*", a 12-digit account ID, or the ARN of an account's root, user, role or session`
	}
	kind, name, _ := strings.Cut(a[5], "/")
	switch service := a[2]; {
	case service == "iam" && a[5] == "root":
		p.accounts = append(p.accounts, a[4])
	case service == "iam" && (kind == "user" || kind == "role") && name != "",
		service == "sts" && kind == "federated-user" && name != "",
		service == "sts" && kind == "assumed-role" && strings.Count(name, "/") == 1:
		p.arns = append(p.arns, value)
	case service == "iam" && kind == "group":
		return "a group cannot be a principal"
	default:
		return "must be the ARN of an account's root, a user, a role, an assumed-role session or a federated user"
	}
	return ""
}

func isAccount(s string) bool {
	return len(s) == 12 && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// match reports whether who is among p: as itself, by its role, or by its account. Everyone includes services.
func (p *principals) match(who Principal) bool {
	switch {
	case p.any:
		return true
	case who.Service != "":
		return slices.Contains(p.services, who.Service)
	case who.Account != "" && slices.Contains(p.accounts, who.Account),
		who.RoleARN != "" && slices.Contains(p.arns, who.RoleARN):
		return true
	default:
		return who.ARN != "" && slices.Contains(p.arns, who.ARN)
	}
}
