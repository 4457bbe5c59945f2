package witness

import (
	"bufio"
	"encoding/json"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/foreign"
)

const region = foreign.Region

// localAWS is what `awsauth emulator --json` says of itself.
type localAWS struct {
	Endpoint       string            `json:"endpoint"`
	AccountID      string            `json:"account_id"`
	Environment    map[string]string `json:"environment"`
	TrustAnchorARN string            `json:"trust_anchor_arn"`
	ProfileARN     string            `json:"profile_arn"`
	RoleARN        string            `json:"role_arn"`
}

// startEmulator runs the command's emulator, which trusts the root of an authority, until the test ends.
func startEmulator(t testing.TB, p *authority, args ...string) *localAWS {
	t.Helper()
	args = append([]string{"emulator", "--json", "--explain", "--listen", "127.0.0.1:0", "--trust", p.path("root.pem")}, args...)
	c := foreign.Command(t, command, args...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) } // at the end of the test
	c.Stderr = t.Output()
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Wait says that the context has ended; what counts is that the emulator stopped when it was told to.
		_ = c.Wait()
		if code := c.ProcessState.ExitCode(); code != 0 {
			t.Errorf("emulator: got exit code %d, want 0", code)
		}
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("emulator: %v", err)
	}
	local := new(localAWS)
	if err := json.Unmarshal(line, local); err != nil {
		t.Fatalf("emulator: %v: %s", err, line)
	}
	return local
}

// newEmulator runs an emulator in this process, for the tests that ask it what no service answers. It holds what that of the command
// does, and trusts the root of an authority.
func newEmulator(t testing.TB, p *authority, c emulator.Config) (*localAWS, *emulator.Emulator) {
	t.Helper()
	root, err := os.ReadFile(p.path("root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := emulator.New(c)
	if err != nil {
		t.Fatal(err)
	}
	const local = "local"
	created, err := e.Apply(emulator.Seed{
		TrustAnchors: []emulator.SeedTrustAnchor{{Name: local, Certificates: string(root)}},
		Roles:        []emulator.SeedRole{{Name: local, TrustAnchor: local, Managed: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}}},
		Profiles:     []emulator.SeedProfile{{Name: local, Roles: []string{local}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = e.NewServer(nil)
	server.Start()
	t.Cleanup(server.Close)
	return &localAWS{
		Endpoint: server.URL, AccountID: e.AccountID(),
		TrustAnchorARN: created.TrustAnchors[local], ProfileARN: created.Profiles[local], RoleARN: created.Roles[local],
	}, e
}

// administrator answers the environment of the emulator's administrator, as NAME=VALUE.
func (l *localAWS) administrator() []string {
	var env []string
	for name, value := range l.Environment {
		env = append(env, name+"="+value)
	}
	return env
}

// sessionArgs are the arguments of `awsauth get session` for an identity.
func (l *localAWS) sessionArgs(id packing) []string {
	args := []string{
		"get", "session", "--endpoint-url", l.Endpoint, "--certificate", id.uri, "--role-arn", l.RoleARN,
		"--profile-arn", l.ProfileARN, "--trust-anchor-arn", l.TrustAnchorARN,
	}
	if id.password != "" {
		args = append(args, "--certificate-password", "file:"+id.password)
	}
	return args
}

// assumedRole is the ARN of who the credentials got with an identity are: the role, under the certificate's serial number.
func (l *localAWS) assumedRole(id packing) string {
	return "arn:aws:sts::" + l.AccountID + ":assumed-role/local/" + id.serial
}

// writeConfig writes a shared config file with a profile for each identity, whose credential_process is the command, and
// answers its path. The command's own path is not quoted: the Go SDK takes the quotes away from a value that begins and
// ends with one.
func (l *localAWS) writeConfig(t testing.TB, p *authority, ids ...packing) string {
	t.Helper()
	var b strings.Builder
	for _, id := range ids {
		b.WriteString("[profile " + id.name + "]\nregion = " + region + "\ncredential_process = " + command)
		for _, arg := range l.sessionArgs(id) {
			b.WriteString(" '" + arg + "'")
		}
		b.WriteString("\n\n")
	}
	path := p.path("config")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
