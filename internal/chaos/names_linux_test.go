package chaos

import (
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer is where resolv.conf of the tests' namespace sends every question.
const nameServer = "127.0.0.1"

// names is a name server. It knows the addresses of fronts, and answers as a front's fault says.
type names struct {
	conn *net.UDPConn

	mu     sync.Mutex // guards all below
	fronts map[string]*front
}

// lookup is what a fault has the name server answer.
type lookup struct {
	silent  bool             // nothing
	delay   time.Duration    // late
	code    dnsmessage.RCode // in place of success
	empty   bool             // the name is there, and has no address
	address string           // another one
}

func startNames(t *testing.T) *names {
	t.Helper()
	n := &names{fronts: map[string]*front{}}
	if !alone {
		return n
	}
	var err error
	if n.conn, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(nameServer), Port: 53}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.serve()
	}()
	t.Cleanup(func() {
		_ = n.conn.Close() // it ends the loop
		<-done
	})
	return n
}

// add makes a name known.
func (n *names) add(name string, f *front) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fronts[name] = f
}

func (n *names) find(name string) *front {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.fronts[strings.TrimSuffix(name, ".")]
}

func (n *names) serve() {
	for buffer := make([]byte, 4096); ; {
		size, from, err := n.conn.ReadFromUDP(buffer)
		if err != nil {
			return
		}
		var asked dnsmessage.Message
		if asked.Unpack(buffer[:size]) != nil || len(asked.Questions) != 1 {
			continue
		}
		f := n.find(asked.Questions[0].Name.String())
		how := lookup{code: dnsmessage.RCodeNameError}
		if f != nil {
			how = lookup{}
			if now := f.current(); now != nil && now.lookup != nil {
				how = *now.lookup
			}
			if how.address == "" {
				how.address = f.ip
			}
		}
		if how.silent {
			continue
		}
		answer, err := how.answer(asked)
		if err != nil {
			continue
		}
		time.AfterFunc(how.delay, func() { _, _ = n.conn.WriteToUDP(answer, from) })
	}
}

func (l lookup) answer(asked dnsmessage.Message) ([]byte, error) {
	q := asked.Questions[0]
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: asked.ID, Response: true, RecursionDesired: true, RecursionAvailable: true, RCode: l.code},
		Questions: asked.Questions,
	}
	if l.code == dnsmessage.RCodeSuccess && !l.empty && q.Type == dnsmessage.TypeA {
		address := netip.MustParseAddr(l.address).As4()
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: address},
		}}
	}
	return m.Pack()
}
