package rolesanywhere

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// refusalOf reads an answer as a refusal.
func refusalOf(t *testing.T, r *http.Response, body string) *Error {
	t.Helper()
	session, err := newCall(t).read(&answer{response: r, body: []byte(body), received: testTime})
	refused := new(Error)
	if session != nil || !errors.As(err, &refused) {
		t.Fatalf("got %v, %v, want *Error", session, err)
	}
	return refused
}

func TestWireFormatsOfErrors(t *testing.T) {
	const header = "X-Amzn-ErrorType"
	for _, c := range []struct {
		name     string
		response *http.Response
		body     string
		want     string
	}{
		{
			"the code in the header", response(403, "", header, "AccessDeniedException", "X-Amzn-RequestId", "5d0c"), accessDenied,
			"create session: AccessDeniedException: Untrusted certificate. Insufficient certificate (status 403, request 5d0c)",
		},
		{
			"the code in the header with a suffix", response(403, "", header, "AccessDeniedException:http://internal.amazon.com/coral/com.amazon/"), accessDenied,
			"create session: AccessDeniedException: Untrusted certificate. Insufficient certificate (status 403)",
		},
		{
			"the code in __type with a namespace", response(400, ""), `{"__type":"com.amazonaws.rolesanywhere#ValidationException","Message":"1 validation error detected"}`,
			"create session: ValidationException: 1 validation error detected (status 400)",
		},
		{
			"the code in __type with both", response(400, ""), `{"__type":"aws.protocoltests#ValidationException:http://x#y"}`,
			"create session: ValidationException (status 400)",
		},
		{
			"the code in code", response(404, ""), `{"code":"ResourceNotFoundException","message":"no such anchor"}`,
			"create session: ResourceNotFoundException: no such anchor (status 404)",
		},
		{
			"the header before the body", response(403, "", header, "AccessDeniedException"), `{"__type":"Other","code":"Another"}`,
			"create session: AccessDeniedException (status 403)",
		},
		{
			"__type before code", response(403, ""), `{"__type":"AccessDeniedException","code":"Another"}`,
			"create session: AccessDeniedException (status 403)",
		},
		{
			"message before Message", response(403, ""), `{"Message":"capital","message":"small","code":"X1"}`,
			"create session: X1: small (status 403)",
		},
		{"no code of a failure", response(500, ""), `{"message":"no"}`, "create session: InternalServerError: no (status 500)"},
		{"no code of a failure without a name", response(599, ""), `{"message":"no"}`, "create session: UnknownError: no (status 599)"},
		{"a code that is none", response(503, "", header, "<b>x</b>"), `{"message":"no"}`, "create session: ServiceUnavailable: no (status 503)"},
		{"a code without a body", response(403, "", header, "AccessDeniedException"), ``, "create session: AccessDeniedException (status 403)"},
		{"a code with a body of HTML", response(403, "", header, "AccessDeniedException"), `<html>`, "create session: AccessDeniedException (status 403)"},
		{"HTML and 503", response(503, ""), `<html>`, "create session: ServiceUnavailable (status 503)"},
		{"HTML and 429", response(429, ""), `<html>`, "create session: TooManyRequests (status 429)"},
		{"nothing and 500", response(500, ""), ``, "create session: InternalServerError (status 500)"},
		{"a message of another type", response(403, "", header, "AccessDeniedException"), `{"message":{"a":1}}`, "create session: AccessDeniedException (status 403)"},
		{
			"control characters", response(403, "", header, "AccessDeniedException", "X-Amzn-RequestId", "5d\x1b[31m0c"),
			`{"message":"a\u001b[2Jb\r\nc\u0000d\u0085e\u2028f\u202eg\ud800h\u007f"}`,
			"create session: AccessDeniedException: a [2Jb  c d e f g\ufffdh  (status 403, request 5d [31m0c)",
		},
		{
			"a long message", response(403, "", header, "AccessDeniedException"), `{"message":"` + strings.Repeat("ä", 2000) + `"}`,
			"create session: AccessDeniedException: " + strings.Repeat("ä", 500) + "… (status 403)",
		},
		{
			"a long message cut within a character", response(403, "", header, "AccessDeniedException"), `{"message":"x` + strings.Repeat("ä", 2000) + `"}`,
			"create session: AccessDeniedException: x" + strings.Repeat("ä", 499) + "… (status 403)",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := refusalOf(t, c.response, c.body); got.Error() != c.want {
				t.Errorf("\ngot  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestWhatIsTemporary(t *testing.T) {
	for _, c := range []struct {
		status int
		code   string
		want   bool
	}{
		{400, "ThrottlingException", true},
		{400, "Throttling", true},
		{400, "ThrottledException", true},
		{400, "TooManyRequestsException", true},
		{400, "RequestLimitExceeded", true},
		{400, "RequestThrottled", true},
		{400, "RequestThrottledException", true},
		{400, "SlowDown", true},
		{429, "Anything", true},
		{500, "InternalFailure", true},
		{502, "BadGateway", true},
		{503, "ServiceUnavailableException", true},
		{599, "Anything", true},
		{400, "ValidationException", false},
		{403, "AccessDeniedException", false},
		{404, "ResourceNotFoundException", false},
		{499, "Anything", false},
	} {
		e := refusalOf(t, response(c.status, "", "X-Amzn-ErrorType", c.code), "{}")
		if e.Temporary() != c.want {
			t.Errorf("%d %s: got %t, want %t", c.status, c.code, e.Temporary(), c.want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	date := func(d time.Duration) string { return testTime.Add(d).Format(http.TimeFormat) }
	for _, c := range []struct {
		name, header, body string
		serverAhead        time.Duration
		want               time.Duration
	}{
		{name: "none"},
		{name: "seconds", header: "3", want: 3 * time.Second},
		{name: "zero", header: "0"},
		{name: "a date", header: date(7 * time.Second), want: 7 * time.Second},
		{name: "a date by the clock of a server that is ahead", header: date(time.Hour + 7*time.Second), serverAhead: time.Hour, want: 7 * time.Second},
		{name: "a date that has passed", header: date(-time.Hour)},
		{name: "a date years ahead", header: date(9000 * time.Hour), want: 24 * time.Hour},
		{name: "negative", header: "-1"},
		{name: "a fraction", header: "1.5"},
		{name: "a word", header: "soon"},
		{name: "seconds beyond all bounds", header: "99999999999999999999999999", want: 24 * time.Hour},
		{name: "seconds that would overflow", header: "9223372037", want: 24 * time.Hour},
		{name: "in the body", body: `{"retryAfterSeconds":4}`, want: 4 * time.Second},
		{name: "the longer of both", header: "2", body: `{"retryAfterSeconds":4}`, want: 4 * time.Second},
		{name: "the longer of both, the other way round", header: "6", body: `{"retryAfterSeconds":4}`, want: 6 * time.Second},
		{name: "negative in the body", body: `{"retryAfterSeconds":-4}`},
		{name: "overflowing in the body", body: `{"retryAfterSeconds":9223372036854775807}`, want: 24 * time.Hour},
		{name: "a string in the body", body: `{"retryAfterSeconds":"4"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := response(503, "", "Date", date(c.serverAhead))
			if c.header != "" {
				r.Header.Set("Retry-After", c.header)
			}
			if got := refusalOf(t, r, c.body).RetryAfter; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestErrorsUnwrapToTheirFindings(t *testing.T) {
	cause := errors.New("cause")
	e := &Error{Code: "X", Status: 403, Findings: []Finding{{Fact: "a"}, {Fact: "b", Err: cause}}}
	if !errors.Is(e, cause) {
		t.Error("the cause of a finding is not found")
	}
	for _, c := range []struct {
		findings []Finding
		want     string
	}{
		{nil, ""},
		{[]Finding{{Fact: "a", Hint: "b"}, {Fact: "c"}}, "a; b"},
		{[]Finding{{Fact: "a"}}, "a"},
		{[]Finding{{Hint: "b"}}, "b"},
	} {
		if got := (&Error{Findings: c.findings}).Hint(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// echoes are servers that answer with what they were sent, in every place that an error shows.
func TestEchoesOfTheSignatureAreRemoved(t *testing.T) {
	id := newIdentity(t)
	quoted := func(status int, f func(r *http.Request) (header, value, body string)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			header, value, body := f(r)
			sends(status, body, header, value)(w, r)
		}
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		want   string
	}{
		{"the header in the message", quoted(403, func(r *http.Request) (string, string, string) {
			return errorType, "AccessDeniedException", fmt.Sprintf(`{"message":"bad: %s!"}`, r.Header.Get("Authorization"))
		}), "Signature=[signature]!"},
		{"the signature in capitals", quoted(403, func(r *http.Request) (string, string, string) {
			return errorType, "AccessDeniedException", fmt.Sprintf(`{"Message":"%s"}`, strings.ToUpper(signatureOf(r)))
		}), "AccessDeniedException: [signature] (status 403)"},
		{"16 characters of it", quoted(403, func(r *http.Request) (string, string, string) {
			return errorType, "AccessDeniedException", fmt.Sprintf(`{"message":"x %s x"}`, signatureOf(r)[40:56])
		}), "x [signature] x"},
		{"a piece of it between other digits", quoted(403, func(r *http.Request) (string, string, string) {
			return errorType, "AccessDeniedException", fmt.Sprintf(`{"message":"0123%s4567"}`, signatureOf(r)[40:60])
		}), "AccessDeniedException: [signature] (status 403)"},
		{"escaped in JSON", quoted(403, func(r *http.Request) (string, string, string) {
			return errorType, "AccessDeniedException", fmt.Sprintf(`{"message":"\u003%c%s"}`, signatureOf(r)[0], signatureOf(r)[1:])
		}), "AccessDeniedException: [signature] (status 403)"},
		{"as the request ID", quoted(500, func(r *http.Request) (string, string, string) {
			return requestID, signatureOf(r), `{}`
		}), "request [signature]"},
		{"as the code", quoted(403, func(r *http.Request) (string, string, string) {
			return errorType, "A" + signatureOf(r)[:60], `{}`
		}), "create session: [signature]"},
		{"as the server's name", quoted(302, func(r *http.Request) (string, string, string) {
			return "Server", signatureOf(r), `<html>`
		}), "Server: [signature]"},
		{"as the type", quoted(200, func(r *http.Request) (string, string, string) {
			return "Content-Type", signatureOf(r), `<html>`
		}), "(status 200, [signature]"},
		{"as the status line", func(w http.ResponseWriter, r *http.Request) {
			hijack(func(conn net.Conn) { io.WriteString(conn, signatureOf(r)+"\r\n\r\n") })(w, r)
		}, `malformed HTTP response "[signature]"`},
		{"as a header's name", func(w http.ResponseWriter, r *http.Request) {
			hijack(func(conn net.Conn) { io.WriteString(conn, "HTTP/1.1 200 OK\r\n"+signatureOf(r)+"\r\n\r\n") })(w, r)
		}, `missing colon: "[signature]"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newTLS(t, c.answer)
			_, err := h.client.CreateSession(t.Context(), id, testRequest)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want …%s…", err, c.want)
			}
			h.keepsSecret(t, err)
		})
	}
}

func TestEchoesOfTheSignatureAreRemovedFromSessions(t *testing.T) {
	const signature = "3045022100aabbccddeeff00112233445566778899"
	call := newCall(t)
	call.signatures = []string{"00", signature}
	body := strings.Replace(goodAnswer, "CN=host-1", signature, 1)
	session, err := call.read(&answer{response: response(201, "", requestID, signature), body: []byte(body), received: testTime})
	if err != nil {
		t.Fatal(err)
	}
	if session.SourceIdentity != "[signature]" || session.RequestID != "[signature]" {
		t.Errorf("got %q and %q", session.SourceIdentity, session.RequestID)
	}
}

func TestOtherDigitsStay(t *testing.T) {
	const digits = "8b1f51c05d0c4f5e9a7d8b1f51c05d0c4f5e9a7d"
	if got := withoutEcho("request "+digits, []string{strings.Repeat("0", 144)}); got != "request "+digits {
		t.Errorf("got %s", got)
	}
}

// The detector of leaks must find what is planted.
func TestLeaksAreFound(t *testing.T) {
	secrets := []string{secretCanary, "3045022100aabbccddeeff00112233445566778899"}
	for _, err := range []error{
		&Error{Message: "3045022100AABBCCDD"},
		&Error{Findings: []Finding{{Hint: secretCanary[3:19]}}},
		&Error{Findings: []Finding{{Fact: "x"}, {Err: errors.New(secretCanary)}}},
		&ConnectionError{Advice: secretCanary},
		&ConnectionError{Err: fmt.Errorf("x: %w", errors.New(secretCanary))},
	} {
		if leaked(err, secrets) == "" {
			t.Errorf("the leak in %#v was not found", err)
		}
	}
	if leak := leaked(&ConnectionError{Err: io.EOF}, secrets); leak != "" {
		t.Errorf("%s was found where nothing is", leak)
	}
}

// keepsSecret fails when any text of an error has a piece of a signature, a secret or a token in it.
func (h *hostile) keepsSecret(t *testing.T, err error) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if leak := leaked(err, append([]string{secretCanary, tokenCanary}, h.signatures...)); leak != "" {
		t.Errorf("the error tells %q:\n%v", leak, err)
	}
}

// leaked answers a piece of 16 characters of a secret that is in some text of an error.
func leaked(err error, secrets []string) string {
	var texts strings.Builder
	fmt.Fprintf(&texts, "%v\n%+v\n%#v\n%q\n", err, err, err, err)
	if refused := new(Error); errors.As(err, &refused) {
		fmt.Fprintf(&texts, "%+v\n%#v\n%s\n", *refused, *refused, refused.Hint())
		for _, f := range refused.Findings {
			fmt.Fprintf(&texts, "%+v\n", f)
		}
	}
	if failed := new(ConnectionError); errors.As(err, &failed) {
		fmt.Fprintf(&texts, "%+v\n%#v\n%s\n", *failed, *failed, failed.Hint())
		for inner := failed.Err; inner != nil; inner = errors.Unwrap(inner) {
			fmt.Fprintf(&texts, "%v\n%+v\n%#v\n", inner, inner, inner)
		}
	}
	all := strings.ToLower(texts.String())
	for _, secret := range secrets {
		for i := 0; i+16 <= len(secret); i++ {
			if piece := secret[i : i+16]; strings.Contains(all, strings.ToLower(piece)) {
				return piece
			}
		}
	}
	return ""
}
