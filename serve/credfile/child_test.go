package credfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/gofrs/flock"
)

// childVariable makes the test's program one that works on a file and ends.
const childVariable = "AWSAUTH_CREDFILE_TEST_CHILD"

func TestMain(m *testing.M) {
	if action := os.Getenv(childVariable); action != "" {
		if err := act(action, os.Args[len(os.Args)-1]); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// full is how often a long test does its work.
func full(t testing.TB, short, long int) int {
	t.Helper()
	if soak() {
		return long
	}
	t.Logf("the short form: %d in place of %d; AWSAUTH_SOAK=1 for all", short, long)
	return short
}

// again is this program once more.
func again(t testing.TB, variable, value string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self, args...)
	c.Env = append(os.Environ(), variable+"="+value, "GORACE=atexit_sleep_ms=0") // or each waits for a second at its end
	return c
}

// process is a child that is at work on a file.
type process struct {
	*exec.Cmd
	lines *bufio.Scanner
	stdin io.Closer
}

// start starts a child, and waits until it is about to do what it is for.
func start(t testing.TB, action, path string) *process {
	t.Helper()
	p := &process{Cmd: again(t, childVariable, action, path)}
	p.Stderr = os.Stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.stdin, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if !p.lines.Scan() || p.lines.Text() != "go" {
		t.Fatalf("%s: got %q, %v", action, p.lines.Text(), p.Wait())
	}
	return p
}

// finish waits for the end. It answers what the child has said last, and how often it has said something.
func (p *process) finish() (last string, count int, err error) {
	for p.lines.Scan() {
		last = p.lines.Text()
		count++
	}
	return last, count, p.Wait()
}

func act(action, path string) error {
	ctx := context.Background()
	verb, rest, _ := strings.Cut(action, " ")
	switch verb {
	case "hold":
		lock := flock.New(path)
		if ok, err := lock.TryLock(); !ok {
			return errors.Join(errors.New("it is locked"), err)
		}
		fmt.Println("go")
		_, err := io.Copy(io.Discard, os.Stdin)
		return errors.Join(err, lock.Unlock())
	case "count":
		n, err := strconv.Atoi(rest)
		if err != nil {
			return err
		}
		return countOn(ctx, path, n)
	case "update":
		return update(ctx, path, rest)
	}
	return errors.New("no such action")
}
