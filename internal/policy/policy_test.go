package policy_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/policy"
)

const (
	roleARN     = "arn:aws:iam::111122223333:role/backup"
	trustAnchor = "arn:aws:rolesanywhere:us-east-1:111122223333:trust-anchor/0f2a1b3c-1111-4444-8888-aaaaaaaaaaaa"
)

// decision is one entry of testdata/decisions.json: a policy, the page that says how it is to be read, and requests
// with the decisions that follow. A request's action, resource and principal are CreateSession's unless given.
type decision struct {
	Name     string          `json:"name"`
	Source   string          `json:"source"`
	Kind     string          `json:"kind"`
	Policy   json.RawMessage `json:"policy"`
	Requests []struct {
		Action    string              `json:"action"`
		Resource  string              `json:"resource"`
		Principal policy.Principal    `json:"principal"`
		Context   map[string][]string `json:"context"`
		Want      string              `json:"want"`
		Statement string              `json:"statement"`
	} `json:"requests"`
}

func decisions(t testing.TB) []decision {
	t.Helper()
	file, err := os.Open("testdata/decisions.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var all []decision
	d := json.NewDecoder(file)
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no decisions found")
	}
	return all
}

var parsers = map[string]func([]byte) (*policy.Policy, error){
	"any": policy.Parse, "trust": policy.ParseTrust, "identity": policy.ParseIdentity,
}

func TestEvaluateDecidesAsTheUserGuideSays(t *testing.T) {
	for _, d := range decisions(t) {
		t.Run(d.Name, func(t *testing.T) {
			if d.Source == "" {
				t.Error("no source given")
			}
			p, err := parsers[d.Kind](d.Policy)
			if err != nil {
				t.Fatal(err)
			}
			for i, q := range d.Requests {
				r := policy.Request{Action: q.Action, Resource: q.Resource, Principal: q.Principal, Context: policy.NewContext(q.Context)}
				if r.Action == "" {
					r.Action, r.Resource = "sts:AssumeRole", roleARN
				}
				if r.Principal == (policy.Principal{}) {
					r.Principal.Service = "rolesanywhere.amazonaws.com"
				}
				v := p.Evaluate(r)
				if v.Decision.String() != q.Want {
					t.Errorf("request %d: got %v, want %s: %s", i, v.Decision, q.Want, p.Explain(r))
				}
				if q.Statement != "" && v.Statement != q.Statement {
					t.Errorf("request %d: decided by %q, want %q", i, v.Statement, q.Statement)
				}
				if (v.Statement == "") != (v.Decision == policy.NoMatch) {
					t.Errorf("request %d: %v by statement %q", i, v.Decision, v.Statement)
				}
			}
		})
	}
}

func mustParse(t testing.TB, document string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAuthorizeNeedsEverySetOfPoliciesToAllow(t *testing.T) {
	allow := mustParse(t, `{"Statement":{"Sid":"Yes","Effect":"Allow","Action":"s3:*","Resource":"*"}}`)
	other := mustParse(t, `{"Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}`)
	deny := mustParse(t, `{"Statement":{"Sid":"No","Effect":"Deny","Action":"s3:GetObject","Resource":"*"}}`)
	type policies = []*policy.Policy
	for _, c := range []struct {
		name              string
		identity, session policies
		want              policy.Verdict
		why               string
	}{
		{"without policies nothing is allowed", nil, nil, policy.Verdict{}, "no identity policy"},
		{"an identity policy allows", policies{other, allow}, nil, policy.Verdict{Decision: policy.Allow, Statement: "Yes"}, "identity policy 1: Yes allows s3:GetObject"},
		{
			"no identity policy allows",
			policies{other},
			nil,
			policy.Verdict{},
			`identity policy 0: statement 0: Action: got "s3:GetObject", want "sqs:*"`,
		},
		{"any identity policy denies", policies{allow, deny}, nil, policy.Verdict{Decision: policy.Deny, Statement: "No"}, "identity policy 1: No denies s3:GetObject"},
		{"a session policy allows what the identity policy allows", policies{allow}, policies{other, allow}, policy.Verdict{Decision: policy.Allow, Statement: "Yes"}, "identity policy 0: Yes allows s3:GetObject"},
		{
			"no session policy allows",
			policies{allow},
			policies{other},
			policy.Verdict{},
			`session policy 0: statement 0: Action: got "s3:GetObject", want "sqs:*"`,
		},
		{"a session policy grants nothing by itself", nil, policies{allow}, policy.Verdict{}, "no identity policy"},
		{"a session policy denies", policies{allow}, policies{allow, deny}, policy.Verdict{Decision: policy.Deny, Statement: "No"}, "session policy 1: No denies s3:GetObject"},
		{"a session policy denies what nothing allows", nil, policies{deny}, policy.Verdict{Decision: policy.Deny, Statement: "No"}, "session policy 0: No denies s3:GetObject"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := policy.Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/k"}
			if got := policy.Authorize(c.identity, c.session, r); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			if got := policy.Explain(c.identity, c.session, r); got != c.why {
				t.Errorf("got %s, want %s", got, c.why)
			}
		})
	}
}

func TestExplainNamesTheNearestStatementAndWhatFailed(t *testing.T) {
	const trust = `"Effect":"Allow","Principal":{"Service":"rolesanywhere.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]`
	for _, c := range []struct{ name, document, want string }{
		{"an action", `{"Statement":{"Effect":"Allow","Principal":"*","Action":["sts:TagSession","sts:SetSourceIdentity"]}}`, `statement 0: Action: got "sts:AssumeRole", want one of "sts:TagSession", "sts:SetSourceIdentity"`},
		{"an excluded action", `{"Statement":{"Effect":"Allow","Principal":"*","NotAction":"sts:*"}}`, `statement 0: Action: got "sts:AssumeRole", want not "sts:*"`},
		{"a principal", `{"Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}`, `statement 0: Principal: got "rolesanywhere.amazonaws.com", want "ec2.amazonaws.com"`},
		{"a resource", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::b"}}`, `statement 0: Resource: got "` + roleARN + `", want "arn:aws:s3:::b"`},
		{"a condition", `{"Statement":{` + trust + `,"Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:rolesanywhere:*:1:*"}}}}`, `statement 0: condition ArnEquals aws:SourceArn: got "` + trustAnchor + `", want "arn:aws:rolesanywhere:*:1:*"`},
		{"an absent key", `{"Statement":{` + trust + `,"Condition":{"StringEquals":{"sts:SourceIdentity":["a","b"]}}}}`, `statement 0: condition StringEquals sts:SourceIdentity: got no value, want one of "a", "b"`},
		{"a negated operator", `{"Statement":{` + trust + `,"Condition":{"StringNotLike":{"aws:SourceArn":"*"}}}}`, `statement 0: condition StringNotLike aws:SourceArn: got "` + trustAnchor + `", want not "*"`},
		{"a key that should be absent", `{"Statement":{` + trust + `,"Condition":{"Null":{"aws:SourceArn":true}}}}`, `statement 0: condition Null aws:SourceArn: got "` + trustAnchor + `", want the key absent`},
		{"a key that should be present", `{"Statement":{` + trust + `,"Condition":{"Null":{"aws:MultiFactorAuthAge":false}}}}`, `statement 0: condition Null aws:MultiFactorAuthAge: got no value, want a value`},
		{"a number", `{"Statement":{` + trust + `,"Condition":{"NumericLessThan":{"aws:SourceArn":["1",2.50]}}}}`, `statement 0: condition NumericLessThan aws:SourceArn: got "` + trustAnchor + `", want one of "1", "2.50"`},
		{"a date", `{"Statement":{` + trust + `,"Condition":{"DateEquals":{"aws:CurrentTime":"2026-01"}}}}`, `statement 0: condition DateEquals aws:CurrentTime: got no value, want "2026-01"`},
		{"bytes", `{"Statement":{` + trust + `,"Condition":{"BinaryEquals":{"a:b":"QQ=="}}}}`, `statement 0: condition BinaryEquals a:b: got no value, want "QQ=="`},
		{"an address", `{"Statement":{` + trust + `,"Condition":{"IpAddress":{"aws:SourceIp":"10.1.2.3/8"}}}}`, `statement 0: condition IpAddress aws:SourceIp: got no value, want "10.1.2.3/8"`},
		{"a variable with no value", `{"Version":"2012-10-17","Statement":{` + trust + `,"Condition":{"StringEquals":{"aws:SourceArn":"${aws:username}"}}}}`, `statement 0: condition StringEquals aws:SourceArn: got "` + trustAnchor + `", want "${aws:username}", whose variable aws:username has no single value`},
		{"the statement that comes nearest", `{"Statement":[{"Effect":"Allow","Action":"s3:*"},{"Sid":"Near",` + trust + `,"Condition":{"StringEquals":{"a:b":"c"}}},{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"s3:*"}]}`, `Near: condition StringEquals a:b: got no value, want "c"`},
		{"a policy that only denies", `{"Statement":{"Effect":"Deny","Action":"s3:*"}}`, "no statement allows anything"},
		{"the statement that allows", `{"Statement":{"Sid":"Ours",` + trust + `}}`, "Ours allows sts:AssumeRole"},
		{"the statement that denies", `{"Statement":[{` + trust + `},{"Effect":"Deny","Action":"sts:*"}]}`, "statement 1 denies sts:AssumeRole"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := policy.Request{
				Action: "sts:AssumeRole", Resource: roleARN,
				Principal: policy.Principal{Service: "rolesanywhere.amazonaws.com"},
				Context:   policy.NewContext(map[string][]string{"aws:SourceArn": {trustAnchor}}),
			}
			if got := mustParse(t, c.document).Explain(r); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestContextKeysHaveNoCase(t *testing.T) {
	c := policy.NewContext(map[string][]string{"aws:PrincipalTag/CN": {"a"}})
	c.Set("AWS:principaltag/cn", "b", "c")
	if got := strings.Join(c.Values("aws:PrincipalTag/Cn"), " "); got != "b c" {
		t.Errorf("got %q, want %q", got, "b c")
	}
	c.Set("aws:PrincipalTag/CN")
	if got := c.Values("aws:PrincipalTag/CN"); got != nil {
		t.Errorf("got %q after the values were taken away, want none", got)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	p, err := policy.ParseTrust([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow",
		"Principal":{"Service":"rolesanywhere.amazonaws.com"},
		"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],
		"Condition":{"ArnEquals":{"aws:SourceArn":"` + trustAnchor + `"},
			"StringEquals":{"aws:PrincipalTag/x509Subject/CN":"host-1"}}}}`))
	if err != nil {
		b.Fatal(err)
	}
	r := policy.Request{
		Resource:  roleARN,
		Principal: policy.Principal{Service: "rolesanywhere.amazonaws.com"},
		Context: policy.NewContext(map[string][]string{
			"aws:SourceArn": {trustAnchor}, "aws:SourceAccount": {"111122223333"},
			"aws:PrincipalTag/x509Subject/CN": {"host-1"}, "aws:PrincipalTag/x509Issuer/CN": {"CA"},
		}),
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, r.Action = range [...]string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"} {
			if v := p.Evaluate(r); v.Decision != policy.Allow {
				b.Fatal(p.Explain(r))
			}
		}
	}
}
