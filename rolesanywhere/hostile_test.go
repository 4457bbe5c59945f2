package rolesanywhere

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
)

// hostileCase is an answer and the problem that is found with it. Broken answers are asked for again, those that were
// understood are not.
type hostileCase struct {
	name     string
	answer   http.HandlerFunc
	problem  string
	attempts int // 1 when zero
}

// wrongMembers are answers that differ from goodAnswer in one place.
func wrongMembers(t *testing.T) []hostileCase {
	const (
		noJSON    = "the answer (status 201) is refused: it is not the JSON of a CreateSession answer"
		noKeyID   = "the answer (status 201) is refused: its access key ID is missing or malformed"
		noSecret  = "the answer (status 201) is refused: its secret access key is missing or malformed"
		noToken   = "the answer (status 201) is refused: its session token is missing or malformed"
		noTime    = "the answer (status 201) is refused: its expiration is missing or not a time of RFC 3339"
		twice     = "the answer (status 201) is refused: it names a member twice"
		otherRole = "the answer (status 201) is refused: it is for another role than the one asked for"
		badARN    = "the answer (status 201) is refused: the assumed role's ARN is malformed"
		late      = "the answer (status 201) is refused: its credentials end later than any session may"
		longer    = "the answer (status 201) is refused: its credentials end later than was asked for"
		past      = "the answer (status 201) is refused: its credentials have expired already"
	)
	const (
		keyID   = `"accessKeyId":"ASIAEXAMPLEEXAMPLE",`
		expiry  = `"expiration":"2026-11-22T21:00:00Z",`
		secret  = `"secretAccessKey":"` + secretCanary + `",`
		token   = `,"sessionToken":"` + tokenCanary + `"`
		role    = `"roleArn":"arn:aws:iam::123456789012:role/nightly/backup",`
		assumed = `"arn:aws:sts::123456789012:assumed-role/backup/1a2b3c"`
		packed  = `"packedPolicySize":12,`
	)
	var all []hostileCase
	for _, c := range []struct{ name, old, new, problem string }{
		{"no access key ID", keyID, ``, noKeyID},
		{"no expiration", expiry, ``, noTime},
		{"no secret access key", secret, ``, noSecret},
		{"no session token", token, ``, noToken},
		{"access key ID null", keyID, `"accessKeyId":null,`, noKeyID},
		{"access key ID empty", keyID, `"accessKeyId":"",`, noKeyID},
		{"access key ID a number", keyID, `"accessKeyId":1234567890123456,`, noJSON},
		{"access key ID too short", keyID, `"accessKeyId":"ASIAEXAMPLE",`, noKeyID},
		{"access key ID too long", keyID, `"accessKeyId":"ASIA` + strings.Repeat("A", 125) + `",`, noKeyID},
		{"access key ID with a line end", keyID, `"accessKeyId":"ASIAEXAMPLEEXAMPLE\n",`, noKeyID},
		{"secret null", secret, `"secretAccessKey":null,`, noSecret},
		{"secret a list", secret, `"secretAccessKey":["x"],`, noJSON},
		{"secret with a line end", secret, `"secretAccessKey":"a\nb",`, noSecret},
		{"secret with an escape character", secret, `"secretAccessKey":"a\u001bb",`, noSecret},
		{"token null", token, `,"sessionToken":null`, noToken},
		{"token an object", token, `,"sessionToken":{}`, noJSON},
		{"token with a space", token, `,"sessionToken":"a b"`, noToken},
		{"token with a NUL", token, `,"sessionToken":"a\u0000b"`, noToken},
		{"token beyond ASCII", token, `,"sessionToken":"tökén"`, noToken},
		{"expiration a number", expiry, `"expiration":1795381200,`, noJSON},
		{"expiration null", expiry, `"expiration":null,`, noTime},
		{"expiration a word", expiry, `"expiration":"tomorrow",`, noTime},
		{"expiration without a zone", expiry, `"expiration":"2026-11-22T21:00:00",`, noTime},
		{"expired a second ago", expiry, `"expiration":"2026-11-22T19:59:59Z",`, past},
		{"expires now", expiry, `"expiration":"2026-11-22T20:00:00Z",`, past},
		{"expired for years", expiry, `"expiration":"1970-01-01T00:00:00Z",`, past},
		{"expires in 1 h 5 min and a second, an hour being asked for", expiry, `"expiration":"2026-11-22T21:05:01Z",`, longer},
		{"expires in 12 h 5 min and a second", expiry, `"expiration":"2026-11-23T08:05:01Z",`, late},
		{"expires in 13 h", expiry, `"expiration":"2026-11-23T09:00:00Z",`, late},
		{"expires in the year 9999", expiry, `"expiration":"9999-12-31T23:59:59Z",`, late},
		{"credentials null", `"credentials":{"acc`, `"credentials":null,"other":{"acc`, "the answer (status 201) is refused: it has no credentials"},
		{"credentials a list", `"credentials":{"acc`, `"credentials":[],"other":{"acc`, noJSON},
		{"another role", role, `"roleArn":"arn:aws:iam::123456789012:role/nightly/admin",`, otherRole},
		{"the role without its path", role, `"roleArn":"arn:aws:iam::123456789012:role/backup",`, otherRole},
		{"the role of another account", role, `"roleArn":"arn:aws:iam::210987654321:role/nightly/backup",`, otherRole},
		{"the role of another partition", role, `"roleArn":"arn:aws-cn:iam::123456789012:role/nightly/backup",`, otherRole},
		{"role a number", role, `"roleArn":1,`, noJSON},
		{"another role assumed", assumed, `"arn:aws:sts::123456789012:assumed-role/admin/1a2b3c"`, otherRole},
		{"a role assumed whose name goes on", assumed, `"arn:aws:sts::123456789012:assumed-role/backup-admin/1a2b3c"`, otherRole},
		{"a role of another account assumed", assumed, `"arn:aws:sts::210987654321:assumed-role/backup/1a2b3c"`, otherRole},
		{"a role of another partition assumed", assumed, `"arn:aws-us-gov:sts::123456789012:assumed-role/backup/1a2b3c"`, otherRole},
		{"a role of another service assumed", assumed, `"arn:aws:iam::123456789012:assumed-role/backup/1a2b3c"`, otherRole},
		{"a user assumed", assumed, `"arn:aws:sts::123456789012:federated-user/backup"`, otherRole},
		{"no ARN assumed", assumed, `"backup"`, otherRole},
		{"an assumed role with a region", assumed, `"arn:aws:sts:eu-west-1:123456789012:assumed-role/backup/1a2b3c"`, badARN},
		{"an assumed role without a session", assumed, `"arn:aws:sts::123456789012:assumed-role/backup/"`, badARN},
		{"an assumed role with an escape character", assumed, `"arn:aws:sts::123456789012:assumed-role/backup/a\u001b[2J"`, badARN},
		{"assumed role a string", `"assumedRoleUser":{`, `"assumedRoleUser":"x","other":{`, noJSON},
		{"packed policy size a string", packed, `"packedPolicySize":"12",`, noJSON},
		{"source identity a number", `"sourceIdentity":"CN=host-1"`, `"sourceIdentity":1`, noJSON},
		{"subject a list", `"subjectArn":"`, `"subjectArn":[],"other":"`, noJSON},
		{"access key ID twice", keyID, keyID + keyID, twice},
		{"expiration twice in another case", expiry, expiry + `"Expiration":"2026-11-22T21:00:00Z",`, twice},
		{"secret twice with a long s", secret, secret + `"ſecretAccessKey":"x",`, twice},
		{"credential set twice", `"subjectArn"`, `"credentialSet":[],"subjectArn"`, twice},
		{"an unknown member twice", packed, packed + `"x":1,"x":2,`, twice},
		{"no credential set", `{"credentialSet"`, `{"other"`, "the answer (status 201) is refused: it has 0 credential sets in place of one"},
		{"credential set null", `{"credentialSet":[`, `{"credentialSet":null,"other":[`, "the answer (status 201) is refused: it has 0 credential sets in place of one"},
		{"credential set an object", `{"credentialSet":[`, `{"credentialSet":{},"other":[`, noJSON},
		{"two credential sets", `"credentialSet":[`, `"credentialSet":[{},`, "the answer (status 201) is refused: it has 2 credential sets in place of one"},
		{"three credential sets", `"credentialSet":[`, `"credentialSet":[null,null,`, "the answer (status 201) is refused: it has 3 credential sets in place of one"},
	} {
		all = append(all, hostileCase{name: c.name, answer: sends(201, replaced(t, c.old, c.new)), problem: c.problem})
	}
	return all
}

// wrongBodies are answers whose body as a whole is wrong.
func wrongBodies(t *testing.T) []hostileCase {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 64 {
		if _, err := z.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	const (
		prefix = "the answer (status 201) is refused: "
		portal = "<!DOCTYPE html><title>Welcome to Hotel Wi-Fi</title>"
	)
	neither := strings.Replace(strings.Replace(goodAnswer, `"roleArn"`, `"role"`, 1), `"assumedRoleUser"`, `"user"`, 1)
	return []hostileCase{
		{name: "whose role it is, nowhere", answer: sends(201, neither), problem: prefix + "it does not say whose credentials these are"},
		{name: "empty", answer: sends(201, ""), problem: prefix + "it is not JSON"},
		{name: "null", answer: sends(201, "null"), problem: prefix + "it has 0 credential sets in place of one"},
		{name: "an empty object", answer: sends(201, "{}"), problem: prefix + "it has 0 credential sets in place of one"},
		{name: "a list", answer: sends(201, "["+goodAnswer+"]"), problem: prefix + "it is not the JSON of a CreateSession answer"},
		{name: "a string", answer: sends(201, `"`+tokenCanary+`"`), problem: prefix + "it is not the JSON of a CreateSession answer"},
		{name: "truncated JSON", answer: sends(201, goodAnswer[:len(goodAnswer)/2]), problem: prefix + "it is not JSON"},
		{name: "JSON that goes on", answer: sends(201, goodAnswer+goodAnswer), problem: prefix + "it is not JSON"},
		{name: "JSON with a comment", answer: sends(201, goodAnswer+"// "), problem: prefix + "it is not JSON"},
		{name: "not UTF-8", answer: sends(201, strings.Replace(goodAnswer, "CN=", "\xff", 1)), problem: prefix + "it is not UTF-8"},
		{name: "nested deeply", answer: sends(201, `{"a":`+strings.Repeat("[", 32)+strings.Repeat("]", 32)+"}"), problem: prefix + "it is nested too deeply"},
		{name: "nested without end", answer: sends(201, `{"a":`+strings.Repeat("[", 100_000)), problem: prefix + "it is not JSON"},
		{name: "a byte over 1 MiB", answer: sends(201, goodAnswer+strings.Repeat(" ", 1<<20+1-len(goodAnswer))), problem: prefix + "it is longer than 1048576 bytes"},
		{
			name: "a gzip bomb", answer: sends(201, bomb.String(), "Content-Encoding", "gzip"),
			problem: prefix + "it is not UTF-8",
		},
		{
			name: "a captive portal", answer: sends(200, portal, "Content-Type", "text/html; charset=utf-8", "Server", "portal/1.0"),
			problem: "the answer (status 200, text/html, Server: portal/1.0) is not JSON",
		},
		{
			name: "a captive portal with 403", answer: sends(403, portal, "Content-Type", "text/html", "Via", "1.1 squid"),
			problem: "the answer (status 403, text/html, Via: 1.1 squid) is not an error that AWS sends",
		},
		{name: "a page without a type", answer: sends(200, portal, "Content-Type", "text"), problem: "the answer (status 200, text) is not JSON"},
		{name: "a page with a broken type", answer: sends(200, portal, "Content-Type", ";;"), problem: "the answer (status 200, no content type) is not JSON"},
		{
			name: "a page with a long type and server", answer: sends(200, portal, "Content-Type", strings.Repeat("a", 9000), "Server", strings.Repeat("b", 9000)),
			problem: "the answer (status 200, " + strings.Repeat("a", 100) + "…, Server: " + strings.Repeat("b", 100) + "…) is not JSON",
		},
		{
			name: "a redirect", answer: sends(302, goodAnswer, "Location", "https://evil.example/sessions"),
			problem: "the answer (status 302, application/json) is a redirect, which Roles Anywhere never answers",
		},
		{
			name: "a redirect that keeps the method", answer: sends(307, "", "Location", "/sessions"),
			problem: "the answer (status 307, application/json) is a redirect, which Roles Anywhere never answers",
		},
		{name: "not modified", answer: raw("HTTP/1.1 304 Not Modified\r\n\r\n"), problem: "the answer (status 304, no content type) is a redirect, which Roles Anywhere never answers"},
		{name: "no content", answer: raw("HTTP/1.1 204 No Content\r\n\r\n"), problem: "the answer (status 204, no content type) is none that Roles Anywhere gives"},
		{name: "accepted", answer: sends(202, goodAnswer), problem: "the answer (status 202, application/json) is none that Roles Anywhere gives"},
		{name: "status 0", answer: raw("HTTP/1.1 000 Nothing\r\nContent-Length: 0\r\n\r\n"), problem: "the answer (status 0, no content type) is none that Roles Anywhere gives"},
		{name: "status 999", answer: raw("HTTP/1.1 999 Go away\r\nContent-Length: 0\r\n\r\n"), problem: "the answer (status 999, no content type) is none that Roles Anywhere gives"},
		{name: "403 in JSON without a code", answer: sends(403, `{"message":"Forbidden"}`), problem: "the answer (status 403, application/json) is not an error that AWS sends"},
		{name: "403 without a body", answer: sends(403, ""), problem: "the answer (status 403, application/json) is not an error that AWS sends"},
		{
			name: "switching protocols and then silence",
			answer: hijack(func(conn net.Conn) {
				io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
				io.Copy(io.Discard, conn)
			}),
			problem: "the answer (status 101, no content type) is none that Roles Anywhere gives",
		},
	}
}

// brokenConnections are answers that do not come whole.
func brokenConnections() []hostileCase {
	const cut = "the connection was cut before the answer was complete"
	head := "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2000\r\n\r\n"
	chunked := "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
	var all []hostileCase
	for _, c := range []struct {
		name, problem string
		answer        http.HandlerFunc
	}{
		{"cut before the status line", cut, raw()},
		{"cut in the protocol's name", `malformed HTTP response "HTT"`, raw("HTT")},
		{"cut in the status", `malformed HTTP status code "20"`, raw("HTTP/1.1 20")},
		{"cut in a header's name", `malformed MIME header: missing colon: "Content-Ty"`, raw("HTTP/1.1 201 Created\r\nContent-Ty")},
		{"cut in a header's value", cut, raw("HTTP/1.1 201 Created\r\nContent-Type: app")},
		{"cut after the headers", cut, raw(head)},
		{"cut in the body", cut, raw(head, goodAnswer[:300])},
		{"cut after the JSON and before the end of the body", cut, raw(head, goodAnswer)},
		{"cut in a chunk", cut, raw(chunked, "400\r\n", goodAnswer[:300])},
		{"cut before the last chunk", cut, raw(chunked, "12\r\n", goodAnswer[:18], "\r\n")},
		{"reset", cut, hijack(func(conn net.Conn) {
			if c, ok := conn.(interface{ NetConn() net.Conn }); ok {
				conn = c.NetConn()
			}
			conn.(*net.TCPConn).SetLinger(0)
		})},
		{"a chunk of a broken size", "invalid byte in chunk length", raw(chunked, "zz\r\n")},
		{"a storm of 1xx", "net/http: server response headers exceeded 65536 bytes; aborted", endless("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")},
		{"headers without end", "net/http: server response headers exceeded 65536 bytes; aborted", endless("HTTP/1.1 201 Created\r\n", "X-A: b\r\n")},
		{"one header without end", "net/http: server response headers exceeded 65536 bytes; aborted", endless("HTTP/1.1 201 Created\r\nX-A: ", strings.Repeat("a", 1000))},
		{"headers of 65 KiB", "net/http: server response headers exceeded 65536 bytes; aborted", raw("HTTP/1.1 201 Created\r\nX-A: " + strings.Repeat("a", 65<<10) + "\r\n\r\n")},
		{"another protocol", `malformed HTTP response "SSH-2.0-OpenSSH_9.6"`, raw("SSH-2.0-OpenSSH_9.6\r\n")},
		{"two lengths", `http: message cannot contain multiple Content-Length headers; got ["1" "2"]`, raw("HTTP/1.1 201 Created\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")},
	} {
		all = append(all, hostileCase{name: c.name, answer: c.answer, problem: c.problem, attempts: 3})
	}
	return all
}

func TestHostileServer(t *testing.T) {
	id := newIdentity(t)
	cases := append(append(wrongMembers(t), wrongBodies(t)...), brokenConnections()...)
	if len(cases) < 100 {
		t.Fatalf("got %d cases, want at least 100", len(cases))
	}
	for _, over := range []string{"TLS", "loopback"} {
		for _, c := range cases {
			t.Run(over+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				var h *hostile
				if over == "TLS" {
					h = newTLS(t, c.answer)
				} else {
					h = newHostile(t, nil, nil, c.answer)
				}
				session, err := h.client.CreateSession(t.Context(), id, testRequest)
				if session != nil {
					t.Error("a session was accepted")
				}
				failed := new(ConnectionError)
				if !errors.As(err, &failed) {
					t.Fatalf("got %T %v, want *ConnectionError", err, err)
				}
				if want := "create session: " + h.host + ": " + c.problem; failed.Error() != want {
					t.Errorf("\ngot  %s\nwant %s", failed, want)
				}
				if failed.Hint() == "" {
					t.Error("there is no hint")
				}
				if want := max(c.attempts, 1); h.requests() != want || failed.Temporary != (want > 1) {
					t.Errorf("got %d attempts, temporary %t; want %d", h.requests(), failed.Temporary, want)
				}
				h.keepsSecret(t, err)
			})
		}
	}
}

func TestHugeBodiesCostLittle(t *testing.T) {
	id := newIdentity(t)
	piece := bytes.Repeat([]byte(" "), 64<<10)
	for _, c := range []struct {
		name, head string
	}{
		{"1 GiB announced", "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 1073741824\r\n\r\n"},
		{"1 GiB not announced", "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n"},
		{"1 GiB of an error", "HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var heap runtime.MemStats
			var highest atomic.Uint64
			sample := func() {
				runtime.ReadMemStats(&heap)
				highest.Store(max(highest.Load(), heap.HeapAlloc))
			}
			h := newHostile(t, nil, nil, hijack(func(conn net.Conn) {
				_, err := io.WriteString(conn, c.head)
				for sent := 0; err == nil && sent < 1<<30; sent += len(piece) {
					sample()
					_, err = conn.Write(piece)
				}
			}))
			defer debug.SetGCPercent(debug.SetGCPercent(10)) // so that garbage hardly counts
			runtime.GC()
			var before runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := h.client.CreateSession(t.Context(), id, testRequest)
			if err == nil || !strings.HasSuffix(err.Error(), "is refused: it is longer than 1048576 bytes") {
				t.Errorf("got %v", err)
			}
			if grown := int64(highest.Load()) - int64(before.HeapAlloc); highest.Load() == 0 || grown > 4<<20 {
				t.Errorf("the heap grew by %d KiB, want at most 4 MiB", grown>>10)
			}
		})
	}
}
