package agent

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/guard"
	"github.com/awsauth-go/awsauth/internal/secret"
	"github.com/awsauth-go/awsauth/internal/stsclient"
	"github.com/awsauth-go/awsauth/named"
	"github.com/awsauth-go/awsauth/rolesanywhere"
	"github.com/awsauth-go/awsauth/serve/actions"
)

// caller is an application that calls the actions, and what it may.
type caller struct {
	config.Caller
	password [sha256.Size]byte
}

// readCallers reads the callers' passwords.
func readCallers(c *config.Agent, build Builder) (map[string]caller, error) {
	if c.Actions == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	all := map[string]caller{}
	owner := map[[sha256.Size]byte]string{}
	for name, configured := range c.Actions.Callers {
		password, err := build.Secret(ctx, configured.Password.RelativeTo(c.Directory()))
		if err == nil && len(password.Reveal()) < config.ShortestPassword {
			err = errors.New(config.ShortPassword)
		}
		if err != nil {
			return nil, fmt.Errorf("agent.actions.callers.%s.password: %w", name, err)
		}
		hash := sha256.Sum256([]byte(password.Reveal()))
		if other, taken := owner[hash]; taken {
			return nil, fmt.Errorf("agent.actions.callers: %s and %s have the same password: give each its own", min(name, other), max(name, other))
		}
		owner[hash] = name
		all[name] = caller{configured, hash}
	}
	return all, nil
}

// authenticate answers which caller a password is of, and takes as long whoever it is.
func (g *generation) authenticate(user, password string) (found string, ok bool) {
	hash := sha256.Sum256([]byte(password))
	for name, c := range g.callers {
		if subtle.ConstantTimeCompare(hash[:], c.password[:]) == 1 && (user == "" || user == name) {
			found, ok = name, true
		}
	}
	return found, ok
}

// actionsHandler answers the HTTP actions.
func (a *Agent) actionsHandler(l net.Listener) http.Handler {
	h := &actions.Handler{
		Backend:      actionsOf{a},
		Authenticate: func(user, password string) (string, bool) { return a.now.Load().authenticate(user, password) },
		Decided: func(r *http.Request, d actions.Decision) {
			name, about := a.now.Load().about(d)
			more := append([]any{"action", string(d.Action), "caller", d.Caller}, about...)
			if d.Refused == "" {
				more = append(more, given(d.Credentials)...)
			}
			a.audit(r, "actions", name, "caller "+d.Caller, d.Refused, more...)
		},
	}
	return guardActions(hostsOf(l), h, func(r *http.Request, why guard.Refusal) { a.audit(r, "actions", "", "", why.Code) })
}

// about says in an audit what a request was about, of whomever it was: the name of what is served, the ARN of a role, the identifier of a
// certificate that some caller may use. What else stands in their places is not written down: it may be a secret.
func (g *generation) about(d actions.Decision) (name string, parameters []any) {
	if s := g.served[strings.ToLower(d.Name)]; s != nil {
		name = s.name
	}
	if config.IsRoleARN(d.RoleARN) {
		parameters = append(parameters, "role", d.RoleARN)
	}
	for _, c := range g.callers {
		if c.mayUse(d.Certificate) {
			return name, append(parameters, "certificate", d.Certificate)
		}
	}
	return name, parameters
}

// mayUse reports whether a caller may use a certificate by its own parameters.
func (c caller) mayUse(certificate string) bool {
	return slices.ContainsFunc(c.Certificates, func(allowed string) bool { return strings.EqualFold(allowed, certificate) })
}

func guardActions(hosts []string, h http.Handler, refused func(*http.Request, guard.Refusal)) http.Handler {
	methods := []string{http.MethodPost, http.MethodGet}
	return guard.Rules{Hosts: hosts, Methods: methods, Refused: refused, Answer: func(w http.ResponseWriter, why guard.Refusal) {
		actions.WriteError(w, &actions.Error{Status: why.Status, Code: why.Code, Message: why.Message, Hint: "docs/low-code.md says how the actions are called"})
	}}.Wrap(h)
}

// ServeExample answers the actions with invented values at an address of this host, until ctx ends; ready is told where.
func ServeExample(ctx context.Context, address string, ready func(address string)) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	s := guard.Server(guardActions(hostsOf(l), actions.Example(), nil))
	stopped := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stopped()
	ready(l.Addr().String())
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// actionsOf does what callers of the actions ask for.
type actionsOf struct{ a *Agent }

const deniedHint = "agent.actions.callers of the agent's configuration says who may what"

func denied(format string, args ...any) *actions.Error {
	return &actions.Error{Status: http.StatusForbidden, Code: "NotAllowed", Message: fmt.Sprintf(format, args...), Hint: deniedHint}
}

// other is the other of the two actions that give credentials.
var other = map[actions.Action]actions.Action{actions.Static: actions.Session, actions.Session: actions.Static}

// Credentials implements actions.Backend.
func (b actionsOf) Credentials(ctx context.Context, name string, a actions.Action, r *actions.Request) (actions.Credentials, *actions.Error) {
	g := b.a.now.Load()
	c, ok := g.callers[name]
	if !ok { // the configuration has just been read anew
		return actions.Credentials{}, denied("the caller is no longer known")
	}
	if len(c.Actions) > 0 && !slices.Contains(c.Actions, string(a)) {
		return actions.Credentials{}, denied("%s may not call %s", name, a)
	}
	kind, problem := r.Kind(a)
	if problem != nil {
		return actions.Credentials{}, problem
	}
	if kind == actions.ByName {
		return b.named(ctx, g, c, name, a, r.Name)
	}
	return b.own(ctx, g, c, name, kind, r)
}

func (b actionsOf) named(ctx context.Context, g *generation, c caller, callerName string, a actions.Action, name string) (actions.Credentials, *actions.Error) {
	key := strings.ToLower(name) // and not as strings.EqualFold has it, for which ſ is an s
	if !slices.ContainsFunc(c.Credentials, func(allowed string) bool { return strings.ToLower(allowed) == key }) {
		return actions.Credentials{}, denied("%s may not use credentials of this name, whether there are any or not", callerName)
	}
	s := g.served[key]
	if is := s.credential.Type(); (a == actions.Static) != (is == config.TypeStatic) && (a == actions.Static || a == actions.Session) {
		return actions.Credentials{}, actions.Invalid("%s is of type %s: POST %s gives it", s.name, is, other[a].Path())
	}
	credentials, err := s.cache.Current(ctx)
	if err != nil {
		return actions.Credentials{}, b.problem(s.because(err))
	}
	s.count.Add(1)
	return actions.Credentials{Credentials: credentials, Type: s.credential.Type(), Region: s.credential.Region(), ARN: s.how().ARN}, nil
}

// own gives what a caller's own parameters are about: an access key is the caller's already; a session is of a role and a certificate
// that it may use.
func (b actionsOf) own(ctx context.Context, g *generation, c caller, name string, kind actions.Kind, r *actions.Request) (actions.Credentials, *actions.Error) {
	credential, problem := b.pipeline(g, r, kind)
	if problem != nil {
		return actions.Credentials{}, problem
	}
	if kind == actions.OwnStatic {
		got, err := credential.Obtain(ctx)
		if err != nil {
			return actions.Credentials{}, b.problem(err)
		}
		return actions.Credentials{Credentials: got.Credentials, Type: config.TypeStatic, Region: credential.Region()}, nil
	}
	switch {
	case !slices.Contains(c.Roles, r.RoleARN):
		return actions.Credentials{}, denied("%s may not assume this role by its parameters", name)
	case !c.mayUse(r.ClientCertificateIdentifier):
		return actions.Credentials{}, denied("%s may not use a certificate of this identifier, whether there is one or not", name)
	}
	held := b.a.own.of(ctx, name, credential)
	credentials, err := held.cache.Current(ctx)
	if err != nil {
		if last := held.cache.Status().Err; last != nil && errors.Is(err, context.DeadlineExceeded) {
			err = last
		}
		return actions.Credentials{}, b.problem(err)
	}
	answer := actions.Credentials{Credentials: credentials, Type: config.TypeSession, Region: credential.Region()}
	if how := held.last.Load(); how != nil {
		answer.ARN = how.ARN
	}
	return answer, nil
}

// pipeline makes the pipeline of a caller's own parameters, if they can be used.
func (b actionsOf) pipeline(g *generation, r *actions.Request, kind actions.Kind) (*named.Credential, *actions.Error) {
	endpoint := ""
	if g.config.Actions != nil {
		endpoint = g.config.Actions.EndpointURL
	}
	resolved := &config.Resolved{Origins: map[string]config.Origin{}, Credential: config.Credential{Type: config.TypeSession, Region: r.Region, EndpointURL: endpoint}}
	if kind == actions.OwnStatic {
		resolved.Type, resolved.AccessKeyID = config.TypeStatic, r.AccessKeyID
		resolved.SecretAccessKey = config.Reference{Reference: secret.LiteralReference(secret.New(r.SecretAccessKey))}
		static := awsauth.Static{AccessKeyID: r.AccessKeyID, SecretAccessKey: awsauth.NewSecret(r.SecretAccessKey)}
		if strings.HasPrefix(r.AccessKeyID, "ASIA") {
			return nil, actions.Invalid("accessKeyId begins with ASIA and so is temporary: the actions take an IAM user's, which begins with AKIA, or the parameters of a session")
		}
		if _, err := static.Retrieve(context.Background()); err != nil {
			return nil, b.problem(err)
		}
		if !rolesanywhere.IsLoopbackURL(endpoint) {
			resolved.EndpointURL = "" // it is that of Roles Anywhere
		}
	} else {
		const shortest, longest = int64(awsauth.MinDuration / time.Second), int64(awsauth.MaxDuration / time.Second)
		if r.Duration != 0 && (r.Duration < shortest || r.Duration > longest) {
			return nil, actions.Invalid("duration is %d: use seconds from %d to %d, as 3600 for an hour", r.Duration, shortest, longest)
		}
		resolved.RoleARN, resolved.ProfileARN, resolved.TrustAnchorARN = r.RoleARN, r.ProfileARN, r.TrustAnchorARN
		resolved.Certificate, resolved.SessionName = r.ClientCertificateIdentifier, r.SessionName
		resolved.Duration = time.Duration(r.Duration) * time.Second
		if config.IsURI(resolved.Certificate) {
			return nil, actions.Invalid("clientCertificateIdentifier is not the identifier of a certificate in the store")
		}
	}
	credential, err := g.own(resolved)
	if err != nil {
		return nil, b.problem(err)
	}
	if kind == actions.OwnSession {
		if _, _, err := credential.Session().Request(); err != nil {
			return nil, b.problem(err)
		}
	}
	return credential, nil
}

// Caller implements actions.Backend.
func (b actionsOf) Caller(ctx context.Context, r *actions.Request, c actions.Credentials) (actions.Caller, *actions.Error) {
	g := b.a.now.Load()
	kind, problem := r.Kind(actions.Validate)
	if problem != nil {
		return actions.Caller{}, problem
	}
	var credential *named.Credential
	if s := g.served[strings.ToLower(r.Name)]; kind == actions.ByName && s != nil {
		credential = s.credential
	} else if credential, problem = b.pipeline(g, r, kind); problem != nil {
		return actions.Caller{}, problem
	}
	who, err := credential.Caller(ctx, c.Credentials)
	if err != nil {
		problem := b.problem(err)
		if refused := new(stsclient.Error); errors.As(err, &refused) && refused.Refused() {
			problem.Code = actions.NotValid
		}
		return actions.Caller{}, problem
	}
	return actions.Caller{Account: who.Account, ARN: who.ARN, UserID: who.UserID}, nil
}

// parameterNames are the actions' names of the library's fields.
var parameterNames = map[string]string{
	"AccessKeyID": "accessKeyId", "SecretAccessKey": "secretAccessKey", "SessionToken": "sessionToken", "Region": "region", "RoleARN": "roleArn",
	"ProfileARN": "profileArn", "TrustAnchorARN": "trustAnchorArn", "Identity": "clientCertificateIdentifier",
	"Certificate": "clientCertificateIdentifier", "Duration": "duration", "SessionName": "sessionName", "Endpoint": "endpoint_url",
}

// parameterOf is the actions' name of a key of the configuration, as roleArn of role_arn.
func parameterOf(key string) string {
	for field, name := range parameterNames {
		if config.KeyOf(field) == key {
			return name
		}
	}
	return key
}

// problem says of an error what it is for a caller.
func (b actionsOf) problem(err error) *actions.Error {
	parameters, refused, sts := new(awsauth.ParameterError), new(rolesanywhere.Error), new(stsclient.Error)
	hint := ""
	if b.a.options.Hint != nil {
		hint = b.a.options.Hint(err)
	}
	switch {
	case errors.As(err, &parameters):
		texts := make([]string, len(parameters.Mistakes))
		for i, m := range parameters.Mistakes {
			if m.Field == "Identity" {
				m.Problem = "is required: the identifier of a certificate in the store"
			}
			texts[i] = cmp.Or(parameterNames[m.Field], m.Field) + " " + config.TranslateFields(m.Problem, parameterOf)
		}
		return actions.Invalid("%s", strings.Join(texts, "; "))
	case errors.Is(err, rolesanywhere.ErrRegion):
		return actions.Invalid("region is %s", rolesanywhere.ErrRegion)
	case errors.Is(err, certstore.ErrNotFound):
		return &actions.Error{Status: http.StatusNotFound, Code: "CertificateNotFound", Message: err.Error(), Hint: hint}
	case errors.As(err, &sts) && sts.Refused(), errors.As(err, &refused) && !refused.Temporary():
		return &actions.Error{Status: http.StatusBadGateway, Code: "RefusedByAWS", Message: err.Error(), Hint: hint}
	}
	return &actions.Error{Status: http.StatusServiceUnavailable, Code: "CredentialsUnavailable", Message: err.Error(), Hint: "whoever runs the agent finds out why: awsauth agent status", RetryAfter: 1}
}
