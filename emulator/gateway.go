package emulator

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/authn"
	"github.com/awsauth-go/awsauth/emulator/internal/gateway"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
	"github.com/awsauth-go/awsauth/internal/policy"
	"github.com/awsauth-go/awsauth/internal/sigv4"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// maxPassed bounds a request's body on its way to a backend, in bytes.
const maxPassed = 256 << 20

// backend is where a request goes that is signed for a service that is not the emulator's own; nil for none.
func (e *Emulator) backend(r *http.Request) (service string, to *url.URL) {
	if len(e.config.Gateway) == 0 {
		return "", nil
	}
	auth, err := sigv4.Parse(r)
	if err != nil || slices.Contains([]string{"sts", "iam", "rolesanywhere"}, auth.Service) {
		return "", nil
	}
	if to, ok := e.config.Gateway[auth.Service]; ok {
		return auth.Service, to
	}
	return auth.Service, e.config.Gateway[""]
}

// checkGateway refuses backends that are not on this host.
func checkGateway(backends map[string]*url.URL) error {
	for _, service := range slices.Sorted(maps.Keys(backends)) {
		u := backends[service]
		switch {
		case u == nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
			return fmt.Errorf("new emulator: gateway %q: the backend is no http:// or https:// URL", service)
		case !rolesanywhere.IsLoopback(u.Hostname()):
			return fmt.Errorf("new emulator: gateway %q: the backend is not on loopback", service)
		case u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.Trim(u.Path, "/") != "":
			return fmt.Errorf("new emulator: gateway %q: the backend's URL has more than scheme, host and port", service)
		}
	}
	return nil
}

// pass checks who asks and whether they may, and hands the request on to a backend.
func (e *Emulator) pass(x *exchange, w http.ResponseWriter, service string, to *url.URL) (err error) {
	r := &gateway.Request{Service: service, HTTP: x.r, Region: e.config.Region, Account: e.config.AccountID, Partition: e.account.Partition}
	defer func() {
		refusal := new(wire.Refusal)
		if !errors.As(err, &refusal) {
			return
		}
		x.status = refusal.Status
		if e.config.Explain {
			setHeader(w, HeaderReason, refusal.Reason)
			setHeader(w, HeaderRemedy, refusal.Remedy)
		}
		r.Refuse(w, x.id, refusal)
	}()
	body, err := io.ReadAll(io.LimitReader(x.r.Body, maxPassed+1))
	if err != nil {
		return &wire.Refusal{Status: http.StatusBadRequest, Code: "IncompleteBody", Message: "The body was cut off."}
	}
	if len(body) > maxPassed {
		return &wire.Refusal{
			Status: http.StatusRequestEntityTooLarge, Code: "EntityTooLarge", Message: fmt.Sprintf("The body is longer than %d bytes.", maxPassed),
		}
	}
	if !x.struck.wait(x.r.Context()) {
		return nil
	}
	r.Body = body
	if err := x.struck.refusal(!r.JSON()); err != nil {
		return err
	}
	caller, payload, err := authn.AuthenticateWithPayload(e.account, x.r, body, authn.Service{
		Name: service, JSON: r.JSON(), S3: service == "s3",
	}, e.config.Skew)
	if err != nil {
		return err
	}
	x.caller, r.Body = caller, payload
	if err := e.permit(r, x, caller); err != nil {
		return err
	}
	e.proxy(to, r, x).ServeHTTP(w, x.r)
	return nil
}

// permit refuses what the caller's policies do not allow.
func (e *Emulator) permit(r *gateway.Request, x *exchange, caller *account.Caller) error {
	denied := "AccessDenied"
	switch {
	case r.JSON():
		denied = "AccessDeniedException"
	case r.Service == "sns":
		denied = "AuthorizationError" // Amazon SNS API Reference, "Common Error Types"
	}
	permissions, err := r.Permissions()
	if err != nil {
		return &wire.Refusal{
			Status: http.StatusForbidden, Code: denied, Message: "User: " + caller.ARN + " is not authorized to perform this request.",
			Reason: "which permission it needs cannot be told: " + err.Error(), Remedy: "send it as AWS's clients do, or call the backend itself",
		}
	}
	for _, p := range permissions {
		x.operation = p.Action
		verdict, why := caller.Authorize(e.now(), p.Action, p.Resource, nil)
		if verdict.Decision == policy.Allow {
			continue
		}
		return &wire.Refusal{
			Status: http.StatusForbidden, Code: denied,
			Message: "User: " + caller.ARN + " is not authorized to perform: " + p.Action + " on resource: " + p.Resource,
			Reason:  why, Remedy: "allow " + p.Action + " in a policy of the caller, and in the session policy if there is one",
		}
	}
	return nil
}

// proxy hands a request on as it came, but for a body in chunks, which has done its duty, and a bucket in the host, which comes into the
// path: a service may read hosts in another way.
func (e *Emulator) proxy(to *url.URL, r *gateway.Request, x *exchange) http.Handler {
	return &httputil.ReverseProxy{
		Transport: e.toBackends,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = to.Scheme, to.Host
			p.Out.Host = p.In.Host // SQS makes the URLs of queues of it
			if r.Service == "s3" {
				p.Out.Host = to.Host
				if bucket := r.VirtualBucket(); bucket != "" {
					p.Out.URL.Path, p.Out.URL.RawPath = "/"+bucket+p.In.URL.Path, "/"+bucket+p.In.URL.EscapedPath()
				}
			}
			p.Out.Body, p.Out.ContentLength, p.Out.TransferEncoding, p.Out.Trailer = http.NoBody, int64(len(r.Body)), nil, nil
			if len(r.Body) > 0 {
				p.Out.Body = io.NopCloser(bytes.NewReader(r.Body))
			}
			h, query := p.Out.Header, p.In.URL.Query()
			if !strings.HasPrefix(cmp.Or(h.Get("X-Amz-Content-Sha256"), query.Get("X-Amz-Content-Sha256")), "STREAMING-") {
				return
			}
			h.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
			for _, name := range []string{"X-Amz-Decoded-Content-Length", "X-Amz-Trailer"} {
				h.Del(name)
			}
			encoding := strings.Join(h.Values("Content-Encoding"), ",")
			if encoding = strings.Trim(strings.ReplaceAll(encoding, "aws-chunked", ""), ", "); encoding != "" {
				h.Set("Content-Encoding", encoding)
			} else {
				h.Del("Content-Encoding")
			}
			h.Set("Content-Length", strconv.Itoa(len(r.Body)))
		},
		ModifyResponse: func(r *http.Response) error {
			x.status = r.StatusCode
			r.Header.Del("X-Amzn-Requestid") // ours is there, and in the log
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			x.status = http.StatusBadGateway
			e.config.Log.Error("the backend does not answer", "request", x.id, "backend", to.String(), "error", err)
			http.Error(w, "the backend does not answer", http.StatusBadGateway)
		},
	}
}

// servePassed answers a request of a service that is not the emulator's own.
func (e *Emulator) servePassed(w http.ResponseWriter, r *http.Request, service string, to *url.URL) {
	start := time.Now()
	x := &exchange{r: r, id: account.NewUUID(), struck: e.faults.strike(), status: http.StatusOK, operation: service}
	w.Header().Set("X-Amzn-Requestid", x.id)
	e.log(x, e.pass(x, w, service, to), time.Since(start))
}
