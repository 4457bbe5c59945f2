package named

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/secret"
	"github.com/awsauth-go/awsauth/internal/stsclient"
)

// Surroundings are what a credential needs beside its configuration. The commands and the agent give their own.
type Surroundings struct {
	Environment config.Environment
	Store       *Store
	// Resolve reads secrets; nil means Resolver(Environment).
	Resolve func(ctx context.Context, key string, r secret.Reference) (secret.Secret, error)
	// Prompt asks a person for a password; nil when nobody can be asked.
	Prompt identity.PasswordFunc
	// Use is told of each certificate that is used; nil for nobody.
	Use func(Use)
	// Step is told what is being waited for; the function it answers, that it is over. Nil for nobody.
	Step      func(what string) (done func())
	UserAgent string
	// Transport sends requests; nil means one of its own. Those who build many share one: NewTransport.
	Transport http.RoundTripper
}

// Use is the use of a certificate.
type Use struct {
	Identifier string // in the store; "" for one in files
	File       string // of one in files
	Identity   *identity.Identity
}

// Credential is one pipeline of the configuration: an access key, or a certificate, and the roles behind it. It is an
// aws.CredentialsProvider that holds nothing: every Retrieve asks anew.
type Credential struct {
	config    *config.Resolved
	source    *Credential // of assume-role
	s         Surroundings
	transport http.RoundTripper
	session   awsauth.Session // of type session
	sts       stsclient.Client
}

var _ aws.CredentialsProvider = (*Credential)(nil)

// Step is one on the way to credentials.
type Step struct {
	Kind string `json:"kind"` // "access key", "certificate" or "role"
	Name string `json:"name"` // for a person, as "certificate backup (CN=backup-01)"
}

// Obtained is what has been got, and how.
type Obtained struct {
	Credentials aws.Credentials
	ARN         string // who they are, as far as the answers have said; "" for an access key
	Steps       []Step
	Emulator    string // the endpoint on loopback that is not AWS; "" for AWS
}

// StepError says which step has failed.
type StepError struct {
	Step   Step
	Number int // from 1
	Of     int
	Err    error
}

func (e *StepError) Error() string {
	if e.Of == 1 {
		return e.Err.Error()
	}
	return fmt.Sprintf("step %d of %d, %s: %s", e.Number, e.Of, e.Step.Name, e.Err)
}

func (e *StepError) Unwrap() error { return e.Err }

// SettingError is a variable of the environment, or a key, that cannot be used.
type SettingError struct {
	Key      string // "" for a variable of AWS's clients
	Variable string
	Err      error
}

func (e *SettingError) Error() string {
	if e.Key != "" {
		return e.Key + ": " + e.Err.Error()
	}
	return e.Variable + ": " + e.Err.Error()
}

func (e *SettingError) Unwrap() error { return e.Err }

// Build makes the pipeline that a configuration describes. It reads no certificate and no secret.
func Build(r *config.Resolved, s Surroundings) (*Credential, error) {
	transport := s.Transport
	if transport == nil {
		var err error
		if transport, err = NewTransport(s.Environment); err != nil {
			return nil, err
		}
	}
	if s.Resolve == nil {
		s.Resolve = func(ctx context.Context, _ string, r secret.Reference) (secret.Secret, error) {
			return Resolver(s.Environment).Resolve(ctx, r)
		}
	}
	return build(r, s, transport)
}

func build(r *config.Resolved, s Surroundings, transport http.RoundTripper) (*Credential, error) {
	c := &Credential{config: r, s: s, transport: transport}
	if r.Source != nil {
		var err error
		if c.source, err = build(r.Source, s, transport); err != nil {
			return nil, err
		}
	}
	if r.Type == config.TypeSession {
		if err := c.prepareSession(); err != nil {
			return nil, err
		}
	}
	return c, c.prepareSTS()
}

// Name is the credential's; "" for one that flags have made.
func (c *Credential) Name() string { return c.config.Name }

// Type is "session", "static" or "assume-role".
func (c *Credential) Type() string { return c.config.Type }

// Store is the certificate store that counts for it.
func (c *Credential) Store() *Store { return c.s.Store }

// Retrieve implements aws.CredentialsProvider.
func (c *Credential) Retrieve(ctx context.Context) (aws.Credentials, error) {
	obtained, err := c.Obtain(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	return obtained.Credentials, nil
}

// Cache makes a cache around the pipeline, with time for each of its steps.
func (c *Credential) Cache() *awsauth.Cache {
	return &awsauth.Cache{Provider: c, Timeout: time.Duration(c.length()) * awsauth.DefaultTimeout}
}

// Obtain gets credentials, and says how. *StepError says which step has failed.
func (c *Credential) Obtain(ctx context.Context) (*Obtained, error) {
	of := c.length()
	obtained, err := c.obtain(ctx, of)
	return obtained, err
}

// length is how many steps the pipeline has.
func (c *Credential) length() int {
	switch c.config.Type {
	case config.TypeSession:
		return 1
	case config.TypeAssumeRole:
		return c.source.length() + 1
	}
	return 1
}

func (c *Credential) obtain(ctx context.Context, of int) (*Obtained, error) {
	failed := func(step Step, err error) error { return &StepError{step, c.length(), of, err} }
	switch c.config.Type {
	case config.TypeSession:
		o, err := c.createSession(ctx)
		if err != nil {
			return nil, failed(Step{"role", c.roleStep()}, err)
		}
		return o, nil
	case config.TypeAssumeRole:
		source, err := c.source.obtain(ctx, of)
		if err != nil {
			return nil, err
		}
		o, err := c.assumeRole(ctx, source)
		if err != nil {
			return nil, failed(Step{"role", c.roleStep()}, err)
		}
		return o, nil
	}
	o, err := c.static(ctx)
	if err != nil {
		return nil, failed(Step{"access key", "access key " + c.config.AccessKeyID}, err)
	}
	return o, nil
}

// roleStep names the role and its account.
func (c *Credential) roleStep() string {
	role, err := arn.Parse(c.config.RoleARN)
	if err != nil {
		return "role"
	}
	return strings.Replace(role.Resource, "/", " ", 1) + " in " + role.AccountID
}

func (c *Credential) static(ctx context.Context) (*Obtained, error) {
	static := awsauth.Static{AccessKeyID: c.config.AccessKeyID}
	for _, value := range []struct {
		key       string
		reference config.Reference
		into      *awsauth.Secret
	}{
		{"secret_access_key", c.config.SecretAccessKey, &static.SecretAccessKey},
		{"session_token", c.config.SessionToken, &static.SessionToken},
	} {
		if value.reference.IsZero() {
			continue
		}
		located := value.reference.RelativeTo(c.config.Origins[value.key].Directory())
		resolved, err := c.s.Resolve(ctx, value.key, located)
		if err != nil {
			return nil, err
		}
		*value.into = resolved
	}
	credentials, err := static.Retrieve(ctx)
	if err != nil {
		return nil, c.located(err)
	}
	return &Obtained{Credentials: credentials, Steps: []Step{{"access key", "access key " + credentials.AccessKeyID}}}, nil
}

// located says of a parameter that cannot be used where it is configured; of one that a flag gives, nothing more.
func (c *Credential) located(err error) error {
	parameter := new(awsauth.ParameterError)
	if !errors.As(err, &parameter) || len(parameter.Mistakes) == 0 {
		return err
	}
	mistake := parameter.Mistakes[0]
	key := config.KeyOf(mistake.Field)
	origin := c.config.Origins[key]
	if origin.File == "" {
		return err
	}
	return &ValueError{Key: key, Origin: origin.String(), Problem: mistake.Problem}
}

// ValueError is a secret that cannot be one: what its reference names is something else.
type ValueError struct {
	Key     string
	Origin  string // file and line
	Problem string
}

func (e *ValueError) Error() string { return e.Key + " (" + e.Origin + ") " + e.Problem }

// Hint answers what to do.
func (e *ValueError) Hint() string {
	return "look at what the reference names: it holds something else than one secret"
}

func (c *Credential) createSession(ctx context.Context) (*Obtained, error) {
	defer c.waiting("asking IAM Roles Anywhere")()
	var used *x509.Certificate
	session := c.session
	if session.Identity != nil {
		session.Identity = remembering{session.Identity, &used}
	}
	created, err := session.Create(ctx)
	if err != nil {
		return nil, c.explainEndpoint(err)
	}
	certificate := "certificate " + c.config.Certificate + " (" + used.Subject.String() + ")"
	if config.IsURI(c.config.Certificate) {
		certificate = "certificate " + used.Subject.String()
	}
	return &Obtained{
		Credentials: created.Credentials,
		ARN:         created.AssumedRoleARN,
		Steps: []Step{
			{"certificate", certificate},
			{"role", c.roleStep()},
		},
		Emulator: emulatorOf(session.Endpoint.URL),
	}, nil
}

func (c *Credential) assumeRole(ctx context.Context, source *Obtained) (*Obtained, error) {
	defer c.waiting("asking STS for " + c.roleStep())()
	r := c.config
	credentials, err := c.sts.AssumeRole(ctx, source.Credentials, stsclient.Role{
		ARN: r.RoleARN, SessionName: r.SessionName, Duration: r.Duration, ExternalID: r.ExternalID, Policy: string(r.SessionPolicy),
		PolicyARNs: r.PolicyARNs, Tags: r.Tags, TransitiveTags: r.TransitiveTags, SourceIdentity: r.SourceIdentity,
	})
	if err != nil {
		return nil, err
	}
	role, err := arn.Parse(r.RoleARN)
	if err != nil {
		return nil, err
	}
	path := strings.Split(role.Resource, "/")
	return &Obtained{
		Credentials: credentials,
		ARN: "arn:" + role.Partition + ":sts::" + role.AccountID + ":assumed-role/" + path[len(path)-1] + "/" +
			cmp.Or(r.SessionName, stsclient.DefaultSessionName),
		Steps:    append(source.Steps, Step{"role", c.roleStep()}),
		Emulator: cmp.Or(source.Emulator, emulatorOf(c.sts.Endpoint)),
	}, nil
}

// Caller asks STS who the credentials are.
func (c *Credential) Caller(ctx context.Context, credentials aws.Credentials) (stsclient.Identity, error) {
	defer c.waiting("asking STS who this is")()
	return c.sts.CallerIdentity(ctx, credentials)
}

// Session answers what a credential of type session asks for, to look at.
func (c *Credential) Session() awsauth.Session { return c.session }

func (c *Credential) waiting(what string) (done func()) {
	if c.s.Step == nil {
		return func() {}
	}
	return c.s.Step(what)
}
