package policy

import (
	"fmt"
	"strings"
)

// Explain says in one line why Evaluate decides r as it does: which statement decided, or which one came nearest to
// allowing r and what in it did not match. The line quotes the policy and the request.
func (p *Policy) Explain(r Request) string {
	switch v := p.Evaluate(r); v.Decision {
	case Allow:
		return v.Statement + " allows " + r.Action
	case Deny:
		return v.Statement + " denies " + r.Action
	}
	nearest, most := "no statement allows anything", -1
	for i := range p.statements {
		s := &p.statements[i]
		if s.effect != Allow {
			continue
		}
		if matched, problem := s.mismatch(r); matched > most {
			nearest, most = s.label+": "+problem, matched
		}
	}
	return nearest
}

// Explain says in one line why [Authorize] decides r as it does.
func Explain(identity, session []*Policy, r Request) string {
	verdict := Authorize(identity, session, r)
	kind, policies := "identity policy", identity
	switch {
	case verdict.Decision == Deny && evaluateAll(identity, r).Decision != Deny,
		verdict.Decision == NoMatch && evaluateAll(identity, r).Decision == Allow:
		kind, policies = "session policy", session
	case len(identity) == 0:
		return "no identity policy"
	}
	var lines []string
	for i, p := range policies {
		line := fmt.Sprintf("%s %d: %s", kind, i, p.Explain(r))
		if verdict.Decision != NoMatch && p.Evaluate(r) == verdict {
			return line
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

// mismatch returns how many tests of the statement r passes before one fails, and that one.
func (s *statement) mismatch(r Request) (passed int, problem string) {
	if !s.matchesAction(r.Action) {
		return 0, fmt.Sprintf("Action: got %q, want %s", r.Action, wanted(s.notAction, sources(s.actions)))
	}
	if !s.matchesPrincipal(r.Principal) {
		who := r.Principal.ARN
		if r.Principal.Service != "" {
			who = r.Principal.Service
		}
		return 1, fmt.Sprintf("Principal: got %q, want %s", who, wanted(s.notPrincipal, s.principals.source))
	}
	if !s.matchesResource(r) {
		return 2, fmt.Sprintf("Resource: got %q, want %s", r.Resource, wanted(s.notResource, sources(s.resources)))
	}
	passed = 3
	for i := range s.conditions {
		switch c := &s.conditions[i]; {
		case c.holds(r.Context):
			passed++
		case problem == "":
			problem = c.explain(r.Context)
		}
	}
	return passed, problem
}

func sources(patterns []*pattern) []string {
	texts := make([]string, len(patterns))
	for i, p := range patterns {
		texts[i] = p.source
	}
	return texts
}

// wanted says what would match: one of texts, or with not, anything else.
func wanted(not bool, texts []string) string {
	switch {
	case not:
		return "not " + quoted(texts)
	case len(texts) > 1:
		return "one of " + quoted(texts)
	default:
		return quoted(texts)
	}
}
