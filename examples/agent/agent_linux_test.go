package agent

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/awsauth-go/awsauth/examples/internal/standin"
	"github.com/awsauth-go/awsauth/internal/foreign"
)

var local *standin.AWS

func TestMain(m *testing.M) { os.Exit(standin.Main(m, &local)) }

// compose reads compose.yaml as Docker's own command does, strictly.
func compose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"compose.yaml"}, cli.WithName("example"), cli.WithResolvedPaths(false))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

// unit answers the settings of report.service, after systemd has read it and the agent's own, with the drop-in, without a complaint.
func unit(t *testing.T) map[string][]string {
	t.Helper()
	c := foreign.Command(t, foreign.Find(t, "systemd-analyze"), "verify", "--man=no", "report.service")
	c.Env = append(c.Env, "SYSTEMD_UNIT_PATH="+filepath.Join("..", "..", "contrib", "systemd")+":.:")
	r := foreign.Run(c)
	for _, prefix := range []string{"report.", "awsauth-agent."} {
		for _, said := range foreign.UnitComplaints(r, prefix) {
			t.Errorf("systemd says: %s", said)
		}
	}
	text, err := os.ReadFile("report.service")
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(line, "#") {
			settings[name] = append(settings[name], value)
		}
	}
	return settings
}

// An agent with awsauth.yaml serves a program with what report.service and compose.yaml tell theirs. Host, ARNs and paths are those of the
// test; so is the user, unless the superuser runs it: then the agent is another user's than the program, as under systemd.
func TestProgramsUseTheAgent(t *testing.T) {
	project := compose(t)
	settings := unit(t)
	dir, user := foreign.ShortDir(t), os.Getuid()
	if user == 0 {
		user = 1000
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("awsauth.yaml")
	if err != nil {
		t.Fatal(err)
	}
	address := foreign.FreeAddress(t)
	here := strings.NewReplacer("127.0.0.1:9912", address, "/run/awsauth/", dir+"/", "user-1000", fmt.Sprint("user-", user), `"1000"`, fmt.Sprintf("%q", fmt.Sprint(user)),
		"/etc/awsauth/client.pem", local.Certificate, "/etc/awsauth/client.key", local.PrivateKey, "/etc/awsauth/config.yaml", filepath.Join(dir, "config.yaml"))
	configuration := here.Replace(string(text))
	for name, value := range map[string]string{"role_arn": local.RoleARN, "profile_arn": local.ProfileARN, "trust_anchor_arn": local.TrustAnchorARN} {
		configuration = regexp.MustCompile(`(?m)^( +`+name+`:).*`).ReplaceAllString(configuration, "$1 "+value)
	}
	configuration = "defaults: {endpoint_url: " + local.Endpoint + "}\n" + configuration
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	awsauth, report := filepath.Join(dir, "awsauth"), filepath.Join(dir, "report")
	if err := errors.Join(foreign.BuildAwsauth(awsauth), foreign.Build("../exec", report)); err != nil {
		t.Fatal(err)
	}

	// As the compose file has it, with the command of the test.
	var args []string
	for _, arg := range project.Services["awsauth"].Entrypoint[1:] {
		args = append(args, here.Replace(arg))
	}
	foreign.Start(t, foreign.Command(t, awsauth, args...))
	var healthy []string
	for _, arg := range project.Services["awsauth"].HealthCheck.Test[2:] {
		healthy = append(healthy, here.Replace(arg))
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		r := foreign.Run(foreign.Command(t, awsauth, healthy...))
		if r.Err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the health check fails: %v: %s", r.Err, r.Stderr)
		}
	}

	composed := map[string]string{}
	for name, value := range project.Services["report"].Environment {
		composed[name] = *value
	}
	united := map[string]string{}
	for _, assignment := range settings["Environment"] {
		name, value, _ := strings.Cut(assignment, "=")
		united[name] = value
	}
	if !maps.Equal(composed, united) {
		t.Errorf("compose.yaml says %v, report.service %v", composed, united)
	}
	words := strings.Fields(settings["ExecStart"][0])
	c := foreign.Command(t, report, words[1:]...)
	for name, value := range united {
		c.Env = append(c.Env, name+"="+here.Replace(value))
	}
	c.Env = append(c.Env, "AWS_ENDPOINT_URL="+local.Endpoint)
	c.Stdin = strings.NewReader("all is well")
	if user != os.Getuid() {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}}
	}
	if got := foreign.MustRun(t, c); got != "s3://backups/nightly/report.txt has 11 bytes\n" {
		t.Errorf("got %q", got)
	}
	if network := project.Services["report"].NetworkMode; network != "service:awsauth" {
		t.Errorf("the network of report is %q: the agent is not on its loopback", network)
	}
}
