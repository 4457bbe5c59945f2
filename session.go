package awsauth

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// The range and the default of a session's duration (IAM Roles Anywhere User Guide, "CreateSession").
const (
	DefaultDuration = time.Hour
	MinDuration     = 15 * time.Minute
	MaxDuration     = 12 * time.Hour
)

// Session gets temporary credentials from IAM Roles Anywhere. It may be used as a literal, is safe for concurrent use,
// and calls CreateSession at every Retrieve: wrap it in a cache.
type Session struct {
	// Region signs the request and picks the endpoint. It may be left out: the trust anchor's ARN has it.
	Region         string
	RoleARN        string // required; arn:aws:iam::ACCOUNT:role/…
	ProfileARN     string // required; arn:aws:rolesanywhere:REGION:ACCOUNT:profile/…
	TrustAnchorARN string // required; arn:aws:rolesanywhere:REGION:ACCOUNT:trust-anchor/…
	// Identity is the certificate and its private key; required, unless Certificate is set. It is asked anew at every
	// Retrieve, so that a renewed certificate is used without a restart.
	Identity identity.Source
	// Certificate names the identity in place of Identity, as "file:client.pem?key=client.key" (see identity.Open). A file
	// that needs a password is for Identity, which can ask for one.
	Certificate string
	// Duration asked for, from MinDuration to MaxDuration; zero means DefaultDuration. The profile may shorten it, and a
	// role that does not allow it refuses.
	Duration time.Duration
	// SessionName is the last part of the assumed role's ARN: 2 to 64 letters, digits and _+=,.@-. It is sent only when
	// set, and the profile must accept it; otherwise the certificate's serial number is the name.
	SessionName string

	// InstanceProperties are shown with the subject in Roles Anywhere: at most 50, keys and values 1 to 200 characters.
	InstanceProperties map[string]string
	// Endpoint overrides the region's standard endpoint.
	Endpoint rolesanywhere.Endpoint
	// Transport sends requests; nil means rolesanywhere.NewTransport's.
	Transport http.RoundTripper
	// UserAgent is sent along; "awsauth" when empty.
	UserAgent string
}

var _ aws.CredentialsProvider = Session{}

// Retrieve asks for new credentials. Its errors are *ParameterError, those of the identity (*identity.Error), and those
// of CreateSession (*rolesanywhere.Error, *rolesanywhere.ConnectionError).
func (s Session) Retrieve(ctx context.Context) (aws.Credentials, error) {
	session, err := s.Create(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	return session.Credentials, nil
}

// Create is Retrieve with all that CreateSession answered. Where this host's clock is more than a minute off AWS's, Expires
// is by this host's clock.
func (s Session) Create(ctx context.Context) (*rolesanywhere.Session, error) {
	client, request, err := s.Request()
	if err != nil {
		return nil, err
	}
	source := s.Identity
	if source == nil {
		if source, err = identity.Open(s.Certificate, nil); err != nil {
			return nil, fmt.Errorf("identity: %w", err)
		}
	}
	id, err := source.Identity(ctx)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if err := id.Check(time.Now()); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	asked := time.Now().Round(0)
	created, err := client.CreateSession(ctx, id, request)
	if err == nil && created.ClockOffset.Abs() > maxClockOffset {
		ours := created.Credentials.Expires.Add(-created.ClockOffset)
		// However wrong the offset is, for a proxy can write another Date: nothing lives longer than was asked for.
		if most := asked.Add(request.Duration); ours.After(most) {
			ours = most
		}
		created.Credentials.Expires = ours
	}
	return created, err
}

// maxClockOffset is how far this host's clock may be off before Expires, which AWS's clients compare with it, is given
// by it instead of by AWS's.
const maxClockOffset = time.Minute

// Request checks the parameters and answers the client and the request that Retrieve would use: *ParameterError lists
// every mistake.
func (s Session) Request() (*rolesanywhere.Client, rolesanywhere.Request, error) {
	region, err := s.check()
	if err != nil {
		return nil, rolesanywhere.Request{}, err
	}
	duration := s.Duration
	if duration == 0 {
		duration = DefaultDuration
	}
	client := &rolesanywhere.Client{
		Region: region, Endpoint: s.Endpoint, Transport: s.Transport, UserAgent: s.UserAgent,
	}
	return client, rolesanywhere.Request{
		RoleARN:            s.RoleARN,
		ProfileARN:         s.ProfileARN,
		TrustAnchorARN:     s.TrustAnchorARN,
		Duration:           duration,
		SessionName:        s.SessionName,
		InstanceProperties: s.InstanceProperties,
	}, nil
}
