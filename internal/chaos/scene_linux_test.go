package chaos

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

const region = "eu-west-1"

// The users whose programs ask. The last one may have nothing.
const (
	onSocket    = 64001
	onContainer = 64002
	stranger    = 64003
)

// cell is one fault in one phase.
type cell struct {
	fault *fault
	front *front
	name  string
}

// scene is an agent with a credential for each fault, the emulator, and the programs that ask.
type scene struct {
	t      *testing.T
	number int // its addresses are 127.77.number.…
	life   time.Duration
	full   bool // the figures count, and not only that nothing is wrong
	dir    string
	cells  []*cell
	ledger *ledger
	paper  *papers

	emulator struct {
		Endpoint       string `json:"endpoint"`
		TrustAnchorARN string `json:"trust_anchor_arn"`
		ProfileARN     string `json:"profile_arn"`
		RoleARN        string `json:"role_arn"`
	}
	agent     *exec.Cmd
	started   time.Time
	log       *journal
	configure func(extra string) // writes the configuration

	on, off   time.Time       // of the faults
	disturbed map[string]bool // what they have kept from being renewed when they end

	mu      sync.Mutex // guards all below
	samples []sample
	runs    []run
	clients []*exec.Cmd
	stop    []io.Closer // standard input of the clients
	reading sync.WaitGroup
}

// sample is what status said at one moment.
type sample struct {
	at    time.Time // before it was asked
	state map[string]state
}

// state is what status says of one credential.
type state struct {
	Name        string    `json:"name"`
	AccessKeyID string    `json:"access_key_id"`
	Obtained    time.Time `json:"obtained"`
	Expires     time.Time `json:"expires"`
	Asking      time.Time `json:"asking"`
	Calls       int       `json:"calls"`
	Error       string    `json:"error"`
}

// newScene makes one. Sessions of less than a minute are believed of an endpoint on loopback alone: with short ones the faults of names
// and of the proxy are left out.
func newScene(t *testing.T, number int, life time.Duration, full, short bool, names *names) *scene {
	t.Helper()
	dir := foreign.ShortDir(t)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, number: number, life: life, full: full, dir: dir, ledger: &ledger{}, paper: newPapers(t), log: &journal{}}
	s.paper.write(dir)
	s.startEmulator()
	proxy := startTunnels(t, s.ip(250))
	for i, f := range faults {
		if f.at == named && !alone || short && (f.at == named || f.at == tunnelled) {
			continue
		}
		c := &cell{fault: f, name: fmt.Sprintf("f%02d", i+1)}
		c.front = &front{
			name: c.name, at: f.at, ip: s.ip(i + 1), upstream: strings.TrimPrefix(s.emulator.Endpoint, "http://"), paper: s.paper, ledger: s.ledger,
		}
		c.front.start(t)
		switch f.at {
		case named:
			names.add(c.front.host(), c.front)
		case tunnelled:
			proxy.add(c.front)
		}
		s.cells = append(s.cells, c)
	}
	s.prepareConfiguration()
	return s
}

func (s *scene) ip(last int) string { return fmt.Sprintf("127.77.%d.%d", s.number, last) }

func (s *scene) path(name string) string { return filepath.Join(s.dir, name) }

// command is awsauth with an environment of its own.
func (s *scene) command(args ...string) *exec.Cmd {
	c := exec.Command(command, args...)
	c.Dir = s.dir
	c.Env = []string{
		"HOME=" + s.dir, "XDG_CACHE_HOME=" + s.path("cache"), "XDG_DATA_HOME=" + s.path("data"), "XDG_CONFIG_HOME=" + s.path("config"), "PATH=/usr/bin:/bin",
		"AWS_CA_BUNDLE=" + s.path("ca.pem"), "HTTPS_PROXY=http://" + s.ip(250) + ":3128", "NO_PROXY=.dns.test",
	}
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

func (s *scene) startEmulator() {
	s.t.Helper()
	c := s.command("emulator", "--json", "--listen", s.ip(251)+":0", "--trust", s.path("ca.pem"), "--session-lifetime", s.life.String())
	out, err := c.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.terminate("the emulator", c) })
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		s.t.Fatalf("emulator: %v", err)
	}
	if err := json.Unmarshal(line, &s.emulator); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) terminate(who string, c *exec.Cmd) {
	if err := c.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Error(err)
	}
	if err := c.Wait(); err != nil {
		s.t.Errorf("%s: %v", who, err)
	}
}

func (s *scene) users() (socket, container int) {
	if os.Geteuid() != 0 {
		return os.Geteuid(), os.Geteuid()
	}
	return onSocket, onContainer
}

// metadata is the credential that the metadata service gives.
func (s *scene) metadata() string { return s.cells[s.number*13%len(s.cells)].name }

func (s *scene) prepareConfiguration() {
	s.configure = func(extra string) {
		var b strings.Builder
		fmt.Fprintf(&b, "defaults:\n  profile_arn: %s\n  trust_anchor_arn: %s\n  certificate: file:client.pem?key=client.key\n  duration: 15m\ncredentials:\n",
			s.emulator.ProfileARN, s.emulator.TrustAnchorARN)
		for _, c := range s.cells {
			fmt.Fprintf(&b, "  %s: {type: session, role_arn: %q, endpoint_url: %q}\n", c.name, s.emulator.RoleARN, c.front.url())
		}
		socket, container := s.users()
		fmt.Fprintf(&b, "%sagent:\n  container: %s:9912\n  imds: {address: \"%s:9911\", credential: %s}\n  allow:\n", extra, s.ip(252), s.ip(252), s.metadata())
		for _, c := range s.cells {
			fmt.Fprintf(&b, "    %s: {users: [%d, %d]}\n", c.name, socket, container)
		}
		if err := os.WriteFile(s.path("config.yaml"), []byte(b.String()), 0o600); err != nil {
			s.t.Error(err)
		}
	}
	s.configure("")
}

func (s *scene) socket() string { return s.path("agent.sock") }

// startAgent starts the agent and looks at its status from then on.
func (s *scene) startAgent() {
	s.t.Helper()
	s.agent = s.command("agent", "--config", s.path("config.yaml"), "--socket", s.socket())
	s.agent.Stderr = s.log
	s.started = time.Now()
	if err := s.agent.Start(); err != nil {
		s.t.Fatal(err)
	}
	stop := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		for {
			if now, err := s.look(); err == nil {
				s.mu.Lock()
				s.samples = append(s.samples, now)
				s.mu.Unlock()
			}
			select {
			case <-stop:
				return
			case <-time.After(400 * time.Millisecond):
			}
		}
	})
	s.t.Cleanup(func() {
		close(stop)
		looking.Wait()
		s.terminate("the agent", s.agent)
	})
	if !s.await("the agent's status", 20*time.Second, func(sample) bool { return true }) {
		s.t.Fatalf("the agent does not run: %s", s.log)
	}
}

func (s *scene) look() (sample, error) {
	now := sample{at: time.Now(), state: map[string]state{}}
	out, err := s.command("agent", "status", "--json", "--socket", s.socket()).Output()
	if err != nil {
		return now, err
	}
	var all struct {
		Credentials []state `json:"credentials"`
	}
	if err := json.Unmarshal(out, &all); err != nil {
		return now, err
	}
	for _, c := range all.Credentials {
		now.state[c.Name] = c
	}
	return now, nil
}

// last is what status said last.
func (s *scene) last() (sample, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.samples) == 0 {
		return sample{}, false
	}
	return s.samples[len(s.samples)-1], true
}

// await waits until status says what is waited for, and reports whether it did.
func (s *scene) await(what string, most time.Duration, done func(sample) bool) bool {
	for deadline := time.Now().Add(most); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if now, ok := s.last(); ok && done(now) {
			return true
		}
	}
	s.t.Logf("waited %s in vain for %s", most, what)
	return false
}

// obtained reports whether all credentials are there.
func obtained(now sample) bool {
	for _, c := range now.state {
		if c.AccessKeyID == "" {
			return false
		}
	}
	return true
}

// startClients has programs of other users ask.
func (s *scene) startClients() {
	s.t.Helper()
	var names []string
	for _, c := range s.cells {
		names = append(names, c.name)
	}
	interval, late := 100*time.Millisecond, 800*time.Millisecond
	if !s.full { // other tests run beside it
		interval, late = 400*time.Millisecond, 5*time.Second
	}
	socket, container := s.users()
	tokens := fmt.Sprintf("%s/user-%d", s.path("agent.tokens"), container)
	s.startClient(socket, task{Door: "socket", Names: names, Socket: s.socket(), Emulator: s.emulator.Endpoint, Interval: interval, Late: late})
	s.startClient(container, task{Door: "container", Names: names, Address: s.ip(252) + ":9912", Tokens: tokens, Interval: interval, Late: late})
	s.startClient(socket, task{Door: "imds", Names: []string{s.metadata()}, Address: s.ip(252) + ":9911", Interval: interval, Late: late})
	if os.Geteuid() == 0 {
		s.startClient(stranger, task{Door: "socket", Names: names, Socket: s.socket(), Interval: 4 * time.Second, Late: late, Stranger: true})
	}
}

func (s *scene) startClient(user int, what task) {
	s.t.Helper()
	c := exec.Command(self)
	c.Env, c.Dir, c.Stderr = []string{asClient + "=1"}, "/", s.t.Output()
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		c.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}
	}
	in, err := c.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	if err := json.NewEncoder(in).Encode(what); err != nil {
		s.t.Fatal(err)
	}
	s.clients, s.stop = append(s.clients, c), append(s.stop, in)
	s.reading.Go(func() {
		for lines := json.NewDecoder(out); ; {
			var r run
			if err := lines.Decode(&r); err != nil {
				if !errors.Is(err, io.EOF) {
					s.t.Errorf("client: %v", err)
				}
				return
			}
			if what.Stranger {
				r.Door = "stranger"
			}
			s.mu.Lock()
			s.runs = append(s.runs, r)
			s.mu.Unlock()
		}
	})
}

// stopClients has the clients end, and takes what they have seen.
func (s *scene) stopClients() {
	s.t.Helper()
	for _, in := range s.stop {
		if err := in.Close(); err != nil {
			s.t.Error(err)
		}
	}
	s.reading.Wait()
	for _, c := range s.clients {
		if err := c.Wait(); err != nil {
			s.t.Errorf("client: %v", err)
		}
	}
}

// begin has all faults begin.
func (s *scene) begin() {
	s.t.Helper()
	s.on = time.Now()
	var all sync.WaitGroup
	for _, c := range s.cells {
		all.Go(func() {
			if err := c.front.begin(c.fault); err != nil {
				s.t.Errorf("%s: %v", c.fault.name, err)
			}
		})
	}
	all.Wait()
}

// end has all of them end, and finds out whom they have kept from being renewed.
func (s *scene) end() {
	s.t.Helper()
	now, err := s.look()
	if err != nil {
		s.t.Error(err)
	}
	s.disturbed = map[string]bool{}
	for _, c := range s.cells {
		state := now.state[c.name]
		s.disturbed[c.name] = state.Error != "" || !state.Asking.IsZero() || !state.Expires.After(now.at)
	}
	s.off = time.Now() // the first one ends now, and something new may come through it while others still end
	for _, c := range s.cells {
		if err := c.front.end(); err != nil {
			s.t.Errorf("%s: %v", c.fault.name, err)
		}
	}
}

// journal is the agent's log.
type journal struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

// Write implements io.Writer.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// memory is the most that the agent has used, in MiB.
func (s *scene) memory() float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.agent.Process.Pid))
	if err != nil {
		s.t.Error(err)
		return 0
	}
	m := highWater.FindSubmatch(status)
	if m == nil {
		s.t.Error("no VmHWM")
		return 0
	}
	kib, err := strconv.Atoi(string(m[1]))
	if err != nil {
		s.t.Error(err)
	}
	return float64(kib) / 1024
}
