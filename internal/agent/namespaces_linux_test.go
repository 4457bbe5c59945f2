package agent_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/awsauth-go/awsauth/internal/agent"
)

// askPlainly says who this process takes itself for, and asks for paths without our client, which believes no agent of a user for whom its
// own namespace has no number.
func askPlainly(socket string, paths []string) {
	fmt.Printf("itself uid=%d gid=%d first=%t\n", os.Getuid(), os.Getgid(), os.Getpid() == 1)
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}
	for _, path := range paths {
		fmt.Println(path, askPath(&http.Client{Transport: transport}, path))
	}
}

func askPath(c *http.Client, path string) string {
	response, err := c.Get("http://" + agent.Host + path)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return "given"
	}
	var refusal struct{ Code string }
	if err := json.NewDecoder(response.Body).Decode(&refusal); err != nil {
		return err.Error()
	}
	return refusal.Code
}

// started starts a command in namespaces of its own.
func (h *host) started(c *exec.Cmd) {
	h.Helper()
	err := c.Start()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		h.Skipf("left out: this superuser may not have namespaces: %v", err)
	}
	if err != nil {
		h.Fatal(err)
	}
}

// askFrom asks an agent plainly from other namespaces, and answers as whom.
func (h *host) askFrom(attributes *syscall.SysProcAttr, socket string, paths ...string) (answers map[string]string, pid int) {
	h.Helper()
	c := h.program(attributes, "plainly "+socket+" "+strings.Join(paths, " "))
	var out strings.Builder
	c.Stdout, c.Stderr = &out, &out
	h.started(c)
	if err := c.Wait(); err != nil {
		h.Fatalf("%v: %s", err, out.String())
	}
	return answersIn(out.String()), c.Process.Pid
}

// numbers maps users or groups of a namespace to those of the host: pairs of inside and outside.
func numbers(pairs ...int) (all []syscall.SysProcIDMap) {
	for ; len(pairs) > 0; pairs = pairs[2:] {
		all = append(all, syscall.SysProcIDMap{ContainerID: pairs[0], HostID: pairs[1], Size: 1})
	}
	return all
}

// Who has namespaces of their own is who they are on the host, whatever they take themselves for: root in a user namespace is not root here.
func TestAPeerInNamespacesOfItsOwnIsWhoItIsOnTheHost(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("left out: only root can become other users")
	}
	h := newHost(t, `agent:
  allow:
    one: {users: ["4242"]}
    two: {users: [root], groups: ["0"]}
    three: {groups: ["6001"]}
    four: {users: ["5001"], groups: ["6002"]}
`)
	h.settled()
	inside := func(flags uintptr, users, groups []syscall.SysProcIDMap, as *syscall.Credential) *syscall.SysProcAttr {
		return &syscall.SysProcAttr{
			Cloneflags: flags, UidMappings: users, GidMappings: groups, GidMappingsEnableSetgroups: len(groups) > 0, Credential: as,
		}
	}
	as := func(uid, gid uint32, groups ...uint32) *syscall.Credential {
		return &syscall.Credential{Uid: uid, Gid: gid, Groups: groups}
	}
	const user, pid = syscall.CLONE_NEWUSER, syscall.CLONE_NEWPID
	paths, rows := []string{"/credentials/one", "/credentials/two", "/credentials/three", "/credentials/four", "/status"}, 0
	for name, c := range map[string]struct {
		attributes           *syscall.SysProcAttr
		itself, onHost, gets string
	}{
		"root of a user namespace": {
			inside(user, numbers(0, 4242), numbers(0, 7000), as(0, 0)), "uid=0 gid=0 first=false", "uid=4242 gid=7000", "one",
		},
		"root's group of a user namespace": {
			inside(user, numbers(0, 5004), numbers(0, 6001), as(0, 0)), "uid=0 gid=0 first=false", "uid=5004 gid=6001", "three",
		},
		"numbers that would be allowed here": {
			inside(user, numbers(4242, 5004), numbers(6001, 7000, 6002, 7001), as(4242, 6001, 6002)), "uid=4242 gid=6001 first=false", "uid=5004 gid=7000", "",
		},
		"a further group": {
			inside(user, numbers(0, 5004), numbers(0, 7000, 8, 6002), as(0, 0, 8)), "uid=0 gid=0 first=false", "uid=5004 gid=7000", "four",
		},
		"the host's root, for whom its namespace has no number": {
			inside(user, numbers(0, 4242), numbers(0, 7000), nil), "uid=65534 gid=65534 first=false", "uid=0 gid=0", "two status",
		},
		"a user in a PID namespace": {
			inside(pid, nil, nil, as(4242, 7000)), "uid=4242 gid=7000 first=true", "uid=4242 gid=7000", "one",
		},
		"root in a PID namespace, and in no user namespace": {
			inside(pid, nil, nil, as(0, 0)), "uid=0 gid=0 first=true", "uid=0 gid=0", "two status",
		},
		"root of both": {
			inside(user|pid, numbers(0, 4242), numbers(0, 7000), as(0, 0)), "uid=0 gid=0 first=true", "uid=4242 gid=7000", "one",
		},
	} {
		got, process := h.askFrom(c.attributes, h.socket, paths...)
		if got["itself"] != c.itself {
			t.Errorf("%s: it takes itself for %q, want %q", name, got["itself"], c.itself)
		}
		for _, path := range paths {
			rows++
			want := "NotAllowed"
			for _, one := range strings.Fields(c.gets) {
				if strings.HasSuffix(path, "/"+one) {
					want = "given"
				}
			}
			if got[path] != want {
				t.Errorf("%s: %s: got %q, want %q", name, path, got[path], want)
			}
		}
		// The log has the process by its number on the host, too.
		asked := len(paths) - strings.Count(c.gets, "status") // a status that is given is not written down
		if line := fmt.Sprintf(" %s pid=%d ", c.onHost, process); strings.Count(h.log.String(), line) != asked {
			t.Errorf("%s: got %d lines of the log with %q, want %d", name, strings.Count(h.log.String(), line), line, asked)
		}
	}
	t.Logf("%d combinations", rows)
	if rows != 40 {
		t.Error("there should be 40")
	}
}

// The environment by which this test's program runs an agent with this part of a configuration, until its standard input ends.
const nestedVariable = "AWSAUTH_AGENT_TEST_NESTED"

// An agent in namespaces of its own gives nothing to those for whom they have no number: in a user namespace all of them are called 65534,
// in a PID namespace 0.
func TestAnAgentInNamespacesOfItsOwnRefusesWhomTheyHaveNoNumberFor(t *testing.T) {
	if part, ok := os.LookupEnv(nestedVariable); ok {
		h := newHost(t, part)
		h.settled()
		if _, err := h.client().Credentials(t.Context(), "one"); err != nil {
			t.Fatalf("from its own namespaces: %v", err)
		}
		fmt.Println("listens at", h.socket)
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	if os.Getuid() != 0 {
		t.Skip("left out: only root can become other users")
	}
	type peer struct {
		uid, gid uint32
		want     string // for each path
	}
	paths, rows := []string{"/credentials/one", "/credentials/two", "/credentials/three", "/status"}, 0
	const nobody = "UnknownPeer UnknownPeer UnknownPeer NotAllowed"
	for name, c := range map[string]struct {
		attributes syscall.SysProcAttr
		peers      []peer
	}{
		"a user namespace": {
			syscall.SysProcAttr{
				Cloneflags: syscall.CLONE_NEWUSER, UidMappings: numbers(0, 4242, 5001, 5002), GidMappings: numbers(0, 4242, 7000, 7000),
				GidMappingsEnableSetgroups: true, Credential: &syscall.Credential{},
			},
			[]peer{
				{0, 0, nobody}, // the host's root
				{5001, 7000, nobody},
				{65534, 65534, nobody},
				{5002, 7000, "NotAllowed given NotAllowed NotAllowed"}, // it is 5001 there
				{4242, 4242, "given NotAllowed NotAllowed given"},      // it is root there
			},
		},
		"a PID namespace": {
			syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID},
			[]peer{{0, 0, nobody}, {5001, 7000, nobody}, {4242, 65534, nobody}},
		},
	} {
		h := prepareHost(t)
		socket := h.runNested(&c.attributes, "agent: {allow: {one: {users: [root]}, two: {users: [\"5001\"]}, three: {groups: [\"5555\"]}}}\n")
		for _, p := range c.peers {
			got, _ := h.askFrom(&syscall.SysProcAttr{Credential: &syscall.Credential{Uid: p.uid, Gid: p.gid}}, socket, paths...)
			for i, want := range strings.Fields(p.want) {
				rows++
				if got[paths[i]] != want {
					t.Errorf("%s: user %d, group %d: %s: got %q, want %q", name, p.uid, p.gid, paths[i], got[paths[i]], want)
				}
			}
		}
	}
	t.Logf("%d combinations", rows)
	if rows != 32 {
		t.Error("there should be 32")
	}
}

// runNested runs an agent in namespaces of its own until the test ends, and answers where it listens.
func (h *host) runNested(attributes *syscall.SysProcAttr, part string) (socket string) {
	h.Helper()
	// Not of the test's context: that ends before the agent is told to.
	c := exec.Command(h.program(nil, "").Path, "-test.timeout=1m", "-test.run=^TestAnAgentInNamespacesOfItsOwnRefusesWhomTheyHaveNoNumberFor$")
	c.Env, c.SysProcAttr, c.Dir = []string{nestedVariable + "=" + part, "GORACE=atexit_sleep_ms=0"}, attributes, "/"
	stdin, err := c.StdinPipe()
	if err != nil {
		h.Fatal(err)
	}
	stdout, err := c.StdoutPipe()
	if err != nil {
		h.Fatal(err)
	}
	c.Stderr = os.Stderr
	h.started(c)
	var out strings.Builder
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if at, ok := strings.CutPrefix(lines.Text(), "listens at "); ok {
			socket = at
			break
		}
		fmt.Fprintln(&out, lines.Text())
	}
	h.Cleanup(func() {
		_ = stdin.Close()
		rest, _ := io.ReadAll(stdout)
		if err := c.Wait(); err != nil {
			h.Errorf("the agent in namespaces of its own ended with %v: %s%s", err, out.String(), rest)
		}
	})
	if socket == "" {
		h.Fatal("the agent in namespaces of its own has not said where it listens")
	}
	return socket
}
