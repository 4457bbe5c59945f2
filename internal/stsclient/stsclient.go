// Package stsclient asks STS who credentials are, and for those of a further role. It distrusts what answers: no redirect is
// followed, an answer must be STS's own, and no message repeats what was sent.
//
//	who, err := stsclient.Client{Region: "eu-west-1"}.CallerIdentity(ctx, credentials)
package stsclient

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/awsauth-go/awsauth/internal/printable"
	"github.com/awsauth-go/awsauth/internal/secret"
)

// timeout bounds a call with its attempts.
const timeout = 5 * time.Second

// attempts is how often a call is made.
const attempts = 2

// Client is the STS of a region, or another.
type Client struct {
	Region          string
	Endpoint        string // checked by the caller; "" for the region's
	FIPS, DualStack bool
	Transport       http.RoundTripper // nil for net/http's
}

// Identity is who credentials are.
type Identity struct {
	Account string `json:"account"`
	ARN     string `json:"arn"`
	UserID  string `json:"user_id"`
}

func (c Client) sts(credentials aws.Credentials) *sts.Client {
	options := sts.Options{
		Region:           c.Region,
		Credentials:      aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil }),
		HTTPClient:       &http.Client{Transport: c.Transport, CheckRedirect: refuseRedirects},
		RetryMaxAttempts: attempts,
	}
	if c.Endpoint != "" {
		options.BaseEndpoint = aws.String(c.Endpoint)
	} else {
		if c.FIPS {
			options.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
		}
		if c.DualStack {
			options.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
		}
	}
	return sts.New(options)
}

// CallerIdentity answers whose credentials they are, or *Error.
func (c Client) CallerIdentity(ctx context.Context, credentials aws.Credentials) (Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out, err := c.sts(credentials).GetCallerIdentity(ctx, nil)
	if err != nil {
		return Identity{}, newError(err, credentials, aimCaller)
	}
	who := Identity{aws.ToString(out.Account), aws.ToString(out.Arn), aws.ToString(out.UserId)}
	if !callerForm.MatchString(who.ARN) || strings.Split(who.ARN, ":")[4] != who.Account {
		return Identity{}, newError(errForeignAnswer, credentials, aimCaller)
	}
	return who, nil
}

// Role is a further role, and how it is assumed (AWS STS API Reference, "AssumeRole").
type Role struct {
	ARN            string
	SessionName    string        // awsauth when empty
	Duration       time.Duration // an hour when zero
	ExternalID     string
	Policy         string // JSON
	PolicyARNs     []string
	Tags           map[string]string
	TransitiveTags []string
	SourceIdentity string
}

// DefaultSessionName is the name of a session that has none of its own.
const DefaultSessionName = "awsauth"

// AssumeRole answers the role's credentials, or *Error.
func (c Client) AssumeRole(ctx context.Context, credentials aws.Credentials, r Role) (aws.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	provider := stscreds.NewAssumeRoleProvider(c.sts(credentials), r.ARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = r.SessionName
		if r.SessionName == "" {
			o.RoleSessionName = DefaultSessionName
		}
		o.Duration = r.Duration
		if r.Duration == 0 {
			o.Duration = time.Hour
		}
		o.ExternalID = text(r.ExternalID)
		o.Policy = text(r.Policy)
		o.SourceIdentity = text(r.SourceIdentity)
		o.TransitiveTagKeys = r.TransitiveTags
		for _, arn := range r.PolicyARNs {
			o.PolicyARNs = append(o.PolicyARNs, types.PolicyDescriptorType{Arn: aws.String(arn)})
		}
		for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
			o.Tags = append(o.Tags, types.Tag{Key: aws.String(key), Value: aws.String(r.Tags[key])})
		}
	})
	assumed, err := provider.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, newError(err, credentials, aimRole)
	}
	if err := usable(assumed); err != nil {
		return aws.Credentials{}, newError(err, credentials, aimRole)
	}
	return assumed, nil
}

// text is a parameter that is left out when it is empty.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return aws.String(s)
}

// usable distrusts the answer to AssumeRole: whole credentials that end within the time that STS allows.
func usable(c aws.Credentials) error {
	const longest, skew = 12 * time.Hour, 15 * time.Minute
	switch left := time.Until(c.Expires); {
	case c.AccessKeyID == "" || c.SecretAccessKey == "" || c.SessionToken == "" || !c.CanExpire:
		return errForeignAnswer
	case left <= 0:
		return errors.New("the credentials in the answer have expired already: is this host's clock right?")
	case left > longest+skew:
		return errors.New("the credentials in the answer are good for longer than STS allows: it is not STS's own")
	}
	return nil
}

// refuseRedirects keeps the session token, which net/http would send along, from another host. STS never redirects.
func refuseRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

var (
	// callerForm is the ARN of a user, a role's session or the root of an account.
	callerForm       = regexp.MustCompile(`^arn:aws(-[a-z]+)*:(iam|sts)::[0-9]{12}:[!-~]+$`)
	errForeignAnswer = errors.New("the answer does not say who this is: it is not STS's own")
)

// aim is what a call is for, as a message says that it is refused.
type aim string

const (
	aimCaller aim = "the credentials"
	aimRole   aim = "the role"
)

// Error is a failed call.
type Error struct {
	err  error
	text string
	aim  aim
}

// newError takes what was sent out of what came back: whoever answers in STS's place may repeat the request.
func newError(err error, c aws.Credentials, a aim) *Error {
	e := &Error{err: err, aim: a}
	e.text = e.describe()
	for _, sent := range []string{c.SecretAccessKey, c.SessionToken} {
		if sent != "" {
			e.text = strings.ReplaceAll(e.text, sent, secret.Redacted)
		}
	}
	return e
}

func (e *Error) Error() string { return e.text }

func (e *Error) describe() string {
	var (
		answered smithy.APIError
		response *smithyhttp.ResponseError
		call     *url.Error
	)
	switch {
	case e.foreign():
		return "STS cannot be reached: the answer is a redirect, which STS never sends"
	case errors.As(e.err, &answered) && e.Refused():
		return fmt.Sprintf("STS refused %s: %s: %s", e.aim, answered.ErrorCode(), answered.ErrorMessage())
	case errors.As(e.err, &answered):
		return fmt.Sprintf("STS failed: %s: %s", answered.ErrorCode(), answered.ErrorMessage())
	case errors.Is(e.err, context.DeadlineExceeded):
		return "STS cannot be reached: no answer in time"
	case errors.As(e.err, &call):
		return fmt.Sprintf("STS cannot be reached at %s: %s", call.URL, printable.RootCause(call.Err))
	case errors.As(e.err, &response):
		return fmt.Sprintf("STS cannot be reached: the answer (status %d) is not its own", response.HTTPStatusCode())
	}
	return "STS cannot be reached: " + printable.RootCause(e.err)
}

func (e *Error) Unwrap() error { return e.err }

// What is what STS was asked for: "the credentials" or "the role".
func (e *Error) What() string { return string(e.aim) }

// Refused reports an answer of STS's own that says no.
func (e *Error) Refused() bool {
	var refused smithy.APIError
	return errors.As(e.err, &refused) && refused.ErrorFault() != smithy.FaultServer && !e.foreign()
}

// foreign reports an answer that is no error of AWS's, which have statuses of 400 and above.
func (e *Error) foreign() bool {
	var response *smithyhttp.ResponseError
	return errors.As(e.err, &response) && response.HTTPStatusCode() < http.StatusBadRequest && response.HTTPStatusCode() >= 300
}

// Hint answers what to do.
func (e *Error) Hint() string {
	var refused smithy.APIError
	if !errors.As(e.err, &refused) || e.foreign() {
		return "check the network, HTTPS_PROXY and --endpoint-url"
	}
	switch refused.ErrorCode() {
	case "InvalidClientTokenId":
		return "the access key does not exist or is inactive, or its session token is another's"
	case "SignatureDoesNotMatch":
		return "the secret access key is not that of this access key ID, or this host's clock is off"
	case "ExpiredToken":
		return "get new session credentials"
	}
	if e.aim == aimRole {
		return roleHint(refused)
	}
	return "look the access key up in the IAM console"
}

// roleHint says what to do about a refused AssumeRole.
func roleHint(refused smithy.APIError) string {
	switch {
	case refused.ErrorCode() == "AccessDenied":
		return "the role's trust policy must allow the source sts:AssumeRole, with its external ID, sts:TagSession for tags and sts:SetSourceIdentity behind Roles Anywhere; so must the source's policies"
	case refused.ErrorCode() == "PackedPolicyTooLarge":
		return "shorten session_policy, policy_arns or tags"
	case refused.ErrorCode() == "MalformedPolicyDocument":
		return "correct session_policy: it is an IAM policy as JSON"
	case strings.Contains(refused.ErrorMessage(), "MaxSessionDuration"):
		return "ask for a shorter duration, or raise the role's maximum session duration"
	}
	return "compare the credential with what STS says: awsauth config show NAME"
}

// NotTheSame reports that STS has named somebody else than whoever issued the credentials.
func NotTheSame(credentials aws.Credentials) *Error {
	return newError(errors.New("its answer is about somebody else than the credentials are"), credentials, aimCaller)
}
