package emulator

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/authn"
	"github.com/awsauth-go/awsauth/emulator/internal/iam"
	"github.com/awsauth-go/awsauth/emulator/internal/management"
	"github.com/awsauth-go/awsauth/emulator/internal/sts"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// maxBody bounds a request's body: the largest real one carries a revocation list of 300 000 bytes in base64.
const maxBody = 1 << 20

// service is one of the emulated services: how it answers, and what it calls itself in scopes.
type service struct {
	name   string // as in credential scopes
	query  *wire.QueryService
	handle func(*account.Account, *wire.Call) (status int, answer any, err error)
}

func onlyOK(
	handle func(*account.Account, *wire.Call) (any, error),
) func(*account.Account, *wire.Call) (int, any, error) {
	return func(a *account.Account, c *wire.Call) (int, any, error) {
		answer, err := handle(a, c)
		return http.StatusOK, answer, err
	}
}

var (
	stsService = &service{
		name:   "sts",
		query:  &wire.QueryService{Version: "2011-06-15", Namespace: "https://sts.amazonaws.com/doc/2011-06-15/"},
		handle: onlyOK(sts.Handle),
	}
	iamService = &service{
		name:   "iam",
		query:  &wire.QueryService{Version: "2010-05-08", Namespace: "https://iam.amazonaws.com/doc/2010-05-08/"},
		handle: onlyOK(iam.Handle),
	}
	managementService = &service{name: "rolesanywhere", handle: management.Handle}
	// sessionsService is CreateSession, which has a signature of its own.
	sessionsService = &service{name: "rolesanywhere"}
)

// exchange is one request and its answer on the way.
type exchange struct {
	w         http.ResponseWriter
	r         *http.Request
	id        string // request ID
	struck    struck // the faults that it suffers
	body      []byte
	form      url.Values // of the Query protocol
	service   *service
	operation string // for the log
	caller    *account.Caller
	status    int
}

// ServeHTTP answers one request to any of the services.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if service, to := e.backend(r); to != nil {
		e.servePassed(w, r, service, to)
		return
	}
	start := time.Now()
	x := &exchange{r: r, id: account.NewUUID(), struck: e.faults.strike(), status: http.StatusOK}
	w.Header().Set("X-Amzn-Requestid", x.id)
	w.Header().Set("Date", e.now().UTC().Format(http.TimeFormat))
	// First the body: while it is unread net/http does not notice a client that gives up.
	err := x.readBody()
	if !x.struck.wait(r.Context()) {
		e.config.Log.Warn("request without an answer", "request", x.id)
		return
	}
	var send func()
	x.w, send = x.struck.writer(w)
	defer send()
	var answer any
	if err == nil {
		answer, err = e.answer(x)
	}
	x.write(e, answer, err)
	e.log(x, err, time.Since(start))
}

// answer finds the service, the caller and the answer.
func (e *Emulator) answer(x *exchange) (any, error) {
	if err := x.route(); err != nil {
		return nil, err
	}
	if err := x.struck.refusal(x.service.query != nil); err != nil {
		return nil, err
	}
	if x.service == sessionsService {
		x.status = http.StatusCreated
		return e.sessions.Handle(x.r, x.body)
	}
	caller, err := authn.Authenticate(e.account, x.r, x.body, authn.Service{
		Name: x.service.name, JSON: x.service.query == nil,
	}, e.config.Skew)
	if err != nil {
		return nil, err
	}
	x.caller = caller
	status, answer, err := x.service.handle(e.account, &wire.Call{
		HTTP: x.r, Body: x.body, Form: x.form, Caller: caller, RequestID: x.id,
	})
	x.status = status
	return answer, err
}

func (x *exchange) readBody() error {
	x.service = managementService // how to refuse until the service is known
	body, err := io.ReadAll(io.LimitReader(x.r.Body, maxBody+1))
	if err != nil {
		return &wire.Refusal{Status: http.StatusBadRequest, Code: "ValidationException", Message: "the body was cut off"}
	}
	if len(body) > maxBody {
		return &wire.Refusal{
			Status: http.StatusRequestEntityTooLarge, Code: "RequestEntityTooLargeException",
			Message: fmt.Sprintf("the body is longer than %d bytes", maxBody),
		}
	}
	x.body = body
	return nil
}

// route tells the services apart: CreateSession by its path, under whatever prefix; the Query protocol is spoken at /, with
// the API's version as a parameter.
func (x *exchange) route() error {
	if x.r.Method == http.MethodPost && strings.HasSuffix(x.r.URL.Path, "/sessions") {
		x.service, x.operation = sessionsService, "CreateSession"
		return nil
	}
	x.service, x.operation = managementService, x.r.Method+" "+x.r.URL.Path
	if x.r.URL.Path != "/" && x.r.URL.Path != "" {
		return nil
	}
	parameters := x.r.URL.RawQuery
	if x.r.Method == http.MethodPost {
		parameters = string(x.body)
	}
	// What does not parse must not be dropped: the signature covers it, and a parameter that is lost, such as a session
	// policy, changes what is asked for.
	form, err := url.ParseQuery(parameters)
	if err != nil {
		x.service = stsService
		return &wire.Refusal{
			Status: http.StatusNotFound, Code: "MalformedQueryString",
			Message: "The query string contains a syntax error.",
			Remedy:  "send parameters as application/x-www-form-urlencoded",
		}
	}
	if form.Get("Action") == "" {
		return nil // the management API answers that it does not know this
	}
	x.form, x.operation, x.service = form, form.Get("Action"), stsService
	if form.Get("Version") == iamService.query.Version {
		x.service = iamService
	}
	return nil
}

// write sends the answer or the refusal as the service would.
func (x *exchange) write(e *Emulator, answer any, err error) {
	if err == nil {
		if q := x.service.query; q != nil && x.form != nil {
			q.XML(x.w, x.form.Get("Action"), x.id, answer)
		} else {
			wire.JSON(x.w, x.status, answer)
		}
		return
	}
	refusal := new(wire.Refusal)
	if !errors.As(err, &refusal) {
		e.config.Log.Error("internal error", "request", x.id, "operation", x.operation, "error", err)
		refusal = &wire.Refusal{
			Status: http.StatusInternalServerError, Code: "InternalFailure", Message: "The emulator failed.", Reason: err.Error(),
		}
	}
	x.status = refusal.Status
	if e.config.Explain {
		setHeader(x.w, HeaderReason, refusal.Reason)
		setHeader(x.w, HeaderRemedy, refusal.Remedy)
	}
	if q := x.service.query; q != nil {
		q.XMLRefusal(x.w, x.id, refusal)
	} else {
		wire.JSONRefusal(x.w, refusal)
	}
}

// maxExplanation is the longest text in a header of ours: some clients take no line longer than 64 KiB, and certificates
// have subjects of any length.
const maxExplanation = 2000

// setHeader sets a header to one line of printable ASCII.
func setHeader(w http.ResponseWriter, name, value string) {
	if value == "" {
		return
	}
	line := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, value)
	if len(line) > maxExplanation {
		line = line[:maxExplanation] + "..."
	}
	w.Header().Set(name, line)
}

func (e *Emulator) log(x *exchange, err error, took time.Duration) {
	level := slog.LevelInfo
	if err != nil {
		level = slog.LevelWarn
	}
	if !e.config.Log.Enabled(x.r.Context(), level) {
		return
	}
	fields := []any{"status", x.status, "operation", x.operation, "request", x.id, "took", took.Round(time.Microsecond)}
	if x.caller != nil {
		fields = append(fields, "caller", x.caller.ARN)
	}
	refusal := new(wire.Refusal)
	if errors.As(err, &refusal) {
		fields = append(fields, "code", refusal.Code, "message", refusal.Message)
		if e.config.Explain && refusal.Reason != "" {
			fields = append(fields, "reason", refusal.Reason)
		}
		if e.config.Explain && refusal.Remedy != "" {
			fields = append(fields, "do", refusal.Remedy)
		}
	}
	e.config.Log.Log(x.r.Context(), level, "request", fields...)
}

// ErrNotLoopback reports an address that others could reach.
var ErrNotLoopback = errors.New("the emulator listens on loopback alone: use 127.0.0.1:PORT or [::1]:PORT")

// Listen opens a listener on a loopback address, such as "127.0.0.1:0"; localhost is 127.0.0.1. Any other address is
// ErrNotLoopback.
func Listen(address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if host == "localhost" {
		host = "127.0.0.1" // whatever a resolver would say
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, ErrNotLoopback
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return l, nil
}
