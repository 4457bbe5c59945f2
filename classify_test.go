package awsauth

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/limiter"
	"github.com/awsauth-go/awsauth/internal/schedule"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

type slowError struct{}

func (slowError) Error() string { return "slow" }
func (slowError) Timeout() bool { return true }

func TestKindsOfFailure(t *testing.T) {
	api := func(code string, fault smithy.ErrorFault) error {
		return &smithy.GenericAPIError{Code: code, Fault: fault}
	}
	for _, c := range []struct {
		name string
		err  error
		want classified
	}{
		{"the role may not be assumed", &rolesanywhere.Error{Status: 403, Code: "AccessDeniedException"}, classified{schedule.Permanent, 0, limiter.Answered}},
		{"a bad request", &rolesanywhere.Error{Status: 400, Code: "ValidationException"}, classified{schedule.Permanent, 0, limiter.Answered}},
		{"too many", &rolesanywhere.Error{Status: 429, RetryAfter: time.Second}, classified{schedule.Throttled, time.Second, limiter.Throttled}},
		{"too many, by name", &rolesanywhere.Error{Status: 400, Code: "ThrottlingException"}, classified{schedule.Throttled, 0, limiter.Throttled}},
		{"the service fails", &rolesanywhere.Error{Status: 503, RetryAfter: time.Minute}, classified{schedule.Transient, time.Minute, limiter.Failed}},
		{"nobody there", &rolesanywhere.ConnectionError{}, classified{schedule.Transient, 0, limiter.Failed}},
		{"no answer", &rolesanywhere.ConnectionError{Err: slowError{}}, classified{schedule.Transient, 0, limiter.TimedOut}},
		{"no time left", fmt.Errorf("ask: %w", context.DeadlineExceeded), classified{schedule.Transient, 0, limiter.TimedOut}},
		{"a mistake in the program", &ParameterError{}, classified{schedule.Permanent, 0, limiter.Answered}},
		{"a certificate that is not there", &identity.Error{Err: identity.ErrNoCertificate}, classified{schedule.Transient, 0, limiter.Answered}},
		{"STS says no", api("AccessDenied", smithy.FaultClient), classified{schedule.Permanent, 0, limiter.Answered}},
		{"STS says later", api("Throttling", smithy.FaultClient), classified{schedule.Throttled, 0, limiter.Throttled}},
		{"STS fails", api("InternalFailure", smithy.FaultServer), classified{schedule.Transient, 0, limiter.Failed}},
		{"the source has ended", api("ExpiredTokenException", smithy.FaultClient), classified{schedule.Transient, 0, limiter.Failed}},
		{"something else", errors.New("?"), classified{schedule.Transient, 0, limiter.Answered}},
	} {
		if got := classify(fmt.Errorf("step 1 of 2: %w", c.err)); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
