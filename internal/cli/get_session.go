package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/secret"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// sessionFlags are the seed's seven parameters and what a deployment adds.
type sessionFlags struct {
	region, roleARN, profileARN, trustAnchorARN string
	certificate, passwordRef                    string
	duration                                    time.Duration
	sessionName, sessionPolicy                  string
	properties                                  map[string]string
	endpoint                                    string
	fips, dualStack                             bool
	debugSigning                                bool
}

func newGetSession(streams IO) *cobra.Command {
	var (
		flags sessionFlags
		out   output
	)
	c := &cobra.Command{
		Use:   "session --certificate URI --role-arn ARN --profile-arn ARN --trust-anchor-arn ARN [flags]",
		Short: "Get temporary credentials from IAM Roles Anywhere",
		Long: `Get temporary credentials from IAM Roles Anywhere with an X.509 certificate.

The certificate is file:leaf.pem?key=leaf.key&chain=intermediates.pem, or one file that has it all, as file:client.p12.
A password is asked for on the terminal, or named: env:NAME, file:PATH (mode 0600), or - for standard input.`,
		Example: `  awsauth get session --certificate 'file:client.pem?key=client.key' \
    --role-arn arn:aws:iam::123456789012:role/backup \
    --profile-arn arn:aws:rolesanywhere:eu-west-1:123456789012:profile/… \
    --trust-anchor-arn arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/…`,
		Annotations: map[string]string{annotationExit: "yes", annotationVariables: sessionVariables},
		Args:        noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(); err != nil {
				return err
			}
			got, err := flags.run(c.Context(), streams, out)
			if err != nil {
				return err
			}
			return out.print(streams, got)
		},
	}
	flags.register(c)
	out.flags(c)
	flags.registerPlace(c)
	return c
}

// sessionVariables are the variables of AWS's SDKs that count for the call, beside those for STS.
const sessionVariables = `AWS_ENDPOINT_URL_ROLESANYWHERE another Roles Anywhere; AWS_ENDPOINT_URL is another AWS
AWS_USE_FIPS_ENDPOINT true for the FIPS endpoint
AWS_USE_DUALSTACK_ENDPOINT true for the dual-stack endpoint
` + transportVariables

func (s *sessionFlags) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.certificate, "certificate", "", "`URI` certificate and its key, as file:client.p12")
	f.StringVar(&s.passwordRef, "password", "", "`REF` password of the key or of the PKCS#12 file: env:NAME, file:PATH or -")
	f.StringVar(&s.roleARN, "role-arn", "", "`ARN` role to assume")
	f.StringVar(&s.profileARN, "profile-arn", "", "`ARN` profile of Roles Anywhere")
	f.StringVar(&s.trustAnchorARN, "trust-anchor-arn", "", "`ARN` trust anchor")
	f.DurationVar(&s.duration, "duration", awsauth.DefaultDuration, "`DURATION` how long they are good for, 15m to 12h (default 1h)")
	f.StringVar(&s.sessionName, "session-name", "", "`NAME` name of the session; the profile must accept names")
	f.StringToStringVar(&s.properties, "instance-property", nil, "`KEY=VALUE` shown with the subject; may be repeated")
	f.StringVar(&s.sessionPolicy, "session-policy", "", "not a parameter of CreateSession")
	if err := f.MarkHidden("session-policy"); err != nil {
		panic(err) // the flag exists
	}
	heading(c, "What is asked for", "certificate", "password", "role-arn", "profile-arn", "trust-anchor-arn",
		"duration", "session-name", "instance-property")
	for _, name := range []string{"role-arn", "profile-arn", "trust-anchor-arn", "duration", "session-name"} {
		completeValues(c, name)
	}
}

func (s *sessionFlags) registerPlace(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&s.region, "region", "", "`REGION` region to call (default the trust anchor's)")
	f.StringVar(&s.endpoint, "endpoint-url", "", "`URL` another Roles Anywhere; on loopback its STS too")
	f.BoolVar(&s.fips, "use-fips-endpoint", false, "call the region's FIPS endpoint")
	f.BoolVar(&s.dualStack, "use-dualstack-endpoint", false, "call the region's dual-stack endpoint")
	f.BoolVar(&s.debugSigning, "debug-signing", false, "show on standard error what is signed, without the signature")
	heading(c, "Where it is asked", "region", "endpoint-url", "use-fips-endpoint", "use-dualstack-endpoint", "debug-signing")
}

func (s *sessionFlags) run(ctx context.Context, streams IO, out output) (obtained, error) {
	session, err := s.session(ctx, streams)
	if err != nil {
		return obtained{}, err
	}
	if s.debugSigning {
		if err := s.showSigning(ctx, streams, session); err != nil {
			return obtained{}, err
		}
	}
	done := waiting(streams, "asking IAM Roles Anywhere")
	created, err := session.Create(ctx)
	done()
	if err != nil {
		return obtained{}, explainEndpoint(streams, s.endpoint, err)
	}
	got := obtained{
		kind:        "session",
		credentials: created.Credentials,
		arn:         created.AssumedRoleARN,
		through:     created.SourceIdentity + " → " + s.roleARN,
	}
	if endpoint := session.Endpoint.URL; strings.HasPrefix(endpoint, "http:") {
		got.emulator = endpoint
		if streams.ErrIsTerminal && !streams.OutIsTerminal {
			fmt.Fprintln(streams.Err, "awsauth: note: "+emulatorNote(endpoint))
		}
	}
	if out.verify {
		err = s.verify(ctx, streams, out, &got)
	}
	return got, err
}

// verify asks the STS that belongs to where the session was asked for.
func (s *sessionFlags) verify(ctx context.Context, streams IO, out output, got *obtained) error {
	sts := stsClient{region: s.region}
	if sts.region == "" {
		sts.region = strings.Split(s.trustAnchorARN, ":")[3] // the session has checked it
	}
	_, configured := streams.Environment.EndpointURL("STS")
	if u, err := url.Parse(s.endpoint); configured == "" && err == nil && rolesanywhere.IsLoopback(u.Hostname()) {
		sts.endpoint = s.endpoint // an emulator is all of AWS
	}
	if err := sts.prepare(streams); err != nil {
		return err
	}
	return out.verifyWith(ctx, streams, sts, got)
}

// anyRegion serves to check an endpoint whose URL is given: its region does not matter.
const anyRegion = "us-east-1"

// session gathers flags and environment.
func (s *sessionFlags) session(ctx context.Context, streams IO) (awsauth.Session, error) {
	none := awsauth.Session{}
	if s.sessionPolicy != "" {
		return none, usageError{
			error: errors.New("--session-policy: CreateSession takes no session policy"),
			hint:  "put it into the profile (aws rolesanywhere update-profile --session-policy), or assume a further role with it",
		}
	}
	var source identity.Source
	if s.certificate != "" {
		opened, err := identity.Open(s.certificate, s.password(ctx, streams))
		if err != nil {
			return none, fmt.Errorf("--certificate: %w", err)
		}
		source = opened
	}
	endpoint := rolesanywhere.Endpoint{
		URL: s.endpoint, FIPS: s.fips || streams.Environment.FIPS(), DualStack: s.dualStack || streams.Environment.DualStack(),
	}
	if endpoint.URL == "" {
		var variable string
		variable, endpoint.URL = streams.Environment.EndpointURL("ROLESANYWHERE")
		if _, err := endpoint.Resolve(anyRegion); endpoint.URL != "" && err != nil {
			return none, configurationError{error: fmt.Errorf("%s: %w", variable, err), hint: "unset " + variable + ", or correct it"}
		}
	}
	roots, err := streams.Environment.RootCAs()
	if err != nil {
		return none, err
	}
	return awsauth.Session{
		Region:             s.region,
		RoleARN:            s.roleARN,
		ProfileARN:         s.profileARN,
		TrustAnchorARN:     s.trustAnchorARN,
		Identity:           source,
		Duration:           s.duration,
		SessionName:        s.sessionName,
		InstanceProperties: s.properties,
		Endpoint:           endpoint,
		Transport: rolesanywhere.NewTransport(rolesanywhere.TransportConfig{
			Proxy: streams.Environment.Proxy(), RootCAs: roots,
		}),
		UserAgent: userAgent(),
	}, nil
}

// password reads the reference, or asks; it is called only when a file needs one. The reference is read once, because
// standard input can be: one password then serves both files.
func (s *sessionFlags) password(ctx context.Context, streams IO) identity.PasswordFunc {
	if s.passwordRef != "" {
		read := sync.OnceValues(func() (secret.Secret, error) {
			return newReferences(ctx, streams).read("password", s.passwordRef)
		})
		return func(context.Context, string) ([]byte, error) {
			value, err := read()
			return []byte(value.Reveal()), err
		}
	}
	if streams.Prompt == nil {
		return nil
	}
	return func(ctx context.Context, file string) ([]byte, error) {
		answer, err := streams.Prompt(ctx, "Password of "+file+": ")
		if errors.Is(err, errNobody) {
			return nil, identity.ErrPasswordRequired
		}
		return answer, err
	}
}

// showSigning prints the canonical request and the string to sign. Neither is secret; the signature would be.
func (s *sessionFlags) showSigning(ctx context.Context, streams IO, session awsauth.Session) error {
	client, request, err := session.Request()
	if err != nil {
		return err
	}
	id, err := session.Identity.Identity(ctx)
	if err != nil {
		return err
	}
	trace, err := client.Trace(id, request, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(streams.Err, "canonical request\n%s\n\nstring to sign\n%s\n\n", trace.CanonicalRequest, trace.StringToSign)
	return err
}

// explainEndpoint names the variable when an endpoint from the environment does not answer.
func explainEndpoint(streams IO, flag string, err error) error {
	failed := new(rolesanywhere.ConnectionError)
	if flag != "" || !errors.As(err, &failed) {
		return err
	}
	if variable, configured := streams.Environment.EndpointURL("ROLESANYWHERE"); configured != "" {
		failed.Advice = variable + " points there: start what it names, or unset it"
	}
	return err
}
