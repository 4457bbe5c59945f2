package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/emulator"
)

// A host whose clock is a day off gets its session all the same: the request is signed again by AWS's clock, silently.
func TestAClockThatIsADayOffIsCorrectedSilently(t *testing.T) {
	w := newWorld(t)
	w.local.Fail(emulator.Skew(24 * time.Hour))
	got := w.run(t.Context(), "get $SESSION", nil)
	if got.code != ExitDone || got.stderr != "" {
		t.Fatalf("exit code %d, standard error %q; want 0 and nothing", got.code, got.stderr)
	}
	if n := w.local.CreateSessions(); n != 2 {
		t.Errorf("%d calls, want 2: one refused, one signed for AWS's time", n)
	}
}

func TestThePasswordOfAPKCS12FileIsAskedForOnTheTerminal(t *testing.T) {
	w := newWorld(t)
	asked := ""
	got := w.run(t.Context(), "get $SESSION --certificate file:$P12", func(s *IO) {
		s.Prompt = func(_ context.Context, question string) ([]byte, error) {
			asked += question
			return []byte("open sesame"), nil
		}
	})
	if got.code != ExitDone || !strings.Contains(got.stdout, `"AccessKeyId":"ASIA`) {
		t.Errorf("exit code %d, %s", got.code, got.stderr)
	}
	if want := w.expand("Password of $P12: "); asked != want {
		t.Errorf("asked %q, want %q once", asked, want)
	}
}

func TestNobodyToAskIsAPasswordRequired(t *testing.T) {
	w := newWorld(t)
	got := w.run(t.Context(), "get $SESSION --certificate file:$P12", func(s *IO) {
		s.Prompt = func(context.Context, string) ([]byte, error) { return nil, errNobody }
	})
	if got.code != ExitIdentity || !strings.Contains(got.stderr, "password required") {
		t.Errorf("exit code %d, %s", got.code, got.stderr)
	}
}

func TestWhatIsSignedIsShownWithoutTheSignature(t *testing.T) {
	w := newWorld(t)
	got := w.run(t.Context(), "get $SESSION --debug-signing", nil)
	if got.code != ExitDone {
		t.Fatalf("exit code %d: %s", got.code, got.stderr)
	}
	for _, want := range []string{"canonical request\nPOST\n/sessions\n", "string to sign\nAWS4-X509-ECDSA-SHA256\n"} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("standard error has no %q:\n%s", want, got.stderr)
		}
	}
	if strings.Contains(got.stderr, "Signature=") {
		t.Error("the signature is shown")
	}
}

// Ctrl-C while AWS does not answer ends the process at once, with the shell's code for it and without a word.
func TestCtrlCWhileAWSDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	arrived := make(chan struct{}, 1)
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer hanging.Close()
	command := exec.CommandContext(t.Context(), "awsauth", strings.Fields(w.expand("get $SESSION --endpoint-url "+hanging.URL))...)
	command.Env = append(os.Environ(), "AWSAUTH_FORMAT=env", "GORACE="+raceOptions)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	<-arrived
	if err := command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	failed := new(exec.ExitError)
	if err := command.Wait(); !errors.As(err, &failed) || failed.ExitCode() != ExitInterrupted {
		t.Errorf("got %v, want exit code %d", err, ExitInterrupted)
	}
	if stdout.Len()+stderr.Len() > 0 {
		t.Errorf("it said %q and %q", stdout.String(), stderr.String())
	}
}

// A person who stops waiting for STS gets nothing, as for anything else that was stopped.
func TestCtrlCWhileSTSDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.serve(t, "HANGING", func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	got := w.run(ctx, adminArguments+" --endpoint-url $HANGING", onTerminal, w.admin())
	if got.code != ExitInterrupted || got.stdout != "" {
		t.Errorf("exit code %d, %q; want 130 and nothing", got.code, got.stdout)
	}
}

// Standard input that nobody writes to does not keep Ctrl-C from working, and neither does a question.
func TestCtrlCWhileASecretIsAwaited(t *testing.T) {
	w := newWorld(t)
	silent, writer := io.Pipe()
	defer writer.Close()
	for name, arguments := range map[string]string{
		"static":  someStatic + "--secret-access-key -",
		"session": "get $SESSION --certificate file:$P12 --certificate-password -",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(20*time.Millisecond, cancel)
			got := w.run(ctx, arguments, func(s *IO) { s.In = silent })
			if got.code != ExitInterrupted || got.stdout+got.stderr != "" {
				t.Errorf("exit code %d, %q, %q; want 130 and nothing", got.code, got.stdout, got.stderr)
			}
		})
	}
}
