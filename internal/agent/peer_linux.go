package agent

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// KnowsPeers reports whether the kernel names the peer of a socket here.
const KnowsPeers = true

// peerOf asks the kernel who has connected: SO_PEERCRED and SO_PEERGROUPS (unix(7)), as they were at that moment.
func peerOf(c *net.UnixConn) (p Peer, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); failed != nil {
			return
		}
		p = Peer{UID: cred.Uid, GID: cred.Gid, PID: cred.Pid}
		p.Groups, failed = peerGroups(fd)
	})
	return p, errors.Join(err, failed)
}

// peerGroups answers the supplementary groups of the peer.
func peerGroups(fd uintptr) ([]uint32, error) {
	for n := uint32(64); ; {
		groups := make([]uint32, n)
		size := n * 4
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == 0:
			return groups[:size/4], nil
		case errno == unix.ERANGE && size/4 > n:
			n = size / 4
		case errno == unix.ENOPROTOOPT:
			return nil, nil // a kernel before 4.13
		default:
			return nil, errno
		}
	}
}

// tcpPeer asks the kernel whose socket the other end of a connection over loopback is. Groups are not known.
func tcpPeer(c net.Conn) (Peer, error) {
	theirs, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return Peer{}, err
	}
	ours, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil {
		return Peer{}, err
	}
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // a host without IPv6
		}
		if err != nil {
			return Peer{}, err
		}
		if uid, ok := findSocket(table, theirs, ours); ok && uid != overflowID {
			return Peer{UID: uid, GID: overflowID}, nil
		}
	}
	return Peer{}, errNobody
}
