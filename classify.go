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
	var (
		refused    *rolesanywhere.Error
		connection *rolesanywhere.ConnectionError
		parameters *ParameterError
		answered   smithy.APIError
		timeout    interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &refused):
		switch {
		case refused.Throttled():
			return classified{schedule.Throttled, refused.RetryAfter, limiter.Throttled}
		case refused.Temporary():
			return classified{schedule.Transient, refused.RetryAfter, limiter.Failed}
		}
		return classified{schedule.Permanent, 0, limiter.Answered}
	case errors.As(err, &parameters):
		return classified{schedule.Permanent, 0, limiter.Answered}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return classified{schedule.Transient, 0, limiter.TimedOut}
	case errors.As(err, &connection):
		return classified{schedule.Transient, 0, limiter.Failed}
	case errors.As(err, &answered):
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
