package witness

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

// What the agent holds is kept from debuggers of its own user, and from core dumps: the kernel gives its memory to the superuser alone.
func TestTheAgentKeepsItsMemoryToItself(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("left out: only root can be another user")
	}
	const user = 54321
	dir := foreign.ShortDir(t)
	own := filepath.Join(dir, "awsauth") // where another user may run it
	copyFile(t, command, own, 0o755)
	configuration := filepath.Join(dir, "config.yaml")
	writeFile(t, configuration, fmt.Sprintf("credentials:\n  legacy: {type: static, access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: not-much-of-a-secret}\n"+
		"agent: {allow: {legacy: {users: [%d]}}}\n", user))
	for _, path := range []string{dir, configuration} {
		if err := os.Chown(path, user, user); err != nil {
			t.Fatal(err)
		}
	}
	socket := filepath.Join(dir, "run", "agent.sock")
	as := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	c := foreign.Command(t, own, "agent", "--config", configuration, "--socket", socket)
	c.Env, c.SysProcAttr, c.Stderr = append(c.Env, "HOME="+dir), as, t.Output()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM) // it may have ended
		_ = c.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the agent does not come up")
		}
	}
	proc := fmt.Sprintf("/proc/%d/", c.Process.Pid)
	limits, err := os.ReadFile(proc + "limits")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), "Max core file size 0 0") {
		t.Errorf("it may dump core:\n%s", limits)
	}
	read := func(path string) error {
		look := exec.CommandContext(t.Context(), "head", "-c", "0", path)
		look.SysProcAttr = as
		out, err := look.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	if err := read(configuration); err != nil {
		t.Fatalf("the user cannot read what is theirs: %v", err)
	}
	for _, file := range []string{"mem", "environ", "maps"} {
		if err := read(proc + file); err == nil || !strings.Contains(err.Error(), "Permission denied") {
			t.Errorf("%s: got %v, want that it is denied", file, err)
		}
	}
}

func copyFile(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, mode)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
