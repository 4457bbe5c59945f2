package agent

import (
	"errors"
	"net"
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
