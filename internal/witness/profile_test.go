package witness

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

// archive is a further role, which the emulator's own may assume.
const archive = "archive"

const archiveSeed = `roles:
  - name: archive
    trust_policy:
      Version: "2012-10-17"
      Statement: [{Effect: Allow, Principal: {AWS: "arn:aws:iam::123456789012:root"}, Action: ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]}]
`

// sharedConfig is the shared config file of somebody who has written it by hand, on Windows and
// elsewhere.
const sharedConfig = "# of the whole host; keep\r\n" +
	"[default]\r\nregion = us-east-1 \r\n\r\n" +
	"[profile  odd]\n  s3 =\n    max_concurrent_requests = 20\n; not used = yet\n\n" +
	"[profile archive]\r\noutput = json\r\n\t# see the wiki\r\n\r\n" +
	"[profile other]\r\nregion=eu-central-1"

// installation is a copy of the command, a configuration of a certificate and of a role assumed with it, and a shared
// config file.
type installation struct {
	*localAWS
	name, command, configuration, config, home string
	callers                                    map[string]string // the ARN of each credential, by its name
	health                                     string            // where its agent has metrics, once it runs
}

// install makes a configuration and a store in one directory, and puts the command into another. Not both names may need
// the same quotes: a value that begins and ends with them is refused.
func install(t *testing.T, s *scene, name, commands, configurations string) *installation {
	t.Helper()
	dir := t.TempDir()
	in := &installation{
		localAWS: s.localAWS, name: name, command: filepath.Join(dir, commands, "awsauth"),
		configuration: filepath.Join(dir, configurations, "awsauth.yaml"), config: filepath.Join(dir, "aws", "config"), home: filepath.Join(dir, "home"),
		callers: map[string]string{
			s.id.name: s.assumedRole(s.id), archive: "arn:aws:sts::" + s.AccountID + ":assumed-role/" + archive + "/awsauth",
		},
	}
	for _, path := range []string{in.command, in.configuration, in.config, filepath.Join(in.home, "any")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(command, in.command); err != nil { // what has just been written cannot be run while another test forks
		t.Fatal(err)
	}
	text := fmt.Sprintf(`store: store
defaults: {endpoint_url: %q}
credentials:
  %s: {type: session, certificate: client, role_arn: %q, profile_arn: %q, trust_anchor_arn: %q}
  %s: {type: assume-role, source: %s, role_arn: "arn:aws:iam::%s:role/%s"}
`, s.Endpoint, s.id.name, s.RoleARN, s.ProfileARN, s.TrustAnchorARN, archive, s.id.name, s.AccountID, archive)
	writeFile(t, in.configuration, text)
	in.awsauth(t, "certificate", "add", "client", s.pki.path("backup.pem"), s.pki.path("backup.key"), "--store-key", "file",
		"--config", in.configuration)
	return in
}

// environment is all that a client is told.
func (in *installation) environment() map[string]string {
	return map[string]string{"AWS_CONFIG_FILE": in.config, "AWS_EC2_METADATA_DISABLED": "true", "HOME": in.home, "XDG_CACHE_HOME": filepath.Join(in.home, ".cache")}
}

// client makes a command in that environment.
func (in *installation) client(t *testing.T, path string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), path, args...)
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !foreign.IsOfAWS(name) && !strings.HasPrefix(name, "XDG_") {
			c.Env = append(c.Env, variable)
		}
	}
	// Python's packages of the user are found from the home directory, and boto3 may be one.
	if home, err := os.UserHomeDir(); err == nil && os.Getenv("PYTHONUSERBASE") == "" {
		c.Env = append(c.Env, "PYTHONUSERBASE="+filepath.Join(home, ".local"))
	}
	for name, value := range in.environment() {
		c.Env = append(c.Env, name+"="+value)
	}
	return c
}

func (in *installation) awsauth(t *testing.T, args ...string) string {
	t.Helper()
	return foreign.MustRun(t, in.client(t, in.command, args...))
}

// writeProfiles has the command write the profiles into the shared config file, and checks every byte of it.
func (in *installation) writeProfiles(t *testing.T) {
	t.Helper()
	writeFile(t, in.config, sharedConfig)
	settings := map[string]string{}
	for name := range in.callers {
		_, printed, found := strings.Cut(in.awsauth(t, "config", "aws-profile", name, "--config", in.configuration), "]\n")
		if !found || !strings.HasPrefix(printed, "credential_process = ") || !strings.HasSuffix(printed, "\nregion = "+region+"\n") {
			t.Fatalf("%s: got %q, want a credential_process and its region", name, printed)
		}
		settings[name] = printed
	}
	for _, name := range []string{archive, "backup"} {
		in.awsauth(t, "config", "aws-profile", name, "--write", "--config", in.configuration)
	}
	added := func(name string) string { return strings.ReplaceAll(settings[name], "\n", "\r\n") }
	want := strings.Replace(sharedConfig, "output = json\r\n", "output = json\r\n"+added(archive), 1) +
		"\r\n\r\n[profile backup]\r\n" + added("backup")
	got, err := os.ReadFile(in.config)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("the shared config file (-want +got):\n%s", cmp.Diff(fmt.Sprintf("%q", want), fmt.Sprintf("%q", got)))
	}
}

func TestClientsUseTheProfilesThatTheCommandWrites(t *testing.T) {
	s := newScene(t, "--seed", seed(t, archiveSeed))
	_, serial, _ := strings.Cut(s.pki.run("x509", "-in", "backup.pem", "-noout", "-serial"), "=")
	s.id.serial = strings.ToLower(strings.TrimSpace(serial))
	installations := []*installation{
		install(t, s, "a plain path", "bin", "acme configuration"),
		install(t, s, "a path with a space", "Program Files", "etc"),
		install(t, s, "a path with $ and a quote", "it's $HOME", "acme configuration"),
	}
	for _, in := range installations {
		in.writeProfiles(t)
		t.Run("the Go SDK with "+in.name, in.useGoSDK)
	}
	for _, in := range installations {
		for _, cli := range foreign.AWSCLIs(t) {
			for profile, caller := range in.callers {
				t.Run(cli.Version+" as "+profile+" with "+in.name, func(t *testing.T) {
					t.Parallel()
					c := in.client(t, cli.Path, "--profile", profile, "--output", "json", "sts", "get-caller-identity",
						"--endpoint-url", in.Endpoint)
					in.checkARN(t, foreign.MustRun(t, c), caller)
				})
			}
		}
		for _, python := range foreign.Pythons(t) {
			t.Run(python.Version+" with "+in.name, func(t *testing.T) {
				t.Parallel()
				c := in.client(t, python.Path, "testdata/callers.py", in.Endpoint, "backup", archive)
				lines := slices.Collect(strings.Lines(foreign.MustRun(t, c)))
				if len(lines) != 2 {
					t.Fatalf("got %d callers, want 2", len(lines))
				}
				in.checkARN(t, lines[0], in.callers["backup"])
				in.checkARN(t, lines[1], in.callers[archive])
			})
		}
	}
}

// useGoSDK asks with AWS's SDK for Go, in this process, who each profile is.
func (in *installation) useGoSDK(t *testing.T) {
	clearEnvironment(t)
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); foreign.IsOfAWS(name) {
			if err := os.Unsetenv(name); err != nil { // until the end of the test, after which clearEnvironment restores it
				t.Fatal(err)
			}
		}
	}
	for name, value := range in.environment() {
		t.Setenv(name, value)
	}
	for profile, want := range in.callers {
		c, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigProfile(profile), config.WithBaseEndpoint(in.Endpoint))
		if err != nil {
			t.Fatal(err)
		}
		who, err := sts.NewFromConfig(c).GetCallerIdentity(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := aws.ToString(who.Arn); got != want {
			t.Errorf("%s: got %s, want %s", profile, got, want)
		}
	}
}

func (in *installation) checkARN(t *testing.T, text, want string) {
	t.Helper()
	var got caller
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if got.Arn != want {
		t.Errorf("got %s, want %s", got.Arn, want)
	}
}

// seed answers the path of a file for the emulator's --seed.
func seed(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "seed.yaml")
	writeFile(t, path, text)
	return path
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
