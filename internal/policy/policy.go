// Package policy evaluates IAM policies: role trust policies, identity policies and session policies.
//
// A policy is parsed once and evaluated many times:
//
//	trust, err := policy.ParseTrust(document)
//	…
//	if verdict := trust.Evaluate(request); verdict.Decision != policy.Allow {
//		return errors.New(trust.Explain(request))
//	}
//
// Parsing is strict: what IAM would refuse as malformed, and what it would accept and then never match because of a
// misspelt name, is a *[SyntaxError] that says where and what would be right.
//
// The package does not know what IAM knows only through its databases: whether a principal exists, which actions,
// resource types and condition keys a service defines, permissions boundaries, and the policies of an organisation.
package policy

// Policy is a parsed policy. It is safe for concurrent use.
type Policy struct {
	statements []statement
}

// Request is one question asked of a policy.
type Request struct {
	Action    string    // such as "sts:AssumeRole"
	Resource  string    // the ARN acted on; trust policies do not compare it
	Principal Principal // who asks; not compared by identity and session policies
	Context   Context   // the condition keys of the request
}

// Principal is who asks. Either Service is set, or ARN and Account are.
type Principal struct {
	Service string // such as "rolesanywhere.amazonaws.com"
	ARN     string // of a user, of an assumed-role session, or of the account's root
	Account string // 12 digits
	RoleARN string // for an assumed-role session: the ARN of its role, with the role's path
}

// Decision is what a policy says about a request.
type Decision int

// The decisions, NoMatch being the implicit denial.
const (
	NoMatch Decision = iota
	Allow
	Deny
)

// String returns "no match", "allow" or "deny".
func (d Decision) String() string {
	switch d {
	case Allow:
		return "allow"
	case Deny:
		return "deny"
	default:
		return "no match"
	}
}

// Verdict is a decision and the statement that made it.
type Verdict struct {
	Decision  Decision
	Statement string // the Sid, or "statement 0"; empty when no statement matched
}
