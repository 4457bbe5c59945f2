package named

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/secret"
	"github.com/awsauth-go/awsauth/internal/stsclient"
	"github.com/awsauth-go/awsauth/rolesanywhere"
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

// NewTransport makes a transport with the proxy and the certificate authorities of an environment.
func NewTransport(e config.Environment) (http.RoundTripper, error) {
	roots, err := e.RootCAs()
	if err != nil {
		return nil, err
	}
	return rolesanywhere.NewTransport(rolesanywhere.TransportConfig{Proxy: e.Proxy(), RootCAs: roots}), nil
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

// Region is the region that it is for, as far as its configuration says; "" where it does not.
func (c *Credential) Region() string { return c.config.HomeRegion() }

// Store is the certificate store that counts for it.
func (c *Credential) Store() *Store { return c.s.Store }

// anyRegion serves to check an endpoint whose URL is given: its region does not matter.
const anyRegion = "us-east-1"

func (c *Credential) prepareSession() error {
	session := c.config.Session()
	session.Transport, session.UserAgent = c.transport, c.s.UserAgent
	session.Endpoint.FIPS = session.Endpoint.FIPS || c.s.Environment.FIPS()
	session.Endpoint.DualStack = session.Endpoint.DualStack || c.s.Environment.DualStack()
	if session.Endpoint.URL == "" {
		var variable string
		variable, session.Endpoint.URL = c.s.Environment.EndpointURL("ROLESANYWHERE")
		if _, err := session.Endpoint.Resolve(anyRegion); session.Endpoint.URL != "" && err != nil {
			return &SettingError{Variable: variable, Err: err}
		}
	}
	if c.config.Certificate != "" {
		source, err := c.identity()
		if err != nil {
			return err
		}
		session.Identity = source
	}
	c.session = session
	return nil
}

// identity answers where the certificate is: in the store, or in files.
func (c *Credential) identity() (identity.Source, error) {
	name := c.config.Certificate
	if !config.IsURI(name) && (!strings.Contains(name, ":") || c.stored(name)) {
		return storedIdentity{c, name}, nil
	}
	opened, err := identity.Open(name, c.password())
	if err != nil {
		return nil, &SettingError{Key: "certificate", Err: err}
	}
	file, ok := opened.(identity.File)
	if dir := c.config.Origins["certificate"].Directory(); ok && dir != "" {
		for _, path := range []*string{&file.Certificate, &file.PrivateKey, &file.Chain} {
			if *path != "" && !filepath.IsAbs(*path) {
				*path = filepath.Join(dir, *path)
			}
		}
		opened = file
	}
	return told{opened, c.s.Use, Use{File: file.Certificate}}, nil
}

// stored reports whether the store has a name: an alias may look as the URI of a place that nobody knows.
func (c *Credential) stored(name string) bool {
	store, err := c.s.Store.Open()
	return err == nil && store.Exists(name) == nil
}

// password resolves the reference, or asks. Standard input can be read once: one password then serves all files.
func (c *Credential) password() identity.PasswordFunc {
	reference := c.config.CertificatePassword
	if reference.IsZero() {
		return c.s.Prompt
	}
	located := reference.RelativeTo(c.config.Origins["certificate_password"].Directory())
	read := func(ctx context.Context) (secret.Secret, error) {
		return c.s.Resolve(ctx, "certificate_password", located)
	}
	if located.IsStdin() {
		var once sync.Once
		var value secret.Secret
		var err error
		read = func(ctx context.Context) (secret.Secret, error) {
			once.Do(func() { value, err = c.s.Resolve(ctx, "certificate_password", located) })
			return value, err
		}
	}
	return func(ctx context.Context, _ string) ([]byte, error) {
		value, err := read(ctx)
		return []byte(value.Reveal()), err
	}
}

// told tells of the identity that is used.
type told struct {
	identity.Source
	tell func(Use)
	use  Use
}

func (t told) Identity(ctx context.Context) (*identity.Identity, error) {
	id, err := t.Source.Identity(ctx)
	if err == nil && t.tell != nil {
		t.use.Identity = id
		t.tell(t.use)
	}
	return id, err
}

// storedIdentity is a certificate in the store.
type storedIdentity struct {
	c    *Credential
	name string
}

func (s storedIdentity) Identity(ctx context.Context) (*identity.Identity, error) {
	store, err := s.c.s.Store.Open()
	if errors.Is(err, ErrNoStore) {
		return nil, noStore(s.c.s.Store.Directory, s.name)
	}
	if err != nil {
		return nil, err
	}
	return told{store.Source(s.name), s.c.s.Use, Use{Identifier: s.name}}.Identity(ctx)
}

// noStore is what certstore says of an identifier that nobody has, where there is no store at all.
func noStore(directory, name string) error {
	e := &certstore.Error{
		Err: certstore.ErrNotFound, Detail: "there is no certificate store at " + directory + " yet",
		Advice: "awsauth certificate add IDENTIFIER FILE makes one; a certificate in files is named file:leaf.pem?key=leaf.key",
	}
	if certstore.CheckIdentifier(name) == nil {
		e.Where = fmt.Sprintf("certificate %q", name)
	}
	return e
}

// prepareSTS finds the STS that belongs to where the credential is asked for.
func (c *Credential) prepareSTS() error {
	r := c.config
	c.sts = stsclient.Client{Transport: c.transport}
	if err := c.prepareRegion(); err != nil {
		return err
	}
	if r.Type != config.TypeSession {
		c.sts.Endpoint = r.EndpointURL
	}
	if c.sts.Endpoint == "" {
		variable, configured := c.s.Environment.EndpointURL("STS")
		switch {
		case c.emulated(variable):
			c.sts.Endpoint = r.EndpointURL
		case configured != "":
			if _, err := (rolesanywhere.Endpoint{URL: configured}).Resolve(c.sts.Region); err != nil {
				return &SettingError{Variable: variable, Err: err}
			}
			c.sts.Endpoint = configured
		case r.Type == config.TypeAssumeRole:
			c.sts.Endpoint = c.source.sts.Endpoint
		}
	}
	if c.sts.Endpoint != "" {
		u, err := (rolesanywhere.Endpoint{URL: c.sts.Endpoint}).Resolve(c.sts.Region)
		if err != nil {
			if r.Type == config.TypeSession {
				return nil // the session finds it, with all other mistakes
			}
			return &SettingError{Key: "endpoint_url", Err: err}
		}
		c.sts.Endpoint = u.String()
		return nil
	}
	c.sts.FIPS = r.UseFIPSEndpoint || c.s.Environment.FIPS()
	c.sts.DualStack = r.UseDualStackEndpoint || c.s.Environment.DualStack()
	return nil
}

// emulated reports whether the endpoint of a session serves for STS, too: an emulator is all of AWS. A variable for STS alone
// says otherwise.
func (c *Credential) emulated(variable string) bool {
	return c.config.Type == config.TypeSession && isLoopback(c.config.EndpointURL) && variable != "AWS_ENDPOINT_URL_STS"
}

func isLoopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return endpoint != "" && err == nil && rolesanywhere.IsLoopback(u.Hostname())
}

// defaultSTSRegion is asked when nothing says another: every account of partition aws has it.
const defaultSTSRegion = "us-east-1"

func (c *Credential) prepareRegion() error {
	r := c.config
	region := r.Region
	switch {
	case region != "":
	case r.Type == config.TypeSession:
		if anchor, err := arn.Parse(r.TrustAnchorARN); err == nil {
			region = anchor.Region
		}
	case r.Type == config.TypeAssumeRole:
		region = c.source.sts.Region
	default:
		var variable string
		variable, region = c.s.Environment.Region()
		if _, err := rolesanywhere.PartitionOf(region); region != "" && err != nil {
			return &SettingError{Variable: variable, Err: err}
		}
	}
	c.sts.Region = cmp.Or(region, defaultSTSRegion)
	if _, err := rolesanywhere.PartitionOf(c.sts.Region); err != nil && r.Type != config.TypeSession {
		return &SettingError{Key: "region", Err: err}
	}
	return nil
}

// Retrieve implements aws.CredentialsProvider.
func (c *Credential) Retrieve(ctx context.Context) (aws.Credentials, error) {
	obtained, err := c.Obtain(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	return obtained.Credentials, nil
}

// Quota names what the calls of the pipeline are counted against: that of the session at its beginning; "" for none.
func (c *Credential) Quota() string {
	switch {
	case c.source != nil:
		return c.source.Quota()
	case c.config.Type == config.TypeSession:
		return c.session.Quota()
	}
	return ""
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

// emulatorOf answers an endpoint with plain HTTP, which is for loopback alone.
func emulatorOf(endpoint string) string {
	if strings.HasPrefix(endpoint, "http:") {
		return strings.TrimSuffix(endpoint, "/")
	}
	return ""
}

// remembering keeps the certificate that was used.
type remembering struct {
	identity.Source
	used **x509.Certificate
}

func (r remembering) Identity(ctx context.Context) (*identity.Identity, error) {
	id, err := r.Source.Identity(ctx)
	if err == nil {
		*r.used = id.Certificate
	}
	return id, err
}

// explainEndpoint names the variable when an endpoint from the environment does not answer.
func (c *Credential) explainEndpoint(err error) error {
	failed := new(rolesanywhere.ConnectionError)
	if c.config.EndpointURL != "" || !errors.As(err, &failed) {
		return err
	}
	if variable, configured := c.s.Environment.EndpointURL("ROLESANYWHERE"); configured != "" {
		failed.Advice = variable + " points there: start what it names, or unset it"
	}
	return err
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

// Emulator is the endpoint on loopback, not AWS's, that answers Caller; "" for AWS.
func (c *Credential) Emulator() string { return emulatorOf(c.sts.Endpoint) }

// Session answers what a credential of type session asks for, to look at.
func (c *Credential) Session() awsauth.Session { return c.session }

func (c *Credential) waiting(what string) (done func()) {
	if c.s.Step == nil {
		return func() {}
	}
	return c.s.Step(what)
}
