package rolesanywhere

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"syscall"
)

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
	var dns *net.DNSError
	if text := c.shown(err.Error()); text != err.Error() {
		e.Err = errors.New(text) // a server had a say in it
	}
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Problem, e.Temporary, e.Err = "the call was cancelled", false, context.Canceled
	case c.describeProxy(e, err), c.describeCertificate(e, err):
	case errors.As(err, &dns) && dns.IsTimeout:
		e.Problem = "the name server gives no answer in time"
		e.Advice = checkNames
	case isTimeout(ctx, err):
		e.Problem = "no answer in time"
		e.Advice = "check the network, the firewall and HTTPS_PROXY"
	default:
		c.describeNetwork(e, err)
	}
	return e
}

const checkNames = "check the region, the network and the name server; behind a proxy set HTTPS_PROXY"

// describeProxy says what a proxy did, or answers false when none did anything.
func (c *call) describeProxy(e *ConnectionError, err error) bool {
	var (
		refused      proxyRefusal
		op           *net.OpError
		verification *tls.CertificateVerificationError
	)
	switch {
	case errors.Is(err, errProxySetting):
		e.Temporary = false
		e.Problem = errProxySetting.Error()
		e.Advice = "set HTTPS_PROXY as http://HOST:PORT, with percent-encoding in a user name and password"
	case errors.As(err, &refused):
		e.Temporary = refused >= 500
		e.Problem = refused.Error()
		e.Advice = "check HTTPS_PROXY, its user name and password, and NO_PROXY"
	case errors.As(err, &op) && op.Op == "proxyconnect":
		e.Temporary = !errors.As(err, &verification)
		e.Problem = "the proxy cannot be reached: " + c.shown(rootCause(op.Err))
		e.Advice = "check HTTPS_PROXY and NO_PROXY"
	default:
		return false
	}
	return true
}

// describeCertificate says what is wrong with the server's certificate, or answers false when nothing is. Another attempt
// would meet the same.
func (c *call) describeCertificate(e *ConnectionError, err error) bool {
	var (
		unknownCA    x509.UnknownAuthorityError
		wrongName    x509.HostnameError
		invalid      x509.CertificateInvalidError
		verification *tls.CertificateVerificationError
	)
	const advice = "if a proxy inspects TLS here, set AWS_CA_BUNDLE to its CA certificate"
	switch {
	case errors.As(err, &unknownCA) && unknownCA.Cert != nil:
		e.Problem = fmt.Sprintf("the server's certificate, issued by %q, is not trusted", c.issuer(unknownCA.Cert))
		e.Advice = advice
	case errors.As(err, &wrongName):
		e.Problem = fmt.Sprintf("the server's certificate, issued by %q, is for another host", c.issuer(wrongName.Certificate))
		e.Advice = "a proxy or captive portal may be answering in AWS's place"
	case errors.As(err, &invalid):
		e.Problem = "the server's certificate is not valid: " + c.shown(invalid.Error())
		e.Advice = "check this host's clock, and whether a proxy answers in AWS's place"
	case errors.As(err, &verification):
		e.Problem = "the server's certificate is not accepted: " + c.shown(rootCause(err))
		e.Advice = advice
	default:
		return false
	}
	e.Temporary = false
	return true
}

// issuer names who issued a server's certificate, which is an intercepting proxy's CA where there is such a proxy.
func (c *call) issuer(certificate *x509.Certificate) string {
	return c.shown(bounded(certificate.Issuer.String(), 200))
}

// describeNetwork says what else happened.
func (c *call) describeNetwork(e *ConnectionError, err error) {
	var (
		record tls.RecordHeaderError
		dns    *net.DNSError
	)
	switch {
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		e.Temporary = false
		e.Problem = "the server does not speak TLS"
		e.Advice = "a proxy or captive portal may be answering in AWS's place; check HTTPS_PROXY and the port"
	case errors.As(err, &dns) && dns.IsNotFound:
		e.Temporary = false
		e.Problem = "the host name is not known"
		e.Advice = checkNames
	case isCut(err):
		e.Problem = "the connection was cut before the answer was complete"
		e.Advice = "check the network, the firewall and HTTPS_PROXY"
	default:
		e.Problem = c.shown(rootCause(err))
		e.Advice = "check that the endpoint is right and reachable from here"
	}
}

func isTimeout(ctx context.Context, err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

func isCut(err error) bool {
	for _, cut := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, cut) {
			return true
		}
	}
	return false
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

// foreign says that an answer cannot be AWS's, and who may have given it.
func (c *call) foreign(a *answer, problem string) error {
	kind, _, err := mime.ParseMediaType(a.response.Header.Get("Content-Type"))
	if err != nil {
		kind = "no content type"
	}
	by := ""
	for _, name := range []string{"Via", "Server"} {
		if v := bounded(a.response.Header.Get(name), 100); v != "" {
			by = fmt.Sprintf(", %s: %s", name, v)
			break
		}
	}
	return &ConnectionError{
		Host: c.endpoint.Host,
		Problem: fmt.Sprintf("the answer (status %d, %s) is %s",
			a.response.StatusCode, c.shown(bounded(kind, 100)+by), problem),
		Advice: "a proxy or captive portal answers in AWS's place: sign in to it, or set HTTPS_PROXY or NO_PROXY",
	}
}
