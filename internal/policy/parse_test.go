package policy_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/policy"
)

func TestParseRefuses(t *testing.T) {
	statement := func(s string) string { return `{"Version":"2012-10-17","Statement":[` + s + `]}` }
	condition := func(s string) string {
		return statement(`{"Effect":"Allow","Action":"*","Condition":{` + s + `}}`)
	}
	principal := func(s string) string { return statement(`{"Effect":"Allow","Action":"*","Principal":` + s + `}`) }
	resource := func(s string) string { return statement(`{"Effect":"Allow","Action":"*","Resource":` + s + `}`) }
	const c = "Statement[0].Condition."
	for _, m := range []struct{ name, kind, document, want string }{
		{"an empty document", "any", " \n", "document is empty"},
		{"a document cut short", "any", `{"Statement":[`, "document ends in the middle of a JSON value"},
		{"something else than JSON", "any", "{\n  \"Version\": oops}", "document is not JSON at line 2, column 14"},
		{"a trailing comma", "any", `{"Statement":[],}`, "document is not JSON at line 1, column 17"},
		{"something after the policy", "any", statement("{}") + "{}", "document goes on after the policy"},
		{"bytes that are not UTF-8", "any", "{\"Id\":\"\xff\"}", "document is not UTF-8"},
		{"a document beyond the limit", "any", strings.Repeat(" ", 131073), "document is larger than 131072 bytes"},
		{"a list", "any", `[]`, "policy must be an object"},
		{"deep nesting", "any", `{"Id":[[[[[[[[[]]]]]]]]]}`, "Id[0][0][0][0][0][0][0]: nested too deeply for a policy"},
		{"an unknown element of the policy", "any", `{"Versions":"2012-10-17"}`, "Versions: unknown element, did you mean Version?"},
		{"an element in the wrong case", "any", `{"version":"2012-10-17"}`, "version: unknown element, did you mean Version?"},
		{"an element that is like no other", "any", `{"Comment":"x"}`, "Comment: unknown element"},
		{"a name with control characters", "any", `{"a\u0007":1}`, "(unprintable name): unknown element"},
		{"an unknown version", "any", `{"Version":"2012-10-18","Statement":{}}`, "Version: must be 2012-10-17 or 2008-10-17"},
		{"a version that is a number", "any", `{"Version":2012,"Statement":{}}`, "Version: must be 2012-10-17 or 2008-10-17"},
		{"an Id that is no string", "trust", `{"Id":1,"Statement":{}}`, "Id: must be a string"},
		{"an Id in an identity policy", "identity", `{"Id":"a","Statement":{}}`, "Id: not allowed in an identity policy"},
		{"no statement", "any", `{"Version":"2012-10-17"}`, "Statement is missing"},
		{"an empty list of statements", "any", `{"Statement":[]}`, "Statement: list must not be empty"},
		{"a statement that is a string", "any", statement(`"Allow"`), "Statement[0]: statement must be an object"},
		{"an empty statement", "any", statement(`{}`), "Statement[0]: Effect is missing"},
		{"a single statement without Effect", "any", `{"Statement":{"Action":"*"}}`, "Statement: Effect is missing"},
		{"an element given twice", "any", statement(`{"Effect":"Deny","Action":"*","Effect":"Allow"}`), "Statement[0].Effect: given twice"},
		{"an unknown element of a statement", "any", statement(`{"Effect":"Allow","Actions":"*"}`), "Statement[0].Actions: unknown element, did you mean Action?"},
		{"an effect in the wrong case", "any", statement(`{"Effect":"allow"}`), "Statement[0].Effect: must be Allow or Deny"},
		{"no action", "any", statement(`{"Effect":"Allow"}`), "Statement[0]: Action or NotAction is missing"},
		{"Action and NotAction", "any", statement(`{"Effect":"Allow","Action":"*","NotAction":"s3:*"}`), "Statement[0]: has both Action and NotAction"},
		{"an empty list of actions", "any", statement(`{"Effect":"Allow","Action":[]}`), "Statement[0].Action: list must not be empty"},
		{"an action that is a number", "any", statement(`{"Effect":"Allow","Action":["*",1]}`), "Statement[0].Action[1]: must be a string or a list of strings"},
		{"an empty action", "any", statement(`{"Effect":"Allow","Action":""}`), "Statement[0].Action: must not be empty"},
		{"an action without a service", "any", statement(`{"Effect":"Allow","Action":"AssumeRole"}`), "Statement[0].Action: must be * or have a service and a name, as in sts:AssumeRole"},
		{"a service with a wildcard", "any", statement(`{"Effect":"Allow","Action":"s*:Get"}`), "Statement[0].Action: must be * or have a service and a name, as in sts:AssumeRole"},
		{"a Sid with a space", "any", statement(`{"Sid":"a b","Effect":"Allow","Action":"*"}`), "Statement[0].Sid: must be letters A-Z, a-z and digits only"},
		{"a Sid used twice", "any", statement(`{"Sid":"A","Effect":"Allow","Action":"*"},{"Sid":"A","Effect":"Deny","Action":"*"}`), "Statement[1].Sid: used by an earlier statement"},

		{"a trust policy without Principal", "trust", statement(`{"Effect":"Allow","Action":"sts:AssumeRole"}`), "Statement[0]: Principal is missing"},
		{"a trust policy with NotPrincipal", "trust", statement(`{"Effect":"Deny","NotPrincipal":"*","Action":"sts:AssumeRole"}`), "Statement[0].NotPrincipal: not allowed in a trust policy"},
		{"a trust policy with Resource", "trust", statement(`{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}`), "Statement[0].Resource: not allowed in a trust policy, which is about the role itself"},
		{"a trust policy about another service", "trust", statement(`{"Effect":"Allow","Principal":"*","Action":["sts:AssumeRole","s3:*"]}`), "Statement[0].Action[1]: a trust policy is about STS actions only, such as sts:AssumeRole"},
		{"an identity policy with Principal", "identity", statement(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`), "Statement[0].Principal: not allowed in an identity policy"},
		{"an identity policy without Resource", "identity", statement(`{"Effect":"Allow","Action":"*"}`), "Statement[0]: Resource or NotResource is missing"},
		{"Principal and NotPrincipal", "any", statement(`{"Effect":"Deny","Action":"*","Principal":"*","NotPrincipal":"*"}`), "Statement[0]: has both Principal and NotPrincipal"},
		{"NotPrincipal that allows", "any", statement(`{"Effect":"Allow","Action":"*","NotPrincipal":"*"}`), "Statement[0].NotPrincipal: allowed with Effect Deny only"},

		{"a principal without a type", "any", principal(`"111122223333"`), `Statement[0].Principal: must be "*" or an object such as {"AWS": …} or {"Service": …}`},
		{"no principal", "any", principal(`{}`), "Statement[0].Principal: must not be empty"},
		{"a principal that is a list", "any", principal(`["*"]`), "Statement[0].Principal: principal must be an object"},
		{"an unknown principal type", "any", principal(`{"Services":"a.b"}`), "Statement[0].Principal.Services: unknown principal type, did you mean Service?"},
		{"a wildcard in a principal", "any", principal(`{"AWS":["*","arn:aws:iam::111122223333:role/*"]}`), `Statement[0].Principal.AWS[1]: principals have no wildcards, except "*" alone for everyone under AWS`},
		{"a wildcard for services", "any", principal(`{"Service":"*"}`), `Statement[0].Principal.Service: principals have no wildcards, except "*" alone for everyone under AWS`},
		{"a service without a domain", "any", principal(`{"Service":"rolesanywhere"}`), "Statement[0].Principal.Service: service principal must be a name such as rolesanywhere.amazonaws.com"},
		{"an account with 11 digits", "any", principal(`{"AWS":"11112222333"}`), `Statement[0].Principal.AWS: must be "*", a 12-digit account ID, or the ARN of an account's root, user, role or session`},
		{"a group as a principal", "any", principal(`{"AWS":"arn:aws:iam::111122223333:group/g"}`), "Statement[0].Principal.AWS: a group cannot be a principal"},
		{"another ARN as a principal", "any", principal(`{"AWS":"arn:aws:sts::111122223333:assumed-role/r"}`), "Statement[0].Principal.AWS: must be the ARN of an account's root, a user, a role, an assumed-role session or a federated user"},

		{"a resource that is no ARN", "any", resource(`"bucket"`), "Statement[0].Resource: must be * or an ARN"},
		{"an ARN without a resource", "any", resource(`"arn:aws:s3:::"`), "Statement[0].Resource: ARN must have six parts: arn:partition:service:region:account:resource"},
		{"an ARN with five parts", "any", resource(`["*","arn:aws:s3:bucket"]`), "Statement[0].Resource[1]: ARN must have six parts: arn:partition:service:region:account:resource"},
		{"a wildcard for the service", "any", resource(`"arn:aws:*:::x"`), "Statement[0].Resource: ARN must name its partition and service without wildcards"},
		{"Resource and NotResource", "any", statement(`{"Effect":"Allow","Action":"*","Resource":"*","NotResource":"*"}`), "Statement[0]: has both Resource and NotResource"},
		{"a variable too early in an ARN", "any", resource(`"arn:aws:s3::${aws:PrincipalAccount}:b"`), "Statement[0].Resource: policy variables may stand only after the fifth colon of an ARN"},
		{"an unclosed variable", "any", resource(`"arn:aws:s3:::${aws:username"`), "Statement[0].Resource: policy variable lacks its closing brace; a literal dollar sign is written ${$}"},
		{"a variable without a prefix", "any", resource(`"arn:aws:s3:::${username}"`), "Statement[0].Resource: policy variable must be ${prefix:key} or ${prefix:key, 'default'}"},
		{"an unclosed default", "any", condition(`"StringLike":{"a:b":"${aws:username, 'x}"}`), c + "StringLike.a:b: policy variable lacks its closing brace; a literal dollar sign is written ${$}"},

		{"a condition that is a list", "any", statement(`{"Effect":"Allow","Action":"*","Condition":[]}`), "Statement[0].Condition: condition must be an object"},
		{"a misspelt operator", "any", condition(`"StringEqualz":{"a:b":"c"}`), c + "StringEqualz: unknown condition operator, did you mean StringEquals?"},
		{"a misspelt operator with its surroundings", "any", condition(`"ForAnyValue:StringLikesIfExists":{"a:b":"c"}`), c + "ForAnyValue:StringLikesIfExists: unknown condition operator, did you mean ForAnyValue:StringLikeIfExists?"},
		{"an operator that is like no other", "any", condition(`"Regex":{"a:b":"c"}`), c + "Regex: unknown condition operator"},
		{"an unknown set operator", "any", condition(`"ForAnyValues:StringLike":{"a:b":"c"}`), c + "ForAnyValues:StringLike: unknown set operator, did you mean ForAnyValue?"},
		{"NullIfExists", "any", condition(`"NullIfExists":{"a:b":true}`), c + "NullIfExists: Null takes neither IfExists nor a set operator"},
		{"an operator with a string", "any", condition(`"Bool":"true"`), c + "Bool: condition operator must be an object"},
		{"a key without a prefix", "any", condition(`"Bool":{"SecureTransport":true}`), c + "Bool.SecureTransport: condition key must have a prefix, as in aws:SourceArn"},
		{"a key given twice in two cases", "any", condition(`"Bool":{"a:b":true,"A:B":false}`), c + "Bool.A:B: given twice: condition keys are compared without regard to case"},
		{"a key without values", "any", condition(`"StringLike":{"a:b":[]}`), c + "StringLike.a:b: list must not be empty"},
		{"a value that is null", "any", condition(`"StringLike":{"a:b":["c",null]}`), c + "StringLike.a:b[1]: must be a string, a number or a boolean"},
		{"a number that is none", "any", condition(`"NumericEquals":{"a:b":"0x10"}`), c + "NumericEquals.a:b: must be a number"},
		{"a date that is none", "any", condition(`"DateLessThan":{"a:b":"2026-02-30"}`), c + "DateLessThan.a:b: must be a date such as 2026-01-31T12:00:00Z, or seconds since 1970"},
		{"a boolean that is none", "any", condition(`"Bool":{"a:b":"yes"}`), c + "Bool.a:b: must be true or false"},
		{"a Null that is no boolean", "any", condition(`"Null":{"a:b":"yes"}`), c + "Null.a:b: must be true or false"},
		{"base64 that is none", "any", condition(`"BinaryEquals":{"a:b":"?"}`), c + "BinaryEquals.a:b: must be base64"},
		{"an address that is none", "any", condition(`"IpAddress":{"a:b":["10.0.0.0/8","10.0.0.0/33"]}`), c + "IpAddress.a:b[1]: must be an IP address or a range such as 203.0.113.0/24"},
	} {
		t.Run(m.name, func(t *testing.T) {
			_, err := parsers[m.kind]([]byte(m.document))
			var syntax *policy.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("got error %v, want a *SyntaxError", err)
			}
			if got := strings.TrimPrefix(err.Error(), "parse policy: "); got != m.want {
				t.Errorf("got  %s\nwant %s", got, m.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, d := range decisions(f) {
		f.Add([]byte(d.Policy), "sts:AssumeRole", roleARN, "host-1")
	}
	f.Add([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s?:*","Resource":"arn:aws:s3:*a*:*:${a:b, 'c'}?"}}`), "s3:x", "arn:aws:s3:ba::::", "")
	f.Fuzz(func(t *testing.T, document []byte, action, resource, text string) {
		p, err := policy.Parse(document)
		if err != nil {
			var syntax *policy.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("got error %v, want a *SyntaxError", err)
			}
			return
		}
		r := policy.Request{
			Action: action, Resource: resource,
			Principal: policy.Principal{Service: "rolesanywhere.amazonaws.com"},
			Context: policy.NewContext(map[string][]string{
				"aws:SourceArn": {trustAnchor}, "aws:PrincipalTag/x509Subject/CN": {text}, "aws:TagKeys": {text, "a"},
				"aws:username": {text}, "s3:prefix": {text}, "aws:SourceIp": {text}, "aws:CurrentTime": {text},
			}),
		}
		alone := p.Evaluate(r)
		if p.Explain(r) == "" {
			t.Error("no explanation")
		}
		denied, err := policy.Parse(withStatement(t, document, `{"Effect":"Deny","Action":"*"}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := denied.Evaluate(r); got.Decision != policy.Deny {
			t.Errorf("got %v with a statement that denies everything, want deny", got.Decision)
		}
		allow := mustParse(t, `{"Statement":{"Effect":"Allow","Action":"*"}}`)
		if got := policy.Authorize([]*policy.Policy{allow, p}, nil, r); (got.Decision == policy.Deny) != (alone.Decision == policy.Deny) {
			t.Errorf("got %v beside a policy that allows everything, %v without it", got.Decision, alone.Decision)
		}
	})
}

// withStatement returns the policy document with one more statement at its end.
func withStatement(t *testing.T, document []byte, statement string) []byte {
	t.Helper()
	var p map[string]json.RawMessage
	if err := json.Unmarshal(document, &p); err != nil {
		t.Fatal(err)
	}
	var list []json.RawMessage
	if json.Unmarshal(p["Statement"], &list) != nil {
		list = []json.RawMessage{p["Statement"]}
	}
	list = append(list, json.RawMessage(statement))
	statements, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	p["Statement"] = statements
	longer, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return longer
}
