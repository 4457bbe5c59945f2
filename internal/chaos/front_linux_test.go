package chaos

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"
)

// place is how the agent gets to the emulator, and so where a fault can be.
type place int

const (
	plain     place = iota // http://127.…
	encrypted              // https://127.…
	named                  // https://NAME, asked of the tests' name server
	tunnelled              // https://NAME, through the proxy of HTTPS_PROXY
)

// front stands between the agent and the emulator for one credential. Without a fault it hands on what is asked and answered.
type front struct {
	name     string
	at       place
	ip       string
	upstream string // host:port of the emulator
	paper    *papers
	ledger   *ledger

	mu       sync.Mutex // guards all below
	fault    *fault     // nil: none
	listener io.Closer
	conns    map[net.Conn]bool
	closed   bool
	first    []byte // of what a cache replays
	serving  sync.WaitGroup
}

// port is where every front listens: each has an address of its own.
const port = "8443"

func (f *front) address() string { return net.JoinHostPort(f.ip, port) }

// host is the name that the agent calls.
func (f *front) host() string {
	switch f.at {
	case named:
		return f.name + ".dns.test"
	case tunnelled:
		return f.name + ".via.test"
	}
	return f.ip
}

func (f *front) url() string {
	scheme := "https"
	if f.at == plain {
		scheme = "http"
	}
	return scheme + "://" + net.JoinHostPort(f.host(), port)
}

func (f *front) current() *fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fault
}

// start opens it, until the test ends.
func (f *front) start(t *testing.T) {
	t.Helper()
	f.conns = map[net.Conn]bool{}
	if err := f.listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.mu.Lock()
		f.closed = true
		_ = f.listener.Close() // it ends the loop
		f.mu.Unlock()
		f.cut()
		f.serving.Wait()
	})
}

func (f *front) listen() error {
	l, err := net.Listen("tcp4", f.address())
	if err != nil {
		return err
	}
	f.listener = listener{l.(*net.TCPListener)}
	f.serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			if f.closed {
				f.mu.Unlock()
				_ = c.Close() // nobody is served any more
				continue
			}
			f.conns[c] = true
			f.mu.Unlock()
			f.serving.Go(func() {
				f.serve(c.(*net.TCPConn))
				_ = c.Close() // whoever is at the other end may have gone
				f.mu.Lock()
				delete(f.conns, c)
				f.mu.Unlock()
			})
		}
	})
	return nil
}

// cut ends all connections.
func (f *front) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.conns {
		_ = c.Close() // it may have ended
	}
}

// begin has a fault begin. One that is not in what is answered ends the connections that there are.
func (f *front) begin(now *fault) error {
	f.mu.Lock()
	f.fault = now
	var err error
	if now.listen != nil {
		f.shut()
		var l io.Closer
		if l, err = now.listen(f.ip); err == nil {
			f.listener = l
		}
	}
	f.mu.Unlock()
	if now.answer == nil {
		f.cut()
	}
	return err
}

// end has it end. What it has caught stays caught.
func (f *front) end() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.fault
	f.fault = nil
	if was == nil || was.listen == nil {
		return nil
	}
	f.shut()
	return f.listen()
}

// shut has nobody listen; the caller holds mu.
func (f *front) shut() {
	_ = f.listener.Close() // which ends the loop
	f.listener = io.NopCloser(nil)
}

func (f *front) serve(raw *net.TCPConn) {
	var c net.Conn = raw
	now := f.current()
	if now != nil && now.greet != nil {
		now.greet(raw)
		return
	}
	if f.at != plain {
		config := f.paper.good(f.host())
		if now != nil && now.tls != nil {
			config = now.tls(f)
		}
		t := tls.Server(c, config)
		if t.Handshake() != nil {
			return
		}
		c = t
	}
	for r := bufio.NewReader(c); ; {
		request, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		x := &exchange{front: f, conn: c, raw: raw, request: request, body: body}
		if now := f.current(); now != nil && now.answer != nil {
			now.answer(x)
			return
		} else if now != nil && now.listen != nil {
			return // it came before
		}
		status, header, answer, err := x.genuine()
		if err != nil {
			return
		}
		f.ledger.enter(f.name, answer, true)
		if _, err := c.Write(compose(status, header, answer)); err != nil {
			return
		}
	}
}

// exchange is one request, and what can be done about it.
type exchange struct {
	front   *front
	conn    net.Conn     // under TLS, where there is any
	raw     *net.TCPConn // below it
	request *http.Request
	body    []byte
}

var upstreamTransport = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}

// genuine is what the emulator answers.
func (x *exchange) genuine() (status int, header http.Header, body []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	u := *x.request.URL
	u.Scheme, u.Host = "http", x.front.upstream
	r, err := http.NewRequestWithContext(ctx, x.request.Method, u.String(), bytes.NewReader(x.body))
	if err != nil {
		return 0, nil, nil, err
	}
	r.Header, r.Host = x.request.Header.Clone(), x.request.Host // which is signed
	answer, err := upstreamTransport.RoundTrip(r)
	if err != nil {
		return 0, nil, nil, err
	}
	body, err = io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, body, errors.Join(err, answer.Body.Close())
}

// compose is an answer as it goes over the wire, with all but Content-Length, which is that of the body unless it is there.
func compose(status int, header http.Header, body []byte) []byte {
	header = header.Clone()
	if header.Get("Content-Length") == "" && header.Get("Transfer-Encoding") == "" {
		header.Set("Content-Length", fmt.Sprint(len(body)))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = header.Write(&b) // a buffer takes all
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// send answers.
func (x *exchange) send(status int, body string, header ...string) {
	h := http.Header{"Content-Type": {"application/json"}, "Date": {time.Now().UTC().Format(http.TimeFormat)}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	_, _ = x.conn.Write(compose(status, h, []byte(body))) // the other end may have gone
}

// whole is a good answer as it would go over the wire, and where its body begins. The credentials in it are not to be used.
func (x *exchange) whole() (wire []byte, body int) {
	status, header, answer, err := x.genuine()
	if err != nil {
		return nil, 0
	}
	x.front.ledger.enter(x.front.name, answer, false)
	wire = compose(status, header, answer)
	return wire, len(wire) - len(answer)
}

// hold waits until the other end gives up, and answers nothing more.
func (x *exchange) hold() { hold(x.conn) }

func hold(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// reset ends the connection with RST.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // or else it is a FIN
	_ = c.Close()
}

// changed sends a good answer with something changed. It is believed only if nothing of its credentials is.
func (x *exchange) changed(usable bool, change func(set map[string]any), header ...string) {
	status, h, body, err := x.genuine()
	if err != nil {
		return
	}
	x.front.ledger.enter(x.front.name, body, usable)
	var out map[string]any
	if json.Unmarshal(body, &out) != nil {
		return
	}
	if change != nil {
		change(out["credentialSet"].([]any)[0].(map[string]any))
		if body, err = json.Marshal(out); err != nil {
			return
		}
		h.Del("Content-Length")
	}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	_, _ = x.conn.Write(compose(status, h, body)) // the other end may have gone
}

// ledger is what the emulator has really issued: the judge of what the agent gives.
type ledger struct {
	mu     sync.Mutex // guards issued
	issued []entry
}

// entry is one issue.
type entry struct {
	key     string
	name    string // of the credential, by whose front it has gone
	at      time.Time
	expires time.Time
	usable  bool // it has reached the agent in an answer that may be believed
}

func (l *ledger) enter(name string, body []byte, usable bool) {
	var out struct {
		CredentialSet []struct {
			Credentials struct {
				AccessKeyID string    `json:"accessKeyId"`
				Expiration  time.Time `json:"expiration"`
			} `json:"credentials"`
		} `json:"credentialSet"`
	}
	if json.Unmarshal(body, &out) != nil || len(out.CredentialSet) != 1 {
		return
	}
	k := out.CredentialSet[0].Credentials
	l.mu.Lock()
	defer l.mu.Unlock()
	l.issued = append(l.issued, entry{k.AccessKeyID, name, time.Now(), k.Expiration, usable})
}

// of answers the issues of a credential.
func (l *ledger) of(name string) (all []entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.issued {
		if e.name == name {
			all = append(all, e)
		}
	}
	return all
}

// fullQueue listens where no connection comes through: the queue is full, and the kernel drops what comes.
func fullQueue(ip string) (io.Closer, error) {
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	q := queue(s)
	address := &syscall.SockaddrInet4{Port: 8443, Addr: [4]byte(net.ParseIP(ip).To4())}
	if err := errors.Join(syscall.SetsockoptInt(s, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1), syscall.Bind(s, address), syscall.Listen(s, 0)); err != nil {
		return nil, errors.Join(err, q.Close())
	}
	for range 3 { // the first is let in, and nobody takes it
		c, err := net.DialTimeout("tcp4", net.JoinHostPort(ip, port), 200*time.Millisecond)
		if err != nil {
			break
		}
		_ = c.Close() // the queue keeps it
	}
	return q, nil
}

// listener is one whose address is free when it is closed: a process that starts has all that is open here until it runs its program,
// and would keep a socket listening that is only closed.
type listener struct{ *net.TCPListener }

// Close implements io.Closer.
func (l listener) Close() error {
	raw, err := l.SyscallConn()
	if err != nil {
		return errors.Join(err, l.TCPListener.Close())
	}
	var shut error
	err = raw.Control(func(fd uintptr) { shut = syscall.Shutdown(int(fd), syscall.SHUT_RDWR) })
	return errors.Join(err, shut, l.TCPListener.Close())
}

// queue is the socket of one, without anything that accepts.
type queue int

// Close implements io.Closer.
func (q queue) Close() error {
	return errors.Join(syscall.Shutdown(int(q), syscall.SHUT_RDWR), syscall.Close(int(q)))
}
