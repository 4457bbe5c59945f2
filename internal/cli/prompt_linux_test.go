package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal with a command on it.
type terminal struct {
	t       *testing.T
	keys    *os.File // what is written here is typed
	line    *os.File // the command's side
	screen  lockedBuffer
	stderr  bytes.Buffer // of the command; stdout is not looked at
	command *exec.Cmd
}

// typeTo starts awsauth on a terminal of its own.
func typeTo(t *testing.T, dir string, args ...string) *terminal {
	t.Helper()
	c := exec.CommandContext(t.Context(), "awsauth", args...)
	c.Env = append(os.Environ(), "GORACE="+raceOptions, "HOME="+dir)
	return startOnTerminal(t, c)
}

// startOnTerminal starts a command that reads from a terminal of its own, and writes its errors elsewhere.
func startOnTerminal(t *testing.T, c *exec.Cmd) *terminal {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("left out: no pseudo-terminals here: %v", err)
	}
	if err := unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	line, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t: t, keys: keys, line: line, command: c}
	c.Stdin, c.Stderr = line, &term.stderr
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.SysProcAttr.Setsid, c.SysProcAttr.Setctty = true, true
	if err := term.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = term.command.Process.Kill()
		_ = errors.Join(keys.Close(), line.Close())
	})
	go func() {
		buffer := make([]byte, 1024)
		for {
			n, err := keys.Read(buffer)
			if err != nil {
				return
			}
			_, _ = term.screen.Write(buffer[:n])
		}
	}()
	return term
}

// await waits until something can be seen.
func (term *terminal) await(text string) {
	term.t.Helper()
	term.until("the screen has "+text, func() bool { return strings.Contains(term.screen.String(), text) })
}

func (term *terminal) until(what string, reached func() bool) {
	term.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !reached(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			term.t.Fatalf("waited in vain until %s; it has %q", what, term.screen.String())
		}
	}
}

// press types when the command listens: before, the terminal would show it.
func (term *terminal) press(keys string) {
	term.t.Helper()
	term.until("nothing typed is shown", func() bool { return !term.echoes() })
	if _, err := term.keys.WriteString(keys); err != nil {
		term.t.Fatal(err)
	}
}

// echoes reports whether the terminal shows what is typed.
func (term *terminal) echoes() bool {
	term.t.Helper()
	state, err := unix.IoctlGetTermios(int(term.line.Fd()), unix.TCGETS)
	if err != nil {
		term.t.Fatal(err)
	}
	return state.Lflag&unix.ECHO != 0
}

// end waits for the command's end, and answers its exit code.
func (term *terminal) end() int {
	term.t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- term.command.Wait() }()
	select {
	case err := <-ended:
		if failed := new(exec.ExitError); err != nil && !errors.As(err, &failed) {
			term.t.Fatal(err)
		}
		return term.command.ProcessState.ExitCode()
	case <-time.After(20 * time.Second):
		term.t.Fatalf("it goes on; the screen has %q", term.screen.String())
		return 0
	}
}

func TestThePasswordPromptOnATerminal(t *testing.T) {
	for _, test := range []struct {
		name, keys string
		code       int
		said       string // on standard error
	}{
		{"a password and Enter", shelfPassword + "\n", ExitDone, ""},
		{"a password that is corrected", shelfPassword + "xy\x7f\b\n", ExitDone, ""},
		{"Ctrl-D", "\x04", ExitIdentity, `client.p12": the input ended before the answer`},
		{"Ctrl-D behind a beginning, twice", "open\x04\x04", ExitIdentity, `client.p12": the input ended before the answer`},
		{"Ctrl-C", "\x03", ExitInterrupted, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t)
			s.write("client.p12", s.pkcs12(s.issue("client", nil)))
			term := typeTo(t, s.dir, "certificate", "add", "client", s.path("client.p12"), "--store", s.path("store"), "--store-key", "file")
			term.await("Password of ")
			term.press(test.keys)
			if code := term.end(); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if said := term.stderr.String(); !strings.Contains(said, test.said) || (said == "") != (test.said == "") {
				t.Errorf("got %q, want %q", said, test.said)
			}
			if !term.echoes() {
				t.Error("the terminal is not as it was")
			}
			if strings.Contains(term.screen.String(), "open") {
				t.Errorf("the screen shows the password: %q", term.screen.String())
			}
		})
	}
}

func TestAQuestionWithoutAnAnswerIsNotConfirmed(t *testing.T) {
	s := newShelf(t)
	s.issue("web", nil)
	s.must("certificate", "add", "web", "$DIR/web.pem", "$DIR/web.key", "--store-key", "file")
	term := typeTo(t, s.dir, "certificate", "export", "web", "--private-key", "--store", s.path("store"))
	term.await("Type yes: ")
	if _, err := term.keys.WriteString("yes\x04\x04"); err != nil {
		t.Fatal(err)
	}
	if code, want := term.end(), "not confirmed, nothing printed"; code != ExitUsage || !strings.Contains(term.stderr.String(), want) {
		t.Errorf("got %d, %q; want %d, %q", code, term.stderr.String(), ExitUsage, want)
	}
}
