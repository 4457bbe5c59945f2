package chaos

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// tunnels is the proxy that HTTPS_PROXY names: it opens a tunnel to a front, or does what the front's fault says.
type tunnels struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu     sync.Mutex // guards all below
	fronts map[string]*front
	conns  map[net.Conn]bool
	closed bool
}

func startTunnels(t *testing.T, ip string) *tunnels {
	t.Helper()
	l, err := net.Listen("tcp4", net.JoinHostPort(ip, "3128"))
	if err != nil {
		t.Fatal(err)
	}
	p := &tunnels{listener: l, fronts: map[string]*front{}, conns: map[net.Conn]bool{}}
	p.serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.serving.Go(func() { p.serve(c.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close() // it ends the loop
		p.mu.Lock()
		p.closed = true
		for c := range p.conns {
			_ = c.Close() // it may have ended
		}
		p.mu.Unlock()
		p.serving.Wait()
	})
	return p
}

func (p *tunnels) add(f *front) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fronts[f.host()] = f
}

// hold keeps a connection, so that it can be closed, and reports whether there is still somebody to serve.
func (p *tunnels) hold(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return !p.closed
}

func (p *tunnels) leave(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close() // whoever is at the other end may have gone
}

func (p *tunnels) find(host string) *front {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fronts[name]
}

func (p *tunnels) serve(c *net.TCPConn) {
	defer p.leave(c)
	if !p.hold(c) {
		return
	}
	r := bufio.NewReader(c)
	request, err := http.ReadRequest(r)
	if err != nil || request.Method != http.MethodConnect {
		return
	}
	f := p.find(request.Host)
	if f == nil {
		_, _ = io.WriteString(c, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n") // the other end may have gone
		return
	}
	if now := f.current(); now != nil && now.connect != nil {
		now.connect(c)
		return
	}
	up, err := net.Dial("tcp4", f.address())
	if err != nil {
		return
	}
	defer p.leave(up)
	if !p.hold(up) {
		return
	}
	if _, err := io.WriteString(c, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(up, r) // until one end closes
		_ = up.Close()
	})
	_, _ = io.Copy(c, up)
	_ = c.Close()
	both.Wait()
}
