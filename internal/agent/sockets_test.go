package agent

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
)

// Lines of /proc/net/tcp and tcp6 on a machine with little end first.
const (
	table4 = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:26B7 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1000 1 0000000000000000 100 0 0 10 0
   1: 0100007F:C350 0100007F:26B7 01 00000000:00000000 00:00000000 00000000  5001        0 1001 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:26B7 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 1002 1 0000000000000000 20 4 30 10 -1
`
	table6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:C351 00000000000000000000000001000000:26B7 01 00000000:00000000 00:00000000 00000000  5002        0 2001 1 0000000000000000 20 4 30 10 -1
   1: 0000000000000000FFFF00000100007F:C352 0000000000000000FFFF00000100007F:26B7 01 00000000:00000000 00:00000000 00000000  5003        0 2002 1 0000000000000000 20 4 30 10 -1
`
)

func TestWhoseSocketItIs(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("left out: the lines are of another kind of machine")
	}
	for _, c := range []struct {
		name, table, local, remote string
		uid                        uint32
		ok                         bool
	}{
		{"the client's end", table4, "127.0.0.1:50000", "127.0.0.1:9911", 5001, true},
		{"the server's end", table4, "127.0.0.1:9911", "127.0.0.1:50000", 0, true},
		{"another port", table4, "127.0.0.1:50001", "127.0.0.1:9911", 0, false},
		{"another server", table4, "127.0.0.1:50000", "127.0.0.1:9912", 0, false},
		{"another address", table4, "127.0.0.2:50000", "127.0.0.1:9911", 0, false},
		{"IPv6", table6, "[::1]:50001", "[::1]:9911", 5002, true},
		{"IPv4 by a socket of IPv6", table6, "127.0.0.1:50002", "127.0.0.1:9911", 5003, true},
		{"an empty table", "", "127.0.0.1:50000", "127.0.0.1:9911", 0, false},
		{"two owners", table4 + strings.Replace(table4, "5001", "5009", 1), "127.0.0.1:50000", "127.0.0.1:9911", 0, false},
		{"a damaged user", strings.Replace(table4, " 5001 ", " x001 ", 1), "127.0.0.1:50000", "127.0.0.1:9911", 0, false},
	} {
		uid, ok := findSocket([]byte(c.table), netip.MustParseAddrPort(c.local), netip.MustParseAddrPort(c.remote))
		if uid != c.uid && ok || ok != c.ok {
			t.Errorf("%s: got %d, %t, want %d, %t", c.name, uid, ok, c.uid, c.ok)
		}
	}
}

func TestTheKernelSaysWhoseAConnectionIs(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("left out: the kernel does not say")
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("left out: %v", err) // a host without IPv6
			continue
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
			t.Errorf("%s: got %+v, %v, want user %d", address, p, err, os.Getuid())
		}
	}
}

func FuzzFindSocket(f *testing.F) {
	f.Add([]byte(table4), "127.0.0.1:50000", "127.0.0.1:9911")
	f.Add([]byte(table6), "[::1]:50001", "[::1]:9911")
	f.Add([]byte(table6+"\x00:::"), "127.0.0.1:50002", "127.0.0.1:9911")
	f.Fuzz(func(_ *testing.T, table []byte, local, remote string) {
		a, err := netip.ParseAddrPort(local)
		b, err2 := netip.ParseAddrPort(remote)
		if err == nil && err2 == nil {
			findSocket(table, a, b)
		}
	})
}
