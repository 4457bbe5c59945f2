package agent

import (
	"net"
	"sync"
)

// How many connections a door has at a time: in all, and of one user. Who opens more is cut off.
const (
	mostConnections = 512
	mostOfOne       = 128
)

// crowd is a listener that keeps to these numbers.
type crowd struct {
	net.Listener
	who func(net.Conn) (Peer, error) // finds out who has connected

	mu  sync.Mutex // guards all below
	all int
	of  map[uint32]int
}

func newCrowd(l net.Listener, who func(net.Conn) (Peer, error)) *crowd {
	return &crowd{Listener: l, who: who, of: map[uint32]int{}}
}

// known is a connection of whom it is known whose it is, or why not.
type known struct {
	net.Conn
	asked
	leave func()
}

// Close implements net.Conn.
func (k *known) Close() error {
	k.leave()
	return k.Conn.Close()
}

// Accept implements net.Listener.
func (c *crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		p, err := c.who(conn)
		uid := p.UID
		if err != nil {
			uid = overflowID // nobody's
		}
		if leave, ok := c.enter(uid); ok {
			return &known{conn, asked{p, err}, sync.OnceFunc(leave)}, nil
		}
		_ = conn.Close() // there is nobody to tell
	}
}

func (c *crowd) enter(uid uint32) (leave func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= mostConnections || c.of[uid] >= mostOfOne {
		return nil, false
	}
	c.all++
	c.of[uid]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all--
		if c.of[uid]--; c.of[uid] == 0 {
			delete(c.of, uid)
		}
	}, true
}
