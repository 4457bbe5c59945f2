package witness

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

// aws makes a command of the AWS CLI that gets its credentials through credential_process.
func (s *scene) aws(t testing.TB, cli foreign.Tool, args ...string) *exec.Cmd {
	t.Helper()
	c := foreign.Command(t, cli.Path, append([]string{"--endpoint-url", s.Endpoint, "--profile", s.id.name, "--output", "json"}, args...)...)
	c.Env = append(c.Env, "AWS_CONFIG_FILE="+s.config)
	return c
}

// ask runs the AWS CLI and reads its answer.
func (s *scene) ask(t testing.TB, cli foreign.Tool, answer any, args ...string) {
	t.Helper()
	out := foreign.MustRun(t, s.aws(t, cli, args...))
	if answer == nil {
		return
	}
	if err := json.Unmarshal([]byte(out), answer); err != nil {
		t.Fatalf("aws %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func TestTheAWSCLIManagesIAMAndRolesAnywhere(t *testing.T) {
	for _, cli := range foreign.AWSCLIs(t) {
		t.Run(cli.Version, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.manageUser(t, cli)
			s.manageProfile(t, cli)
			s.revoke(t, cli)
		})
	}
}

func (s *scene) manageUser(t *testing.T, cli foreign.Tool) {
	s.ask(t, cli, nil, "iam", "create-user", "--user-name", "carol")
	s.ask(t, cli, nil, "iam", "put-user-policy", "--user-name", "carol", "--policy-name", "nothing", "--policy-document",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`)
	var list struct{ Users []struct{ UserName string } }
	s.ask(t, cli, &list, "iam", "list-users")
	if len(list.Users) != 2 || list.Users[1].UserName != "carol" {
		t.Errorf("got users %v, want admin and carol", list.Users)
	}
	var made struct {
		AccessKey struct{ AccessKeyId, SecretAccessKey string }
	}
	s.ask(t, cli, &made, "iam", "create-access-key", "--user-name", "carol")

	s.pki.write("secret", made.AccessKey.SecretAccessKey)
	s.pki.write("carol", "[profile carol]\ncredential_process = "+command+" get static --access-key-id "+made.AccessKey.AccessKeyId+
		" --secret-access-key 'file:"+s.pki.path("secret")+"' --format process\n")
	asCarol := func(args ...string) *exec.Cmd {
		c := foreign.Command(t, cli.Path, append([]string{"--endpoint-url", s.Endpoint, "--profile", "carol", "--output", "json"}, args...)...)
		c.Env = append(c.Env, "AWS_CONFIG_FILE="+s.pki.path("carol"))
		return c
	}
	var got caller
	if err := json.Unmarshal([]byte(foreign.MustRun(t, asCarol("sts", "get-caller-identity"))), &got); err != nil {
		t.Fatal(err)
	}
	if want := (caller{s.AccountID, "arn:aws:iam::" + s.AccountID + ":user/carol"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	wantRefusal(t, asCarol("iam", "list-users"), "AccessDenied")
	wantRefusal(t, asCarol("rolesanywhere", "list-profiles"), "AccessDeniedException")
}

func (s *scene) manageProfile(t *testing.T, cli foreign.Tool) {
	var anchors struct {
		TrustAnchors []struct {
			ARN string `json:"trustAnchorArn"`
		}
	}
	s.ask(t, cli, &anchors, "rolesanywhere", "list-trust-anchors")
	if len(anchors.TrustAnchors) != 1 || anchors.TrustAnchors[0].ARN != s.TrustAnchorARN {
		t.Errorf("got trust anchors %v, want %s", anchors.TrustAnchors, s.TrustAnchorARN)
	}
	var made struct {
		Profile struct {
			ProfileID  string `json:"profileId"`
			ProfileARN string `json:"profileArn"`
			Enabled    bool   `json:"enabled"`
		} `json:"profile"`
	}
	s.ask(t, cli, &made, "rolesanywhere", "create-profile", "--name", "nightly", "--role-arns", s.RoleARN,
		"--duration-seconds", "900", "--enabled")
	if !made.Profile.Enabled {
		t.Error("the profile that was created enabled is not")
	}
	s.ask(t, cli, nil, "rolesanywhere", "tag-resource", "--resource-arn", made.Profile.ProfileARN, "--tags", "key=team,value=backup")
	var list struct{ Profiles []struct{ Name string } }
	s.ask(t, cli, &list, "rolesanywhere", "list-profiles", "--page-size", "1")
	if len(list.Profiles) != 2 {
		t.Errorf("got profiles %v, want local and nightly", list.Profiles)
	}
	s.ask(t, cli, &made, "rolesanywhere", "disable-profile", "--profile-id", made.Profile.ProfileID)
	if made.Profile.Enabled {
		t.Error("the profile that was disabled is enabled")
	}
	wantRefusal(t, s.aws(t, cli, "rolesanywhere", "get-profile", "--profile-id", "00000000-0000-0000-0000-000000000000"),
		"ResourceNotFoundException")
}

// revoke revokes the certificate that the CLI's own credentials come from, with a list that OpenSSL has made.
func (s *scene) revoke(t *testing.T, cli foreign.Tool) {
	s.pki.revoke("backup")
	s.ask(t, cli, nil, "rolesanywhere", "import-crl", "--name", "revoked", "--enabled", "--crl-data", "fileb://"+s.pki.path("crl.pem"),
		"--trust-anchor-arn", s.TrustAnchorARN)
	r := foreign.Run(s.aws(t, cli, "sts", "get-caller-identity"))
	if r.Err == nil || !strings.Contains(r.Stderr, "Certificate revoked") {
		t.Errorf("got %v and %q, want the command's refusal: Certificate revoked", r.Err, r.Stderr)
	}
}

func TestTheAWSCLIReportsRefusals(t *testing.T) {
	s := newScene(t, "--session-lifetime", "1s")
	cases := s.spoil(t)[:3] // the AWS CLI takes a second each; boto3 has them all
	for _, cli := range foreign.AWSCLIs(t) {
		for _, refused := range cases {
			t.Run(cli.Version+" with "+refused.name, func(t *testing.T) {
				t.Parallel()
				c := foreign.Command(t, cli.Path, "--endpoint-url", s.Endpoint, "sts", "get-caller-identity")
				c.Env = append(c.Env, refused.environment()...)
				wantRefusal(t, c, refused.sts)
			})
		}
	}
}

var refusalForm = regexp.MustCompile(`An error occurred \((\w+)\)`)

// wantRefusal runs an AWS CLI that must report an error code.
func wantRefusal(t *testing.T, c *exec.Cmd, code string) {
	t.Helper()
	r := foreign.Run(c)
	got := refusalForm.FindStringSubmatch(r.Stderr)
	if r.Err == nil || got == nil || got[1] != code {
		t.Errorf("%s: got %v and %q, want %s", strings.Join(c.Args, " "), r.Err, r.Stderr, code)
	}
}

func TestTheAWSCLIUsesTheEnvironmentThatTheEmulatorPrints(t *testing.T) {
	local := startEmulator(t, newAuthority(t))
	for _, cli := range foreign.AWSCLIs(t) {
		t.Run(cli.Version, func(t *testing.T) {
			t.Parallel()
			c := foreign.Command(t, cli.Path, "--output", "json", "sts", "get-caller-identity")
			c.Env = append(c.Env, local.administrator()...)
			if !cli.ReadsEndpointURL() {
				c.Args = append(c.Args, "--endpoint-url", local.Endpoint)
			}
			var got caller
			if err := json.Unmarshal([]byte(foreign.MustRun(t, c)), &got); err != nil {
				t.Fatal(err)
			}
			if want := (caller{local.AccountID, "arn:aws:iam::" + local.AccountID + ":user/admin"}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}
