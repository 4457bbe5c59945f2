package account

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/internal/policy"
)

// Caller is who signed a request: a user by a long-term key, or a session of a role or of a user.
type Caller struct {
	AccessKeyID string
	Account     string
	ARN         string   // as GetCallerIdentity gives it
	UserID      string   // as GetCallerIdentity gives it
	User        *User    // nil for a role's session
	Role        *Role    // nil for a user
	Session     *Session // nil for a long-term key
}

// NewUserCaller is a user, by a long-term key or, when session is not nil, by GetSessionToken's credentials.
func (a *Account) NewUserCaller(accessKeyID string, u *User, session *Session) *Caller {
	return &Caller{
		AccessKeyID: accessKeyID, Account: a.ID, ARN: u.ARN, UserID: u.ID, User: u, Session: session,
	}
}

// NewRoleCaller is a session of a role.
func (a *Account) NewRoleCaller(r *Role, session *Session) *Caller {
	return &Caller{
		AccessKeyID: session.AccessKeyID,
		Account:     a.ID,
		ARN:         a.AssumedRoleARN(r.Name, session.SessionName),
		UserID:      r.ID + ":" + session.SessionName,
		Role:        r,
		Session:     session,
	}
}

// AssumedRoleARN is the ARN of a role's session; the role's path is not part of it.
func (a *Account) AssumedRoleARN(role, session string) string {
	return a.ARN("sts", "assumed-role/"+role+"/"+session)
}

// Principal is the caller as a policy's Principal element sees it.
func (c *Caller) Principal() policy.Principal {
	p := policy.Principal{ARN: c.ARN, Account: c.Account}
	if c.Role != nil {
		p.RoleARN = c.Role.ARN
	}
	return p
}

// Context holds the condition keys that every request of the caller has (IAM User Guide, "AWS global condition context
// keys"): principal, tags, source identity and times.
func (c *Caller) Context(now time.Time) policy.Context {
	var x policy.Context
	x.Set("aws:PrincipalArn", c.ARN)
	x.Set("aws:PrincipalAccount", c.Account)
	x.Set("aws:userid", c.UserID)
	x.Set("aws:CurrentTime", now.UTC().Format(time.RFC3339))
	x.Set("aws:EpochTime", strconv.FormatInt(now.Unix(), 10))
	x.Set("aws:ViaAWSService", "false")
	x.Set("aws:PrincipalIsAWSService", "false")
	principalTags := func(tags map[string]string) {
		for key, value := range tags {
			x.Set("aws:PrincipalTag/"+key, value)
		}
	}
	if c.User != nil {
		x.Set("aws:PrincipalType", "User")
		x.Set("aws:username", c.User.Name)
		principalTags(c.User.Tags)
	}
	if c.Role != nil {
		x.Set("aws:PrincipalType", "AssumedRole")
		x.Set("aws:PrincipalArn", c.Role.ARN)
		principalTags(c.Role.Tags)
	}
	if s := c.Session; s != nil {
		x.Set("aws:TokenIssueTime", s.IssuedAt.UTC().Format(time.RFC3339))
		x.Set("aws:MultiFactorAuthPresent", "false") // the key is absent for long-term access keys
		if s.SourceIdentity != "" {
			x.Set("aws:SourceIdentity", s.SourceIdentity)
		}
		principalTags(s.Tags) // last: a session tag wins over the role's of the same key, whatever its case
	}
	return x
}

// Authorize asks the caller's identity policies and session policies; extra adds the request's own condition keys and
// may be nil. When the answer is not Allow, why says which statement came nearest.
func (c *Caller) Authorize(now time.Time, action, resource string, extra func(*policy.Context)) (v policy.Verdict, why string) {
	x := c.Context(now)
	if extra != nil {
		extra(&x)
	}
	var identity []*policy.Policy
	if c.User != nil {
		identity = c.User.Compile()
	}
	if c.Role != nil {
		identity = c.Role.Compile()
	}
	session := c.sessionPolicies()
	r := policy.Request{Action: action, Resource: resource, Principal: c.Principal(), Context: x}
	v = policy.Authorize(identity, session, r)
	if v.Decision != policy.Allow {
		why = policy.Explain(identity, session, r)
	}
	return v, why
}

// SessionAllows asks the session policies alone, which is what limits a caller whom a resource's policy names: without
// any, everything is allowed.
func (c *Caller) SessionAllows(now time.Time, action, resource string, extra func(*policy.Context)) bool {
	session := c.sessionPolicies()
	if len(session) == 0 {
		return true
	}
	x := c.Context(now)
	if extra != nil {
		extra(&x)
	}
	r := policy.Request{Action: action, Resource: resource, Principal: c.Principal(), Context: x}
	return policy.Authorize(session, nil, r).Decision == policy.Allow
}

// sessionPolicies answers nothing for a caller whose session, if any, has no policies of its own.
func (c *Caller) sessionPolicies() []*policy.Policy {
	if c.Session == nil {
		return nil
	}
	var all []*policy.Policy
	for _, document := range c.Session.Policies {
		all = append(all, mustCompile(document, policy.ParseIdentity))
	}
	all = append(all, CompileManaged(c.Session.ManagedPolicies)...)
	if len(all) == 0 && len(c.Session.ManagedPolicies) > 0 {
		all = []*policy.Policy{new(policy.Policy)} // only unknown managed policies: they allow nothing
	}
	return all
}

// RoleByARN finds a role by its whole ARN, path included.
func (s *State) RoleByARN(arn string) *Role {
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	if r := s.Roles[name]; r != nil && r.ARN == arn {
		return r
	}
	return nil
}

// KeysOf answers a user's access keys, oldest first.
func (s *State) KeysOf(user string) []*AccessKey {
	var keys []*AccessKey
	for _, k := range s.AccessKeys {
		if k.UserName == user {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b *AccessKey) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return keys
}
