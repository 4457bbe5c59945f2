package cli

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/awsauth-go/awsauth/awsauthtest"
)

// asFirst makes a process the first of a PID namespace, as a container's is.
func asFirst() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() != 0 {
		attributes.Cloneflags |= syscall.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
	}
	return attributes
}

// The first process of a container stays the first: the command is its child and has no others than its own, orphans are reaped,
// signals are handed on, and the exit code is the command's.
func TestExecAsTheFirstProcess(t *testing.T) {
	t.Parallel()
	h := newExecHost(t, awsauthtest.Config{})
	attributes := asFirst()
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

// On a terminal, what is typed to a container reaches the command once: many take a second Ctrl-C for haste. It leads the group in
// front, Ctrl-Z does not leave it or what it has started stopped, and what is sent to the first process itself still reaches it.
func TestExecAsTheFirstProcessOnATerminal(t *testing.T) {
	t.Parallel()
	for name, traps := range map[string]string{
		"a command":                     "",
		"one that Ctrl-Z does not stop": "trap : TSTP; ", // but what it has started, which has the default action again
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testFirstOnATerminal(t, traps)
		})
	}
}

func testFirstOnATerminal(t *testing.T, traps string) {
	h := newExecHost(t, awsauthtest.Config{})
	program := filepath.Join(h.dir, "count.sh")
	if err := os.WriteFile(program, []byte(traps+`trap 'echo interrupted' INT; trap 'echo ended; exit 42' TERM
echo ready; while :; do sleep 0.05; done
`), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "awsauth", "exec", "backup", "--", "sh", program)
	c.Env, c.Dir, c.SysProcAttr = h.env, h.dir, asFirst()
	said := new(lockedBuffer)
	c.Stdout = said
	term := startOnTerminal(t, c)
	until := func(text string) {
		t.Helper()
		term.until("it has said "+text, func() bool { return strings.Contains(said.String(), text) })
	}
	until("ready")
	front, err := unix.IoctlGetInt(int(term.keys.Fd()), unix.TIOCGPGRP)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", front)); err != nil || !strings.HasPrefix(string(line), "sh\x00") {
		t.Errorf("in front is %q, %v, want the command itself", line, err)
	}
	for _, key := range []string{"\x03", "\x1a", "\x03"} { // Ctrl-C, Ctrl-Z, Ctrl-C
		before := said.String()
		if _, err := term.keys.WriteString(key); err != nil {
			t.Fatal(err)
		}
		if key == "\x03" {
			term.until("it is interrupted", func() bool { return said.String() != before })
		}
		time.Sleep(300 * time.Millisecond)
	}
	if got := strings.Count(said.String(), "interrupted"); got != 2 {
		t.Errorf("two Ctrl-C have reached it %d times", got)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until("ended")
	if err := c.Wait(); c.ProcessState.ExitCode() != 42 {
		t.Errorf("got %v, want exit code 42", err)
	}
}

// The first process of a PID namespace that a shell outside has started, as a sandbox's is, is the shell's job: it takes no terminal from
// it, and reads what is typed.
func TestExecAsTheFirstProcessOfAShellsJob(t *testing.T) {
	t.Parallel()
	h := newExecHost(t, awsauthtest.Config{})
	unshare := "unshare --pid --fork --kill-child"
	if os.Getuid() != 0 {
		unshare += " --user --map-current-user"
	}
	if out, err := exec.Command("sh", "-c", unshare+" true").CombinedOutput(); err != nil {
		t.Skipf("left out: no PID namespace can be made by unshare: %v, %s", err, out)
	}
	c := exec.CommandContext(t.Context(), "sh", "-c", unshare+` awsauth exec backup -- sh -c 'echo ready; read -r line; echo "got $line"'; echo "ended $?"`)
	c.Env, c.Dir = h.env, h.dir
	said := new(lockedBuffer)
	c.Stdout = said
	term := startOnTerminal(t, c)
	term.until("it is ready", func() bool { return strings.Contains(said.String(), "ready") })
	if front, err := unix.IoctlGetInt(int(term.keys.Fd()), unix.TIOCGPGRP); err != nil || front != c.Process.Pid {
		t.Errorf("in front is %d, %v, want the shell's group %d", front, err, c.Process.Pid)
	}
	if _, err := term.keys.WriteString("typed\n"); err != nil {
		t.Fatal(err)
	}
	term.until("it has read", func() bool { return strings.Contains(said.String(), "got typed\nended 0\n") })
}
