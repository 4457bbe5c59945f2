package agent_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/internal/agent"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/foreign"
)

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

// A secret that stands in the configuration itself is another after a reload, though all else is as it was; also that of the key by
// which a role is assumed.
func TestASecretInTheConfigurationIsAnotherAfterAReload(t *testing.T) {
	h := newHost(t, allowMe("one"))
	reload := func(secret string) (given, roleError string) {
		t.Helper()
		h.configure(fmt.Sprintf("  key: {type: static, access_key_id: %s, secret_access_key: %q, endpoint_url: %q}\n"+
			"  role: {type: assume-role, source: key, role_arn: %q, endpoint_url: %[3]q}\n",
			h.local.Admin.AccessKeyID, secret, h.local.Endpoint, h.local.RoleARN) + allowMe("key", "role"))
		if err := h.agent.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			h.settled()
			a, err := h.client().Credentials(t.Context(), "key")
			if err != nil {
				t.Fatal(err)
			}
			role := h.agent.Status().Credentials[1]
			if a.SecretAccessKey == secret && role.Calls > 0 || time.Now().After(deadline) {
				return a.SecretAccessKey, role.Error
			}
		}
	}
	wrong := strings.Repeat("x", 40)
	if _, said := reload(wrong); !strings.Contains(said, "SignatureDoesNotMatch") {
		t.Fatalf("with a wrong secret: got %q", said)
	}
	right := h.local.Admin.SecretAccessKey.Reveal()
	given, _ := reload(right)
	said := ""
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(said, "AccessDenied") && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		said = h.agent.Status().Credentials[1].Error // the role does not trust this user, but knows who it is
	}
	if given != right || !strings.Contains(said, "AccessDenied") {
		t.Errorf("with the right one: given the right one %t, and the role says %q", given == right, said)
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
		Build:  h.builder,
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
	for uid, want := range map[uint32]string{5001: "NotAllowed", 0: "given"} {
		got := h.askRaw(&syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}, "status "+h.socket)
		if got != "status "+want+"\n" {
			t.Errorf("user %d: got %q, want %s", uid, got, want)
		}
	}
}

// What lies where an agent wants to listen and is not its own stays as it is.
func TestWhatIsNotTheAgentsStays(t *testing.T) {
	h := newHost(t, strings.Replace(allowMe("one"), "agent:\n", fmt.Sprintf("agent:\n  container: %q\n", foreign.FreeAddress(t)), 1))
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
	for name, spoil := range map[string]func(*testing.T, string) error{
		"others can write": func(_ *testing.T, dir string) error { return os.Chmod(dir, 0o777) },
		"another user's": func(t *testing.T, dir string) error {
			if os.Getuid() != 0 {
				t.Skip("left out: only root can give a directory away")
			}
			return os.Chown(dir, 5001, 5001)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, made := filepath.Join(h.dir, "dir "+name[:2]), filepath.Join(h.dir, "made")
			if err := errors.Join(os.Mkdir(dir, 0o755), os.Symlink(made, filepath.Join(dir, "agent.sock.lock")), spoil(t, dir)); err != nil {
				t.Fatal(err)
			}
			if err := h.start(filepath.Join(dir, "agent.sock")); err == nil || !strings.Contains(err.Error(), "can be changed by others") {
				t.Errorf("got %v", err)
			}
			if _, err := os.Lstat(made); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a link was followed: %v", err)
			}
		})
	}
}
