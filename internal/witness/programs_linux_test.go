package witness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/agent"
	"github.com/awsauth-go/awsauth/internal/foreign"
)

const (
	// sessionLife is how long sessions live in the cells.
	sessionLife = 12 * time.Second
	// expiries are how many lives of a session a cell lasts at least.
	expiries = 3
	// between is the time between the processes of a program that has one for each call: each gets other credentials than the one before.
	between = sessionLife * 13 / 10
	// processes are how many of them there are: between the first and the last lie all expiries.
	processes = expiries + 1
)

// The doors, in the order of the table's columns.
const (
	doorProcess   = "credential_process"
	doorExec      = "exec"
	doorToken     = "container, token"
	doorTokenFile = "container, token file"
	doorMetadata  = "IMDSv2"
	doorFile      = "credentials file"
)

var doorNames = []string{doorProcess, doorExec, doorToken, doorTokenFile, doorMetadata, doorFile}

// What stands in a cell; or a reason's.
const (
	through     = "✓"          // one process has lived through the expiries
	throughEach = "✓ each"     // a process for each call
	failedCell  = "**failed**" // a call has failed, or too few were made
)

// program is one that is not ours, and gets credentials through the doors.
type program struct {
	name   string // the row's: what it is, and its version without the last number
	server string // what it calls
	// lasting has one process make calls for a time, and waits for its end; nil for a program that makes one call in a process.
	lasting func(*cell, time.Duration) error
	// once makes one call in a process of its own.
	once func(*cell) error
	// heavy processes start a few at a time, and yield to the others.
	heavy bool
	// cannot has the doors that the program does not get through here.
	cannot map[string]*reason
}

// reason is why a program does not get through a door. A run shows it.
type reason struct {
	mark string // its letter in the table
	text string // for the page, with its source
	// shown makes a run, and fails when it does not go as the reason says.
	shown func(*cell) error
}

// cell is one program that gets credentials through one door.
type cell struct {
	t       *testing.T
	stage   *stage
	program *program
	door    string
	front   *foreign.Front // of what the program calls
	env     []string       // what it is told
	delay   time.Duration  // of the first process, so that not all start together

	outcome string
	err     error
	// lastInstant says that every call that failed was signed with a key that ended while the call was under way.
	lastInstant bool
}

// stage is what the cells share.
type stage struct {
	in      *installation
	doors   map[string][]string // variables by the door's name
	runtime string              // of the agent
	heavy   chan struct{}       // has room for as many heavy processes as may start together
	ends    sync.Map            // of the agent's sessions: time.Time by access key ID
}

func newStage(t *testing.T, in *installation) *stage {
	t.Helper()
	doors, runtime := in.startAgent(t)
	s := &stage{in: in, runtime: runtime, heavy: make(chan struct{}, 3)}
	in.awsauth(t, "config", "aws-profile", "backup", "--write", "--config", in.configuration)
	credentials := filepath.Join(filepath.Dir(in.config), "fresh")
	in.startUpdate(t, credentials)
	go s.noteEnds(t.Context())
	none := filepath.Join(filepath.Dir(in.config), "none")
	writeFile(t, none, "")
	elsewhere := []string{"AWS_CONFIG_FILE=" + none, "AWS_SHARED_CREDENTIALS_FILE=" + none}
	s.doors = map[string][]string{
		doorProcess:   {"AWS_SHARED_CREDENTIALS_FILE=" + none, "AWS_PROFILE=backup"},
		doorExec:      append([]string{"XDG_RUNTIME_DIR=" + runtime}, elsewhere...),
		doorToken:     append(doors[containerToken], elsewhere...),
		doorTokenFile: append(doors[containerTokenFile], elsewhere...),
		doorMetadata:  append(doors[metadataService], elsewhere...),
		doorFile:      {"AWS_CONFIG_FILE=" + none, "AWS_SHARED_CREDENTIALS_FILE=" + credentials, "AWS_PROFILE=backup"},
	}
	return s
}

// noteEnds keeps when each of the agent's sessions ends: each is the newest for longer than a second.
func (s *stage) noteEnds(ctx context.Context) {
	client := agent.Client{Socket: filepath.Join(s.runtime, "awsauth", "agent.sock")}
	for ctx.Err() == nil {
		if c, err := client.Credentials(ctx, "backup"); err == nil { // what is not noted excuses nothing
			s.ends.Store(c.AccessKeyID, c.Expiration)
		}
		time.Sleep(time.Second)
	}
}

// startUpdate has the command keep a profile of a credentials file fresh.
func (in *installation) startUpdate(t *testing.T, file string) {
	t.Helper()
	c := in.client(t, in.command, "update", "backup", "--config", in.configuration)
	c.Env = append(c.Env, "AWS_SHARED_CREDENTIALS_FILE="+file)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Wait(); c.ProcessState.ExitCode() != 0 {
			t.Errorf("awsauth update: %v", err)
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("awsauth update has written nothing")
		}
	}
}

// command makes a process of the program that gets its credentials through the door.
func (c *cell) command(path string, args ...string) *exec.Cmd {
	if c.door == doorExec {
		path, args = c.stage.in.command, append([]string{"exec", "backup", "--", path}, args...)
	}
	if c.program.heavy { // the others' deadlines are short: the SDK for Go waits half a second for a metadata service
		path, args = "nice", append([]string{"-n", "5", path}, args...)
	}
	p := c.stage.in.client(c.t, path, args...)
	p.Env = append(p.Env, c.env...)
	p.WaitDelay = 5 * time.Second
	return p
}

// succeed runs a process that must.
func succeed(p *exec.Cmd) error {
	if r := foreign.Run(p); r.Err != nil {
		return fmt.Errorf("%w\n%s%s", r.Err, r.Stdout, r.Stderr)
	}
	return nil
}

// run fills the cell.
func (c *cell) run() (outcome string, err error) {
	if why := c.program.cannot[c.door]; why != nil {
		if err := why.shown(c); err != nil {
			return failedCell, err
		}
		return "– " + why.mark, nil
	}
	outcome = through
	if c.program.lasting == nil || c.door == doorFile {
		outcome, err = throughEach, c.each()
	} else {
		err = c.program.lasting(c, expiries*sessionLife+2*time.Second)
	}
	if err := errors.Join(err, c.check()); err != nil {
		return failedCell, err
	}
	return outcome, nil
}

// each starts a process for each call.
func (c *cell) each() error {
	time.Sleep(c.delay)
	var failures []error
	for i := range processes {
		began, err := c.onceInTurn()
		failures = append(failures, err)
		if i < processes-1 {
			time.Sleep(time.Until(began.Add(between)))
		}
	}
	return errors.Join(failures...)
}

// onceInTurn starts a process when not too many others run, and answers when that was.
func (c *cell) onceInTurn() (began time.Time, err error) {
	if c.program.heavy {
		c.stage.heavy <- struct{}{}
		defer func() { <-c.stage.heavy }()
	}
	return time.Now(), c.program.once(c)
}

// check looks at what the server has seen.
func (c *cell) check() error {
	calls := c.front.Noted()
	if len(calls) < processes {
		return fmt.Errorf("got %d calls, want %d at least", len(calls), processes)
	}
	var failures []error
	failed, underway := 0, 0
	for _, call := range calls {
		if call.Failed() {
			failed++
			if end, known := c.stage.ends.Load(call.Key); known {
				if after := call.At.Sub(end.(time.Time)); 0 <= after && after < underWay {
					underway++
				}
			}
			failures = append(failures, fmt.Errorf("after %v: %v", call.At.Sub(calls[0].At).Round(time.Millisecond), call))
		}
	}
	c.lastInstant = failed > 0 && underway == failed
	if lasted := calls[len(calls)-1].At.Sub(calls[0].At); lasted < expiries*sessionLife {
		failures = append(failures, fmt.Errorf("got calls for %v, want %v at least", lasted, expiries*sessionLife))
	}
	if got := foreign.Keys(calls); len(got) <= expiries {
		failures = append(failures, fmt.Errorf("got calls with %d access keys, want %d at least", len(got), expiries+1))
	}
	if len(failures) > 5 {
		failures = append(failures[:5], fmt.Errorf("and %d more", len(failures)-5))
	}
	return errors.Join(failures...)
}

// Programs that are not ours live through sessions of seconds, whatever door they get them through; or the table says why not.
func TestProgramsThroughDoors(t *testing.T) {
	p := newAuthority(t)
	p.leaf("backup", "P-256", root)
	local, e := newEmulator(t, p, emulator.Config{
		SessionLifetime: sessionLife, Explain: true,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	})
	s := &scene{localAWS: local, pki: p, id: packing{name: "backup"}}
	in := install(t, s, "a plain path", "bin", "acme configuration")
	stage := newStage(t, in)
	rows := programs(t, local, e)

	var cells []*cell
	for i := range rows {
		for _, door := range doorNames {
			cells = append(cells, stage.cell(t, &rows[i], door))
		}
	}
	running := cells
	for range 3 {
		late := runAll(running)
		running = nil
		for i, c := range cells {
			if c.err != nil && (late > tooLate || c.lastInstant) {
				t.Logf("%s through %s is run again: this host was late by %v, a key ended under way: %v\n%v",
					c.program.name, c.door, late, c.lastInstant, c.err)
				cells[i] = stage.cell(t, c.program, c.door)
				running = append(running, cells[i])
			}
		}
		if running == nil {
			break
		}
	}
	runAll(running)
	outcomes := map[[2]string]string{}
	for _, c := range cells {
		outcomes[[2]string{c.program.name, c.door}] = c.outcome
		t.Run(c.program.name+" through "+c.door, func(t *testing.T) {
			if c.err != nil {
				t.Error(c.err)
			}
		})
	}
	t.Run("docs/programs.md", func(t *testing.T) { comparePage(t, rows, outcomes) })
}

// tooLate is by how much a host is too busy for the cells. A metadata service that has not answered the SDK for Go within half a second is
// away for it: then it takes what it has to be good for 5 to 15 minutes more (ec2rolecreds.Provider.HandleFailToRefresh).
const tooLate = 100 * time.Millisecond

// underWay is how long a call takes at most, from its signature to its answer. The SDK for Go uses what lives for less than 15 minutes until
// its very end (ec2rolecreds.Provider.AdjustExpiresBy), so a call of its last instant comes too late. A key that is used longer fails.
const underWay = 500 * time.Millisecond

// runAll fills cells, all at once, and answers by how much this process was late at worst meanwhile.
func runAll(cells []*cell) (late time.Duration) {
	return foreign.Lateness(func() {
		var all sync.WaitGroup
		for i, c := range cells {
			c.delay = between * time.Duration(i) / time.Duration(len(cells))
			all.Go(func() { c.outcome, c.err = c.run() })
		}
		all.Wait()
	})
}

func (s *stage) cell(t *testing.T, row *program, door string) *cell {
	t.Helper()
	c := &cell{t: t, stage: s, program: row, door: door, front: foreign.NewFront(t, row.server, "")}
	c.env = slices.Concat([]string{
		"AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region, "AWS_PAGER=", "AWS_ENDPOINT_URL=" + c.front.URL,
	}, s.doors[door])
	return c
}

// withoutVariable answers the variables but for one.
func withoutVariable(env []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(variable string) bool { return strings.HasPrefix(variable, name+"=") })
}
