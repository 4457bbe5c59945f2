package endurance

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/internal/agent"
	"github.com/awsauth-go/awsauth/internal/foreign"
)

// binary is the command, built as it is shipped, and programs this test without the race detector, to ask as programs do; both where
// every user may run them.
var binary, programs string

func TestMain(m *testing.M) {
	if job := os.Getenv(childVariable); job != "" {
		os.Exit(child(job))
	}
	dir, err := os.MkdirTemp("", "awsauth-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary, programs = filepath.Join(dir, "awsauth"), filepath.Join(dir, "programs")
	code := 1
	if err := errors.Join(
		foreign.BuildAwsauth(binary), buildTest(programs),
	); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// buildTest builds this test.
func buildTest(to string) error {
	c := exec.Command("go", "test", "-c", "-vet=off", "-o", to, ".")
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return nil
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

func soak() bool { return os.Getenv("AWSAUTH_SOAK") == "1" }

// inTime has something measured that is to take so long at most. Where it counts, it is measured anew, three times in all, while it is
// not: the machine may have been busy. It counts in the full form alone.
func inTime(t testing.TB, what string, most time.Duration, measure func() time.Duration) {
	t.Helper()
	best, ok := fastest(soak(), most, measure)
	if t.Logf("%s: %s", what, best); !ok {
		t.Errorf("%s: got %s as the best of three, want %s at most", what, best, most)
	}
}

func fastest(counts bool, most time.Duration, measure func() time.Duration) (best time.Duration, ok bool) {
	best = measure()
	for n := 1; n < 3 && counts && best > most; n++ {
		best = min(best, measure())
	}
	return best, !counts || best <= most
}

func TestTheFastestOfThreeCounts(t *testing.T) {
	for _, c := range []struct {
		counts bool
		took   []time.Duration // of most 5
		best   time.Duration
		ok     bool
	}{
		{true, []time.Duration{5}, 5, true},
		{true, []time.Duration{9, 6, 4}, 4, true},
		{true, []time.Duration{9, 6, 7}, 6, false},
		{false, []time.Duration{9}, 9, true},
	} {
		asked := 0
		best, ok := fastest(c.counts, 5, func() time.Duration {
			asked++
			return c.took[asked-1]
		})
		if best != c.best || ok != c.ok || asked != len(c.took) {
			t.Errorf("%v: got %d, %t after %d, want %d, %t", c.took, best, ok, asked, c.best, c.ok)
		}
	}
}

// chaos is a source of chance whose seed the log has.
func chaos(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// host is an agent and an emulator, each in a process of its own, and what stands between them.
type host struct {
	testing.TB
	dir       string
	socket    string
	container string // address; empty when it is off
	imds      string // the same
	aws       *aws
	upstream  *upstream
	agent     *process
	ca        *awsauthtest.CA // nil without own certificates
}

// options say what a host has.
type options struct {
	credentials int           // how many; named c0, c1, …
	life        time.Duration // of every session; zero for an hour
	container   bool
	imds        bool
	users       []int    // who may have all of them, beside this user
	allow       []string // who may have c0, c1, …, as agent.allow says it; in place of users
	more        string   // further lines of the agent's part
	own         int      // how many certificates of a CA of the test's own they share, which can be renewed; zero for the emulator's one
}

// newHost has everything but an agent that runs.
func newHost(t testing.TB, o options) *host {
	t.Helper()
	dir := foreign.ShortDir(t)
	if err := os.Chmod(dir, 0o755); err != nil { // other users ask, too
		t.Fatal(err)
	}
	h := &host{TB: t, dir: dir, socket: filepath.Join(dir, "run", "agent.sock")}
	args := []string{"--session-lifetime", cmp.Or(o.life, time.Hour).String()}
	if o.own > 0 {
		h.ca = awsauthtest.NewCA(t, "CA of the host")
		h.write("ca.pem", string(h.ca.PEM()))
		args = append(args, "--trust", filepath.Join(dir, "ca.pem"))
		for i := range o.own {
			h.renewCertificate(i)
		}
	}
	h.aws = startAWS(t, dir, args...)
	h.upstream = newUpstream(t, h.aws.Endpoint)
	if o.container {
		h.container = foreign.FreeAddress(t)
	}
	if o.imds {
		h.imds = foreign.FreeAddress(t)
	}
	h.configure(o)
	return h
}

// renewCertificate puts a new certificate and its key into the place of one of the host's own.
func (h *host) renewCertificate(i int) {
	h.Helper()
	dir := filepath.Join(h.dir, fmt.Sprintf("certificate%d", i))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		h.Fatal(err)
	}
	h.ca.Issue(fmt.Sprintf("client-%d", i)).WriteFiles(dir)
}

// certificate is that of a credential.
func (h *host) certificate(i int, o options) string {
	if o.own == 0 {
		return h.aws.Identity.URI
	}
	dir := filepath.Join(h.dir, fmt.Sprintf("certificate%d", i%o.own))
	return fmt.Sprintf("file:%s/certificate.pem?key=%[1]s/key.pem", dir)
}

// configure writes the configuration.
func (h *host) configure(o options) {
	h.Helper()
	users := strconv.Itoa(os.Getuid())
	for _, uid := range o.users {
		users += fmt.Sprintf(", %d", uid)
	}
	var credentials, allow strings.Builder
	for i := range o.credentials {
		fmt.Fprintf(&credentials, "  c%d: {type: session, endpoint_url: %q, role_arn: %q, profile_arn: %q, trust_anchor_arn: %q, certificate: %q, session_name: c%d-session}\n",
			i, h.upstream.url, h.aws.RoleARN, h.aws.ProfileARN, h.aws.TrustAnchorARN, h.certificate(i, o), i)
		who := "{users: [" + users + "]}"
		if o.allow != nil {
			who = o.allow[i]
		}
		fmt.Fprintf(&allow, "    c%d: %s\n", i, who)
	}
	part := "agent:\n"
	if h.container != "" {
		part += fmt.Sprintf("  container: %q\n", h.container)
	}
	if h.imds != "" {
		part += fmt.Sprintf("  imds: {address: %q, credential: c0}\n", h.imds)
	}
	h.write("config.yaml", "credentials:\n"+credentials.String()+part+o.more+"  allow:\n"+allow.String())
}

func (h *host) write(name, text string) {
	h.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o600); err != nil {
		h.Fatal(err)
	}
}

// tokenFile is that of a user for a credential.
func (h *host) tokenFile(uid int, name string) string {
	return filepath.Join(h.dir, "run", "agent.tokens", fmt.Sprintf("user-%d", uid), name)
}

// doors are the socket and the container endpoint for one credential, as this user asks; each request has a connection of its own
// unless some are kept.
func (h *host) doors(name string, idle int) []*Door {
	all := []*Door{Socket(h.socket, name, idle)}
	if h.container != "" {
		all = append(all, Container(h.container, h.tokenFile(os.Getuid(), name), idle))
	}
	return all
}

// environment is that of the command: nothing of this host's is read or written.
func environment(dir string) []string {
	return []string{"HOME=" + dir, "XDG_CACHE_HOME=" + dir + "/cache", "XDG_DATA_HOME=" + dir + "/data", "XDG_CONFIG_HOME=" + dir + "/etc", "XDG_RUNTIME_DIR=" + dir + "/none"}
}

// process is a command in a process of its own.
type process struct {
	*exec.Cmd
	log   string // path of what it writes
	ended chan struct{}
	err   error // how; after ended
}

// startProcess starts a command whose output goes into a file.
func startProcess(t testing.TB, c *exec.Cmd, log string) *process {
	t.Helper()
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c.Stderr = f
	if c.Stdout == nil {
		c.Stdout = f
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: c, log: log, ended: make(chan struct{})}
	go func() {
		p.err = c.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() { p.kill() })
	return p
}

// kill ends it, whatever it is about, unless it has ended.
func (p *process) kill() {
	_ = p.Process.Kill() // it may have ended
	<-p.ended
}

// stop tells it to end, and waits until it has.
func (p *process) stop(t testing.TB) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		t.Fatalf("told to stop, it does not end\n%s", p.tail())
	}
	if p.err != nil {
		t.Errorf("told to stop, it ends with %v\n%s", p.err, p.tail())
	}
}

// tail is the end of its log.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(len(text)-4000, 0):])
}

// memory answers a line of its /proc/PID/status, as VmHWM, in bytes.
func (p *process) memory(t testing.TB, line string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\n"+line+":")
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kilobytes, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return kilobytes << 10
}

// files answers how many file descriptors it has open.
func (p *process) files(t testing.TB) int {
	t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// start starts the agent, and waits until it serves.
func (h *host) start() {
	h.Helper()
	c := exec.Command(binary, "agent", "--config", filepath.Join(h.dir, "config.yaml"), "--socket", h.socket)
	c.Env = environment(h.dir)
	h.agent = startProcess(h, c, filepath.Join(h.dir, "agent.log"))
	h.await()
}

// await waits until the agent answers.
func (h *host) await() {
	h.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if _, err := (agent.Client{Socket: h.socket}).Status(h.Context()); err == nil {
			return
		}
		select {
		case <-h.agent.ended:
			h.Fatalf("the agent has ended: %v\n%s", h.agent.err, h.agent.tail())
		default:
		}
		if time.Now().After(deadline) {
			h.Fatalf("the agent does not serve\n%s", h.agent.tail())
		}
	}
}

// status is what the agent says of itself.
func (h *host) status() agent.Status {
	h.Helper()
	s, err := agent.Client{Socket: h.socket}.Status(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	return s
}

// eventually waits until something holds.
func (h *host) eventually(what string, holds func() bool) {
	h.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.Fatalf("not within a minute: %s\n%+v\n%s", what, h.status(), h.agent.tail())
		}
	}
}

// settled waits until there are credentials for all names.
func (h *host) settled() {
	h.Helper()
	h.eventually("there are credentials for all names", func() bool {
		return !slices.ContainsFunc(h.status().Credentials, func(c agent.Credential) bool { return c.AccessKeyID == "" })
	})
}
