package emulator

import (
	"encoding/pem"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/internal/pki"
)

const allowS3 = Document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)

const (
	administratorAccess = "arn:aws:iam::aws:policy/AdministratorAccess"
	unknownManaged      = "arn:aws:iam::aws:policy/Unknown"
)

func TestASeedIsCreated(t *testing.T) {
	e := must(New(Config{}))(t)
	ca := must(pki.NewCA("root", time.Now()))(t)
	list := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: must(ca.Revoke())(t)})
	created := must(e.Apply(Seed{
		Users: []SeedUser{{Name: "admin", Managed: []string{administratorAccess}}, {Name: "plain", Policies: map[string]Document{"s3": allowS3}}},
		TrustAnchors: []SeedTrustAnchor{
			{Name: "anchor", Certificates: string(pki.CertificatesPEM(ca.Certificate)), CRL: string(list)},
		},
		Roles: []SeedRole{
			{Name: "backup", Path: "/jobs/", TrustAnchor: "anchor", MaxSessionDuration: 2 * time.Hour, Policies: map[string]Document{"s3": allowS3}},
			{Name: "any", Managed: []string{administratorAccess}},
			{Name: "own", TrustPolicy: Document(trustOf(`{"AWS":"123456789012"}`, "sts:AssumeRole"))},
		},
		Profiles: []SeedProfile{{
			Name: "profile", Roles: []string{"backup", "any"}, Duration: 90 * time.Minute, AcceptRoleSessionName: true, SessionPolicy: allowS3,
			Managed: []string{administratorAccess},
		}},
	}))(t)
	if got := created.Users["admin"]; got.ARN != "arn:aws:iam::123456789012:user/admin" ||
		!regexp.MustCompile(`^AKIAEMU[A-Z2-7]{13}$`).MatchString(got.AccessKeyID) || len(got.SecretAccessKey) != 40 {
		t.Errorf("got user %s, %s", got.ARN, got.AccessKeyID)
	}
	if got := created.Roles["backup"]; got != "arn:aws:iam::123456789012:role/jobs/backup" {
		t.Errorf("got role %s", got)
	}
	e.account.Read(func(s *account.State) {
		role := s.Roles["backup"]
		if role.MaxSessionDuration != 7200 || role.TrustPolicy != TrustPolicy(created.TrustAnchors["anchor"]) || role.Inline["s3"] != string(allowS3) {
			t.Errorf("got role %+v", role)
		}
		if s.Roles["any"].MaxSessionDuration != 3600 || s.Roles["any"].TrustPolicy != TrustPolicy("") || len(s.Roles["any"].Attached) != 1 {
			t.Errorf("got role %+v", s.Roles["any"])
		}
		profile := s.Profiles[created.Profiles["profile"][strings.LastIndexByte(created.Profiles["profile"], '/')+1:]]
		if profile == nil || !profile.Enabled || !profile.AcceptRoleSessionName || profile.DurationSeconds != 5400 ||
			profile.SessionPolicy != string(allowS3) || len(profile.ManagedPolicyARNs) != 1 || len(profile.RoleARNs) != 2 {
			t.Errorf("got profile %+v", profile)
		}
		for _, anchor := range s.TrustAnchors {
			if !anchor.Enabled || anchor.ARN != created.TrustAnchors["anchor"] {
				t.Errorf("got trust anchor %+v", anchor)
			}
		}
		for _, crl := range s.CRLs {
			if !crl.Enabled || crl.TrustAnchorARN != created.TrustAnchors["anchor"] {
				t.Errorf("got revocation list %+v", crl)
			}
		}
		if len(s.CRLs) != 1 || len(s.TrustAnchors) != 1 || len(s.Users) != 2 || len(s.AccessKeys) != 2 {
			t.Errorf("got %d lists, %d anchors, %d users, %d keys", len(s.CRLs), len(s.TrustAnchors), len(s.Users), len(s.AccessKeys))
		}
	})
	more := must(e.Apply(Seed{Profiles: []SeedProfile{{Name: "later", Roles: []string{"backup"}}}}))(t)
	if more.Profiles["later"] == "" {
		t.Error("a later seed does not find an earlier role")
	}
}

func TestASeedIsReadFromYAML(t *testing.T) {
	var seed Seed
	err := yaml.Unmarshal([]byte(`
users:
  - name: admin
    managed: [arn:aws:iam::aws:policy/AdministratorAccess]
roles:
  - name: backup
    max_session_duration: 2h
    policies:
      written: {Version: "2012-10-17", Statement: [{Effect: Allow, Action: "s3:*", Resource: "*"}]}
      text: '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
profiles:
  - {name: profile, roles: [backup], duration: 15m, accept_role_session_name: true}
`), &seed)
	if err != nil {
		t.Fatal(err)
	}
	if seed.Roles[0].MaxSessionDuration != 2*time.Hour || seed.Profiles[0].Duration != 15*time.Minute || !seed.Profiles[0].AcceptRoleSessionName {
		t.Errorf("got %+v", seed)
	}
	if seed.Roles[0].Policies["text"] != allowS3 {
		t.Errorf("got %s", seed.Roles[0].Policies["text"])
	}
	if _, err := must(New(Config{}))(t).Apply(seed); err != nil {
		t.Error(err)
	}
}

func TestABadSeedSaysWhere(t *testing.T) {
	ca := must(pki.NewCA("root", time.Now()))(t)
	good := string(pki.CertificatesPEM(ca.Certificate))
	leaf := must(ca.Issue(pki.Leaf{CommonName: "leaf"}))(t)
	other := must(pki.NewCA("other", time.Now()))(t)
	foreign := string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: must(other.Revoke())(t)}))
	for _, test := range []struct {
		name string
		seed Seed
		want string
	}{
		{
			"a user without a name",
			Seed{Users: []SeedUser{{}}},
			`seed users[0] "": 1 validation error detected: Value '' at 'userName' failed to satisfy constraint: Member must have length greater than or equal to 1`,
		},
		{
			"a user of a bad name",
			Seed{Users: []SeedUser{{Name: "a b"}}},
			`seed users[0] "a b": 1 validation error detected: Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`,
		},
		{
			"a user twice",
			Seed{Users: []SeedUser{{Name: "a"}, {Name: "a"}}},
			`seed users[1] "a": User with name a already exists`,
		},
		{
			"a user's policy that is none",
			Seed{Users: []SeedUser{{Name: "a", Policies: map[string]Document{"p": "{"}}}},
			`seed users[0] "a": policy "p": parse policy: document ends in the middle of a JSON value`,
		},
		{
			"a user's unknown managed policy",
			Seed{Users: []SeedUser{{Name: "a", Managed: []string{unknownManaged}}}},
			`seed users[0] "a": managed "arn:aws:iam::aws:policy/Unknown": Policy arn:aws:iam::aws:policy/Unknown does not exist or is not attachable`,
		},
		{
			"an anchor without a name",
			Seed{TrustAnchors: []SeedTrustAnchor{{Certificates: good}}},
			`seed trust_anchors[0] "": 1 validation error detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1`,
		},
		{
			"an anchor without a certificate",
			Seed{TrustAnchors: []SeedTrustAnchor{{Name: "a"}}},
			`seed trust_anchors[0] "a": 1 validation error detected: Value '' at 'source.sourceData.x509CertificateData' failed to satisfy constraint: Member must have length greater than or equal to 1`,
		},
		{
			"an anchor of no certificate",
			Seed{TrustAnchors: []SeedTrustAnchor{{Name: "a", Certificates: "ca.pem"}}},
			`seed trust_anchors[0] "a": Invalid certificate data: the bundle holds no PEM block of type CERTIFICATE`,
		},
		{
			"an anchor of a leaf",
			Seed{TrustAnchors: []SeedTrustAnchor{{Name: "a", Certificates: string(pki.CertificatesPEM(leaf.Certificate))}}},
			`seed trust_anchors[0] "a": Incorrect basic constraints for CA certificate: the certificate is not a CA's: basicConstraints does not say CA:TRUE`,
		},
		{
			"a list that is none",
			Seed{TrustAnchors: []SeedTrustAnchor{{Name: "a", Certificates: good, CRL: "list.pem"}}},
			`seed trust_anchors[0] "a": crl: Invalid crlData: the data is not an X.509 certificate revocation list of version 2, PEM or DER (openssl ca -gencrl makes one with -crlexts)`,
		},
		{
			"a list of another CA",
			Seed{TrustAnchors: []SeedTrustAnchor{{Name: "a", Certificates: good, CRL: foreign}}},
			`seed trust_anchors[0] "a": crl: The CRL was not issued by the trust anchor: no certificate of the trust anchor has the list's issuer as its subject`,
		},
		{
			"a role of a bad name",
			Seed{Roles: []SeedRole{{Name: "a/b"}}},
			`seed roles[0] "a/b": 1 validation error detected: Value 'a/b' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`,
		},
		{
			"a role of a bad path",
			Seed{Roles: []SeedRole{{Name: "a", Path: "jobs"}}},
			`seed roles[0] "a": 1 validation error detected: Value 'jobs' at 'path' failed to satisfy constraint: Member must satisfy regular expression pattern: (\u002F)|(\u002F[\u0021-\u007E]+\u002F)`,
		},
		{
			"a role twice",
			Seed{Roles: []SeedRole{{Name: "a"}, {Name: "a"}}},
			`seed roles[1] "a": Role with name a already exists`,
		},
		{
			"a role of an unknown anchor",
			Seed{Roles: []SeedRole{{Name: "a", TrustAnchor: "b"}}},
			`seed roles[0] "a": trust_anchor "b" is not one of this seed's trust_anchors`,
		},
		{
			"a trust policy that is none",
			Seed{Roles: []SeedRole{{Name: "a", TrustPolicy: "trust"}}},
			`seed roles[0] "a": parse policy: document is not JSON at line 1, column 4`,
		},
		{
			"a trust policy without a principal",
			Seed{Roles: []SeedRole{{Name: "a", TrustPolicy: allowS3}}},
			`seed roles[0] "a": parse policy: Statement[0]: Principal is missing`,
		},
		{
			"a role's session of a minute",
			Seed{Roles: []SeedRole{{Name: "a", MaxSessionDuration: time.Minute}}},
			`seed roles[0] "a": 1 validation error detected: Value '60' at 'maxSessionDuration' failed to satisfy constraint: Member must have value greater than or equal to 3600`,
		},
		{
			"a role's session of a day",
			Seed{Roles: []SeedRole{{Name: "a", MaxSessionDuration: 24 * time.Hour}}},
			`seed roles[0] "a": 1 validation error detected: Value '86400' at 'maxSessionDuration' failed to satisfy constraint: Member must have value less than or equal to 43200`,
		},
		{
			"a role's policy that is none",
			Seed{Roles: []SeedRole{{Name: "a", Policies: map[string]Document{"p": "[]"}}}},
			`seed roles[0] "a": policy "p": parse policy: policy must be an object`,
		},
		{
			"a role's unknown managed policy",
			Seed{Roles: []SeedRole{{Name: "a", Managed: []string{unknownManaged}}}},
			`seed roles[0] "a": managed "arn:aws:iam::aws:policy/Unknown": Policy arn:aws:iam::aws:policy/Unknown does not exist or is not attachable`,
		},
		{
			"a profile of a bad name",
			Seed{Profiles: []SeedProfile{{Name: "a,b"}}},
			`seed profiles[0] "a,b": 1 validation error detected: Value 'a,b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [ a-zA-Z0-9-_]*`,
		},
		{
			"a profile of an unknown role",
			Seed{Profiles: []SeedProfile{{Name: "a", Roles: []string{"b"}}}},
			`seed profiles[0] "a": role "b" does not exist`,
		},
		{
			"a profile of a minute",
			Seed{Profiles: []SeedProfile{{Name: "a", Duration: time.Minute}}},
			`seed profiles[0] "a": 1 validation error detected: Value '60' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900`,
		},
		{
			"a profile's policy that is none",
			Seed{Profiles: []SeedProfile{{Name: "a", SessionPolicy: "policy"}}},
			`seed profiles[0] "a": Invalid sessionPolicy: parse policy: document is not JSON at line 1, column 1`,
		},
		{
			"a fraction of a second",
			Seed{Profiles: []SeedProfile{{Name: "a", Duration: 900500 * time.Millisecond}}},
			`seed profiles[0] "a": duration 15m0.5s is not a number of whole seconds`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := must(New(Config{}))(t).Apply(test.seed)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}
