// Package examples_test runs what README.md says.
package examples_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/examples/internal/standin"
	"github.com/awsauth-go/awsauth/internal/foreign"
)

var local *standin.AWS

func TestMain(m *testing.M) { os.Exit(standin.Main(m, &local)) }

// outputs are what the commands of README.md print, by a word of theirs. The tests that one of them runs are run anyway, and Docker has an
// engine that few test hosts have: package agent's tests read the compose file in its place.
var outputs = map[string]string{
	"go test": "", "docker": "",
	"awsauth exec":    "s3://backups/nightly/report.txt has 12 bytes\n",
	"systemd-analyze": "",
}

func TestTheCommandsOfTheReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	if err := foreign.BuildAwsauth(filepath.Join(home, "awsauth")); err != nil {
		t.Fatal(err)
	}
	configuration := filepath.Join(home, ".config", "awsauth", "config.yaml")
	if err := os.MkdirAll(filepath.Dir(configuration), 0o700); err != nil {
		t.Fatal(err)
	}
	entry := fmt.Sprintf("credentials:\n  backup: {type: session, endpoint_url: %q, certificate: %q, role_arn: %q, profile_arn: %q, trust_anchor_arn: %q}\n",
		local.Endpoint, "file:"+local.Certificate+"?key="+local.PrivateKey, local.RoleARN, local.ProfileARN, local.TrustAnchorARN)
	if err := os.WriteFile(configuration, []byte(entry), 0o600); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for i, block := range strings.Split(string(text), "```sh\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		for word, want := range outputs {
			if !strings.Contains(block, word) {
				continue
			}
			ran++
			if word == "go test" || word == "docker" {
				continue
			}
			c := foreign.Command(t, "sh", "-ec", block)
			c.Env = append(c.Env, "HOME="+home, "XDG_CONFIG_HOME="+filepath.Join(home, ".config"), "XDG_CACHE_HOME="+home, "XDG_RUNTIME_DIR="+home,
				"PATH="+home+":"+os.Getenv("PATH"), "AWS_ENDPOINT_URL="+local.Endpoint, "GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"))
			r := foreign.Run(c)
			if word == "systemd-analyze" {
				for _, said := range append(foreign.UnitComplaints(r, "report."), foreign.UnitComplaints(r, "awsauth-agent.")...) {
					t.Errorf("%s systemd says: %s", block, said)
				}
			} else if r.Stdout != want || r.Err != nil {
				t.Errorf("%s got %v, %q and %q, want %q", block, r.Err, r.Stdout, r.Stderr, want)
			}
		}
		if ran != i+1 {
			t.Fatalf("README.md has a command that no test knows: %s", block)
		}
	}
	if ran != len(outputs) {
		t.Errorf("README.md has %d commands, want %d", ran, len(outputs))
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
