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
	Actions   string // the same
	Health    string // the same
	AWS       string // URL of an STS
	HandTo    string // socket that takes a connection over
	Tokens    string // directory with token files of all credentials, or of all users
	Many      int    // of credentials, c0, c1, …, in place of Name and TokenFile; zero for one
	Idle      int    // connections that are kept
	Rate      float64
	Times     int
}

// report is how it went.
type report struct {
	Asked     int
	Failed    int
	Err       string
	Good      int // tokens that are good in the end
	Least     int // times that were asked at the door where it was least
	Cut       int // connections that the agent has ended
	Answers   map[string]string
	Quantiles [4]time.Duration // p50, p99, p99.9 and the most
}

func (r report) String() string {
	return fmt.Sprintf("%d asked, %d failed; p50 %s, p99 %s, p99.9 %s, most %s", r.Asked, r.Failed, r.Quantiles[0], r.Quantiles[1], r.Quantiles[2], r.Quantiles[3])
}

// jobs are those that a child knows, by kind.
var jobs = map[string]func(context.Context, job) report{
	"open": openLoop, "herd": stampede, "steady": steady, "connect": connectAndLeave, "leaky": leaky, "half-open": halfOpen,
	"headers": tenThousandHeaders, "allowed-headers": allowedHeaders, "pipeline": pipeline, "tokens": manyTokens,
	"identify": identify, "browse": browse,
}

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
	return report{Asked: len(r.Took), Failed: r.Failed, Err: text, Quantiles: [4]time.Duration{r.Quantile(0.5), r.Quantile(0.99), r.Quantile(0.999), r.Quantile(1)}}
}

// openLoop asks at all doors in turn.
func openLoop(ctx context.Context, j job) report {
	ask := InTurn(j.doors()...)
	return summary(Open(ctx, Pace{j.Rate, j.Times}, func(context.Context) error {
		return ask(context.Background()) // what is under way is finished
	}))
}

// doors are those that a job names.
func (j job) doors() (doors []*Door) {
	if j.Socket != "" {
		doors = append(doors, Socket(j.Socket, j.Name, j.Idle))
	}
	if j.Container != "" {
		doors = append(doors, Container(j.Container, j.TokenFile, j.Idle))
	}
	if j.IMDS != "" {
		doors = append(doors, Metadata(j.IMDS, j.Idle))
	}
	return doors
}

// working is a child.
type working struct {
	testing.TB
	*process
	in  io.WriteCloser
	out *bufio.Reader
}

// startChild starts a child as a user, and waits until it is about to begin. Only root can become others: for anybody else it is
// whoever runs the tests.
func (h *host) startChild(uid int, j job) *working {
	h.Helper()
	if os.Getuid() != 0 || uid == 0 {
		return h.startAs(nil, j)
	}
	return h.startAs(&syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}, j)
}

// startAs starts a child as whom a credential says, nil for whoever runs the tests.
func (h *host) startAs(who *syscall.Credential, j job) *working {
	h.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		h.Fatal(err)
	}
	c := exec.Command(programs)
	c.Env, c.Dir = []string{childVariable + "=" + string(text), "GORACE=atexit_sleep_ms=0"}, "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	w := &working{TB: h.TB}
	out, in, err := os.Pipe()
	if err != nil {
		h.Fatal(err)
	}
	c.Stdout = in
	if w.in, err = c.StdinPipe(); err != nil {
		h.Fatal(err)
	}
	w.process = startProcess(h, c, filepath.Join(h.TempDir(), "child.log"))
	h.Cleanup(func() {
		if err := out.Close(); err != nil {
			h.Error(err)
		}
	})
	if err := in.Close(); err != nil {
		h.Fatal(err)
	}
	w.out = bufio.NewReader(out)
	if line, err := w.out.ReadString('\n'); err != nil || line != "ready\n" {
		h.Fatalf("a child says %q, %v\n%s", line, err, w.tail())
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
		w.Fatalf("a child has not said how it went: %v\n%s", err, w.tail())
	}
	return r
}

// halt has it ask no more, and waits until it is done.
func (w *working) halt() report {
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
