//go:build !linux

package agent

import (
	"errors"
	"net"
)

// KnowsPeers reports whether the kernel names the peer of a socket here.
const KnowsPeers = false

func tcpPeer(net.Conn) (Peer, error) { return Peer{}, errors.ErrUnsupported }

func peerOf(net.Conn) (Peer, error) { return Peer{}, errors.ErrUnsupported }

// hasAsked is not known here.
func hasAsked(net.Conn) bool { return false }
