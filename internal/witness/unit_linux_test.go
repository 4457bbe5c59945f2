package witness

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

var exposureForm = regexp.MustCompile(`Overall exposure level for awsauth-agent.service: ([0-9.]+) `)

// The agent's unit is one that systemd reads without a complaint, and exposes little.
func TestTheUnitOfTheAgent(t *testing.T) {
	const unit = "../../contrib/systemd/awsauth-agent.service"
	r := foreign.Run(exec.CommandContext(t.Context(), installed(t, "systemd-analyze"), "security", "--offline=true", "--no-pager", unit))
	found := exposureForm.FindStringSubmatch(r.Stdout)
	if r.Err != nil || found == nil {
		t.Fatalf("%v: %s%s", r.Err, r.Stdout, r.Stderr)
	}
	exposure, err := strconv.ParseFloat(found[1], 64)
	if err != nil || exposure > 1.5 {
		t.Errorf("got an exposure of %s, %v, want 1.5 at most", found[1], err)
	}
	for line := range strings.Lines(r.Stderr) {
		if strings.Contains(line, "awsauth-agent.service:") {
			t.Errorf("systemd says: %s", line)
		}
	}
	t.Logf("exposure %s", found[1])
}

// The sockets' unit is one that systemd reads without a complaint, together with the service.
func TestTheUnitOfTheAgentsSockets(t *testing.T) {
	c := exec.CommandContext(t.Context(), installed(t, "systemd-analyze"), "verify", "--man=no", "../../contrib/systemd/awsauth-agent.socket")
	c.Env = append(c.Environ(), "SYSTEMD_UNIT_PATH=../../contrib/systemd:")
	complaints(t, foreign.Run(c))
}

// complaints reports what systemd says of our units.
func complaints(t *testing.T, r foreign.Result) {
	t.Helper()
	for _, said := range foreign.UnitComplaints(r, "awsauth-agent.") {
		t.Errorf("systemd says: %s", said)
	}
}

// The unit for users is one that their manager reads without a complaint.
func TestTheUnitOfAUsersAgent(t *testing.T) {
	const unit = "../../contrib/systemd/user/awsauth-agent.service"
	c := exec.CommandContext(t.Context(), installed(t, "systemd-analyze"), "verify", "--user", "--man=no", unit)
	c.Env = append(c.Environ(), "XDG_RUNTIME_DIR="+t.TempDir(), "HOME="+t.TempDir())
	complaints(t, foreign.Run(c))
}
