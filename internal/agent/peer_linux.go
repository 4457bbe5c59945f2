package agent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// KnowsPeers reports whether the kernel names the peer of a socket here.
const KnowsPeers = true

// peerOf asks the kernel who has connected: SO_PEERCRED and SO_PEERGROUPS (unix(7)), as they were at that moment.
func peerOf(conn net.Conn) (p Peer, err error) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return Peer{}, errNobody
	}
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

// hasAsked reports whether something has come over a connection that nobody has read yet.
func hasAsked(conn net.Conn) bool {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	n := 0
	err = raw.Control(func(fd uintptr) { n, _, _ = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT) })
	return err == nil && n > 0
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

// tcpPeer asks the kernel whose socket the other end of a connection over loopback is. Groups are not known. A socket that nobody holds
// any more is nobody's: the kernel gives it to the superuser.
func tcpPeer(c net.Conn) (Peer, error) {
	theirs, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return Peer{}, err
	}
	ours, err := netip.ParseAddrPort(c.LocalAddr().String())
	if err != nil {
		return Peer{}, err
	}
	uid, err := diagnose(theirs, ours)
	if err != nil {
		return Peer{}, err
	}
	if uid == overflowID {
		return Peer{}, errNobody
	}
	return Peer{UID: uid, GID: overflowID}, nil
}

// A request and an answer of sock_diag(7): struct inet_diag_req_v2 and inet_diag_msg.
const (
	diagRequestSize = unix.SizeofNlMsghdr + 56
	diagAnswerSize  = unix.SizeofNlMsghdr + 72

	established = 1 // TCP_ESTABLISHED
	closeWait   = 8 // TCP_CLOSE_WAIT: it has nothing more to send, and waits for the answer
)

// diagnose asks by sock_diag(7) for the one TCP socket that is bound to local and connected to remote.
func diagnose(local, remote netip.AddrPort) (uid uint32, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return 0, fmt.Errorf("ask the kernel whose a connection is: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return 0, err
	}
	if err := unix.Sendto(fd, diagRequest(local, remote), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return 0, err
	}
	uid, ok := diagAnswer(answer[:n])
	if !ok {
		return 0, errNobody
	}
	return uid, nil
}

func diagRequest(local, remote netip.AddrPort) []byte {
	order := binary.NativeEndian
	b := make([]byte, 0, diagRequestSize)
	b = order.AppendUint32(b, diagRequestSize)
	b = order.AppendUint16(b, unix.SOCK_DIAG_BY_FAMILY)
	b = order.AppendUint16(b, unix.NLM_F_REQUEST)
	b = order.AppendUint32(b, 1) // its number
	b = order.AppendUint32(b, 0) // from the kernel's point of view: it fills that in
	family := byte(unix.AF_INET)
	if !local.Addr().Unmap().Is4() {
		family = unix.AF_INET6
	}
	b = append(b, family, unix.IPPROTO_TCP, 0, 0)
	b = order.AppendUint32(b, 1<<established|1<<closeWait)
	b = binary.BigEndian.AppendUint16(b, local.Port())
	b = binary.BigEndian.AppendUint16(b, remote.Port())
	for _, address := range []netip.Addr{local.Addr().Unmap(), remote.Addr().Unmap()} {
		var padded [16]byte
		copy(padded[:], address.AsSlice())
		b = append(b, padded[:]...)
	}
	b = order.AppendUint32(b, 0)          // any interface
	b = order.AppendUint32(b, ^uint32(0)) // no cookie
	return order.AppendUint32(b, ^uint32(0))
}

// diagAnswer reads the user out of an answer; false for an error, or a socket that nobody holds.
func diagAnswer(b []byte) (uid uint32, ok bool) {
	order := binary.NativeEndian
	if len(b) < diagAnswerSize || order.Uint16(b[4:]) != unix.SOCK_DIAG_BY_FAMILY {
		return 0, false
	}
	body := b[unix.SizeofNlMsghdr:]
	state, inode := body[1], order.Uint32(body[68:])
	if state != established && state != closeWait || inode == 0 {
		return 0, false
	}
	return order.Uint32(body[64:]), true
}
