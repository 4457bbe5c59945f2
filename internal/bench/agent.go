package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/internal/endurance"
	"github.com/awsauth-go/awsauth/internal/schedule"
)

// serving is an agent in a process of its own, whose AWS is away by now.
type serving struct {
	dir       string
	container string // address
	stop      func() (peak int64, err error)
}

// agent starts an agent with credentials c0, c1, … of an emulator, waits until it has them, and stops the emulator.
func (p program) agent(ctx context.Context, credentials int) (_ *serving, err error) {
	aws, err := p.emulator(ctx)
	if err != nil {
		return nil, err
	}
	s, err := p.start(ctx, aws, credentials)
	if err != nil {
		return nil, firstOf(err, aws.stop())
	}
	if err := s.await(ctx, credentials); err != nil {
		_, stopped := s.stop()
		return nil, errors.Join(err, stopped, aws.stop())
	}
	return s, aws.stop()
}

// start starts an agent with credentials of an emulator.
func (p program) start(ctx context.Context, aws *running, credentials int) (_ *serving, err error) {
	dir, err := os.MkdirTemp("", "awsauth-bench-")
	if err != nil {
		return nil, err
	}
	s := &serving{dir: dir}
	if s.container, err = freeAddress(); err != nil {
		return nil, err
	}
	var text, allow strings.Builder
	for i := range credentials {
		fmt.Fprintf(&text, "  c%d: {type: session, endpoint_url: %q, role_arn: %q, profile_arn: %q, trust_anchor_arn: %q, certificate: %q}\n",
			i, aws.Endpoint, aws.RoleARN, aws.ProfileARN, aws.TrustAnchorARN, aws.Identity.URI)
		fmt.Fprintf(&allow, "    c%d: {users: [%d]}\n", i, os.Getuid())
	}
	config := "credentials:\n" + text.String() + fmt.Sprintf("agent:\n  container: %q\n  allow:\n", s.container) + allow.String()
	if err := os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600); err != nil {
		return nil, err
	}
	c := p.command(ctx, "agent", "--config", filepath.Join(dir, "config.yaml"), "--socket", s.socket())
	c.Env = []string{"HOME=" + dir, "XDG_CACHE_HOME=" + dir, "XDG_DATA_HOME=" + dir}
	c.WaitDelay = 5 * time.Second
	if err := c.Start(); err != nil {
		return nil, err
	}
	s.stop = func() (int64, error) {
		err := errors.Join(c.Process.Signal(os.Interrupt), c.Wait())
		return peakMemory(c.ProcessState), errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (s *serving) socket() string { return filepath.Join(s.dir, "agent.sock") }

// socketDoor and containerDoor ask for the first credential, over connections that are kept.
func (s *serving) socketDoor() *endurance.Door { return endurance.Socket(s.socket(), "c0", 64) }

func (s *serving) containerDoor() *endurance.Door {
	return endurance.Container(s.container, filepath.Join(s.dir, "agent.tokens", fmt.Sprintf("user-%d", os.Getuid()), "c0"), 64)
}

// await waits until all credentials are there.
func (s *serving) await(ctx context.Context, credentials int) error {
	for i := range credentials {
		door := endurance.Socket(s.socket(), fmt.Sprintf("c%d", i), 0)
		for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			err := door.Ask(ctx)
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("the agent has no credentials: %w", err)
			}
		}
	}
	return nil
}

// measureAgent asks an agent whose AWS is away: at a pace, and as fast as it goes beside a handler that does nothing but answer.
func (p program) measureAgent(ctx context.Context) ([]result, error) {
	const (
		rate, seconds = 2000, 5
		tries         = 3 // the best counts: another program may have had the processors
	)
	s, err := p.agent(ctx, 1)
	if err != nil {
		return nil, err
	}
	var all []result
	for _, d := range []struct {
		name string
		door *endurance.Door
	}{{"the socket", s.socketDoor()}, {"the container endpoint", s.containerDoor()}} {
		best := endurance.Result{}
		for range tries {
			r := endurance.Open(ctx, endurance.Pace{Rate: rate, Times: rate * seconds}, d.door.Ask)
			if r.Failed > 0 {
				return nil, fmt.Errorf("%s: %d of %d requests failed: %w", d.name, r.Failed, len(r.Took), r.Err)
			}
			if len(best.Took) == 0 || r.Quantile(0.99) < best.Quantile(0.99) {
				best = r
			}
		}
		for _, limit := range []struct {
			name  string
			share float64
			most  time.Duration
		}{{"p50", 0.5, time.Millisecond}, {"p99", 0.99, 10 * time.Millisecond}, {"p99.9", 0.999, 50 * time.Millisecond}} {
			all = append(all, within(fmt.Sprintf("agent, AWS away, %d requests a second at %s: %s", rate, d.name, limit.name), best.Quantile(limit.share), limit.most))
		}
	}
	compared, err := s.compareWithBare(ctx)
	if err != nil {
		return nil, err
	}
	all = append(all, compared...)
	one, err := s.stop()
	if err != nil {
		return nil, err
	}
	many, err := p.thousandCredentials(ctx)
	if err != nil {
		return nil, err
	}
	calls, err := p.coldCalls(ctx)
	if err != nil {
		return nil, err
	}
	all = append(all, counted("calls of AWS for 200 who ask a cold agent at once", float64(calls), 1),
		counted("calls of AWS an hour for 1,000 sessions of an hour, simulated", callsAnHour(), 1700))
	return append(all, sized("agent, one credential, most memory", one, 31), sized("agent, 1,000 credentials, most memory", many, 67)), nil
}

// thousandCredentials answers the peak of memory of an agent with a thousand credentials under load.
func (p program) thousandCredentials(ctx context.Context) (peak int64, err error) {
	s, err := p.agent(ctx, 1000)
	if err != nil {
		return 0, err
	}
	r := endurance.Open(ctx, endurance.Pace{Rate: 2000, Times: 10_000}, endurance.InTurn(s.socketDoor(), s.containerDoor()))
	peak, err = s.stop()
	if err == nil {
		err = r.Err
	}
	return peak, err
}

// coldCalls answers how often AWS is asked for one credential that 200 programs ask for at once, of an agent that has just started: AWS
// answers so late that all wait for it.
func (p program) coldCalls(ctx context.Context) (calls int, err error) {
	aws, err := p.emulator(ctx, "--fault", "latency=500ms")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, aws.stop()) }()
	s, err := p.start(ctx, aws, 1)
	if err != nil {
		return 0, err
	}
	defer func() {
		_, stopped := s.stop()
		err = errors.Join(err, stopped)
	}()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(s.socket()); err == nil {
			break
		}
		if time.Now().After(deadline) {
			return 0, errors.New("the agent does not listen")
		}
	}
	if r := endurance.Closed(ctx, 200, 200, endurance.Socket(s.socket(), "c0", 0).Ask); r.Err != nil {
		return 0, fmt.Errorf("%d of %d failed: %w", r.Failed, len(r.Took), r.Err)
	}
	out, err := p.command(ctx, "agent", "status", "--json", "--socket", s.socket()).Output()
	if err != nil {
		return 0, err
	}
	var status struct{ Credentials []struct{ Calls int } }
	if err := json.Unmarshal(out, &status); err != nil || len(status.Credentials) != 1 {
		return 0, errors.Join(err, errors.New("the agent's status has not one credential"))
	}
	return status.Credentials[0].Calls, nil
}

// callsAnHour is how often AWS is asked in an hour for 1,000 sessions of an hour, each renewed by the rule of the agent, in a thousand hours
// of a simulated clock.
func callsAnHour() float64 {
	const sessions, hours = 1000, 1000
	calls := 0
	for range sessions {
		for at := time.Duration(0); at < hours*time.Hour; at += schedule.RenewAfter(time.Hour, rand.Float64()) {
			calls++
		}
	}
	return float64(calls) / hours
}

// compareWithBare lets the container endpoint and a handler of net/http that only answers take turns, each in a process of its own.
func (s *serving) compareWithBare(ctx context.Context) (all []result, err error) {
	const rounds, requests = 20, 4000
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.CommandContext(ctx, self, "-answer")
	stdin, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stdin.Close(), c.Wait()) }()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, err
	}
	for _, programs := range []int{16, 64} {
		ask := func(door *endurance.Door) side {
			return side{run: func(n int) error { return endurance.Closed(ctx, programs, n, door.Ask).Err }}
		}
		tokenFile := filepath.Join(s.dir, "agent.tokens", fmt.Sprintf("user-%d", os.Getuid()), "c0")
		compared, err := compare(ctx, rounds, requests, ask(s.containerDoor()), ask(endurance.Container(strings.TrimSpace(address), tokenFile, 64)))
		if err != nil {
			return nil, err
		}
		all = append(all, rateAtLeast(fmt.Sprintf("the container endpoint, to a bare handler, %d at once", programs), compared, 0.8))
	}
	return all, nil
}

// serveBare is the bare handler: it answers every request with as many bytes as the container endpoint does, until its input ends.
func serveBare(in io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	body := []byte(`{"AccessKeyId":"ASIAIOSFODNN7EXAMPLE","SecretAccessKey":"` + strings.Repeat("s", 40) + `","Token":"` + strings.Repeat("t", 600) +
		`","Expiration":"2099-01-01T00:00:00Z"}` + "\n")
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // whoever asked may have gone
	}), ReadHeaderTimeout: time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	fmt.Fprintln(out, l.Addr())
	_, _ = io.Copy(io.Discard, in)
	err = server.Close()
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// freeAddress is an address on loopback that is free for now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
