package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/internal/agent"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/guard"
	"github.com/awsauth-go/awsauth/named"
)

// host is an agent with its configuration, on a local AWS.
type host struct {
	*testing.T
	local  *awsauthtest.Local
	agent  *agent.Agent
	dir    string
	socket string
	log    *lines
	stop   func() error
}

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// configure writes the configuration: the credentials one to four and away, and an agent's part.
func (h *host) configure(part string) {
	h.Helper()
	var b strings.Builder
	b.WriteString("credentials:\n")
	for _, name := range []string{"one", "two", "three", "four", "away"} {
		endpoint := h.local.Endpoint
		if name == "away" {
			endpoint = "http://127.0.0.1:1"
		}
		fmt.Fprintf(&b, "  %s: {type: session, endpoint_url: %q, role_arn: %q, profile_arn: %q, trust_anchor_arn: %q, certificate: %q, session_name: %q}\n",
			name, endpoint, h.local.RoleARN, h.local.ProfileARN, h.local.TrustAnchorARN, "file:"+h.dir+"/certificate.pem?key="+h.dir+"/key.pem", "s-"+name)
	}
	if err := os.WriteFile(filepath.Join(h.dir, "config.yaml"), []byte(b.String()+part), 0o600); err != nil {
		h.Fatal(err)
	}
}

// builder builds pipelines in an empty environment.
func builder(c *config.Config) (func(string) (*named.Credential, error), error) {
	environment := config.Environment{Lookup: func(string) (string, bool) { return "", false }}
	return func(name string) (*named.Credential, error) {
		r, err := c.Resolve(name, nil)
		if err != nil {
			return nil, err
		}
		return named.Build(r, named.Surroundings{Environment: environment, Store: &named.Store{}})
	}, nil
}

func newHost(t *testing.T, part string) *host {
	t.Helper()
	if !agent.KnowsPeers {
		t.Skip("left out: this system does not say who asks on a socket")
	}
	dir, err := os.MkdirTemp("", "awsauth-") // short: the names of sockets are
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil { // other users ask, too
		t.Fatal(err)
	}
	h := &host{T: t, local: awsauthtest.Start(t), dir: dir, socket: filepath.Join(dir, "run", "agent.sock"), log: new(lines)}
	h.local.Client("client").WriteFiles(dir)
	h.configure(part)
	ready := make(chan struct{})
	h.agent, err = agent.New(agent.Options{
		Load: func() (*config.Config, error) {
			return config.Load([]config.File{{Path: filepath.Join(dir, "config.yaml"), Named: true}})
		},
		Build:  builder,
		Socket: h.socket, Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Ready: func() { close(ready) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.agent.Run(ctx) }()
	h.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := h.stop(); err != nil {
			t.Errorf("the agent ended with %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		t.Fatalf("the agent ended with %v", err)
	}
	return h
}

// settled waits until AWS has answered for all credentials.
func (h *host) settled() {
	h.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		open := 0
		for _, c := range h.agent.Status().Credentials {
			if c.AccessKeyID == "" && c.Error == "" {
				open++
			}
		}
		if open == 0 {
			return
		}
		if time.Now().After(deadline) {
			h.Fatalf("%+v", h.agent.Status())
		}
	}
}

func (h *host) client() agent.Client { return agent.Client{Socket: h.socket} }

func allowMe(names ...string) string {
	text := "agent:\n  allow:\n"
	for _, name := range names {
		text += fmt.Sprintf("    %s: {users: [%d]}\n", name, os.Getuid())
	}
	return text
}

func TestWhoeverIsAllowedGetsWhatIsHeld(t *testing.T) {
	h := newHost(t, allowMe("one", "two"))
	h.settled()
	before := h.local.CreateSessions()
	var keys []string
	for _, name := range []string{"one", "ONE", "two"} {
		a, err := h.client().Credentials(t.Context(), name)
		if err != nil || !strings.HasSuffix(a.ARN, "/s-"+a.Name) || time.Until(a.Expiration) < 50*time.Minute || len(a.Steps) != 2 || a.Emulator != h.local.Endpoint {
			t.Errorf("%s: got %+v, %v", name, a.ARN, err)
		}
		keys = append(keys, a.AccessKeyID)
	}
	if keys[0] != keys[1] || keys[0] == keys[2] || h.local.CreateSessions() != before {
		t.Errorf("got keys %q with %d calls", keys, h.local.CreateSessions()-before)
	}
	for name, want := range map[string]error{"three": agent.ErrNotServed, "nobody": agent.ErrNotServed, "../status": agent.ErrNotServed} {
		if _, err := h.client().Credentials(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
}

// The environment by which this test's program is one that asks once.
const askVariable = "AWSAUTH_AGENT_TEST"

func TestMain(m *testing.M) {
	order, ok := os.LookupEnv(askVariable)
	if !ok {
		os.Exit(m.Run())
	}
	if address, ok := strings.CutPrefix(order, "imds "); ok {
		fmt.Println(askMetadata(address))
		return
	}
	if path, ok := strings.CutPrefix(order, "serve "); ok {
		if err := pretend(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	socket, names, _ := strings.Cut(order, " ")
	for _, name := range strings.Fields(names) {
		_, err := agent.Client{Socket: socket}.Credentials(context.Background(), name)
		refused := new(agent.RefusalError)
		switch {
		case err == nil:
			fmt.Println(name, "given")
		case errors.As(err, &refused):
			fmt.Println(name, refused.Code)
		default:
			fmt.Println(name, err)
		}
	}
}

// pretend is an agent of its own: it gives anybody something.
func pretend(path string) error {
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return err
	}
	fmt.Println("ready")
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"name":"one","type":"session","access_key_id":"ASIAFOREIGN","secret_access_key":"x"}`)
	}))
}

// What another user serves at the socket is not believed: they could give credentials of their own, and see what is done with them.
func TestAnAgentOfAnotherUserIsNotBelieved(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("left out: only root can become other users")
	}
	h := newHost(t, allowMe("one"))
	for uid, want := range map[uint32]string{5001: "belongs to an agent of user 5001", 0: ""} {
		dir := filepath.Join(h.dir, fmt.Sprint(uid))
		if err := errors.Join(os.Mkdir(dir, 0o755), os.Chown(dir, int(uid), int(uid))); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "agent.sock")
		c := h.program(&syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}, "serve "+path)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = c.Process.Kill()
			_ = c.Wait()
		})
		if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
			t.Fatal(err)
		}
		a, err := agent.Client{Socket: path}.Credentials(t.Context(), "one")
		if want == "" && (err != nil || a.AccessKeyID != "ASIAFOREIGN") || want != "" && (err == nil || !strings.Contains(err.Error(), want) || a.AccessKeyID != "") {
			t.Errorf("of user %d: got %q, %v, want %q", uid, a.AccessKeyID, err, want)
		}
	}
}

// askMetadata asks the metadata service as SDKs do, and answers the status codes and the key.
func askMetadata(address string) string {
	do := func(method, path, header, value string) (int, string) {
		r, err := http.NewRequest(method, "http://"+address+path, nil)
		if err != nil {
			return 0, err.Error()
		}
		r.Header.Set(header, value)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, err.Error()
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return 0, err.Error()
		}
		return response.StatusCode, strings.TrimSpace(string(body))
	}
	status, token := do("PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60")
	status2, role := do("GET", "/latest/meta-data/iam/security-credentials/", "X-aws-ec2-metadata-token", token)
	status3, text := do("GET", "/latest/meta-data/iam/security-credentials/one", "X-aws-ec2-metadata-token", token)
	var document struct{ AccessKeyID string }
	_ = json.Unmarshal([]byte(text), &document) // a refusal is none
	if status2 != http.StatusOK {
		role = ""
	}
	return fmt.Sprintf("%d %d %d %s %s", status, status2, status3, role, document.AccessKeyID)
}

// The kernel says whose a connection to the metadata service is, and nobody else's gets anything.
func TestTheMetadataDoorIsForItsUsersAlone(t *testing.T) {
	address := freePort(t)
	h := newHost(t, fmt.Sprintf("agent:\n  imds: {address: %q, credential: one}\n  allow: {one: {users: [%d, \"5001\"], groups: [\"6001\"]}, two: {users: [\"5002\"]}}\n", address, os.Getuid()))
	h.settled()
	key := h.agent.Status().Credentials[0].AccessKeyID
	if got := askMetadata(address); got != "200 200 200 one "+key {
		t.Errorf("the agent's user: got %q", got)
	}
	if os.Getuid() != 0 {
		t.Skip("left out from here on: only root can become other users")
	}
	for name, c := range map[string]struct {
		credential syscall.Credential
		want       string
	}{
		"a user that may":                 {syscall.Credential{Uid: 5001, Gid: 7000}, "200 200 200 one " + key},
		"a user of another credential":    {syscall.Credential{Uid: 5002, Gid: 7000}, "403 403 403  "},
		"a group, of which it knows none": {syscall.Credential{Uid: 5003, Gid: 6001}, "403 403 403  "},
		"anybody":                         {syscall.Credential{Uid: 5004, Gid: 7000}, "403 403 403  "},
	} {
		if got := h.askRaw(&syscall.SysProcAttr{Credential: &c.credential}, "imds "+address); strings.TrimRight(got, "\n") != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// askAs asks for credentials as another user. The kernel says who asks, and so does it here.
func (h *host) askAs(attributes *syscall.SysProcAttr, names ...string) map[string]string {
	h.Helper()
	answers := map[string]string{}
	for line := range strings.Lines(h.askRaw(attributes, h.socket+" "+strings.Join(names, " "))) {
		name, answer, _ := strings.Cut(strings.TrimSpace(line), " ")
		answers[name] = answer
	}
	return answers
}

// askRaw runs this test's program with an order as another user.
func (h *host) askRaw(attributes *syscall.SysProcAttr, order string) string {
	h.Helper()
	out, err := h.program(attributes, order).CombinedOutput()
	if err != nil {
		h.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// program is this test's program with an order.
func (h *host) program(attributes *syscall.SysProcAttr, order string) *exec.Cmd {
	h.Helper()
	self, err := os.Executable()
	if err != nil {
		h.Fatal(err)
	}
	program := filepath.Join(h.dir, "ask") // where anybody may run it
	if _, err := os.Stat(program); errors.Is(err, fs.ErrNotExist) {
		copied, err := os.ReadFile(self)
		if err != nil {
			h.Fatal(err)
		}
		if err := os.WriteFile(program, copied, 0o755); err != nil {
			h.Fatal(err)
		}
	}
	c := exec.CommandContext(h.Context(), program)
	c.Env, c.SysProcAttr, c.Dir = []string{askVariable + "=" + order, "GORACE=atexit_sleep_ms=0"}, attributes, "/"
	return c
}

// A1: ten peers ask for four credentials each. Who may have what is written down here, and not computed.
func TestEveryPeerGetsWhatItMayHaveAndNothingElse(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("left out: only root can become other users")
	}
	h := newHost(t, `agent:
  allow:
    one: {users: ["5001"]}
    two: {groups: ["6001"]}
    three: {users: ["5002", "5003"], groups: ["6002"]}
    four: {users: [root]}
`)
	h.settled()
	type peer struct {
		uid, gid uint32
		groups   []uint32
		may      string
	}
	rows := 0
	for _, p := range []peer{
		{5001, 7000, nil, "one"},
		{5001, 6001, nil, "one two"},
		{5001, 7000, []uint32{6001, 6002}, "one two three"},
		{5002, 7000, nil, "three"},
		{5003, 6002, nil, "three"},
		{5004, 7000, nil, ""},
		{5004, 6001, nil, "two"},
		{5004, 7000, []uint32{7001, 7002, 6002}, "three"},
		{6001, 5001, nil, ""}, // numbers of users are none of groups
		{0, 0, nil, "four"},
	} {
		got := h.askAs(&syscall.SysProcAttr{Credential: &syscall.Credential{Uid: p.uid, Gid: p.gid, Groups: p.groups}}, "one", "two", "three", "four")
		for _, name := range []string{"one", "two", "three", "four"} {
			rows++
			want := "NotAllowed"
			for _, may := range strings.Fields(p.may) {
				if may == name {
					want = "given"
				}
			}
			if got[name] != want {
				t.Errorf("user %d, group %d and %v: %s: got %q, want %q", p.uid, p.gid, p.groups, name, got[name], want)
			}
		}
	}
	t.Logf("%d combinations", rows)
	if rows != 40 {
		t.Error("there should be 40")
	}
	if said := h.log.String(); strings.Count(said, "msg=granted") != 11 || strings.Count(said, "msg=refused") != 29 {
		t.Errorf("got %d grants and %d refusals in the log, want 11 and 29", strings.Count(said, "msg=granted"), strings.Count(said, "msg=refused"))
	}
}

// A process of another PID or user namespace is nobody.
func TestAPeerThatTheKernelCannotNameIsRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("left out: it takes root")
	}
	h := newHost(t, "agent: {allow: {one: {groups: [\"65534\"]}}}\n")
	h.settled()
	got := h.askAs(&syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}, "one")
	if got["one"] != "UnknownPeer" {
		t.Errorf("the overflow user: got %q, want UnknownPeer", got["one"])
	}
}

func TestRefusalsOfAgent(t *testing.T) {
	h := newHost(t, "agent: {allow: {one: {users: [\"5001\"]}, away: {users: [\""+fmt.Sprint(os.Getuid())+"\"]}}}\n")
	h.settled()
	_, err := h.client().Credentials(t.Context(), "one")
	refused := new(agent.RefusalError)
	if !errors.As(err, &refused) || refused.Unavailable() || !strings.Contains(err.Error(), "may not have one: agent.allow.one names neither the user nor a group of theirs") {
		t.Errorf("got %v", err)
	}
	// AWS is away: the agent runs, says why, and never answers late.
	start := time.Now()
	_, err = h.client().Credentials(t.Context(), "away")
	if !errors.As(err, &refused) || !refused.Unavailable() || !strings.Contains(err.Error(), "connection refused") || time.Since(start) > 3*time.Second {
		t.Errorf("got %v after %s", err, time.Since(start))
	}
	if _, err := (agent.Client{Socket: filepath.Join(h.dir, "nothing.sock")}).Credentials(t.Context(), "one"); !errors.Is(err, agent.ErrNoAgent) {
		t.Errorf("no socket: got %v", err)
	}
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	if _, err := h.client().Credentials(t.Context(), "one"); !errors.Is(err, agent.ErrNoAgent) {
		t.Errorf("after it has ended: got %v", err)
	}
	left, err := filepath.Glob(filepath.Join(h.dir, "run", "*"))
	if err != nil || len(left) != 1 || filepath.Base(left[0]) != "agent.sock.lock" {
		t.Errorf("left: %q, %v", left, err)
	}
}

// A configuration with mistakes changes nothing; a good one counts at once, and what has not changed is not asked for anew.
func TestReload(t *testing.T) {
	h := newHost(t, allowMe("one", "two"))
	h.settled()
	first, err := h.client().Credentials(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	calls := h.local.CreateSessions()
	for name, part := range map[string]string{
		"a mistake":              "agent: {alow: {}}\n",
		"nobody is allowed":      "agent: {allow: {}}\n",
		"no agent":               "",
		"an unknown credential":  "agent: {allow: {nothing: {users: [root]}}}\n",
		"an unknown user":        "agent: {allow: {one: {users: [no-such-user]}}}\n",
		"no group of this name":  "agent: {allow: {one: {groups: [no-such-group]}}}\n",
		"another host's address": "agent: {container: \"192.0.2.1:9912\", allow: {one: {users: [root]}}}\n",
	} {
		h.configure(part)
		if err := h.agent.Reload(t.Context()); err == nil {
			t.Errorf("%s: it is taken", name)
		}
		if again, err := h.client().Credentials(t.Context(), "one"); err != nil || again.AccessKeyID != first.AccessKeyID {
			t.Errorf("%s: got %v afterwards", name, err)
		}
	}
	h.configure(allowMe("one", "three"))
	if err := h.agent.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.settled()
	if again, err := h.client().Credentials(t.Context(), "one"); err != nil || again.AccessKeyID != first.AccessKeyID {
		t.Errorf("what has not changed: got %v and another key", err)
	}
	if _, err := h.client().Credentials(t.Context(), "two"); !errors.Is(err, agent.ErrNotServed) {
		t.Errorf("what has gone: got %v", err)
	}
	if _, err := h.client().Credentials(t.Context(), "three"); err != nil {
		t.Errorf("what is new: got %v", err)
	}
	if more := h.local.CreateSessions() - calls; more != 1 {
		t.Errorf("got %d calls, want one for what is new", more)
	}
}

// A certificate that AWS refuses is asked about again as soon as there is another.
func TestARenewedCertificateIsUsedAtOnce(t *testing.T) {
	t.Parallel()
	h := newHost(t, allowMe("one"))
	h.settled()
	awsauthtest.NewCA(t, "stranger").Issue("client").WriteFiles(h.dir)
	h.configure(allowMe("one", "two"))
	if err := h.agent.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.settled()
	refused := new(agent.RefusalError)
	if _, err := h.client().Credentials(t.Context(), "two"); !errors.As(err, &refused) || !strings.Contains(err.Error(), "Untrusted signing certificate") {
		t.Fatalf("with a certificate that AWS does not know: got %v", err)
	}
	h.local.Client("client").WriteFiles(h.dir)
	renewed := time.Now()
	for s := h.agent.Status(); s.Credentials[1].AccessKeyID == ""; s = h.agent.Status() {
		if time.Since(renewed) > 20*time.Second {
			t.Fatalf("after %s: %+v", time.Since(renewed), s.Credentials[1])
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("used after %s", time.Since(renewed))
}

func TestOneAgentAtASocket(t *testing.T) {
	h := newHost(t, allowMe("one"))
	second, err := agent.New(agent.Options{
		Load: func() (*config.Config, error) {
			return config.Load([]config.File{{Path: filepath.Join(h.dir, "config.yaml"), Named: true}})
		},
		Build:  builder,
		Socket: h.socket, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); !errors.Is(err, agent.ErrRuns) {
		t.Errorf("got %v, want %v", err, agent.ErrRuns)
	}
	h.settled()
	if _, err := h.client().Credentials(t.Context(), "one"); err != nil {
		t.Errorf("the first one: got %v", err)
	}
}

// freePort is an address that is free for now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestTheContainerDoorAsksForATokenFromItsFile(t *testing.T) {
	address := freePort(t)
	uid := os.Getuid()
	h := newHost(t, fmt.Sprintf("agent:\n  container: %q\n  allow:\n    one: {users: [%d]}\n    two: {users: [%d], groups: [%d]}\n", address, uid, uid, os.Getgid()))
	h.settled()
	token := func(path string) string {
		t.Helper()
		file := filepath.Join(h.dir, "run", "agent.tokens", path)
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode&0o037 != 0 {
			t.Errorf("%s has mode %04o", path, mode)
		}
		text, err := os.ReadFile(file)
		if err != nil || len(text) != 52 {
			t.Fatalf("%s: got %d bytes, %v", path, len(text), err)
		}
		return string(text)
	}
	ask := func(token string, header ...string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, "http://"+address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", token)
		if len(header) > 0 {
			r.Header.Set(header[0], header[1])
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		var document struct{ AccessKeyID string }
		if err := json.Unmarshal(body, &document); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, document.AccessKeyID
	}
	held := map[string]string{}
	for _, c := range h.agent.Status().Credentials {
		held[c.Name] = c.AccessKeyID
	}
	mine := fmt.Sprintf("user-%d/", uid)
	for path, name := range map[string]string{mine + "one": "one", mine + "two": "two", fmt.Sprintf("group-%d/two", os.Getgid()): "two"} {
		if status, key := ask(token(path)); status != http.StatusOK || key != held[name] {
			t.Errorf("%s: got %d and %s, want %s", path, status, key, held[name])
		}
	}
	for name, header := range map[string][]string{"no token": {}, "a browser": {"Origin", "null"}, "a proxy": {"X-Forwarded-For", "127.0.0.1"}} {
		value := token(mine + "one")
		if len(header) == 0 {
			value = "another"
		}
		if status, key := ask(value, header...); status != http.StatusForbidden || key != "" {
			t.Errorf("%s: got %d and %q", name, status, key)
		}
	}
	gone := token(mine + "one")
	h.configure(strings.Replace(allowMe("two"), "agent:\n", fmt.Sprintf("agent:\n  container: %q\n", address), 1))
	if err := h.agent.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, key := ask(gone); status != http.StatusForbidden || key != "" {
		t.Errorf("a token of what is no longer allowed: got %d and %q", status, key)
	}
	if _, err := os.Stat(filepath.Join(h.dir, "run", "agent.tokens", mine+"one")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its file: got %v", err)
	}
	if said := h.log.String(); strings.Contains(said, gone) {
		t.Error("a token is in the log")
	}
}

// Every route of every door is behind the one chain.
func TestEveryRouteIsGuarded(t *testing.T) {
	address := freePort(t)
	h := newHost(t, strings.Replace(allowMe("one"), "agent:\n", fmt.Sprintf("agent:\n  container: %q\n", address), 1))
	h.settled()
	bySocket := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", h.socket)
	}}}
	rows := 0
	for door, client := range map[string]*http.Client{"http://" + agent.Host: bySocket, "http://" + address: http.DefaultClient} {
		for _, path := range []string{"/credentials/one", "/status", "/", "/credentials", "/nothing", "/latest/meta-data/"} {
			for _, bad := range []func(*http.Request){
				func(r *http.Request) { r.Header.Set("Origin", "http://evil.test") },
				func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") },
				func(r *http.Request) { r.Header.Set("X-Forwarded-For", "127.0.0.1") },
				func(r *http.Request) { r.Host = "evil.test" },
				func(r *http.Request) { r.Method = http.MethodPost },
			} {
				rows++
				r, err := http.NewRequest(http.MethodGet, door+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				bad(r)
				response, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				var why guard.Refusal
				if err := json.NewDecoder(response.Body).Decode(&why); err != nil || response.StatusCode < 400 || why.Code == "" {
					t.Errorf("%s%s: got %d, %+v, %v", door, path, response.StatusCode, why, err)
				}
				if err := response.Body.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if got := h.agent.Status().Refusals; got != int64(rows) {
		t.Errorf("got %d refusals, want %d", got, rows)
	}
}

func TestStatusIsForTheAgentsUserAlone(t *testing.T) {
	h := newHost(t, allowMe("one", "away"))
	h.settled()
	s, err := h.client().Status(t.Context())
	if err != nil || len(s.Credentials) != 2 || s.PID != os.Getpid() {
		t.Fatalf("got %+v, %v", s, err)
	}
	away, one := s.Credentials[0], s.Credentials[1]
	if away.Name != "away" || away.Error == "" || away.Failures == 0 || away.AccessKeyID != "" {
		t.Errorf("got %+v", away)
	}
	if one.Name != "one" || !strings.HasPrefix(one.AccessKeyID, "ASIAEMU") || one.Error != "" || time.Until(one.Next) < 20*time.Minute || one.Calls != 1 {
		t.Errorf("got %+v", one)
	}
	text, err := json.Marshal(s)
	if err != nil || strings.Contains(strings.ToLower(string(text)), "secret") {
		t.Errorf("it says %s", text)
	}
	if os.Getuid() != 0 {
		return
	}
	r := h.askAs(&syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 5001, Gid: 5001}}, "../status")
	if r["../status"] == "given" {
		t.Error("another user has got the status")
	}
}

// start runs an agent at a socket, and answers how it ended when it does not come up.
func (h *host) start(socket string) error {
	h.Helper()
	a, err := agent.New(agent.Options{
		Load: func() (*config.Config, error) {
			return config.Load([]config.File{{Path: filepath.Join(h.dir, "config.yaml"), Named: true}})
		},
		Build: builder, Override: socket, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(h.Context(), 10*time.Second)
	defer cancel()
	go func() {
		if _, err := (agent.Client{Socket: socket}).Status(ctx); err == nil {
			cancel()
		}
	}()
	return a.Run(ctx)
}

// What lies where an agent wants to listen and is not its own stays as it is.
func TestWhatIsNotTheAgentsStays(t *testing.T) {
	h := newHost(t, strings.Replace(allowMe("one"), "agent:\n", fmt.Sprintf("agent:\n  container: %q\n", freePort(t)), 1))
	h.settled()
	run := filepath.Join(h.dir, "other")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	put := func(name, text string) string {
		t.Helper()
		path := filepath.Join(run, name)
		must(os.MkdirAll(filepath.Dir(path), 0o755))
		must(os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	kept := []string{put("agent.tokens/data.txt", "theirs"), put("tokens/data.txt", "theirs"), put("file.sock", "theirs")}
	other, err := net.Listen("unix", filepath.Join(run, "live.sock"))
	must(err)
	defer other.Close()
	for name, want := range map[string]string{
		"file.sock": "something else is in the socket's place", "live.sock": agent.ErrRuns.Error(), filepath.Join("file.sock", "x.sock"): "no directory",
	} {
		if err := h.start(filepath.Join(run, name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	// An agent beside the first one ends without what it has not made.
	second := filepath.Join(h.dir, "run", "second.sock")
	h.configure(allowMe("one"))
	if err := h.start(second); err != nil {
		t.Errorf("a second agent: got %v", err)
	}
	tokens, err := filepath.Glob(filepath.Join(h.dir, "run", "agent.tokens", "*", "one"))
	if err != nil || len(tokens) != 1 {
		t.Errorf("the first one's tokens: got %q, %v", tokens, err)
	}
	for _, path := range kept {
		if text, err := os.ReadFile(path); err != nil || string(text) != "theirs" {
			t.Errorf("%s: got %q, %v", path, text, err)
		}
	}
	if c, err := net.Dial("unix", other.Addr().String()); err != nil {
		t.Errorf("another program's socket: %v", err)
	} else {
		must(c.Close())
	}
}

// A directory that others can change is no place for a socket: they could put another one there, or a link.
func TestADirectoryOfOthersIsNoPlaceForASocket(t *testing.T) {
	h := newHost(t, allowMe("one"))
	for name, spoil := range map[string]func(string) error{
		"others can write": func(dir string) error { return os.Chmod(dir, 0o777) },
		"it is another user's": func(dir string) error {
			if os.Getuid() != 0 {
				t.Log("left out: only root can give a directory away")
				return os.Chmod(dir, 0o777)
			}
			return os.Chown(dir, 5001, 5001)
		},
	} {
		dir := filepath.Join(h.dir, "dir "+name[:2])
		if err := errors.Join(os.Mkdir(dir, 0o755), os.Symlink(filepath.Join(h.dir, "made"), filepath.Join(dir, "agent.sock.lock")), spoil(dir)); err != nil {
			t.Fatal(err)
		}
		if err := h.start(filepath.Join(dir, "agent.sock")); err == nil || !strings.Contains(err.Error(), "can be changed by others") {
			t.Errorf("%s: got %v", name, err)
		}
		if _, err := os.Lstat(filepath.Join(h.dir, "made")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a link was followed: %v", name, err)
		}
	}
}

// Tokens that cannot be made take nothing from what is revoked, and those of others stay good.
func TestWhatIsRevokedIsRevokedThoughNoTokenCanBeMade(t *testing.T) {
	address, uid := freePort(t), os.Getuid()
	part := func(allow string) string {
		return fmt.Sprintf("agent:\n  container: %q\n  allow: {%s}\n", address, allow)
	}
	h := newHost(t, part(fmt.Sprintf("one: {users: [%d]}, two: {users: [%d]}", uid, uid)))
	h.settled()
	dir := filepath.Join(h.dir, "run", "agent.tokens")
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("user-%d", uid), name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	ask := func(token string) int {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, "http://"+address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", token)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		return response.StatusCode
	}
	one, two := read("one"), read("two")
	// A file in the place of a directory keeps the new token from being made.
	if err := os.WriteFile(filepath.Join(dir, "group-4000000000"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.configure(part(fmt.Sprintf("two: {users: [%d]}, three: {groups: [\"4000000000\"]}", uid)))
	if err := h.agent.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := [2]int{ask(one), ask(two)}; got != [2]int{http.StatusForbidden, http.StatusOK} {
		t.Errorf("what is revoked and what is not: got %v", got)
	}
	if said := h.log.String(); !strings.Contains(said, "some tokens cannot be made") {
		t.Error("that a token cannot be made is not said")
	}
	if err := os.Remove(filepath.Join(dir, "group-4000000000")); err != nil {
		t.Fatal(err)
	}
}

// One user's connections, however many, leave room for others', and nobody keeps the agent from ending.
func TestACrowdOfOneUserLeavesRoomForOthers(t *testing.T) {
	h := newHost(t, allowMe("one"))
	h.settled()
	var all []net.Conn
	defer func() {
		for _, c := range all {
			_ = c.Close()
		}
	}()
	for range 200 {
		c, err := net.Dial("unix", h.socket)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
		_, _ = io.WriteString(c, "GET /status HTTP/1.1\r\nHost: "+agent.Host+"\r\nContent-Length: 5000\r\n\r\n") // some are cut off
	}
	if os.Getuid() == 0 {
		if got := h.askAs(&syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 5001, Gid: 5001}}, "one"); got["one"] != "NotAllowed" {
			t.Errorf("another user: got %q, want an answer", got["one"])
		}
	}
	start := time.Now()
	if err := h.stop(); err != nil {
		t.Errorf("told to stop: %v", err)
	}
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("it ended after %s", took)
	}
}
