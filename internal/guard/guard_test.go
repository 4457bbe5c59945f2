package guard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/guard"
)

const (
	host   = "127.0.0.1:9912"
	secret = "what only some may have"
)

// asked is a request of the table; its zero value is one that a program of this host sends.
type asked struct {
	host, method, header, value, from, to string
}

func (a asked) send(t *testing.T, h http.Handler) *httptest.ResponseRecorder {
	t.Helper()
	pick := func(text, otherwise string) string {
		if text == "" {
			return otherwise
		}
		return text
	}
	r := httptest.NewRequest(pick(a.method, http.MethodGet), "/credentials", nil)
	r.Host = pick(a.host, host)
	r.RemoteAddr = pick(a.from, "127.0.0.1:50000")
	own, err := net.ResolveTCPAddr("tcp", pick(a.to, host))
	if err != nil {
		t.Fatal(err)
	}
	r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, own))
	if a.header != "" {
		r.Header.Set(a.header, a.value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// The table is written from the rule, not from the code: a request passes when everything about it is as a program of this host
// sends it. 8 hosts × 12 headers × 5 methods.
func TestWhatPassesAndWhatDoesNot(t *testing.T) {
	hosts := map[string]bool{
		host: true, "localhost:9912": true,
		"127.0.0.1": false, "127.0.0.1:80": false, "evil.test": false, "evil.test:9912": false, "127.0.0.1.nip.io:9912": false, "[::1]:9912": false,
	}
	headers := []struct {
		name, value string
		passes      bool
	}{
		{"", "", true},
		{"User-Agent", "aws-sdk-go-v2/1.47.7", true},
		{"Authorization", "token", true},
		{"Origin", "http://evil.test", false},
		{"Origin", "null", false},
		{"Origin", "http://" + host, false},
		{"Referer", "http://evil.test/", false},
		{"Sec-Fetch-Mode", "cors", false},
		{"Sec-Fetch-Site", "none", false},
		{"X-Forwarded-For", "127.0.0.1", false},
		{"Via", "1.1 proxy", false},
		{"Forwarded", "for=127.0.0.1", false},
	}
	methods := map[string]bool{"GET": true, "HEAD": false, "POST": false, "OPTIONS": false, "TRACE": false}
	passed := 0
	var refused []string
	h := guard.Rules{
		Hosts: []string{host, "localhost:9912"}, Methods: []string{http.MethodGet},
		Refused: func(_ *http.Request, why guard.Refusal) { refused = append(refused, why.Code) },
	}.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		passed++
		_, _ = io.WriteString(w, secret)
	}))
	rows, want := 0, 0
	for name, hostPasses := range hosts {
		for _, header := range headers {
			for method, methodPasses := range methods {
				rows++
				before := passed
				passes := hostPasses && header.passes && methodPasses
				if passes {
					want++
				}
				w := asked{host: name, header: header.name, value: header.value, method: method}.send(t, h)
				row := fmt.Sprintf("%s to %s with %s: %s", method, name, header.name, header.value)
				if (passed > before) != passes {
					t.Errorf("%s: passed %t, want %t", row, passed > before, passes)
				}
				for got := range w.Header() {
					if strings.HasPrefix(got, "Access-Control-") {
						t.Errorf("%s: got %s", row, got)
					}
				}
				if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("%s: got %v", row, w.Header())
				}
				if !passes && (w.Code < 400 || strings.Contains(w.Body.String(), secret)) {
					t.Errorf("%s: got %d %s", row, w.Code, w.Body)
				}
			}
		}
	}
	t.Logf("%d rows, %d passed", rows, passed)
	if rows != 480 || passed != want || len(refused) != rows-want {
		t.Errorf("got %d rows, %d passed, %d refused", rows, passed, len(refused))
	}
}

func TestEveryHeaderOfProxiesAndBrowsers(t *testing.T) {
	h := guard.Rules{Hosts: []string{host}, Methods: []string{http.MethodGet}}.Wrap(http.NotFoundHandler())
	for _, name := range []string{
		"X-Forwarded-For", "x_forwarded_for", "X_Real_IP", "X-Forwarded-Host", "X-Forwarded-Proto", "x-forwarded-anything", "Forwarded", "Via", "X-Real-IP", "Client-IP",
		"True-Client-IP", "CF-Connecting-IP", "Origin", "Referer", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "sec-fetch-user",
	} {
		w := asked{header: name, value: "x"}.send(t, h)
		var why guard.Refusal
		if err := json.Unmarshal(w.Body.Bytes(), &why); err != nil || w.Code != http.StatusForbidden || why.Message == "" {
			t.Errorf("%s: got %d %s, %v", name, w.Code, w.Body, err)
		}
	}
}

// A packet of another host that comes to a loopback address, and a connection to another address of this one, are refused.
func TestBothEndsAreOnThisHost(t *testing.T) {
	h := guard.Rules{Hosts: []string{host}, Methods: []string{http.MethodGet}}.Wrap(http.NotFoundHandler())
	for _, c := range []struct {
		from, to string
		want     int
	}{
		{"127.0.0.1:1", host, 404},
		{"127.9.9.9:1", host, 404},
		{"[::1]:1", "[::1]:9912", 404},
		{"[::ffff:127.0.0.1]:1", host, 404},
		{"192.0.2.1:1", host, 403},
		{"127.0.0.1:1", "192.0.2.1:9912", 403},
		{"[2001:db8::1]:1", "[::1]:9912", 403},
		{"nonsense", host, 403},
	} {
		if w := (asked{from: c.from, to: c.to}).send(t, h); w.Code != c.want {
			t.Errorf("from %s to %s: got %d, want %d", c.from, c.to, w.Code, c.want)
		}
	}
}

func TestWhoeverIsSlowOrSendsMuchIsCutOff(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := guard.Server(guard.Rules{Hosts: []string{l.Addr().String()}, Methods: []string{"GET", "POST"}}.Wrap(
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprintf(w, "%d %v", n, err)
		})))
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	raw := func(request string) (answer string, took time.Duration) {
		t.Helper()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		start := time.Now()
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(c)
		return string(text), time.Since(start)
	}
	// OPTIONS * is a request like any other.
	if answer, _ := raw("OPTIONS * HTTP/1.1\r\nHost: " + l.Addr().String() + "\r\nConnection: close\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 405 ") {
		t.Errorf("OPTIONS *: got %.40q", answer)
	}
	// What says a length and is chunked is the last request of its connection.
	get := "GET / HTTP/1.1\r\nHost: " + l.Addr().String() + "\r\nConnection: close\r\n\r\n"
	if answer, _ := raw("POST / HTTP/1.1\r\nHost: " + l.Addr().String() + "\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + get); strings.Count(answer, "HTTP/1.1 ") != 1 {
		t.Errorf("a length and chunks: got %q", answer)
	}
	if answer, took := raw("GET / HTTP/1.1\r\nHo"); took > 10*time.Second || strings.Contains(answer, "200") {
		t.Errorf("half a request: got %.40q after %s", answer, took)
	}
	if answer, _ := raw("GET / HTTP/1.1\r\nHost: " + l.Addr().String() + "\r\nX: " + strings.Repeat("x", 64<<10) + "\r\n\r\n"); !strings.HasPrefix(answer, "HTTP/1.1 431 ") {
		t.Errorf("a long header: got %.40q", answer)
	}
	body := strings.Repeat("x", 100<<10)
	if answer, _ := raw(fmt.Sprintf("POST / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", l.Addr(), len(body), body)); !strings.Contains(answer, "65536 http: request body too large") {
		t.Errorf("a long body: got %.200q", answer)
	}
}
