package policy

import (
	"fmt"
	"slices"
	"strings"
)

const currentVersion = "2012-10-17"

// documentKind says which elements a document must and must not have.
type documentKind int

const (
	anyDocument documentKind = iota
	trustDocument
	identityDocument
)

// Parse parses a policy of any kind: statements may have principals and resources, or not. Errors are *[SyntaxError].
//
// The language is that of "Grammar of the IAM JSON policy language" in the IAM User Guide. Names of elements and
// operators must be in the case that AWS writes them in. Policy variables are such only in a document whose Version is
// 2012-10-17; in others they are plain text.
func Parse(document []byte) (*Policy, error) { return parse(document, anyDocument) }

// ParseTrust parses a role's trust policy: every statement has a Principal, no resource, and actions of STS only.
// NotPrincipal is refused, as the IAM User Guide has it ("NotPrincipal").
func ParseTrust(document []byte) (*Policy, error) { return parse(document, trustDocument) }

// ParseIdentity parses an identity policy or a session policy: every statement has a Resource or NotResource, and no
// principal. Id is refused, as in the grammar's notes.
func ParseIdentity(document []byte) (*Policy, error) { return parse(document, identityDocument) }

var (
	documentElements  = []string{"Version", "Id", "Statement"}
	statementElements = []string{
		"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
	}
)

func parse(document []byte, kind documentKind) (*Policy, error) {
	root, err := decode(document)
	if err != nil {
		return nil, err
	}
	members, err := named(element{root, ""}, "policy", documentElements)
	if err != nil {
		return nil, err
	}
	version := "2008-10-17"
	if v, ok := members["Version"]; ok {
		if v.kind != stringNode || v.text != currentVersion && v.text != version {
			return nil, v.problem("must be 2012-10-17 or 2008-10-17")
		}
		version = v.text
	}
	if id, ok := members["Id"]; ok {
		switch {
		case kind == identityDocument:
			return nil, id.problem("not allowed in an identity policy")
		case id.kind != stringNode:
			return nil, id.problem("must be a string")
		}
	}
	s, ok := members["Statement"]
	if !ok {
		return nil, &SyntaxError{Problem: "Statement is missing"}
	}
	list, err := s.list()
	if err != nil {
		return nil, err
	}
	p := &Policy{}
	sids := make(map[string]bool)
	for i, e := range list {
		st, err := parseStatement(e, kind, version == currentVersion)
		if err != nil {
			return nil, err
		}
		if st.label == "" {
			st.label = fmt.Sprintf("statement %d", i)
		} else if sids[st.label] {
			return nil, &SyntaxError{Path: child(e.path, "Sid"), Problem: "used by an earlier statement"}
		} else {
			sids[st.label] = true
		}
		p.statements = append(p.statements, st)
	}
	return p, nil
}

// named returns the members of an object by name, and refuses names that are not known.
func named(e element, what string, known []string) (map[string]element, error) {
	members, err := e.object(what)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]element, len(members))
	for _, m := range members {
		if !slices.Contains(known, m.name) {
			return nil, m.problem(unknown("element", m.name, known))
		}
		byName[m.name] = m.element
	}
	return byName, nil
}

func parseStatement(e element, kind documentKind, variables bool) (statement, error) {
	var s statement
	m, err := named(e, "statement", statementElements)
	if err != nil {
		return s, err
	}
	if err := s.parseHead(e, m); err != nil {
		return s, err
	}
	if err := s.parsePrincipal(e, m, kind); err != nil {
		return s, err
	}
	if err := s.parseActions(e, m, kind); err != nil {
		return s, err
	}
	if err := s.parseResources(e, m, kind, variables); err != nil {
		return s, err
	}
	if c, ok := m["Condition"]; ok {
		s.conditions, err = parseConditions(c, variables)
	}
	return s, err
}

// parseHead reads Sid and Effect.
func (s *statement) parseHead(e element, m map[string]element) error {
	if sid, ok := m["Sid"]; ok {
		if sid.kind != stringNode || strings.Trim(sid.text, alphanumeric) != "" {
			return sid.problem("must be letters A-Z, a-z and digits only")
		}
		s.label = sid.text
	}
	effect, ok := m["Effect"]
	switch {
	case !ok:
		return e.problem("Effect is missing")
	case effect.kind == stringNode && effect.text == "Allow":
		s.effect = Allow
	case effect.kind == stringNode && effect.text == "Deny":
		s.effect = Deny
	default:
		return effect.problem("must be Allow or Deny")
	}
	return nil
}

// either returns the one of two elements of which a statement has at most one, and whether it is the negated one.
func either(e element, m map[string]element, plain, negated string) (value element, not, found bool, err error) {
	value, found = m[plain]
	other, not := m[negated]
	switch {
	case found && not:
		return value, not, true, e.problem("has both " + plain + " and " + negated)
	case not:
		return other, true, true, nil
	default:
		return value, false, found, nil
	}
}

func (s *statement) parsePrincipal(e element, m map[string]element, kind documentKind) error {
	value, not, found, err := either(e, m, "Principal", "NotPrincipal")
	switch {
	case err != nil:
		return err
	case found && kind == identityDocument:
		return value.problem("not allowed in an identity policy")
	case not && kind == trustDocument:
		return value.problem("not allowed in a trust policy")
	case not && s.effect != Deny:
		return value.problem("allowed with Effect Deny only")
	case !found && kind == trustDocument:
		return e.problem("Principal is missing")
	case !found:
		return nil
	}
	s.notPrincipal = not
	s.principals, err = parsePrincipals(value)
	return err
}

func (s *statement) parseActions(e element, m map[string]element, kind documentKind) error {
	value, not, found, err := either(e, m, "Action", "NotAction")
	switch {
	case err != nil:
		return err
	case !found:
		return e.problem("Action or NotAction is missing")
	}
	list, err := value.strings()
	if err != nil {
		return err
	}
	s.notAction = not
	for _, a := range list {
		if !isAction(a.text) {
			return a.problem("must be * or have a service and a name, as in sts:AssumeRole")
		}
		if kind == trustDocument && !not && !strings.EqualFold(a.text[:min(len("sts:"), len(a.text))], "sts:") {
			return a.problem("a trust policy is about STS actions only, such as sts:AssumeRole")
		}
		p, err := compilePattern(a.text, patternSyntax{wildcards: true})
		if err != nil {
			return a.problem(err.Error())
		}
		s.actions = append(s.actions, p)
	}
	return nil
}

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// isAction reports whether s is "*" or has a service without wildcards and a name.
func isAction(s string) bool {
	service, name, found := strings.Cut(s, ":")
	return s == "*" || found && service != "" && name != "" &&
		strings.Trim(service, alphanumeric+"-") == "" && strings.Trim(name, alphanumeric+"-_*?") == ""
}

func (s *statement) parseResources(e element, m map[string]element, kind documentKind, variables bool) error {
	value, not, found, err := either(e, m, "Resource", "NotResource")
	switch {
	case err != nil:
		return err
	case found && kind == trustDocument:
		return value.problem("not allowed in a trust policy, which is about the role itself")
	case !found && kind == identityDocument:
		return e.problem("Resource or NotResource is missing")
	case !found:
		return nil
	}
	list, err := value.strings()
	if err != nil {
		return err
	}
	s.notResource = not
	for _, r := range list {
		if problem := resourceProblem(r.text, variables); problem != "" {
			return r.problem(problem)
		}
		p, err := compilePattern(r.text, patternSyntax{wildcards: true, variables: variables, colons: segmentsExpanded})
		if err != nil {
			return r.problem(err.Error())
		}
		s.resources = append(s.resources, p)
	}
	return nil
}

// resourceProblem returns what is wrong with a resource: "*" and ARNs are right, with wildcards after the service and
// variables after the fifth colon. An ARN may have fewer parts when one of them ends in "*", which covers several.
func resourceProblem(s string, variables bool) string {
	if s == "*" {
		return ""
	}
	a := strings.SplitN(s, ":", 6)
	switch {
	case a[0] != "arn":
		return "must be * or an ARN"
	case len(a) < 3 || a[1] == "" || a[2] == "" || strings.HasSuffix(s, ":"),
		len(a) < 6 && !strings.Contains(s+":", "*:"):
		return "ARN must have six parts: arn:partition:service:region:account:resource"
	case strings.ContainsAny(a[1]+a[2], "*?"):
		return "ARN must name its partition and service without wildcards"
	case variables && strings.Contains(strings.Join(a[:min(len(a), 5)], ":"), "${"):
		return "policy variables may stand only after the fifth colon of an ARN"
	}
	return ""
}
