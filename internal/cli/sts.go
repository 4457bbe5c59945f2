package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// stsTimeout bounds the question who somebody is.
const stsTimeout = 5 * time.Second

// stsClient asks STS who credentials are.
type stsClient struct {
	region, endpoint string
	transport        http.RoundTripper
}

// prepare checks the region and the endpoint, and takes what is not given from the environment.
func (s *stsClient) prepare(streams IO) error {
	if _, err := rolesanywhere.PartitionOf(s.region); err != nil {
		return usagef("--region: %w", err)
	}
	variable := "--endpoint-url"
	if s.endpoint == "" {
		variable, s.endpoint = streams.Environment.EndpointURL("STS")
	}
	if s.endpoint != "" {
		u, err := (rolesanywhere.Endpoint{URL: s.endpoint}).Resolve(s.region)
		if err != nil {
			return configurationError{error: fmt.Errorf("%s: %w", variable, err), hint: "give the STS endpoint's URL"}
		}
		s.endpoint = u.String()
	}
	roots, err := streams.Environment.RootCAs()
	if err != nil {
		return err
	}
	s.transport = rolesanywhere.NewTransport(rolesanywhere.TransportConfig{Proxy: streams.Environment.Proxy(), RootCAs: roots})
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
		HTTPClient:       &http.Client{Transport: s.transport},
		RetryMaxAttempts: 2,
	}
	if s.endpoint != "" {
		options.BaseEndpoint = aws.String(s.endpoint)
	}
	out, err := sts.New(options).GetCallerIdentity(ctx, nil)
	if err != nil {
		return "", &stsError{err}
	}
	return aws.ToString(out.Arn), nil
}

// stsError is a failed GetCallerIdentity.
type stsError struct{ err error }

func (e *stsError) Error() string {
	var refused smithy.APIError
	if errors.As(e.err, &refused) {
		return fmt.Sprintf("STS refused the credentials: %s: %s", refused.ErrorCode(), refused.ErrorMessage())
	}
	if u := new(url.Error); errors.As(e.err, &u) {
		return fmt.Sprintf("STS cannot be reached at %s: %v", u.URL, u.Err)
	}
	return "STS cannot be reached: " + e.err.Error()
}

func (e *stsError) Unwrap() error { return e.err }

func (e *stsError) refused() bool {
	var refused smithy.APIError
	return errors.As(e.err, &refused) && refused.ErrorFault() != smithy.FaultServer
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
	if !errors.As(e.err, &refused) {
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
