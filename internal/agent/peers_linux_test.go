package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/agent"
	"github.com/awsauth-go/awsauth/internal/foreign"
)

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
	if socket, ok := strings.CutPrefix(order, "status "); ok {
		_, err := agent.Client{Socket: socket}.Status(context.Background())
		fmt.Println("status", answered(err))
		return
	}
	if order, ok := strings.CutPrefix(order, "plainly "); ok {
		socket, paths, _ := strings.Cut(order, " ")
		askPlainly(socket, strings.Fields(paths))
		return
	}
	socket, names, _ := strings.Cut(order, " ")
	for _, name := range strings.Fields(names) {
		_, err := agent.Client{Socket: socket}.Credentials(context.Background(), name)
		fmt.Println(name, answered(err))
	}
}

// answered is what the agent has said to a client, in a word.
func answered(err error) string {
	refused := new(agent.RefusalError)
	switch {
	case err == nil:
		return "given"
	case errors.As(err, &refused):
		return refused.Code
	}
	return err.Error()
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
	address := foreign.FreeAddress(t)
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
	return answersIn(h.askRaw(attributes, h.socket+" "+strings.Join(names, " ")))
}

// answersIn reads lines of what was asked for, and what was answered.
func answersIn(out string) map[string]string {
	answers := map[string]string{}
	for line := range strings.Lines(out) {
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

// The overflow user is nobody: so the kernel calls everybody for whom the agent's user namespace has no number, and user 65534 itself.
func TestAPeerThatTheKernelCannotNameIsRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("left out: it takes root")
	}
	h := newHost(t, "agent: {allow: {one: {groups: [\"5555\"]}}}\n")
	h.settled()
	got := h.askAs(&syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 5555}}, "one")
	if got["one"] != "UnknownPeer" {
		t.Errorf("the overflow user: got %q, want UnknownPeer", got["one"])
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
