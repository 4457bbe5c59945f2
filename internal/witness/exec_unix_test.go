//go:build unix

package witness

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

// foreignFiles are AWS's own files with credentials that clients would take first.
func (in *installation) foreignFiles(t *testing.T) {
	t.Helper()
	writeFile(t, in.config, "[default]\nregion = "+region+"\ncredential_process = /bin/false\n")
	writeFile(t, filepath.Join(filepath.Dir(in.config), "credentials"), "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = another\n")
}

// AWS's clients get from exec the credentials that were named, whatever else there is; a program that runs for several sessions has
// them all the time.
func TestClientsUseWhatExecGives(t *testing.T) {
	s := newScene(t, "--seed", seed(t, archiveSeed), "--session-lifetime", "3s")
	_, serial, _ := strings.Cut(s.pki.run("x509", "-in", "backup.pem", "-noout", "-serial"), "=")
	s.id.serial = strings.ToLower(strings.TrimSpace(serial))
	in := install(t, s, "a plain path", "bin", "acme configuration")
	in.foreignFiles(t)
	credentials := "AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(filepath.Dir(in.config), "credentials")
	for _, cli := range foreign.AWSCLIs(t) {
		t.Run(cli.Version, func(t *testing.T) {
			t.Parallel()
			c := in.client(t, in.command, "exec", archive, "--config", in.configuration, "--", cli.Path, "--output", "json", "sts", "get-caller-identity", "--endpoint-url", in.Endpoint)
			c.Env = append(c.Env, credentials, "AWS_PROFILE=nobody", "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=another")
			in.checkARN(t, foreign.MustRun(t, c), in.callers[archive])
		})
	}
	for _, python := range foreign.Pythons(t) {
		t.Run(python.Version, func(t *testing.T) {
			t.Parallel()
			c := in.client(t, in.command, "exec", "backup", "--config", in.configuration, "--", python.Path, "testdata/longrun.py", in.Endpoint, "12")
			c.Env = append(c.Env, credentials)
			if keys := strings.Fields(foreign.MustRun(t, c)); len(keys) < 4 {
				t.Errorf("got %d sessions of 3 s in 12 s: %s", len(keys), keys)
			}
		})
	}
}
