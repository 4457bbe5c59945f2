package agent

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
)

// findSocket looks through a table of TCP sockets (proc_pid_net(5), "/proc/net/tcp") for the one that is bound to local and connected
// to remote, and answers whose it is. A line that is none is passed over; two sockets of one kind are nobody's.
func findSocket(table []byte, local, remote netip.AddrPort) (uid uint32, ok bool) {
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 || !sameAddress(fields[1], local) || !sameAddress(fields[2], remote) {
			continue
		}
		id, err := strconv.ParseUint(fields[7], 10, 32)
		if err != nil || ok && uint32(id) != uid {
			return 0, false
		}
		uid, ok = uint32(id), true
	}
	return uid, ok && lines.Err() == nil
}

// sameAddress compares an address as the kernel writes it: each word of 32 bits in the order of this machine, and the port as a number.
func sameAddress(text string, want netip.AddrPort) bool {
	host, portText, found := strings.Cut(text, ":")
	port, err := strconv.ParseUint(portText, 16, 16)
	if !found || err != nil || uint16(port) != want.Port() {
		return false
	}
	raw, err := hex.DecodeString(host)
	if err != nil || len(raw)%4 != 0 {
		return false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
	}
	address, ok := netip.AddrFromSlice(raw)
	return ok && address.Unmap() == want.Addr().Unmap()
}
