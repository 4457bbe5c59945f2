package witness

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

// The agent's doors for clients of AWS.
const (
	containerToken     = "container, token"
	containerTokenFile = "container, token file"
	metadataService    = "metadata service"
)

// startAgent runs an agent with all doors, which serves backup to this user, and answers the variables by which clients find each
// door, and the directory for XDG_RUNTIME_DIR by which the command finds the agent.
func (in *installation) startAgent(t *testing.T) (doors map[string][]string, runtime string) {
	t.Helper()
	runtime = foreign.ShortDir(t)
	dir := filepath.Join(runtime, "awsauth")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	container, metadata := foreign.FreeAddress(t), foreign.FreeAddress(t)
	in.health = foreign.FreeAddress(t)
	text, err := os.ReadFile(in.configuration)
	if err != nil {
		t.Fatal(err)
	}
	configuration := filepath.Join(filepath.Dir(in.configuration), "agent.yaml")
	writeFile(t, configuration, string(text)+fmt.Sprintf("agent:\n  container: %q\n  imds: {address: %q, credential: backup}\n  health: %q\n  allow: {backup: {users: [%d]}}\n",
		container, metadata, in.health, os.Getuid()))
	socket := filepath.Join(dir, "agent.sock")
	c := in.client(t, in.command, "agent", "--config", configuration, "--socket", socket)
	c.Stderr, c.Cancel = &withoutGrants{to: t.Output()}, func() error { return c.Process.Signal(syscall.SIGTERM) }
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// It has been sent at the end of the test's context, and another would not let the agent end what is under way.
		if err := c.Wait(); c.ProcessState.ExitCode() != 0 {
			t.Errorf("the agent: %v", err)
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r := foreign.Run(in.client(t, in.command, "agent", "status", "--json", "--socket", socket))
		if r.Err == nil && strings.Contains(r.Stdout, `"access_key_id":"ASIA`) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the agent does not serve: %v %s", r.Err, r.Stderr)
		}
	}
	file := filepath.Join(dir, "agent.tokens", fmt.Sprintf("user-%d", os.Getuid()), "backup")
	token, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const on = "AWS_EC2_METADATA_DISABLED=true"
	return map[string][]string{
		containerToken:     {on, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://" + container + "/", "AWS_CONTAINER_AUTHORIZATION_TOKEN=" + string(token)},
		containerTokenFile: {on, "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://" + container + "/", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + file},
		metadataService:    {"AWS_EC2_METADATA_DISABLED=false", "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://" + metadata + "/"},
	}, runtime
}

// withoutGrants passes the lines of an agent's log on, but for the many that say who has got credentials.
type withoutGrants struct {
	to   io.Writer
	rest []byte // of a line that has not ended
}

func (w *withoutGrants) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, ended := bytes.Cut(w.rest, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		if !bytes.Contains(line, []byte("msg=granted")) {
			if _, err := fmt.Fprintf(w.to, "%s\n", line); err != nil {
				return 0, err
			}
		}
		w.rest = rest
	}
}

// knowsTokenFiles reports whether a version of botocore reads AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: those of Debian 12 do not.
func knowsTokenFiles(version string) bool {
	return !strings.HasPrefix(version, "aws-cli/2.9.") && !strings.HasPrefix(version, "boto3 1.26.")
}

// AWS's clients get credentials through every door of the agent, and what they sign is accepted.
func TestClientsAskTheAgent(t *testing.T) {
	s := newScene(t, "--seed", seed(t, archiveSeed))
	_, serial, _ := strings.Cut(s.pki.run("x509", "-in", "backup.pem", "-noout", "-serial"), "=")
	s.id.serial = strings.ToLower(strings.TrimSpace(serial))
	in := install(t, s, "a plain path", "bin", "acme configuration")
	doors, _ := in.startAgent(t)
	for door, variables := range doors {
		t.Run("the Go SDK through "+door, func(t *testing.T) {
			clearEnvironment(t)
			for _, assignment := range append(variables, "AWS_CONFIG_FILE="+in.config, "HOME="+in.home) {
				name, value, _ := strings.Cut(assignment, "=")
				t.Setenv(name, value)
			}
			c, err := config.LoadDefaultConfig(t.Context(), config.WithBaseEndpoint(in.Endpoint), config.WithRegion(region))
			if err != nil {
				t.Fatal(err)
			}
			who, err := sts.NewFromConfig(c).GetCallerIdentity(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := aws.ToString(who.Arn); got != in.callers["backup"] {
				t.Errorf("got %s, want %s", got, in.callers["backup"])
			}
		})
	}
	t.Run("others", func(t *testing.T) {
		for door, variables := range doors {
			ask := func(version string, c *exec.Cmd) {
				if door == containerTokenFile && !knowsTokenFiles(version) {
					t.Run(version+" through "+door, func(t *testing.T) { t.Skip("this version knows no token file") })
					return
				}
				t.Run(version+" through "+door, func(t *testing.T) {
					t.Parallel()
					c.Env = append(c.Env, variables...)
					in.checkARN(t, foreign.MustRun(t, c), in.callers["backup"])
				})
			}
			for _, cli := range foreign.AWSCLIs(t) {
				ask(cli.Version, in.client(t, cli.Path, "--region", region, "--output", "json", "sts", "get-caller-identity", "--endpoint-url", in.Endpoint))
			}
			for _, python := range foreign.Pythons(t) {
				ask(python.Version, in.client(t, python.Path, "testdata/caller.py", in.Endpoint, region))
			}
		}
	})
}
