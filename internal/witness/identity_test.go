package witness

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

// caller is what GetCallerIdentity answers.
type caller struct {
	Account string
	Arn     string
}

func TestIdentitiesMadeByOpenSSLGiveTheAWSCLIAndBoto3Credentials(t *testing.T) {
	p := newAuthority(t)
	local := startEmulator(t, p)
	ids := p.pack()
	config := local.writeConfig(t, p, ids...)

	t.Run("clients", func(t *testing.T) {
		for _, cli := range foreign.AWSCLIs(t) {
			for _, id := range sparse(ids) {
				t.Run(cli.Version+" with "+id.name, func(t *testing.T) {
					t.Parallel()
					c := foreign.Command(t, cli.Path, "--endpoint-url", local.Endpoint, "--profile", id.name, "--output", "json",
						"sts", "get-caller-identity")
					c.Env = append(c.Env, "AWS_CONFIG_FILE="+config)
					local.checkCaller(t, id, foreign.MustRun(t, c))
				})
			}
		}
		for _, python := range foreign.Pythons(t) {
			t.Run(python.Version, func(t *testing.T) {
				t.Parallel()
				c := foreign.Command(t, python.Path, "testdata/callers.py", local.Endpoint)
				for _, id := range ids {
					c.Args = append(c.Args, id.name)
				}
				c.Env = append(c.Env, "AWS_CONFIG_FILE="+config)
				lines := slices.Collect(strings.Lines(foreign.MustRun(t, c)))
				if len(lines) != len(ids) {
					t.Fatalf("got %d callers, want %d", len(lines), len(ids))
				}
				for i, id := range ids {
					local.checkCaller(t, id, lines[i])
				}
			})
		}
	})
}

// checkCaller checks that somebody is the emulator's role, under the serial number of the certificate.
func (l *localAWS) checkCaller(t *testing.T, id packing, text string) {
	t.Helper()
	var got caller
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%s: %v: %s", id.name, err, text)
	}
	want := caller{l.AccountID, l.assumedRole(id)}
	if got != want {
		t.Errorf("%s: got %+v, want %+v", id.name, got, want)
	}
}
