package endurance

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/awsauth-go/awsauth/internal/agent"
)

// connectAndLeave connects to a socket, hands the connection over, and ends: what it has connected outlives it.
func connectAndLeave(_ context.Context, j job) report {
	conn, err := net.Dial("unix", j.Socket)
	if err != nil {
		return report{Err: err.Error()}
	}
	f, err := conn.(*net.UnixConn).File()
	if err != nil {
		return report{Err: err.Error()}
	}
	to, err := net.Dial("unix", j.HandTo)
	if err != nil {
		return report{Err: err.Error()}
	}
	if _, _, err := to.(*net.UnixConn).WriteMsgUnix([]byte{0}, unix.UnixRights(int(f.Fd())), nil); err != nil {
		return report{Err: err.Error()}
	}
	return report{Asked: os.Getpid()}
}

// T2: a connection is whose it was when it was made, though the process is gone and another user's, who may have the credentials, has
// its number now.
func TestAnotherProcessOfTheSameNumberLendsNobodyItsRights(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("left out: only root can become other users and say which number the next process has")
	}
	const next = "/proc/sys/kernel/ns_last_pid"
	last, err := os.ReadFile(next)
	if err == nil {
		err = os.WriteFile(next, last, 0o600)
	}
	if err != nil {
		t.Skipf("left out: the number of the next process cannot be said here: %v", err)
	}
	rounds := full(t, 20, 1000)
	h := newHost(t, options{credentials: 1, users: []int{other(1)}})
	h.start()
	h.settled()
	handed, err := net.ListenUnix("unix", &net.UnixAddr{Name: h.dir + "/hand", Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer handed.Close()
	if err := os.Chmod(h.dir+"/hand", 0o777); err != nil {
		t.Fatal(err)
	}
	reused, refused := 0, 0
	orphan := func(uid int) (conn net.Conn, pid int) {
		t.Helper()
		w := h.startChild(uid, job{Kind: "connect", Socket: h.socket, HandTo: h.dir + "/hand"})
		w.begin()
		conn = receive(t, handed)
		pid = w.finish().Asked
		<-w.ended
		return conn, pid
	}
	if conn, _ := orphan(other(1)); askOver(t, conn) != http.StatusOK {
		t.Error("the connection of a user who may is refused, as its process is gone")
	}
	for range rounds {
		conn, pid := orphan(other(2))
		lives := processOf(t, pid, other(1))
		if lives != nil {
			reused++
		}
		if status := askOver(t, conn); status == http.StatusForbidden {
			refused++
		} else {
			t.Errorf("a connection of user %d whose process is gone: got %d", other(2), status)
		}
		if lives != nil {
			if err := lives.Process.Kill(); err != nil {
				t.Error(err)
			}
			_ = lives.Wait() // it says that it was killed
		}
	}
	t.Logf("%d rounds: %d numbers used again by a user who may, %d refused", rounds, reused, refused)
	if reused < rounds/2 {
		t.Errorf("got %d numbers used again, want most", reused)
	}
}

// receive takes over a connection that somebody hands over.
func receive(t *testing.T, l *net.UnixListener) net.Conn {
	t.Helper()
	if err := l.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	from, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	rights := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := from.ReadMsgUnix(make([]byte, 1), rights)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) != 1 {
		t.Fatalf("got %d messages, %v", len(messages), err)
	}
	files, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(files) != 1 {
		t.Fatalf("got %d files, %v", len(files), err)
	}
	f := os.NewFile(uintptr(files[0]), "handed over")
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// processOf starts a process of a user that has a number; nil when somebody else has got it.
func processOf(t *testing.T, pid, uid int) *exec.Cmd {
	t.Helper()
	for range 5 {
		c := exec.Command("/bin/sleep", "60")
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if c.Process.Pid == pid {
			return c
		}
		_ = c.Process.Kill() // it is not the one
		_ = c.Wait()
	}
	return nil
}

// askOver asks for credentials over a connection, and answers the status.
func askOver(t *testing.T, conn net.Conn) int {
	t.Helper()
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /credentials/c0 HTTP/1.1\r\nHost: "+agent.Host+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}
