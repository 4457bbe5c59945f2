package endurance

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// childVariable makes the test's program one that does a job and says how it went.
const childVariable = "AWSAUTH_ENDURANCE_CHILD"

// job is what a child does.
type job struct {
	Kind      string // "open" asks at a pace; what else there is, jobs names
	Socket    string // of the agent; empty for not there
	Name      string
	Container string // address; empty for not there
	TokenFile string
	IMDS      string // address; empty for not there
	Idle      int    // connections that are kept
	Rate      float64
	Times     int
}

// report is how it went.
type report struct {
	Asked   int
	Failed  int
	Err     string
	Quantil [4]time.Duration // p50, p99, p99.9 and the most
}

func (r report) String() string {
	return fmt.Sprintf("%d asked, %d failed; p50 %s, p99 %s, p99.9 %s, most %s", r.Asked, r.Failed, r.Quantil[0], r.Quantil[1], r.Quantil[2], r.Quantil[3])
}

// jobs are those that a child knows, by kind.
var jobs = map[string]func(context.Context, job) report{"open": openLoop}

// child does a job when a line comes in, and stops early when there is no more to come.
func child(text string) int {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("ready")
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadString('\n'); err != nil {
		return 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	if err := json.NewEncoder(os.Stdout).Encode(jobs[j.Kind](ctx, j)); err != nil {
		return 1
	}
	return 0
}

// summary is a result as a report.
func summary(r Result) report {
	text := ""
	if r.Err != nil {
		text = r.Err.Error()
	}
	return report{len(r.Took), r.Failed, text, [4]time.Duration{r.Quantile(0.5), r.Quantile(0.99), r.Quantile(0.999), r.Quantile(1)}}
}

// openLoop asks at all doors in turn.
func openLoop(ctx context.Context, j job) report {
	var doors []*Door
	if j.Socket != "" {
		doors = append(doors, Socket(j.Socket, j.Name, j.Idle))
	}
	if j.Container != "" {
		doors = append(doors, Container(j.Container, j.TokenFile, j.Idle))
	}
	if j.IMDS != "" {
		doors = append(doors, Metadata(j.IMDS, j.Idle))
	}
	ask := InTurn(doors...)
	return summary(Open(ctx, Pace{j.Rate, j.Times}, func(context.Context) error {
		return ask(context.Background()) // what is under way is finished
	}))
}

// working is a child.
type working struct {
	testing.TB
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startChild starts a child as a user, and waits until it is about to begin. Only root can become others: for anybody else it is
// whoever runs the tests.
func (h *host) startChild(uid int, j job) *working {
	h.Helper()
	program := filepath.Join(filepath.Dir(binary), "child") // where everybody may run it
	if _, err := os.Stat(program); err != nil {
		self, err := os.Executable()
		if err != nil {
			h.Fatal(err)
		}
		text, err := os.ReadFile(self)
		if err != nil {
			h.Fatal(err)
		}
		if err := os.WriteFile(program, text, 0o755); err != nil {
			h.Fatal(err)
		}
	}
	text, err := json.Marshal(j)
	if err != nil {
		h.Fatal(err)
	}
	c := exec.Command(program)
	c.Env, c.Dir, c.Stderr = []string{childVariable + "=" + string(text), "GORACE=atexit_sleep_ms=0"}, "/", os.Stderr
	if os.Getuid() == 0 && uid != 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	w := &working{TB: h.TB, Cmd: c}
	out, err := c.StdoutPipe()
	if err != nil {
		h.Fatal(err)
	}
	if w.in, err = c.StdinPipe(); err != nil {
		h.Fatal(err)
	}
	if err := c.Start(); err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() {
		_ = c.Process.Kill() // unless it has ended
		_ = c.Wait()
	})
	w.out = bufio.NewReader(out)
	if line, err := w.out.ReadString('\n'); err != nil || line != "ready\n" {
		h.Fatalf("a child says %q, %v", line, err)
	}
	return w
}

// begin has it begin.
func (w *working) begin() {
	w.Helper()
	if _, err := io.WriteString(w.in, "\n"); err != nil {
		w.Fatal(err)
	}
}

// finish waits until it is done.
func (w *working) finish() (r report) {
	w.Helper()
	if err := json.NewDecoder(w.out).Decode(&r); err != nil {
		w.Fatalf("a child has not said how it went: %v", err)
	}
	return r
}

// stop has it ask no more, and waits until it is done.
func (w *working) stop() report {
	w.Helper()
	if err := w.in.Close(); err != nil {
		w.Fatal(err)
	}
	return w.finish()
}

// other is a user who is not this one, where there can be one.
func other(n int) int {
	if os.Getuid() != 0 {
		return os.Getuid()
	}
	return 5000 + n
}
