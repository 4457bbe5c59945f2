package awsauth

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/awsauth-go/awsauth/internal/limiter"
	"github.com/awsauth-go/awsauth/internal/schedule"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// classified is what a failure says about asking again, and about whom was asked.
type classified struct {
	kind    schedule.Kind
	asked   time.Duration // by Retry-After
	outcome limiter.Outcome
}

// classify tells what a failure says. What is not known as a failure of the endpoint is none: a file that cannot be read costs
// no call, and may be there the next time.
func classify(err error) classified {
	if refused, ok := errors.AsType[*rolesanywhere.Error](err); ok {
		switch {
		case refused.Throttled():
			return classified{schedule.Throttled, refused.RetryAfter, limiter.Throttled}
		case refused.Temporary():
			return classified{schedule.Transient, refused.RetryAfter, limiter.Failed}
		}
		return classified{schedule.Permanent, 0, limiter.Answered}
	}
	if _, ok := errors.AsType[*ParameterError](err); ok {
		return classified{schedule.Permanent, 0, limiter.Answered}
	}
	if late, ok := errors.AsType[timeoutError](err); errors.Is(err, context.DeadlineExceeded) || ok && late.Timeout() {
		return classified{schedule.Transient, 0, limiter.TimedOut}
	}
	if _, ok := errors.AsType[*rolesanywhere.ConnectionError](err); ok {
		return classified{schedule.Transient, 0, limiter.Failed}
	}
	if answered, ok := errors.AsType[smithy.APIError](err); ok {
		if _, ok := retry.DefaultThrottleErrorCodes[answered.ErrorCode()]; ok {
			return classified{schedule.Throttled, 0, limiter.Throttled}
		}
		// A source that has just ended is renewed meanwhile.
		if answered.ErrorFault() == smithy.FaultClient && !strings.HasPrefix(answered.ErrorCode(), "ExpiredToken") {
			return classified{schedule.Permanent, 0, limiter.Answered}
		}
		return classified{schedule.Transient, 0, limiter.Failed}
	}
	return classified{schedule.Transient, 0, limiter.Answered}
}

// timeoutError is what net.Error and others say of themselves.
type timeoutError interface {
	error
	Timeout() bool
}
