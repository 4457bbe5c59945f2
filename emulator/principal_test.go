package emulator

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/sigv4"
)

func TestPrincipalIsWhoeverSignsWithAnAccessKey(t *testing.T) {
	w := newWorld(t)
	user := must(w.Apply(Seed{Users: []SeedUser{{Name: "alice", Policies: map[string]Document{
		"reads": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::open/*"},
			{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::open/secret"}]}`,
	}}}}))(t).Users["alice"]
	given := w.granted(w.call()).CredentialSet[0]
	for _, test := range []struct {
		name, id, token, secret, arn, roleARN string
	}{
		{"a user", user.AccessKeyID, "", user.SecretAccessKey, user.ARN, ""},
		{
			"a session", given.Credentials.AccessKeyID, given.Credentials.SessionToken, given.Credentials.SecretAccessKey,
			given.AssumedRoleUser.ARN, w.roleARN,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := must(w.Principal(test.id, test.token))(t)
			if p.ARN != test.arn || p.RoleARN != test.roleARN {
				t.Errorf("got %q of role %q, want %q of role %q", p.ARN, p.RoleARN, test.arn, test.roleARN)
			}
			if !bytes.Equal(p.SigningKey("20261122", "eu-west-1", "s3"), sigv4.SigningKey(test.secret, "20261122", "eu-west-1", "s3")) {
				t.Error("got a key that is not derived from the secret access key")
			}
		})
	}
	p := must(w.Principal(user.AccessKeyID, ""))(t)
	for resource, want := range map[string]string{
		"arn:aws:s3:::open/a": "allow", "arn:aws:s3:::open/secret": "deny", "arn:aws:s3:::shut/a": "no match",
	} {
		if got := p.Decide("s3:GetObject", resource); got != want {
			t.Errorf("%s: got %q, want %q", resource, got, want)
		}
	}
}

func TestThereIsNoPrincipalForWhatIsNoGoodKey(t *testing.T) {
	now := noon
	w := newWorldOf(t, Config{Now: func() time.Time { return now }})
	user := must(w.Apply(Seed{Users: []SeedUser{{Name: "alice"}}}))(t).Users["alice"]
	one, other := w.granted(w.call()).CredentialSet[0].Credentials, w.granted(w.call()).CredentialSet[0].Credentials
	check := func(id, token, want string) {
		t.Helper()
		_, err := w.Principal(id, token)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	check("AKIAEMUNOBODY0000000", "", "there is no such access key")
	check(user.AccessKeyID, one.SessionToken, "not a session's")
	check(one.AccessKeyID, "", "needs its session token")
	check(one.AccessKeyID, other.SessionToken, "was not issued with access key")
	now = now.Add(13 * time.Hour)
	check(one.AccessKeyID, one.SessionToken, "the session expired")
}
