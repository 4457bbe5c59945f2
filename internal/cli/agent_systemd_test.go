//go:build linux

package cli

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/internal/agent"
)

// As a service manager sees it: the agent serves on the socket that was opened for it, says when it is ready, reloads, lives and
// stops. A socket that is kept across a restart refuses nobody meanwhile.
func TestTheAgentUnderAServiceManager(t *testing.T) {
	t.Parallel()
	h := newExecHost(t, awsauthtest.Config{})
	dir, err := os.MkdirTemp("", "awsauth-") // short: the names of sockets are
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	file := filepath.Join(h.dir, "config.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, fmt.Appendf(text, "agent: {allow: {backup: {users: [%d]}}}\n", os.Getuid()), 0o600); err != nil {
		t.Fatal(err)
	}
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer told.Close()
	await := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; {
			if err := told.SetReadDeadline(deadline); err != nil {
				t.Fatal(err)
			}
			buffer := make([]byte, 256)
			n, err := told.Read(buffer)
			if err != nil {
				t.Fatalf("%s is not told: %v", want, err)
			}
			if strings.Contains(string(buffer[:n]), want) {
				return
			}
		}
	}
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "agent.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	passed, err := socket.File()
	if err != nil {
		t.Fatal(err)
	}
	defer passed.Close()
	var logs bytes.Buffer
	start := func() *exec.Cmd {
		t.Helper()
		// The process ID of LISTEN_PID is known to the shell alone, before it becomes the agent.
		c := exec.Command("sh", "-c", "LISTEN_PID=$$ exec awsauth agent --config "+file+" --socket "+socket.Addr().String())
		c.Env = append(h.env, "LISTEN_FDS=1", "NOTIFY_SOCKET="+filepath.Join(dir, "notify"), "WATCHDOG_USEC=300000")
		c.ExtraFiles, c.Stderr = []*os.File{passed}, &logs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	stop := func(c *exec.Cmd) {
		t.Helper()
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err != nil {
			t.Errorf("told to stop: %v\n%s", err, logs.String())
		}
	}
	client := agent.Client{Socket: socket.Addr().String()}
	get := func() string {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			a, err := client.Credentials(t.Context(), "backup")
			if err == nil {
				return a.AccessKeyID
			}
			if time.Now().After(deadline) {
				t.Fatalf("%v\n%s", err, logs.String())
			}
		}
	}
	c := start()
	await("READY=1")
	await("WATCHDOG=1")
	if key := get(); !strings.HasPrefix(key, "ASIAEMU") {
		t.Errorf("got %q", key)
	}
	if err := c.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	await("RELOADING=1")
	await("READY=1")
	stop(c)
	await("STOPPING=1")

	// Between two agents: who connects now is served by the next.
	waiting := make(chan error, 1)
	go func() {
		_, err := client.Status(t.Context())
		waiting <- err
	}()
	time.Sleep(50 * time.Millisecond)
	c = start()
	await("READY=1")
	if err := <-waiting; err != nil {
		t.Errorf("who connected between two agents: got %v", err)
	}
	stop(c)
}
