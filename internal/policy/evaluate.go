package policy

// statement is a compiled statement.
type statement struct {
	label        string // the Sid, or "statement 0"
	effect       Decision
	principals   *principals // nil: about everyone
	notPrincipal bool
	actions      []*pattern
	notAction    bool
	resources    []*pattern // none: about the resource that the policy is attached to
	notResource  bool
	conditions   []condition
}

// Evaluate decides r: Deny when a statement that matches denies, else Allow when one allows, else NoMatch.
// A statement without principals, or without resources, matches whatever the request has there.
//
// A trust policy that allows a whole account only lets that account decide: whoever is in it needs an identity policy
// that allows the action as well (see [Authorize]).
func (p *Policy) Evaluate(r Request) Verdict {
	verdict := Verdict{}
	for i := range p.statements {
		s := &p.statements[i]
		if verdict.Decision == s.effect || !s.matches(r) {
			continue
		}
		verdict = Verdict{s.effect, s.label}
		if s.effect == Deny {
			break
		}
	}
	return verdict
}

// Authorize decides a call made with credentials: Deny when any policy denies; else Allow when an identity policy
// allows and, if there are session policies, one of these allows too; else NoMatch. The statement of an Allow is that
// of the identity policy. ("Policy evaluation logic" in the IAM User Guide.)
func Authorize(identity, session []*Policy, r Request) Verdict {
	allowed, limited := evaluateAll(identity, r), evaluateAll(session, r)
	switch {
	case allowed.Decision == Deny:
		return allowed
	case limited.Decision == Deny:
		return limited
	case len(session) > 0 && limited.Decision != Allow:
		return Verdict{}
	default:
		return allowed
	}
}

func evaluateAll(policies []*Policy, r Request) Verdict {
	var verdict Verdict
	for _, p := range policies {
		switch v := p.Evaluate(r); {
		case v.Decision == Deny:
			return v
		case verdict.Decision == NoMatch:
			verdict = v
		}
	}
	return verdict
}

func (s *statement) matches(r Request) bool {
	if !s.matchesAction(r.Action) || !s.matchesPrincipal(r.Principal) || !s.matchesResource(r) {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(r.Context) {
			return false
		}
	}
	return true
}

func (s *statement) matchesAction(action string) bool {
	for _, p := range s.actions {
		if glob(p.text, action, true) {
			return !s.notAction
		}
	}
	return s.notAction
}

func (s *statement) matchesPrincipal(who Principal) bool {
	return s.principals == nil || s.principals.match(who) != s.notPrincipal
}

func (s *statement) matchesResource(r Request) bool {
	if len(s.resources) == 0 {
		return true
	}
	for _, p := range s.resources {
		if text, _, ok := p.resolve(r.Context); ok && glob(text, r.Resource, false) {
			return !s.notResource
		}
	}
	return s.notResource
}
