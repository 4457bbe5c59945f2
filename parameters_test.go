package awsauth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// nobody is an identity that must not be asked.
type nobody struct{ t *testing.T }

func (n nobody) Identity(context.Context) (*identity.Identity, error) {
	n.t.Error("the identity was asked although the parameters are wrong")
	return nil, errors.New("nobody")
}

func good(t *testing.T) awsauth.Session {
	return awsauth.Session{
		RoleARN:        "arn:aws:iam::123456789012:role/team/backup",
		ProfileARN:     "arn:aws:rolesanywhere:eu-west-1:123456789012:profile/1f0c2b44-0000-4000-8000-000000000001",
		TrustAnchorARN: "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/9a77aa00-0000-4000-8000-000000000002",
		Identity:       nobody{t},
	}
}

func TestEveryMistakeInASessionIsNamed(t *testing.T) {
	many := map[string]string{}
	for i := range 51 {
		many[fmt.Sprint(i)] = "x"
	}
	for _, c := range []struct {
		mistake string
		make    func(*awsauth.Session)
		want    string
	}{
		{"no role", func(s *awsauth.Session) { s.RoleARN = "" }, "RoleARN is required, as arn:aws:iam::123456789012:role/NAME"},
		{"no profile", func(s *awsauth.Session) { s.ProfileARN = "" }, "ProfileARN is required, as arn:aws:rolesanywhere:eu-west-1:123456789012:profile/ID"},
		{"no trust anchor", func(s *awsauth.Session) { s.TrustAnchorARN = "" }, "TrustAnchorARN is required, as arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/ID"},
		{"no identity", func(s *awsauth.Session) { s.Identity = nil }, "Identity is required: a certificate and its private key"},
		{"two identities", func(s *awsauth.Session) { s.Certificate = "file:a.pem" }, "Certificate does not go with Identity: set one of them"},
		{"a certificate identifier without a store", func(s *awsauth.Session) { s.Identity, s.Certificate = nil, "backup" }, "Certificate cannot be used: identity: certificate identifier without a certificate store: to name a file, write file:client.p12 or file:client.pem?key=client.key&chain=chain.pem"},
		{"no ARN", func(s *awsauth.Session) { s.RoleARN = "backup" }, "RoleARN is not an ARN, as arn:aws:iam::123456789012:role/NAME"},
		{"an ARN too long", func(s *awsauth.Session) { s.RoleARN += strings.Repeat("x", 1000) }, "RoleARN is not an ARN, as arn:aws:iam::123456789012:role/NAME"},
		{
			"a user in the role's place", func(s *awsauth.Session) { s.RoleARN = "arn:aws:iam::123456789012:user/me" },
			"RoleARN is the ARN of something else: use one as arn:aws:iam::123456789012:role/NAME",
		},
		{
			"profile and trust anchor swapped", func(s *awsauth.Session) { s.ProfileARN, s.TrustAnchorARN = s.TrustAnchorARN, s.ProfileARN },
			"ProfileARN is the ARN of a trust anchor: use one as arn:aws:rolesanywhere:eu-west-1:123456789012:profile/ID; " +
				"TrustAnchorARN is the ARN of a profile: use one as arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/ID",
		},
		{
			"a role without a name", func(s *awsauth.Session) { s.RoleARN = "arn:aws:iam::123456789012:role/" },
			"RoleARN names no role, or one with characters that no name has: use one as arn:aws:iam::123456789012:role/NAME",
		},
		{
			"a role with a line break", func(s *awsauth.Session) { s.RoleARN += "\r\nX: y" },
			"RoleARN names no role, or one with characters that no name has: use one as arn:aws:iam::123456789012:role/NAME",
		},
		{
			"a role without an account", func(s *awsauth.Session) { s.RoleARN = "arn:aws:iam:::role/backup" },
			"RoleARN has no account of 12 digits: use one as arn:aws:iam::123456789012:role/NAME",
		},
		{
			"a role with a region", func(s *awsauth.Session) { s.RoleARN = "arn:aws:iam:eu-west-1:123456789012:role/backup" },
			"RoleARN has a region, which roles do not have: use one as arn:aws:iam::123456789012:role/NAME",
		},
		{
			"a role of another account", func(s *awsauth.Session) { s.RoleARN = "arn:aws:iam::999988887777:role/backup" },
			"RoleARN is of account 999988887777, and TrustAnchorARN of 123456789012: they must be the same",
		},
		{
			"a role of another partition", func(s *awsauth.Session) { s.RoleARN = "arn:aws-cn:iam::123456789012:role/backup" },
			"RoleARN is of partition aws-cn, and TrustAnchorARN of aws: they must be the same",
		},
		{
			"a profile of another region", func(s *awsauth.Session) { s.ProfileARN = strings.Replace(s.ProfileARN, "eu-west-1", "eu-west-2", 1) },
			"ProfileARN is of region eu-west-2, and TrustAnchorARN of eu-west-1: they must be the same",
		},
		{
			"a profile of another account and region", func(s *awsauth.Session) {
				s.ProfileARN = "arn:aws:rolesanywhere:us-east-1:999988887777:profile/1"
			},
			"ProfileARN is of account 999988887777, and TrustAnchorARN of 123456789012: they must be the same; " +
				"ProfileARN is of region us-east-1, and TrustAnchorARN of eu-west-1: they must be the same",
		},
		{
			"another region", func(s *awsauth.Session) { s.Region = "us-east-1" },
			"Region is us-east-1, and TrustAnchorARN of eu-west-1: they must be the same",
		},
		{"no region at all", func(s *awsauth.Session) { s.Region = "Ireland" }, "Region has no usable region: a region looks like eu-west-1"},
		{
			"a trust anchor without a region", func(s *awsauth.Session) {
				s.TrustAnchorARN = "arn:aws:rolesanywhere::123456789012:trust-anchor/9a77"
				s.ProfileARN = "arn:aws:rolesanywhere::123456789012:profile/1f0c"
			},
			"TrustAnchorARN has no usable region: a region looks like eu-west-1",
		},
		{
			"a region of another partition", func(s *awsauth.Session) {
				s.TrustAnchorARN = strings.Replace(s.TrustAnchorARN, "eu-west-1", "cn-north-1", 1)
				s.ProfileARN = strings.Replace(s.ProfileARN, "eu-west-1", "cn-north-1", 1)
			},
			"TrustAnchorARN is of partition aws, and its region cn-north-1 of aws-cn",
		},
		{"a second short of a quarter", func(s *awsauth.Session) { s.Duration = 15*time.Minute - time.Second }, "Duration is 14m59s: use whole seconds from 15m to 12h"},
		{"a second over half a day", func(s *awsauth.Session) { s.Duration = 12*time.Hour + time.Second }, "Duration is 12h0m1s: use whole seconds from 15m to 12h"},
		{"a negative duration", func(s *awsauth.Session) { s.Duration = -time.Hour }, "Duration is -1h: use whole seconds from 15m to 12h"},
		{"a fraction of a second", func(s *awsauth.Session) { s.Duration = time.Hour + time.Millisecond }, "Duration is 1h0m0.001s: use whole seconds from 15m to 12h"},
		{"a session name of one", func(s *awsauth.Session) { s.SessionName = "a" }, "SessionName has 1 characters: use 2 to 64"},
		{"a session name of 65", func(s *awsauth.Session) { s.SessionName = strings.Repeat("a", 65) }, "SessionName has 65 characters: use 2 to 64"},
		{"a session name with a space", func(s *awsauth.Session) { s.SessionName = "night ly" }, "SessionName has other characters than letters, digits and _+=,.@-"},
		{"51 instance properties", func(s *awsauth.Session) { s.InstanceProperties = many }, "InstanceProperties has 51 entries: use at most 50"},
		{"an empty instance property", func(s *awsauth.Session) { s.InstanceProperties = map[string]string{"a": ""} }, "InstanceProperties has a key or value that is empty or longer than 200 characters"},
		{"a long instance property", func(s *awsauth.Session) { s.InstanceProperties = map[string]string{strings.Repeat("ä", 201): "b"} }, "InstanceProperties has a key or value that is empty or longer than 200 characters"},
		{
			"an endpoint without TLS", func(s *awsauth.Session) { s.Endpoint = rolesanywhere.Endpoint{URL: "http://example.com"} },
			"Endpoint http is for loopback alone, and example.com is not loopback: use https",
		},
	} {
		t.Run(c.mistake, func(t *testing.T) {
			s := good(t)
			c.make(&s)
			_, err := s.Retrieve(t.Context())
			wrong := new(awsauth.ParameterError)
			if !errors.As(err, &wrong) {
				t.Fatalf("got %v, want *ParameterError", err)
			}
			if want := "session credentials: " + c.want; err.Error() != want {
				t.Errorf("got  %s\nwant %s", err, want)
			}
		})
	}
}

func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	_, err := awsauth.Session{Duration: time.Minute, SessionName: "?"}.Retrieve(t.Context())
	wrong := new(awsauth.ParameterError)
	if !errors.As(err, &wrong) || len(wrong.Mistakes) != 6 {
		t.Errorf("got %v, want six mistakes", err)
	}
}

func TestTheRangeOfDurationsIncludesItsEnds(t *testing.T) {
	for _, d := range []time.Duration{0, awsauth.MinDuration, time.Hour, awsauth.MaxDuration} {
		s := good(t)
		s.Duration = d
		_, request, err := s.Request()
		if err != nil {
			t.Fatalf("%s: %v", d, err)
		}
		want := d
		if d == 0 {
			want = time.Hour
		}
		if request.Duration != want {
			t.Errorf("%s: got %s, want %s", d, request.Duration, want)
		}
	}
}

func TestTheRegionIsTheTrustAnchorsWhenLeftOut(t *testing.T) {
	client, _, err := good(t).Request()
	if err != nil || client.Region != "eu-west-1" {
		t.Errorf("got %v, %v, want eu-west-1", client, err)
	}
}

func TestEveryMistakeInStaticCredentialsIsNamed(t *testing.T) {
	const id, secret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	some := awsauth.NewSecret(secret)
	for _, c := range []struct {
		mistake string
		static  awsauth.Static
		want    string
	}{
		{"nothing", awsauth.Static{}, "AccessKeyID is required; SecretAccessKey is required"},
		{
			"the secret in the ID's place",
			awsauth.Static{AccessKeyID: secret, SecretAccessKey: some},
			"AccessKeyID is not 16 to 128 capital letters and digits, as AKIA…; was the secret access key given in its place?",
		},
		{"a temporary key without its token", awsauth.Static{AccessKeyID: "ASIA" + id[4:], SecretAccessKey: some}, "SessionToken is required with an access key ID that begins with ASIA: such a key is temporary"},
		{"a long-term key with a token", awsauth.Static{AccessKeyID: id, SecretAccessKey: some, SessionToken: some}, "SessionToken does not go with an access key ID that begins with AKIA: such a key is long-term"},
		{"a secret with a line break", awsauth.Static{AccessKeyID: id, SecretAccessKey: awsauth.NewSecret(secret + "\n")}, "SecretAccessKey has characters that none has: it is printable ASCII without spaces"},
		{"a token with a space", awsauth.Static{AccessKeyID: "ASIA" + id[4:], SecretAccessKey: some, SessionToken: awsauth.NewSecret("a b")}, "SessionToken has characters that none has: it is printable ASCII without spaces"},
		{"a secret with a control character", awsauth.Static{AccessKeyID: id, SecretAccessKey: awsauth.NewSecret(secret + "\x1b[2J")}, "SecretAccessKey has characters that none has: it is printable ASCII without spaces"},
		{"a secret with a line separator", awsauth.Static{AccessKeyID: id, SecretAccessKey: awsauth.NewSecret(secret + "\u2028")}, "SecretAccessKey has characters that none has: it is printable ASCII without spaces"},
		{"an account of 11 digits", awsauth.Static{AccessKeyID: id, SecretAccessKey: some, AccountID: "12345678901"}, "AccountID is not 12 digits"},
	} {
		_, err := c.static.Retrieve(t.Context())
		if err == nil || err.Error() != "static credentials: "+c.want {
			t.Errorf("%s: got  %v\nwant %s", c.mistake, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error has the secret", c.mistake)
		}
	}
}

func TestStaticCredentialsGoThroughUnchanged(t *testing.T) {
	static := awsauth.Static{
		AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: awsauth.NewSecret("wJalrXUtnFEMI"), AccountID: "123456789012",
	}
	c, err := static.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.AccessKeyID != static.AccessKeyID || c.SecretAccessKey != "wJalrXUtnFEMI" || c.SessionToken != "" ||
		c.CanExpire || c.AccountID != "123456789012" || c.Source != awsauth.StaticSource {
		t.Errorf("got key %s, source %s, account %s", c.AccessKeyID, c.Source, c.AccountID)
	}
}

func TestStaticNeverPrintsItsSecret(t *testing.T) {
	static := awsauth.Static{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: awsauth.NewSecret("wJalrXUtnFEMI")}
	asJSON, err := json.Marshal(static)
	if err != nil {
		t.Fatal(err)
	}
	hidden := struct{ inner *awsauth.Static }{&static}
	for _, text := range []string{
		fmt.Sprint(static), fmt.Sprintf("%+v", static), fmt.Sprintf("%#v", static), fmt.Sprintf("%s %q %x", static, static, static),
		fmt.Sprintf("%+v", hidden), fmt.Sprintf("%#v", *hidden.inner), string(asJSON),
	} {
		if strings.Contains(text, "wJalrXUtnFEMI") || strings.Contains(text, fmt.Sprintf("%x", "wJalrXUtnFEMI")) {
			t.Errorf("the secret is in %s", text)
		}
	}
}
