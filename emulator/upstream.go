package emulator

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/createsession"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// UpstreamSTS is another STS that issues the credentials of CreateSession, so that they are good for the servers that
// trust it. The emulator makes all its own checks first; the role must exist on both sides.
type UpstreamSTS struct {
	Endpoint    string // such as http://127.0.0.1:5000
	Credentials aws.CredentialsProvider
	// MaxAttempts of each call; 1 when zero, because the client tries again by itself.
	MaxAttempts int
}

// assumer answers CreateSession's last step: sts:AssumeRole with all that Roles Anywhere sends.
func (u *UpstreamSTS) assumer(region string) func(context.Context, createsession.Assumption) (account.Credentials, error) {
	client := sts.New(sts.Options{
		Region:           region,
		BaseEndpoint:     aws.String(u.Endpoint),
		Credentials:      aws.NewCredentialsCache(u.Credentials),
		RetryMaxAttempts: max(u.MaxAttempts, 1),
	})
	return func(ctx context.Context, a createsession.Assumption) (account.Credentials, error) {
		in := &sts.AssumeRoleInput{
			RoleArn:         aws.String(a.RoleARN),
			RoleSessionName: aws.String(a.SessionName),
			DurationSeconds: aws.Int32(int32(a.Duration / time.Second)),
			SourceIdentity:  aws.String(a.SourceIdentity),
		}
		if a.SessionPolicy != "" {
			in.Policy = aws.String(a.SessionPolicy)
		}
		for _, arn := range a.ManagedPolicyARNs {
			in.PolicyArns = append(in.PolicyArns, types.PolicyDescriptorType{Arn: aws.String(arn)})
		}
		for _, key := range slices.Sorted(maps.Keys(a.Tags)) {
			in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(a.Tags[key])})
		}
		out, err := client.AssumeRole(ctx, in)
		if err != nil {
			return account.Credentials{}, upstreamRefusal(u.Endpoint, a.RoleARN, err)
		}
		c := out.Credentials
		if c == nil || c.AccessKeyId == nil || c.SecretAccessKey == nil || c.SessionToken == nil || c.Expiration == nil {
			return account.Credentials{}, upstreamRefusal(u.Endpoint, a.RoleARN, errors.New("its answer has no credentials"))
		}
		return account.Credentials{
			AccessKeyID:     *c.AccessKeyId,
			SecretAccessKey: *c.SecretAccessKey,
			SessionToken:    *c.SessionToken,
			Expiration:      *c.Expiration,
		}, nil
	}
}

func upstreamRefusal(endpoint, role string, err error) error {
	r := &wire.Refusal{
		Status: http.StatusForbidden, Code: "AccessDeniedException", Message: "Unable to assume role for " + role + ".",
		Remedy: "create the role there, and let the key given with --sts-access-key-id assume it",
	}
	var refused smithy.APIError
	answered := errors.As(err, &refused)
	if answered && !unwell(err) {
		r.Reason = "the STS at " + endpoint + " refused: " + refused.ErrorCode() + ": " + refused.ErrorMessage()
		return r
	}
	r.Status, r.Code, r.Message = http.StatusServiceUnavailable, "ServiceUnavailableException", "The assume-role step failed."
	r.Reason = "the STS at " + endpoint + " did not answer: " + err.Error()
	r.Remedy = "start it, or correct --sts-endpoint"
	if answered {
		r.Reason = "the STS at " + endpoint + " is not well: " + refused.ErrorCode() + ": " + refused.ErrorMessage()
		r.Remedy = "try again"
	}
	return r
}

// unwell reports an answer that says nothing about the request: a server's error, or too many requests.
func unwell(err error) bool {
	answer := new(smithyhttp.ResponseError)
	throttled := retry.ThrottleErrorCode{Codes: retry.DefaultThrottleErrorCodes}.IsErrorThrottle(err) == aws.TrueTernary
	return throttled || errors.As(err, &answer) && answer.HTTPStatusCode() >= http.StatusInternalServerError
}
