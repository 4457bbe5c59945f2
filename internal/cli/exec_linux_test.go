package cli

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/awsauthtest"
)

// The first process of a container stays the first: the command is its child and has no others than its own, orphans are reaped,
// signals are handed on, and the exit code is the command's.
func TestExecAsTheFirstProcess(t *testing.T) {
	t.Parallel()
	h := newExecHost(t, awsauthtest.Config{})
	attributes := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		attributes = &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWUSER, Pdeathsig: syscall.SIGKILL,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
		}
	}
	c, out := h.runWith(attributes, announce+`(sleep 0.05 & sleep 0.01); sleep 0.02 & wait; echo waited; trap 'echo told; exit 42' TERM; echo ready; while :; do sleep 0.01; done`)
	if c == nil {
		t.Skip("left out: this user may not make a PID namespace")
	}
	fields := strings.Fields(h.line(out))
	if fields[2] == "1" || fields[3] != "1" {
		t.Errorf("got process %s of %s, want a child of 1", fields[2], fields[3])
	}
	if status, answer, err := fetch(fields[0], fields[1]); err != nil || status != http.StatusOK || !strings.HasPrefix(answer["AccessKeyId"], "ASIAEMU") {
		t.Errorf("got %d %v, %v", status, answer["code"], err)
	}
	for _, want := range []string{"waited", "ready"} {
		if got := h.line(out); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := h.line(out); got != "told" {
		t.Errorf("got %q", got)
	}
	if err := c.Wait(); c.ProcessState.ExitCode() != 42 {
		t.Errorf("got %v, want exit code 42", err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		if _, _, err := fetch(fields[0], fields[1]); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the endpoint is still there")
		}
		time.Sleep(10 * time.Millisecond)
	}
	// Killed by a signal, it is as a shell says it.
	killed, _ := h.runWith(attributes, "kill -KILL $$")
	if exit := new(exec.ExitError); !errors.As(killed.Wait(), &exit) || exit.ExitCode() != 137 {
		t.Errorf("got %v, want exit code 137", exit)
	}
}
