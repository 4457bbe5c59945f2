package emulator

import (
	"crypto/x509"
	"net/http"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
)

// trustWith is the trust policy that Roles Anywhere needs, with conditions.
func trustWith(conditions string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"rolesanywhere.amazonaws.com"},` +
		`"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Condition":{` + conditions + `}}]}`
}

func trustOf(principal string, actions ...string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":["` +
		strings.Join(actions, `","`) + `"]}]}`
}

const rolesAnywhere = `{"Service":"rolesanywhere.amazonaws.com"}`

// trusting is a trust policy, and why it does not let the client CN=client,OU=blue,O=Acme in; "" when it does.
type trusting struct {
	name   string
	policy string
	reason string
}

func (test trusting) run(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.trust(test.policy)
	c := w.call()
	c.identity = w.issue(func(c *x509.Certificate) {
		c.Subject.Organization, c.Subject.OrganizationalUnit = []string{"Acme"}, []string{"blue"}
		c.DNSNames = []string{"client.example"}
	})
	answer := w.do(c)
	if test.reason == "" {
		if answer.Code != http.StatusCreated {
			t.Errorf("got %d, %s, want 201", answer.Code, answer.Header().Get(HeaderReason))
		}
		return
	}
	if answer.Code != http.StatusForbidden || !strings.Contains(answer.Body.String(), w.fill(`"Unable to assume role for {role}."`)) {
		t.Errorf("got %d %s, want 403 Unable to assume role", answer.Code, answer.Body)
	}
	if got, want := answer.Header().Get(HeaderReason), w.fill("the trust policy of role backup does not allow "+test.reason); got != want {
		t.Errorf("got reason %q, want %q", got, want)
	}
}

func TestTrustPoliciesAreEvaluated(t *testing.T) {
	const all = `"sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"`
	for _, test := range []trusting{
		{"no condition", trustWith(""), ""},
		{"every action of STS", trustOf(rolesAnywhere, "sts:*"), ""},
		{"an action in other letters", trustOf(rolesAnywhere, "STS:assumerole", "sts:tagsession", "sts:setsourceidentity"), ""},
		{"everybody", trustOf(`"*"`, "sts:*"), ""},
		{"several services", trustOf(`{"Service":["ec2.amazonaws.com","rolesanywhere.amazonaws.com"]}`, "sts:*"), ""},
		{"TagSession in a statement of its own", `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":` + rolesAnywhere + `,"Action":["sts:AssumeRole","sts:SetSourceIdentity"]},
			{"Effect":"Allow","Principal":` + rolesAnywhere + `,"Action":"sts:TagSession"}]}`, ""},

		{
			"another service", trustOf(`{"Service":"ec2.amazonaws.com"}`, "sts:*"),
			`sts:AssumeRole: statement 0: Principal: got "rolesanywhere.amazonaws.com", want "ec2.amazonaws.com"`,
		},
		{
			"the account", trustOf(`{"AWS":"123456789012"}`, "sts:*"),
			`sts:AssumeRole: statement 0: Principal: got "rolesanywhere.amazonaws.com", want "123456789012"`,
		},
		{
			"no sts:AssumeRole", trustOf(rolesAnywhere, "sts:TagSession", "sts:SetSourceIdentity"),
			`sts:AssumeRole: statement 0: Action: got "sts:AssumeRole", want one of "sts:TagSession", "sts:SetSourceIdentity"`,
		},
		{
			"no sts:SetSourceIdentity", trustOf(rolesAnywhere, "sts:AssumeRole", "sts:TagSession"),
			`sts:SetSourceIdentity: statement 0: Action: got "sts:SetSourceIdentity", want one of "sts:AssumeRole", "sts:TagSession"`,
		},
		{
			"no sts:TagSession", trustOf(rolesAnywhere, "sts:AssumeRole", "sts:SetSourceIdentity"),
			`sts:TagSession: statement 0: Action: got "sts:TagSession", want one of "sts:AssumeRole", "sts:SetSourceIdentity"`,
		},
		{
			"a denial beside the permission", `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":` + rolesAnywhere + `,"Action":[` + all + `]},
			{"Sid":"NotBlue","Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:PrincipalTag/x509Subject/OU":"blue"}}}]}`,
			"sts:AssumeRole: NotBlue denies sts:AssumeRole",
		},
		{
			"a condition that holds for one action alone", `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Principal":` + rolesAnywhere + `,"Action":["sts:AssumeRole","sts:SetSourceIdentity"]},
			{"Sid":"Tag","Effect":"Allow","Principal":` + rolesAnywhere + `,"Action":"sts:TagSession","Condition":{"StringEquals":{"aws:RequestTag/x509Subject/OU":"red"}}}]}`,
			`sts:TagSession: Tag: condition StringEquals aws:RequestTag/x509Subject/OU: got "blue", want "red"`,
		},

		{"the trust anchor", trustWith(`"ArnEquals":{"aws:SourceArn":"{anchor}"}`), ""},
		{"any trust anchor of the region", trustWith(`"ArnLike":{"aws:SourceArn":"arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/*"}`), ""},
		{"the trust anchor as a string", trustWith(`"StringEquals":{"aws:SourceArn":"{anchor}"}`), ""},
		{
			"another trust anchor", trustWith(`"ArnEquals":{"aws:SourceArn":"arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/a"}`),
			`sts:AssumeRole: statement 0: condition ArnEquals aws:SourceArn: got "{anchor}", want "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/a"`,
		},
		{
			"not this trust anchor", trustWith(`"ArnNotEquals":{"aws:SourceArn":"{anchor}"}`),
			`sts:AssumeRole: statement 0: condition ArnNotEquals aws:SourceArn: got "{anchor}", want not "{anchor}"`,
		},
		{"the account of the trust anchor", trustWith(`"StringEquals":{"aws:SourceAccount":"123456789012"}`), ""},
		{
			"another account", trustWith(`"StringEquals":{"aws:SourceAccount":"210987654321"}`),
			`sts:AssumeRole: statement 0: condition StringEquals aws:SourceAccount: got "123456789012", want "210987654321"`,
		},

		{"the common name", trustWith(`"StringEquals":{"aws:PrincipalTag/x509Subject/CN":"client"}`), ""},
		{"the common name as a pattern", trustWith(`"StringLike":{"aws:PrincipalTag/x509Subject/CN":"cl?e*"}`), ""},
		{
			"another common name", trustWith(`"StringEquals":{"aws:PrincipalTag/x509Subject/CN":"Client"}`),
			`sts:AssumeRole: statement 0: condition StringEquals aws:PrincipalTag/x509Subject/CN: got "client", want "Client"`,
		},
		{"the organisation and the unit", trustWith(`"StringEquals":{"aws:PrincipalTag/x509Subject/O":"Acme","aws:PrincipalTag/x509Subject/OU":["red","blue"]}`), ""},
		{"the issuer", trustWith(`"StringEquals":{"aws:PrincipalTag/x509Issuer/CN":"intermediate"}`), ""},
		{
			"another issuer", trustWith(`"StringEquals":{"aws:PrincipalTag/x509Issuer/CN":"root"}`),
			`sts:AssumeRole: statement 0: condition StringEquals aws:PrincipalTag/x509Issuer/CN: got "intermediate", want "root"`,
		},
		{"the DNS name", trustWith(`"StringLike":{"aws:PrincipalTag/x509SAN/DNS":"*.example"}`), ""},
		{
			"a URI that is not there", trustWith(`"StringLike":{"aws:PrincipalTag/x509SAN/URI":"*"}`),
			`sts:AssumeRole: statement 0: condition StringLike aws:PrincipalTag/x509SAN/URI: got no value, want "*"`,
		},
		{"not a URI", trustWith(`"StringNotEquals":{"aws:PrincipalTag/x509SAN/URI":"spiffe://a"}`), ""},
		{"no URI", trustWith(`"Null":{"aws:PrincipalTag/x509SAN/URI":"true"}`), ""},
		{"the tag of the request", trustWith(`"StringEquals":{"aws:RequestTag/x509Subject/CN":"client"}`), ""},
		{"tags of the certificate alone", trustWith(`"ForAllValues:StringLike":{"aws:TagKeys":"x509*"}`), ""},
		{"the source identity", trustWith(`"StringEquals":{"sts:SourceIdentity":"CN=client"}`), ""},
		{
			"the source identity without its prefix", trustWith(`"StringEquals":{"sts:SourceIdentity":"client"}`),
			`sts:AssumeRole: statement 0: condition StringEquals sts:SourceIdentity: got "CN=client", want "client"`,
		},
	} {
		t.Run(test.name, test.run)
	}
}

func TestAMappingThatIsDeletedTakesItsTagAway(t *testing.T) {
	for _, test := range []struct {
		name, condition string
		status          int
	}{
		{"StringEquals is false", `"StringEquals":{"aws:PrincipalTag/x509Subject/CN":"client"}`, 403},
		{"StringNotEquals is true", `"StringNotEquals":{"aws:PrincipalTag/x509Subject/CN":"somebody"}`, 201},
		{"StringEqualsIfExists is true", `"StringEqualsIfExists":{"aws:PrincipalTag/x509Subject/CN":"somebody"}`, 201},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.trust(trustWith(test.condition))
			if err := w.manage(http.MethodDelete, "/profiles/"+w.profileARN[strings.LastIndexByte(w.profileARN, '/')+1:]+
				"/mappings?certificateField=x509Subject", nil, nil); err != nil {
				t.Fatal(err)
			}
			if got := w.do(w.call()).Code; got != test.status {
				t.Errorf("got %d, want %d", got, test.status)
			}
		})
	}
}

func TestSessionsWithoutTagsNeedNoTagSession(t *testing.T) {
	w := newWorld(t)
	w.trust(trustOf(rolesAnywhere, "sts:AssumeRole", "sts:SetSourceIdentity"))
	w.changeProfile(func(p *account.Profile) { p.AttributeMappings = nil })
	w.granted(w.call())
}
