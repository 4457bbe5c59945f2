// Package actions answers as HTTP actions what programs without an SDK and without a socket ask for: credentials, whose they are, and
// signed requests. It is made for low-code platforms: a POST with flat JSON goes in, flat JSON comes out, and 200 is the only success.
// openapi.json describes it.
//
//	h := actions.Handler{Backend: backend, Authenticate: authenticate}
//
// Who may do what is the Backend's business; what stands before the Handler must turn away what browsers and proxies send.
package actions

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// OpenAPI is the document that describes the actions: OpenAPI 3.0.3, as JSON. The Handler serves it at DocumentPath.
//
//go:embed openapi.json
var OpenAPI []byte

// DocumentPath is where the OpenAPI document is. It takes no authentication: there is nothing secret in it.
const DocumentPath = "/v1/openapi.json"

// Action is what can be asked for.
type Action string

// The actions: the two of the product, then those for whoever has got credentials.
const (
	Static   Action = "static"
	Session  Action = "session"
	Validate Action = "validate"
	Sign     Action = "sign"
)

// All are the actions, in order.
var All = []Action{Static, Session, Validate, Sign}

// Path is where an action is asked for, by POST.
func (a Action) Path() string {
	if a == Static || a == Session {
		return "/v1/credentials/" + string(a)
	}
	return "/v1/" + string(a)
}

// Request is what actions take: the name of what is configured, or the parameters themselves. The tags say which actions have a
// parameter.
type Request struct {
	Name                        string `for:"static session validate sign" json:"name"`
	AccessKeyID                 string `for:"static validate sign"         json:"accessKeyId"`
	SecretAccessKey             string `for:"static validate sign"         json:"secretAccessKey"`
	Region                      string `for:"session validate sign"        json:"region"`
	RoleARN                     string `for:"session validate sign"        json:"roleArn"`
	ProfileARN                  string `for:"session validate sign"        json:"profileArn"`
	TrustAnchorARN              string `for:"session validate sign"        json:"trustAnchorArn"`
	ClientCertificateIdentifier string `for:"session validate sign"        json:"clientCertificateIdentifier"`
	Duration                    int64  `for:"session validate sign"        json:"duration"` // seconds; 0 for the default
	SessionName                 string `for:"session validate sign"        json:"sessionName"`

	Method         string `for:"sign" json:"method"`
	URL            string `for:"sign" json:"url"`
	Service        string `for:"sign" json:"service"`
	ServiceRegion  string `for:"sign" json:"serviceRegion"`
	ContentType    string `for:"sign" json:"contentType"`
	Target         string `for:"sign" json:"target"`  // X-Amz-Target
	Headers        string `for:"sign" json:"headers"` // further ones, "Name: value" on a line each
	Body           string `for:"sign" json:"body"`
	PayloadHash    string `for:"sign" json:"payloadHash"`
	PresignSeconds int64  `for:"sign" json:"presignSeconds"` // 0 for headers

	ErrorInBody bool `for:"static session validate sign" json:"errorInBody"`
}

// own are the parameters that say whose credentials are meant.
func (r *Request) own() (given []string) {
	for _, p := range []struct {
		name string
		set  bool
	}{
		{"accessKeyId", r.AccessKeyID != ""},
		{"secretAccessKey", r.SecretAccessKey != ""},
		{"roleArn", r.RoleARN != ""},
		{"profileArn", r.ProfileARN != ""},
		{"trustAnchorArn", r.TrustAnchorARN != ""},
		{"clientCertificateIdentifier", r.ClientCertificateIdentifier != ""},
		{"duration", r.Duration != 0},
		{"sessionName", r.SessionName != ""},
	} {
		if p.set {
			given = append(given, p.name)
		}
	}
	return given
}

// Kind is how a request says whose credentials it is about.
type Kind int

// The kinds.
const (
	ByName Kind = iota
	OwnStatic
	OwnSession
)

// Kind answers which of the ways a request uses, or what is wrong with it.
func (r *Request) Kind(a Action) (Kind, *Error) {
	own := r.own()
	static := r.AccessKeyID != "" || r.SecretAccessKey != ""
	switch {
	case r.Name != "" && len(own) > 0:
		return 0, invalid("name and " + own[0] + " do not go together: give the name of what is configured, or the parameters themselves")
	case r.Name != "" && r.Region != "":
		return 0, invalid("name and region do not go together: the configuration says the region")
	case r.Name != "":
		return ByName, nil
	case static && slices.ContainsFunc(own, func(name string) bool { return name != "accessKeyId" && name != "secretAccessKey" }):
		return 0, invalid("an access key and the parameters of a session do not go together")
	case static || a == Static:
		return OwnStatic, nil
	case len(own) == 0 && a != Session:
		return 0, invalid("name is required, or an access key, or the parameters of a session")
	}
	return OwnSession, nil
}

// Credentials are what Backend gives, and what is known of them.
type Credentials struct {
	aws.Credentials
	Type   string // "static", "session" or "assume-role"
	Region string // that they are for; "" where that is not known
	ARN    string // of the session; "" where that is not known
}

// Caller is who credentials are.
type Caller struct{ Account, ARN, UserID string }

// Backend does what is asked for, for a caller that has been authenticated.
type Backend interface {
	// Credentials gives those that a request is about, if the caller may have them for the action: *Error.
	Credentials(ctx context.Context, caller string, a Action, r *Request) (Credentials, *Error)
	// Caller asks STS who they are: *Error with the code NotValid when STS refuses them.
	Caller(ctx context.Context, r *Request, c Credentials) (Caller, *Error)
}

// Handler answers the actions.
type Handler struct {
	Backend Backend
	// Authenticate answers which caller a password is of; user is "" when only the password is given.
	Authenticate func(user, password string) (caller string, ok bool)
	// Decided is told of each decision; nil for nobody.
	Decided func(r *http.Request, d Decision)
}

// Decision is what came of a request, for an audit.
type Decision struct {
	Caller string // "" of one that is not known
	Action Action
	// Name, RoleARN and Certificate are the parameters name, roleArn and clientCertificateIdentifier as the caller has written them, as far
	// as they could be read. They are unchecked and may be a secret in the wrong place: an audit writes what it knows of them.
	Name, RoleARN, Certificate string
	// Refused is the code of the error; "" for what was granted.
	Refused string
	// Credentials are those that were given or used. An audit says which, and not what they are.
	Credentials aws.Credentials
}

// patience is how long somebody waits for credentials that are not there yet: a flow does not ask again by itself.
const patience = 4 * time.Second

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == DocumentPath {
		serveDocument(w, r)
		return
	}
	for _, a := range All {
		if r.URL.Path == a.Path() {
			h.serve(w, r, a)
			return
		}
	}
	h.decided(r, Decision{Refused: "NotFound"})
	WriteError(w, notFound(r.URL.Path))
}

func serveDocument(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		WriteError(w, notAllowed(http.MethodGet))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	document := OpenAPI
	if r.Host != "" { // that of the door: what stands before this has seen to it
		document = bytes.Replace(document, []byte(`"http://127.0.0.1:9913"`), []byte(`"http://`+r.Host+`"`), 1)
	}
	_, _ = w.Write(document) // whoever asked may have gone
}

func (h *Handler) decided(r *http.Request, d Decision) {
	if h.Decided != nil {
		h.Decided(r, d)
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, a Action) {
	if r.Method != http.MethodPost {
		h.decided(r, Decision{Action: a, Refused: "WrongMethod"})
		WriteError(w, notAllowed(http.MethodPost))
		return
	}
	caller, problem := h.caller(r)
	if problem != nil {
		h.decided(r, Decision{Action: a, Refused: problem.Code})
		w.Header().Set("WWW-Authenticate", `Basic realm="awsauth", charset="UTF-8"`)
		WriteError(w, problem)
		return
	}
	d := Decision{Caller: caller, Action: a}
	request := new(Request)
	problem = decode(r, a, request)
	d.Name, d.RoleARN, d.Certificate = request.Name, request.RoleARN, request.ClientCertificateIdentifier
	var answer any
	if problem == nil {
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		answer, d.Credentials, problem = h.do(ctx, caller, a, request)
	}
	if problem != nil {
		d.Refused = problem.Code
		h.decided(r, d)
		if request.ErrorInBody {
			part(w, problem)
			write(w, http.StatusOK, "application/json", failure(a, problem))
			return
		}
		WriteError(w, problem)
		return
	}
	h.decided(r, d)
	write(w, http.StatusOK, "application/json", answer)
}

// caller answers who asks.
func (h *Handler) caller(r *http.Request) (string, *Error) {
	message := "the caller's name and password are not known here"
	if authorization, key := given(r, "Authorization"), given(r, "X-Api-Key"); len(authorization)+len(key) > 1 {
		message = "Authorization and X-Api-Key are given more than once, or both: give one of them, once"
	} else if user, password := presented(r, authorization, key); password != "" {
		if caller, ok := h.Authenticate(user, password); ok {
			return caller, nil
		}
	}
	return "", &Error{
		Status: http.StatusUnauthorized, Code: "NotAuthenticated", Message: message,
		Hint: "send them by Basic authentication, or the password alone as Authorization: Bearer or X-Api-Key",
	}
}

// given are the values of a header. An empty one is none: platforms send each header of the document that they have imported.
func given(r *http.Request, header string) []string {
	return slices.DeleteFunc(slices.Clone(r.Header.Values(header)), func(value string) bool { return value == "" })
}

// presented is what a request authenticates itself with, by one header at most; password is "" where that is nothing.
func presented(r *http.Request, authorization, key []string) (user, password string) {
	if len(key) == 1 {
		return "", key[0]
	}
	if user, password, ok := r.BasicAuth(); ok && user != "" {
		return user, password
	}
	scheme, token, _ := strings.Cut(strings.Join(authorization, ""), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", ""
	}
	return "", token
}

func (h *Handler) do(ctx context.Context, caller string, a Action, r *Request) (answer any, used aws.Credentials, problem *Error) {
	if a == Sign {
		if problem := checkSign(r); problem != nil {
			return nil, used, problem
		}
	}
	credentials, problem := h.Backend.Credentials(ctx, caller, a, r)
	if problem != nil {
		return nil, used, problem
	}
	switch a {
	case Validate:
		answer, problem = h.validate(ctx, r, credentials)
	case Sign:
		answer, problem = sign(ctx, r, credentials, time.Now())
	default:
		answer = credentialsAnswer(credentials)
	}
	return answer, credentials.Credentials, problem
}

func (h *Handler) validate(ctx context.Context, r *Request, c Credentials) (*ValidateAnswer, *Error) {
	answer := &ValidateAnswer{Outcome: Outcome{OK: true}, Type: c.Type, Expiration: expiration(c.Credentials)}
	who, problem := h.Backend.Caller(ctx, r, c)
	switch {
	case problem != nil && problem.Code == NotValid:
		answer.Reason, answer.Hint = problem.Message, problem.Hint
	case problem != nil:
		return nil, problem
	default:
		answer.Valid, answer.Account, answer.ARN, answer.UserID = true, who.Account, who.ARN, who.UserID
	}
	return answer, nil
}

// Error is why there is no answer: what problem details say (RFC 9457), flat.
type Error struct {
	Status  int
	Code    string // of CamelCase, for programs
	Message string // for a person
	Hint    string // what to do
	// Allow is the method that there is, where the method was wrong.
	Allow string
	// RetryAfter is when to ask again, in seconds; 0 where that would not help.
	RetryAfter int
}

func (e *Error) Error() string { return e.Message }

// NotValid is the code of credentials that AWS refuses.
const NotValid = "NotValid"

func invalid(message string) *Error {
	return &Error{
		Status: http.StatusBadRequest, Code: "InvalidRequest", Message: message, Hint: DocumentPath + " says what the action takes",
	}
}

// Invalid is an error about a parameter.
func Invalid(format string, args ...any) *Error { return invalid(fmt.Sprintf(format, args...)) }

func notFound(path string) *Error {
	e := &Error{Status: http.StatusNotFound, Code: "NotFound", Message: "there is no such action", Hint: DocumentPath + " lists those that there are"}
	for _, a := range All {
		if path == a.Path()+"/" {
			e.Hint = "leave out the slash at the end: " + a.Path()
		}
	}
	return e
}

func notAllowed(method string) *Error {
	return &Error{Status: http.StatusMethodNotAllowed, Code: "WrongMethod", Message: "the method is not " + method, Hint: "use " + method, Allow: method}
}

// problem is an Error as it is sent.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Code   string `json:"code"`
	Hint   string `json:"hint"`
}

// part ends the connection of who is refused, or one connection can keep a door busy with guesses. That something is not there at the
// moment is no refusal.
func part(w http.ResponseWriter, e *Error) {
	if e.Status < http.StatusInternalServerError {
		w.Header().Set("Connection", "close")
	}
}

// WriteError answers with an error, and ends the connection of who is refused.
func WriteError(w http.ResponseWriter, e *Error) {
	part(w, e)
	switch {
	case e.Allow != "":
		w.Header().Set("Allow", e.Allow)
	case e.RetryAfter > 0:
		w.Header().Set("Retry-After", fmt.Sprint(e.RetryAfter))
	}
	write(w, e.Status, "application/problem+json", problem{http.StatusText(e.Status), e.Status, e.Message, e.Code, e.Hint})
}

func write(w http.ResponseWriter, status int, contentType string, answer any) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(answer) // whoever asked may have gone
}
