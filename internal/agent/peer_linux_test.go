package agent

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/awsauth-go/awsauth/internal/config"
)

func TestTheKernelSaysWhoseAConnectionIs(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(address, func(t *testing.T) {
			l, err := net.Listen("tcp", address)
			if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT) {
				t.Skipf("left out: this host has no such address: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			client, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			server, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			p, err := tcpPeer(server)
			if err != nil || int(p.UID) != os.Getuid() {
				t.Errorf("got %+v, %v, want user %d", p, err, os.Getuid())
			}
		})
	}
}

// What its owner has closed is nobody's, though the kernel gives it to the superuser.
func TestAConnectionThatNobodyHoldsIsNobodys(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 50 {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		if p, err := tcpPeer(server); !errors.Is(err, errNobody) {
			t.Errorf("got %+v, %v, want nobody", p, err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
}

func FuzzDiagAnswer(f *testing.F) {
	good := make([]byte, diagAnswerSize)
	binary.NativeEndian.PutUint16(good[4:], unix.SOCK_DIAG_BY_FAMILY)
	good[unix.SizeofNlMsghdr+1] = established
	binary.NativeEndian.PutUint32(good[unix.SizeofNlMsghdr+64:], 5001)
	binary.NativeEndian.PutUint32(good[unix.SizeofNlMsghdr+68:], 7)
	if uid, ok := diagAnswer(good); uid != 5001 || !ok {
		f.Fatalf("got %d, %t", uid, ok)
	}
	f.Add(good)
	f.Add(good[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, ok := diagAnswer(b); ok && len(b) < diagAnswerSize {
			t.Error("half an answer is taken")
		}
	})
}

func TestWhoHasSentSomethingHasAsked(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if hasAsked(server) {
		t.Error("nothing is sent, and it has asked")
	}
	if _, err := client.Write([]byte("G")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !hasAsked(server); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("something is sent, and it has not asked")
		}
	}
	if _, err := server.Read(make([]byte, 1)); err != nil || hasAsked(server) {
		t.Errorf("it is read: %v, and it still asks", err)
	}
}

// The number that stands for whoever has none is no rule's.
func TestNobodysNumberIsInNoRule(t *testing.T) {
	for _, allow := range []config.Allow{{Users: []string{"65534"}}, {Groups: []string{"65534"}}} {
		if _, err := newRule(allow); err == nil {
			t.Errorf("%+v is a rule", allow)
		}
	}
	r := rule{groups: []uint32{overflowID}}
	if by, ok := r.allows(Peer{UID: 5002, GID: overflowID, Groups: []uint32{overflowID}, PID: 1}); ok {
		t.Errorf("a group that the kernel cannot name may, by %s", by)
	}
}
