//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/emulator"
)

// execHost is where exec is run as a process of its own.
type execHost struct {
	*testing.T
	local *awsauthtest.Local
	env   []string
	dir   string
}

func newExecHost(t *testing.T, config awsauthtest.Config) *execHost {
	t.Helper()
	h := &execHost{T: t, local: awsauthtest.StartConfig(t, config), dir: t.TempDir()}
	files := h.local.Client("client").WriteFiles(h.dir)
	path := filepath.Join(h.dir, "config.yaml")
	text := fmt.Sprintf("credentials:\n  backup: {type: session, endpoint_url: %q, role_arn: %q, profile_arn: %q, trust_anchor_arn: %q, certificate: %q}\n",
		h.local.Endpoint, h.local.RoleARN, h.local.ProfileARN, h.local.TrustAnchorARN, "file:"+files.Certificate+"?key="+files.PrivateKey)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h.env = []string{
		"PATH=" + os.Getenv("PATH"), "GORACE=" + raceOptions, "HOME=" + h.dir, "XDG_CACHE_HOME=" + h.dir, "XDG_DATA_HOME=" + h.dir, "TMPDIR=" + h.dir,
		"AWSAUTH_CONFIG=" + path,
	}
	return h
}

// run starts a shell through exec; what it writes can be read line by line.
func (h *execHost) run(script string) (*exec.Cmd, *bufio.Reader) {
	h.Helper()
	return h.runWith(&syscall.SysProcAttr{Setpgid: true}, script)
}

// runWith is run as a process with attributes; nil where the user may not have them.
func (h *execHost) runWith(attributes *syscall.SysProcAttr, script string) (*exec.Cmd, *bufio.Reader) {
	h.Helper()
	c := exec.Command("awsauth", "exec", "backup", "--", "sh", "-c", script)
	c.Env, c.Dir = h.env, h.dir
	c.SysProcAttr = attributes
	var stderr bytes.Buffer
	c.Stderr = &stderr
	stdout, err := c.StdoutPipe()
	if err != nil {
		h.Fatal(err)
	}
	if err := c.Start(); errors.Is(err, fs.ErrPermission) {
		return nil, nil
	} else if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if stderr.Len() > 0 {
			h.Log(stderr.String())
		}
	})
	return c, bufio.NewReader(stdout)
}

func (h *execHost) line(r *bufio.Reader) string {
	h.Helper()
	line, err := r.ReadString('\n')
	if err != nil {
		h.Fatalf("%q, %v", line, err)
	}
	return strings.TrimSpace(line)
}

const announce = `echo "$AWS_CONTAINER_CREDENTIALS_FULL_URI $AWS_CONTAINER_AUTHORIZATION_TOKEN $$ $PPID"; `

// The command has the process ID and the parent that exec had, gets signals itself, and its exit code is exec's.
func TestTheCommandIsThisProcess(t *testing.T) {
	t.Parallel()
	h := newExecHost(t, awsauthtest.Config{})
	c, out := h.run(announce + `trap 'echo told; exit 42' TERM; echo ready; while :; do sleep 0.01; done`)
	fields := strings.Fields(h.line(out))
	if pid, parent := strconv.Itoa(c.Process.Pid), strconv.Itoa(os.Getpid()); fields[2] != pid || fields[3] != parent {
		t.Errorf("got process %s of %s, want %s of %s", fields[2], fields[3], pid, parent)
	}
	if group, err := syscall.Getpgid(c.Process.Pid); err != nil || group != c.Process.Pid {
		t.Errorf("got process group %d, %v, want %d", group, err, c.Process.Pid)
	}
	h.line(out)
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := h.line(out); got != "told" {
		t.Errorf("got %q", got)
	}
	if err := c.Wait(); c.ProcessState.ExitCode() != 42 {
		t.Errorf("got %v, want exit code 42", err)
	}
}

// A signal that was ignored stays so, as a shell has it for what runs in the background.
func TestAnIgnoredSignalStaysIgnored(t *testing.T) {
	t.Parallel()
	h := newExecHost(t, awsauthtest.Config{})
	c := exec.Command("sh", "-c", `trap "" INT; exec awsauth exec backup -- sh -c 'kill -INT $$; echo survived'`)
	c.Env, c.Dir = h.env, h.dir
	if out, err := c.CombinedOutput(); err != nil || string(out) != "survived\n" {
		t.Errorf("got %v and %q", err, out)
	}
}

// The endpoint keeps no file of whoever has started the command: its end is seen when the command has closed it.
func TestTheEndpointKeepsNoForeignFile(t *testing.T) {
	t.Parallel()
	h := newExecHost(t, awsauthtest.Config{})
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	c := exec.Command("awsauth", "exec", "backup", "--", "sh", "-c", "exec 3>&- 4>&- 5>&- 6>&- 7>&-; exec sleep 60")
	c.Env, c.Dir, c.ExtraFiles = h.env, h.dir, []*os.File{write, write, write, write, write}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	if err := write.Close(); err != nil {
		t.Fatal(err)
	}
	if err := read.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := read.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the end", err)
	}
}

// With the command its endpoint ends, however the command has ended, and the token is good for nothing.
func TestTheEndpointEndsWithTheCommand(t *testing.T) {
	t.Parallel()
	h := newExecHost(t, awsauthtest.Config{})
	for name, signal := range map[string]syscall.Signal{"told to": syscall.SIGTERM, "killed": syscall.SIGKILL} {
		c, out := h.run(announce + "exec sleep 60")
		fields := strings.Fields(h.line(out))
		if status, answer, err := fetch(fields[0], fields[1]); err != nil || status != http.StatusOK || !strings.HasPrefix(answer["AccessKeyId"], "ASIAEMU") {
			t.Fatalf("%s: got %d %v, %v", name, status, answer["code"], err)
		}
		if status, answer, err := fetch(fields[0], "another"); err != nil || status != http.StatusForbidden || answer["AccessKeyId"] != "" {
			t.Errorf("%s: another token: got %d, %v", name, status, err)
		}
		if err := c.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait()
		deadline := time.Now().Add(10 * time.Second)
		for {
			if _, _, err := fetch(fields[0], fields[1]); err != nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s: the endpoint is still there", name)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// A command that runs for longer than its sessions live has credentials at every moment.
func TestCredentialsStayFreshForAsLongAsTheCommandRuns(t *testing.T) {
	t.Parallel()
	const life = 4 * time.Second
	h := newExecHost(t, awsauthtest.Config{Emulator: emulator.Config{SessionLifetime: life}})
	_, out := h.run(announce + "exec sleep 60")
	fields := strings.Fields(h.line(out))
	keys := map[string]bool{}
	for start := time.Now(); time.Since(start) < 5*life; time.Sleep(20 * time.Millisecond) {
		status, answer, err := fetch(fields[0], fields[1])
		ends, parseErr := time.Parse(time.RFC3339, answer["Expiration"])
		if err != nil || parseErr != nil || status != http.StatusOK || time.Until(ends) <= -time.Second {
			t.Fatalf("after %s: got %d, an end in %s, %v", time.Since(start), status, time.Until(ends), errors.Join(err, parseErr))
		}
		keys[answer["AccessKeyId"]] = true
	}
	if len(keys) < 5 {
		t.Errorf("got %d sessions in %s, want one at least for each %s", len(keys), 5*life, life)
	}
}
