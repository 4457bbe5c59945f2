//go:build !windows

package secret

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program writes a shell script and answers its path.
func program(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// run resolves a command reference.
func run(t *testing.T, command ...string) (Secret, error) {
	t.Helper()
	reference, err := CommandReference(command)
	if err != nil {
		return Secret{}, err
	}
	return Resolver{Environment: []string{"HOME=/home/ops"}}.Resolve(t.Context(), reference)
}

func TestAProgramGivesASecret(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		want   string
	}{
		"one line ending is cut":                          {"echo " + canary, canary},
		"arguments are no shell's":                        {`printf %s "$1"`, "$HOME; echo x"},
		"its environment is what it is given":             {`env | grep -v '^PWD=\|^_=\|^SHLVL=' | tr '\n' ,`, "HOME=/home/ops,"},
		"it works at the root, wherever the command does": {"pwd", "/"},
		"its standard input is empty":                     {"cat; echo done", "done"},
		"what it says beside the secret is not read":      {"echo warning >&2; echo " + canary, canary},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := run(t, program(t, test.script), "$HOME; echo x")
			if err != nil || got.Reveal() != test.want {
				t.Errorf("got %q, %v, want %q", got.Reveal(), err, test.want)
			}
		})
	}
}

func TestAProgramThatGivesNoSecretIsTold(t *testing.T) {
	for _, test := range []struct {
		name, path, want string
		is               error
	}{
		{"it fails", program(t, "echo "+canary+"; echo "+canary+" >&2; exit 3"), ": the program gave no secret: it ended with exit status 3", ErrCommand},
		{"it is ended by a signal", program(t, "kill -9 $$"), ": the program gave no secret: it ended with signal: killed", ErrCommand},
		{"it prints nothing", program(t, ""), ": is empty", ErrEmpty},
		{"it prints without end", program(t, "yes "+canary), ": the program gave no secret: it printed more than 65536 bytes", ErrCommand},
		{"it is not there", filepath.Join(t.TempDir(), "none"), ": the program gave no secret: no such file or directory", ErrCommand},
		{"it is no program", t.TempDir(), ": the program gave no secret: permission denied", ErrCommand},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := run(t, test.path)
			if want := "command:" + test.path + test.want; err == nil || err.Error() != want || !errors.Is(err, test.is) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}

func TestACommandBeginsWithAnAbsolutePath(t *testing.T) {
	for _, command := range [][]string{nil, {}, {""}, {"pass"}, {"./pass"}, {canary}} {
		_, err := run(t, command...)
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%q: got %v, want a refusal that does not repeat it", command, err)
		}
	}
}

// What takes too long is ended with all that it has started.
func TestAProgramThatTakesTooLongIsEndedWithItsChildren(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	_, err := runCommand(t.Context(), []string{program(t, "sleep 600 & echo $! >"+pid+"; wait")}, []string{"PATH=/usr/bin:/bin"}, 500*time.Millisecond)
	if want := "the program gave no secret within 500ms"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	raw, err := os.ReadFile(pid)
	if err != nil {
		return // the machine is so busy that it had not begun
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return // nor written it
	}
	for range 500 {
		if ended(child) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the child goes on")
}

// ended reports whether a process is gone, or a zombie that nobody has waited for.
func ended(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestAProgramEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := runCommand(ctx, []string{program(t, "sleep 600")}, nil, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
