package chaos

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// fault is one way in which what is between the agent and AWS fails.
type fault struct {
	name  string
	what  string // happens
	at    place
	cause string // what status says of it; written from docs/errors.md, and empty where the fault may go unnoticed

	// One of these is what it does.
	listen  func(ip string) (io.Closer, error) // in place of listening
	greet   func(c *net.TCPConn)               // as soon as somebody connects
	tls     func(f *front) *tls.Config         // in place of the good one
	answer  func(x *exchange)                  // when a request has come; the connection ends with it
	lookup  *lookup                            // of the name server
	connect func(c *net.TCPConn)               // of the proxy
}

// What status says, by the table of docs/errors.md, "Unreachable".
const (
	isCut   = "the connection was cut before the answer was complete"
	isLate  = "no answer in time"
	notJSON = "it is not JSON"
)

// slow reports whether it takes as long as an attempt may to see that something is wrong.
func (f *fault) slow() bool { return strings.HasSuffix(f.cause, isLate) }

// faults are all of them.
var faults = []*fault{
	// The connection.
	{name: "refused", what: "nobody listens", cause: "connection refused", listen: func(string) (io.Closer, error) { return io.NopCloser(nil), nil }},
	{name: "black hole", what: "packets are dropped", cause: isLate, listen: fullQueue},
	{name: "closed at once", what: "FIN as soon as somebody connects", cause: isCut, greet: func(*net.TCPConn) {}},
	{name: "reset at once", what: "RST as soon as somebody connects", cause: isCut, greet: reset},
	{name: "never read", what: "connections are accepted and nothing more", cause: isLate, greet: func(c *net.TCPConn) { hold(c) }},
	{name: "reset after the request", what: "RST before the first byte", cause: isCut, answer: resetAt(func(*exchange) []byte { return nil })},
	{name: "reset at byte 1", what: "RST after the first byte", cause: "malformed HTTP", answer: resetAt(func(x *exchange) []byte { w, _ := x.whole(); return head(w, 1) })},
	{name: "reset in the body", what: "RST in the middle of the credentials", cause: isCut, answer: resetAt(halfBody)},
	{name: "FIN in the header", what: "the answer ends in its header", cause: isCut, answer: closeAt(func(x *exchange) []byte { w, _ := x.whole(); return head(w, 40) })},
	{name: "FIN in the body", what: "the answer ends before its length", cause: isCut, answer: closeAt(halfBody)},
	{name: "FIN in a chunk", what: "a chunk ends before its length", cause: isCut, answer: closeAt(func(x *exchange) []byte {
		w, body := x.whole()
		return []byte("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n" + string(head(w[body:], 99)))
	})},
	{name: "silence after the request", what: "no answer", cause: isLate, answer: (*exchange).hold},
	{name: "silence in the header", what: "the answer stops in its header", cause: isLate, answer: silentAt(func(x *exchange) []byte { w, _ := x.whole(); return head(w, 40) })},
	{name: "silence in the body", what: "the answer stops in the middle of the credentials", cause: isLate, answer: silentAt(halfBody)},
	{name: "one byte a second", what: "the answer would take a quarter of an hour", cause: isLate, answer: drip},
	{name: "not HTTP", what: "another protocol answers", cause: "malformed HTTP", answer: closeAt(constant("SSH-2.0-OpenSSH_9.2\r\n"))},
	{name: "endless header", what: "header after header", cause: "exceeded", answer: endlessHeader},
	// Statuses.
	{name: "500", what: "AWS fails", cause: "InternalServerException", answer: answering(500, `{"message":"internal"}`, "X-Amzn-Errortype", "InternalServerException")},
	{name: "502", what: "a load balancer's page", cause: "status 502", answer: answering(502, "<html>Bad Gateway</html>", "Content-Type", "text/html")},
	{name: "503", what: "nothing but the status", cause: "status 503", answer: answering(503, "")},
	{name: "503 with Retry-After", what: "in two seconds", cause: "status 503", answer: answering(503, "", "Retry-After", "2")},
	{name: "504", what: "a gateway's text", cause: "status 504", answer: answering(504, "upstream request timeout", "Content-Type", "text/plain")},
	{name: "429", what: "too many calls", cause: "ThrottlingException", answer: answering(429, `{"message":"Rate exceeded"}`, "X-Amzn-Errortype", "ThrottlingException")},
	{name: "429 with Retry-After", what: "in two seconds", cause: "ThrottlingException", answer: answering(429, `{"__type":"ThrottlingException"}`, "Retry-After", "2")},
	{name: "403 of a gateway", what: "JSON without a code of AWS", cause: "not an error that AWS sends", answer: answering(403, `{"message":"Forbidden"}`)},
	{name: "511", what: "a network that wants a login", cause: "status 511", answer: answering(511, "<html>Sign in</html>", "Content-Type", "text/html")},
	// Answers.
	{name: "captive portal", what: "200 with HTML", cause: "(status 200, text/html) is not JSON", answer: answering(200, "<!DOCTYPE html><title>Welcome</title>", "Content-Type", "text/html")},
	{name: "redirect", what: "302 to a login", cause: "a redirect, which Roles Anywhere never answers", answer: answering(302, "", "Location", "https://login.example/")},
	{name: "empty", what: "201 without a body", cause: notJSON, answer: answering(201, "")},
	{name: "truncated JSON", what: "half a document, as long as it says", cause: notJSON, answer: func(x *exchange) { w, body := x.whole(); x.send(201, string(w[body:body+(len(w)-body)/2])) }},
	{name: "a member twice", what: "two expirations", cause: "it names a member twice", answer: func(x *exchange) {
		w, body := x.whole()
		x.send(201, strings.Replace(string(w[body:]), `"expiration"`, `"expiration":"2099-01-01T00:00:00Z","expiration"`, 1))
	}},
	{name: "wrong types", what: "the expiration is a number", cause: "not the JSON of a CreateSession answer", answer: credential("expiration", 4070908800)},
	{name: "no session token", what: "the member is missing", cause: "its session token is missing", answer: credential("sessionToken", nil)},
	{name: "empty access key ID", what: "the member is empty", cause: "its access key ID is missing", answer: credential("accessKeyId", "")},
	{name: "ended already", what: "the expiration is over", cause: "its credentials have expired already", answer: credential("expiration", "2020-01-01T00:00:00Z")},
	{name: "absurd expiration", what: "in the year 9999", cause: "its credentials end later than any session may", answer: credential("expiration", "9999-12-31T23:59:59Z")},
	{name: "another role", what: "credentials of another role", cause: "it is for another role than the one asked for", answer: func(x *exchange) {
		x.changed(false, func(set map[string]any) { set["roleArn"] = "arn:aws:iam::123456789012:role/admin" })
	}},
	{name: "1 GiB", what: "a body that does not end", cause: "it is longer than 1048576 bytes", answer: gibibyte},
	{name: "gzip bomb", what: "1 GiB in 1 MiB", cause: "is refused", answer: func(x *exchange) { x.send(201, bomb(), "Content-Encoding", "gzip") }},
	{name: "Date a day ahead", what: "of a good answer", cause: "its credentials have expired already", answer: func(x *exchange) {
		x.changed(true, nil, "Date", time.Now().UTC().Add(24*time.Hour).Format(http.TimeFormat))
	}},
	{name: "Date an hour behind", what: "of a good answer", cause: "its credentials end later than was asked for", answer: func(x *exchange) {
		x.changed(true, nil, "Date", time.Now().UTC().Add(-time.Hour).Format(http.TimeFormat))
	}},
	{name: "replayed", what: "a cache gives an old answer again", answer: replay},
	// TLS.
	{name: "certificate ended", what: "a day ago", at: encrypted, cause: "the server's certificate is not valid", tls: func(f *front) *tls.Config { return f.paper.ended(f.host()) }},
	{name: "wrong name", what: "a certificate for another host", at: encrypted, cause: "is for another host", tls: func(f *front) *tls.Config { return f.paper.good("elsewhere.test") }},
	{name: "self-signed", what: "a certificate of nobody's", at: encrypted, cause: "is not trusted", tls: func(f *front) *tls.Config { return f.paper.selfSigned(f.host()) }},
	{name: "TLS 1.1", what: "nothing newer", at: encrypted, cause: "protocol version", tls: func(f *front) *tls.Config {
		c := f.paper.good(f.host()).Clone()
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		return c
	}},
	{name: "no TLS", what: "HTTP on the port of HTTPS", at: encrypted, cause: "the server does not speak TLS", greet: func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") // the other end may have gone
	}},
	{name: "silence in the handshake", what: "no server's hello", at: encrypted, cause: isLate, greet: func(c *net.TCPConn) { hold(c) }},
	{name: "reset in the handshake", what: "RST after the client's hello", at: encrypted, cause: isCut, greet: func(c *net.TCPConn) {
		_, _ = c.Read(make([]byte, 64)) // the other end may have gone
		reset(c)
	}},
	{name: "GOAWAY", what: "of HTTP/2, which nobody has asked for", at: encrypted, cause: "malformed HTTP", answer: closeAt(constant(
		"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x0b"))},
	{name: "RST_STREAM", what: "of HTTP/2, which nobody has asked for", at: encrypted, cause: "malformed HTTP", answer: closeAt(constant(
		"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08"))},
	// Names.
	{name: "NXDOMAIN", what: "no such name", at: named, cause: "the host name is not known", lookup: &lookup{code: dnsmessage.RCodeNameError}},
	{name: "SERVFAIL", what: "the name server fails", at: named, cause: "server misbehaving", lookup: &lookup{code: dnsmessage.RCodeServerFailure}},
	{name: "slow name server", what: "it answers after eight seconds", at: named, cause: "the name server gives " + isLate, lookup: &lookup{delay: 8 * time.Second}},
	{name: "name without address", what: "the answer is empty", at: named, cause: "the host name is not known", lookup: &lookup{empty: true}},
	{name: "no way there", what: "the name has an address that no route leads to", at: named, cause: "network is unreachable", lookup: &lookup{address: "192.0.2.1"}},
	// The proxy.
	{name: "proxy: 407", what: "it wants a password", at: tunnelled, cause: "the proxy refused: 407", connect: proxyAnswers("407 Proxy Authentication Required")},
	{name: "proxy: 502", what: "it cannot get there", at: tunnelled, cause: "the proxy refused: 502", connect: proxyAnswers("502 Bad Gateway")},
	{name: "proxy changes", what: "tunnels are cut, and another proxy refuses", at: tunnelled, cause: "the proxy refused: 403", connect: proxyAnswers("403 Forbidden")},
	{name: "proxy inspects TLS", what: "with a CA that is not trusted", at: tunnelled, cause: "is not trusted", tls: func(f *front) *tls.Config { return f.paper.foreign(f.host()) }},
}

func head(b []byte, most int) []byte { return b[:min(len(b), most)] }

func constant(s string) func(*exchange) []byte { return func(*exchange) []byte { return []byte(s) } }

// halfBody is a good answer up to the middle of its body.
func halfBody(x *exchange) []byte {
	w, body := x.whole()
	return w[:body+(len(w)-body)/2]
}

func closeAt(part func(*exchange) []byte) func(*exchange) {
	return func(x *exchange) { _, _ = x.conn.Write(part(x)) } // the other end may have gone
}

func resetAt(part func(*exchange) []byte) func(*exchange) {
	return func(x *exchange) {
		closeAt(part)(x)
		time.Sleep(20 * time.Millisecond) // so that what was sent gets there before
		reset(x.raw)
	}
}

func silentAt(part func(*exchange) []byte) func(*exchange) {
	return func(x *exchange) {
		closeAt(part)(x)
		x.hold()
	}
}

func answering(status int, body string, header ...string) func(*exchange) {
	return func(x *exchange) { x.send(status, body, header...) }
}

// credential changes one member of the credentials; nil takes it away.
func credential(member string, value any) func(*exchange) {
	return func(x *exchange) {
		x.changed(false, func(set map[string]any) {
			k := set["credentials"].(map[string]any)
			if k[member] = value; value == nil {
				delete(k, member)
			}
		})
	}
}

func drip(x *exchange) {
	wire, _ := x.whole()
	for i := range wire {
		if _, err := x.conn.Write(wire[i : i+1]); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

func endlessHeader(x *exchange) {
	_, err := io.WriteString(x.conn, "HTTP/1.1 201 Created\r\n")
	for i := 0; err == nil; i++ {
		_, err = fmt.Fprintf(x.conn, "X-%d: %s\r\n", i, strings.Repeat("x", 1000))
	}
}

func gibibyte(x *exchange) {
	_, err := io.WriteString(x.conn, "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n")
	for piece, i := bytes.Repeat([]byte(" "), 1<<16), 0; err == nil && i < 1<<14; i++ {
		_, err = x.conn.Write(piece)
	}
}

// bomb is 1 GiB of zeros in about 1 MiB.
var bomb = sync.OnceValue(func() string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(make([]byte, 8<<20)) // a buffer takes all
	_ = z.Close()
	return strings.Repeat(b.String(), 125) // parts of one file, each with its end
})

// replay gives the first answer again and again.
func replay(x *exchange) {
	f := x.front
	f.mu.Lock()
	first := f.first
	f.mu.Unlock()
	if first == nil {
		status, header, body, err := x.genuine()
		if err != nil {
			return
		}
		f.ledger.enter(f.name, body, true)
		first = compose(status, header, body)
		f.mu.Lock()
		f.first = first
		f.mu.Unlock()
	}
	_, _ = x.conn.Write(first) // the other end may have gone
}

func proxyAnswers(status string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n") // the other end may have gone
	}
}
