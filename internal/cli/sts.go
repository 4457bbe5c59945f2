package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/awsauth-go/awsauth/internal/secret"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// stsTimeout bounds the question who somebody is.
const stsTimeout = 5 * time.Second

// stsClient asks STS who credentials are.
type stsClient struct {
	region, endpoint string
	fips, dualStack  bool
	transport        http.RoundTripper
}

// Variables of AWS's SDKs that count, as the pages tell them.
const (
	stsVariables = `AWS_ENDPOINT_URL_STS another STS; AWS_ENDPOINT_URL is another AWS
AWS_REGION the region of STS, where --region is not given
` + transportVariables
	transportVariables = `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS true to ignore the variables for endpoints
AWS_CA_BUNDLE file of CA certificates to trust in place of the system's
HTTPS_PROXY proxy for https; NO_PROXY lists hosts that are called without it`
)

// defaultSTSRegion is asked when nothing says another: every account of partition aws has it.
const defaultSTSRegion = "us-east-1"

// prepare checks the region and the endpoint, and takes what is not given from the environment.
func (s *stsClient) prepare(streams IO) error {
	if err := s.prepareRegion(streams); err != nil {
		return err
	}
	variable, flag := "", s.endpoint != ""
	if !flag {
		variable, s.endpoint = streams.Environment.EndpointURL("STS")
	}
	if s.endpoint != "" {
		u, err := (rolesanywhere.Endpoint{URL: s.endpoint}).Resolve(s.region)
		if err != nil {
			if flag {
				return usagef("--endpoint-url: %s", strings.TrimPrefix(err.Error(), "endpoint: "))
			}
			return configurationError{error: fmt.Errorf("%s: %w", variable, err), hint: "unset " + variable + ", or correct it"}
		}
		s.endpoint = u.String()
	} else {
		s.fips, s.dualStack = streams.Environment.FIPS(), streams.Environment.DualStack()
	}
	roots, err := streams.Environment.RootCAs()
	if err != nil {
		return err
	}
	s.transport = rolesanywhere.NewTransport(rolesanywhere.TransportConfig{Proxy: streams.Environment.Proxy(), RootCAs: roots})
	return nil
}

func (s *stsClient) prepareRegion(streams IO) error {
	if s.region == "" {
		var variable string
		variable, s.region = streams.Environment.Region()
		if _, err := rolesanywhere.PartitionOf(s.region); s.region != "" && err != nil {
			return configurationError{error: fmt.Errorf("%s: %w", variable, err), hint: "unset " + variable + ", or correct it"}
		}
	}
	s.region = cmp.Or(s.region, defaultSTSRegion)
	if _, err := rolesanywhere.PartitionOf(s.region); err != nil {
		return usagef("--region: %w", err)
	}
	return nil
}

// callerIdentity answers the ARN of whose credentials they are, or *stsError.
func (s stsClient) callerIdentity(ctx context.Context, streams IO, c aws.Credentials) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, stsTimeout)
	defer cancel()
	defer waiting(streams, "asking STS who this is")()
	options := sts.Options{
		Region:           s.region,
		Credentials:      aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil }),
		HTTPClient:       &http.Client{Transport: s.transport, CheckRedirect: refuseRedirects},
		RetryMaxAttempts: 2,
	}
	if s.endpoint != "" {
		options.BaseEndpoint = aws.String(s.endpoint)
	}
	if s.fips {
		options.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
	}
	if s.dualStack {
		options.EndpointOptions.UseDualStackEndpoint = aws.DualStackEndpointStateEnabled
	}
	out, err := sts.New(options).GetCallerIdentity(ctx, nil)
	if err != nil {
		return "", newSTSError(err, c)
	}
	arn := aws.ToString(out.Arn)
	if !callerForm.MatchString(arn) {
		return "", newSTSError(errForeignAnswer, c)
	}
	return arn, nil
}

// refuseRedirects keeps the session token, which net/http would send along, from another host. STS never redirects.
func refuseRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

var (
	// callerForm is the ARN of a user, a role's session or the root of an account.
	callerForm       = regexp.MustCompile(`^arn:aws(-[a-z]+)*:(iam|sts)::[0-9]{12}:[!-~]+$`)
	errForeignAnswer = errors.New("the answer does not say who this is: it is not STS's own")
)

// stsError is a failed GetCallerIdentity.
type stsError struct {
	err  error
	text string
}

// newSTSError takes what was sent out of what came back: whoever answers in STS's place may repeat the request.
func newSTSError(err error, c aws.Credentials) *stsError {
	e := &stsError{err: err}
	e.text = e.describe()
	for _, sent := range []string{c.SecretAccessKey, c.SessionToken} {
		if sent != "" {
			e.text = strings.ReplaceAll(e.text, sent, secret.Redacted)
		}
	}
	return e
}

func (e *stsError) Error() string { return e.text }

func (e *stsError) describe() string {
	var (
		answered smithy.APIError
		response *smithyhttp.ResponseError
		call     *url.Error
	)
	switch {
	case e.foreign():
		return "STS cannot be reached: the answer is a redirect, which STS never sends"
	case errors.As(e.err, &answered) && e.refused():
		return fmt.Sprintf("STS refused the credentials: %s: %s", answered.ErrorCode(), answered.ErrorMessage())
	case errors.As(e.err, &answered):
		return fmt.Sprintf("STS failed: %s: %s", answered.ErrorCode(), answered.ErrorMessage())
	case errors.Is(e.err, context.DeadlineExceeded):
		return "STS cannot be reached: no answer in time"
	case errors.As(e.err, &call):
		return fmt.Sprintf("STS cannot be reached at %s: %s", call.URL, rootCause(call.Err))
	case errors.As(e.err, &response):
		return fmt.Sprintf("STS cannot be reached: the answer (status %d) is not its own", response.HTTPStatusCode())
	}
	return "STS cannot be reached: " + rootCause(e.err)
}

// rootCause is the innermost error's text: what is around it repeats the address.
func rootCause(err error) string {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

func (e *stsError) Unwrap() error { return e.err }

func (e *stsError) refused() bool {
	var refused smithy.APIError
	return errors.As(e.err, &refused) && refused.ErrorFault() != smithy.FaultServer && !e.foreign()
}

// foreign reports an answer that is no error of AWS's, which have statuses of 400 and above.
func (e *stsError) foreign() bool {
	var response *smithyhttp.ResponseError
	return errors.As(e.err, &response) && response.HTTPStatusCode() < http.StatusBadRequest && response.HTTPStatusCode() >= 300
}

func (e *stsError) exit() int {
	if e.refused() {
		return ExitRefused
	}
	return ExitUnreachable
}

// Hint answers what to do.
func (e *stsError) Hint() string {
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
	return "look the access key up in the IAM console"
}
