package rolesanywhere

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"
)

// Error is a refusal: what AWS answered, and what the client found out itself.
type Error struct {
	Status    int
	Code      string // AWS's error code, such as AccessDeniedException
	Message   string // AWS's message
	RequestID string
	// RetryAfter is how long AWS asks to wait; zero when it does not say.
	RetryAfter time.Duration
	// ClockOffset is how far AWS's clock is ahead of ours, where that is known.
	ClockOffset time.Duration
	// Findings are what the client sees wrong or thinks likely, the surest first.
	Findings []Finding
}

// Finding is one thing that the client found out about a refusal.
type Finding struct {
	Fact string // what is so
	Hint string // what to do
	Err  error  // the cause, where it is an error of its own; for errors.Is and errors.As
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("create session: " + e.Code)
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	fmt.Fprintf(&b, " (status %d", e.Status)
	if e.RequestID != "" {
		b.WriteString(", request " + e.RequestID)
	}
	b.WriteString(")")
	return b.String()
}

// Unwrap answers the findings' errors.
func (e *Error) Unwrap() []error {
	var all []error
	for _, f := range e.Findings {
		if f.Err != nil {
			all = append(all, f.Err)
		}
	}
	return all
}

// Hint answers the surest finding in one line: the fact, then what to do. It is empty when there is none.
func (e *Error) Hint() string {
	if len(e.Findings) == 0 {
		return ""
	}
	f := e.Findings[0]
	switch {
	case f.Fact == "":
		return f.Hint
	case f.Hint == "":
		return f.Fact
	}
	return f.Fact + "; " + f.Hint
}

// throttled are the codes by which AWS asks to come back later.
var throttled = map[string]bool{
	"ThrottlingException": true, "Throttling": true, "ThrottledException": true, "TooManyRequestsException": true,
	"RequestLimitExceeded": true, "RequestThrottled": true, "RequestThrottledException": true, "SlowDown": true,
}

// Temporary reports whether the same request may succeed later: throttling and failures of the service.
func (e *Error) Temporary() bool {
	return e.Status >= 500 || e.Status == http.StatusTooManyRequests || throttled[e.Code]
}

// mayBeSkew reports whether a clock that is off can be behind the refusal.
func (e *Error) mayBeSkew() bool {
	return e.Status == http.StatusForbidden || e.Status == http.StatusBadRequest || e.Status == http.StatusUnauthorized
}

// ConnectionError says why AWS did not answer, or why an answer is not believed to be AWS's.
type ConnectionError struct {
	Host      string // host and port called
	Problem   string // what happened
	Advice    string // what to do; may be empty
	Temporary bool   // whether another attempt may help
	Err       error  // the cause; nil when the answer itself is the problem
}

func (e *ConnectionError) Error() string {
	return "create session: " + e.Host + ": " + e.Problem
}

// Unwrap answers the cause.
func (e *ConnectionError) Unwrap() error { return e.Err }

// Hint answers what to do.
func (e *ConnectionError) Hint() string { return e.Advice }

// unreachable describes a failed attempt.
func (c *call) unreachable(ctx context.Context, err error) error {
	e := &ConnectionError{Host: c.endpoint.Host, Err: err, Temporary: true}
	var (
		unknownCA x509.UnknownAuthorityError
		wrongName x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		dns       *net.DNSError
		op        *net.OpError
	)
	const caAdvice = "if a proxy inspects TLS here, set AWS_CA_BUNDLE to its CA certificate"
	switch {
	case errors.As(err, &unknownCA):
		e.Temporary = false
		e.Problem = "the server's certificate is not trusted"
		if unknownCA.Cert != nil {
			e.Problem = fmt.Sprintf("the server's certificate, issued by %q, is not trusted", unknownCA.Cert.Issuer)
		}
		e.Advice = caAdvice
	case errors.As(err, &wrongName):
		e.Temporary = false
		e.Problem = fmt.Sprintf("the server's certificate, issued by %q, is for another host", wrongName.Certificate.Issuer)
		e.Advice = "a proxy or captive portal may be answering in AWS's place"
	case errors.As(err, &invalid):
		e.Temporary = false
		e.Problem = "the server's certificate is not valid: " + invalid.Error()
		e.Advice = "check this host's clock, and whether a proxy answers in AWS's place"
	case errors.As(err, &verify):
		e.Temporary = false
		e.Problem = "the server's certificate is not accepted"
		e.Advice = caAdvice
	case errors.As(err, &record):
		e.Temporary = false
		e.Problem = "the server does not speak TLS"
		e.Advice = "a proxy or captive portal may be answering in AWS's place; check HTTPS_PROXY and the port"
	case errors.As(err, &dns) && dns.IsNotFound:
		e.Temporary = false
		e.Problem = "the host name is not known"
		e.Advice = "check the region, the network and the name server; behind a proxy set HTTPS_PROXY"
	case errors.As(err, &op) && op.Op == "proxyconnect":
		e.Problem = "the proxy cannot be reached: " + rootCause(op.Err)
		e.Advice = "check HTTPS_PROXY and NO_PROXY"
	case isTimeout(ctx, err):
		e.Problem = "no answer in time"
		e.Advice = "check the network, the firewall and HTTPS_PROXY"
	case proxyRefusal(err) != "":
		e.Temporary = false
		e.Problem = "the proxy refused: " + proxyRefusal(err)
		e.Advice = "check HTTPS_PROXY, its user name and password, and NO_PROXY"
	default:
		e.Problem = rootCause(err)
		e.Advice = "check that the endpoint is right and reachable from here"
	}
	if errors.Is(context.Cause(ctx), context.Canceled) {
		e.Temporary = false
		e.Err = context.Canceled
	}
	return e
}

// proxyRefusal answers the status by which a proxy refused to connect. The transport reports it as a bare text, which is
// the status line of the CONNECT answer.
func proxyRefusal(err error) string {
	text := err.Error()
	for _, status := range []int{
		http.StatusProxyAuthRequired, http.StatusForbidden, http.StatusUnauthorized, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout,
	} {
		if text == http.StatusText(status) {
			return fmt.Sprintf("%d %s", status, text)
		}
	}
	return ""
}

func isTimeout(ctx context.Context, err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// rootCause is the innermost error's text: addresses and operations around it only repeat the host.
func rootCause(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err.Error()
		}
		err = inner
	}
}

// distrust says that an answer which may be AWS's is not usable.
func (c *call) distrust(a *answer, problem string) error {
	return &ConnectionError{
		Host:    c.endpoint.Host,
		Problem: fmt.Sprintf("the answer (status %d) is refused: %s", a.response.StatusCode, problem),
		Advice:  "nothing was used of it; check what answers at this endpoint",
	}
}

// foreign says that an answer cannot be AWS's.
func (c *call) foreign(a *answer, problem string) error {
	kind, _, err := mime.ParseMediaType(a.response.Header.Get("Content-Type"))
	if err != nil {
		kind = "no content type"
	}
	by := ""
	for _, name := range []string{"Via", "Server"} {
		if v := printable(a.response.Header.Get(name)); v != "" {
			by = fmt.Sprintf(", %s: %s", name, v)
			break
		}
	}
	return &ConnectionError{
		Host:    c.endpoint.Host,
		Problem: fmt.Sprintf("the answer (status %d, %s%s) is %s", a.response.StatusCode, kind, by, problem),
		Advice:  "a proxy or captive portal answers in AWS's place: sign in to it, or set HTTPS_PROXY or NO_PROXY",
	}
}
