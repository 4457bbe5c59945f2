package endurance

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// manager is what a service manager keeps while it restarts the agent: the sockets that it has opened, and where it is told.
type manager struct {
	*host
	told   *net.UnixConn
	passed []*os.File
}

// manage opens the sockets of a host's agent, as a service manager does.
func (h *host) manage() *manager {
	h.Helper()
	m := &manager{host: h}
	listening := func(l net.Listener, err error) {
		h.Helper()
		if err != nil {
			h.Fatal(err)
		}
		f, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			h.Fatal(err)
		}
		m.passed = append(m.passed, f)
		h.Cleanup(func() {
			if err := f.Close(); err != nil {
				h.Error(err)
			}
		})
		if l, ok := l.(*net.UnixListener); ok {
			l.SetUnlinkOnClose(false)
		}
		if err := l.Close(); err != nil { // the file is the socket from now on: nobody else accepts
			h.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Dir(h.socket), 0o755); err != nil {
		h.Fatal(err)
	}
	listening(net.Listen("unix", h.socket))
	if err := os.Chmod(h.socket, 0o666); err != nil {
		h.Fatal(err)
	}
	if h.container != "" {
		listening(net.Listen("tcp", h.container))
	}
	var err error
	m.told, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(h.dir, "notify"), Net: "unixgram"})
	if err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() {
		if err := m.told.Close(); err != nil {
			h.Error(err)
		}
	})
	return m
}

// start starts an agent on the sockets, and waits until it says that it is ready.
func (m *manager) start() {
	m.Helper()
	// The process ID of LISTEN_PID is known to the shell alone, before it becomes the agent.
	c := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$@"`, "sh", binary, "agent", "--config", filepath.Join(m.dir, "config.yaml"), "--socket", m.socket)
	c.Env = append(environment(m.dir), fmt.Sprintf("LISTEN_FDS=%d", len(m.passed)), "LISTEN_FDNAMES=agent:container", "NOTIFY_SOCKET="+m.told.LocalAddr().String())
	c.ExtraFiles = m.passed
	m.agent = startProcess(m, c, filepath.Join(m.dir, "agent.log"))
	if err := m.told.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		m.Fatal(err)
	}
	for said := ""; !strings.Contains(said, "READY=1"); {
		buffer := make([]byte, 256)
		n, err := m.told.Read(buffer)
		if err != nil {
			m.Fatalf("the agent does not say that it is ready: %v\n%s", err, m.agent.tail())
		}
		said = string(buffer[:n])
	}
}

// D3: an agent that a service manager restarts again and again, while the manager keeps its sockets, fails nobody: neither who
// connects for each request nor who keeps connections, with the token's file or, where an SDK knows none, with the token itself.
func TestRestartsFailNoRequest(t *testing.T) {
	restarts := full(t, 20, 1000)
	random := chaos(t)
	h := newHost(t, options{credentials: 2, container: true, users: []int{other(1)}})
	m := h.manage()
	m.start()
	uid := other(1)
	var clients []*working
	for _, j := range []job{
		{Socket: h.socket, Name: "c0", Rate: 150},
		{Container: h.container, TokenFile: h.tokenFile(uid, "c0"), Rate: 150},
		{Socket: h.socket, Name: "c1", Container: h.container, TokenFile: h.tokenFile(uid, "c1"), Idle: 16, Rate: 150},
		{Container: h.container, TokenFile: h.copyOfToken(uid, "c1"), Rate: 50},
	} {
		j.Kind, j.Times = "open", 1<<30
		clients = append(clients, h.startChild(uid, j))
	}
	for _, c := range clients {
		c.begin()
	}
	began := time.Now()
	for range restarts {
		time.Sleep(time.Duration(random.Int64N(int64(100 * time.Millisecond))))
		m.agent.stop(t)
		m.start()
	}
	time.Sleep(100 * time.Millisecond)
	took := time.Since(began)
	asked := 0
	for i, c := range clients {
		r := c.halt()
		asked += r.Asked
		t.Logf("client %d: %s", i, r)
		if r.Failed > 0 {
			t.Errorf("client %d: %d of %d failed, first %s", i, r.Failed, r.Asked, r.Err)
		}
	}
	m.agent.stop(t)
	t.Logf("%d restarts in %s under %.0f requests a second", restarts, took.Round(time.Millisecond), float64(asked)/took.Seconds())
}

// copyOfToken is a file with the token that a user has now, as a program has it that was given it when it started.
func (h *host) copyOfToken(uid int, name string) string {
	h.Helper()
	text, err := os.ReadFile(h.tokenFile(uid, name))
	if err != nil {
		h.Fatal(err)
	}
	path := filepath.Join(h.dir, "token of "+name)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		h.Fatal(err)
	}
	return path
}
