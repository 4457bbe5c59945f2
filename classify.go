package awsauth

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/awsauth-go/awsauth/internal/limiter"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// The rule by which a Cache asks: pure functions of durations and of a number from 0 to 1 (1 excluded) that was drawn for
// the occasion.

// Credentials are renewed at a random moment between these parts of their life. Of an hour at least 15 minutes are left
// then, so that an outage of 15 to 30 is not noticed, and hosts that began together do not ask together.
const (
	renewFrom = 0.50
	renewTo   = 0.75
)

// renewAfter answers after how much of their life credentials are renewed.
func renewAfter(life time.Duration, random float64) time.Duration {
	return time.Duration(float64(life) * (renewFrom + random*(renewTo-renewFrom)))
}

// Waits after a failure. They are for sessions of 15 minutes at least, as AWS gives; an emulator gives shorter ones, with
// which all of them shrink.
const (
	shortestLife = MinDuration

	retryBase     = time.Second
	retryCap      = time.Minute
	retryLateCap  = 15 * time.Second // in the last quarter of the life
	longestAsked  = 5 * time.Minute  // of what Retry-After asks for
	permanentFrom = 5 * time.Minute  // after a refusal that only a change of something makes good
	permanentTo   = 15 * time.Minute

	// memory is how long a failure is the answer to everybody who asks, when there is nothing else to give.
	memory = time.Second

	// staticLife is how long credentials without an end are given before their provider is asked whether they have changed.
	staticLife = 5 * time.Minute
)

// failure is why a renewal has failed, and what is left.
type failure struct {
	kind  failureKind
	count int           // in a row, from 1
	asked time.Duration // by Retry-After
	life  time.Duration // of the credentials before; zero when there have been none
	left  time.Duration // of it; negative when it is over
}

// failureKind says what may help.
type failureKind int

const (
	transient failureKind = iota // asking again
	throttled                    // asking less often
	permanent                    // a change of the configuration, the certificate or the role
)

// retryAfter answers how long to wait until asking again: full jitter, or for what is permanent a random time in its range.
func (f failure) retryAfter(random float64) time.Duration {
	if f.kind == permanent {
		return scaled(permanentFrom, f.life) + time.Duration(random*float64(scaled(permanentTo-permanentFrom, f.life)))
	}
	limit := retryCap
	if f.life > 0 && f.left < f.life/4 {
		limit = retryLateCap
	}
	top := limit
	if doublings := f.count - 1; doublings < 10 && retryBase<<doublings < limit {
		top = retryBase << doublings
	}
	wait := time.Duration(random * float64(scaled(top, f.life)))
	return max(wait, min(f.asked, longestAsked))
}

// scaled is a wait for credentials that live as long as this.
func scaled(wait, life time.Duration) time.Duration {
	if life <= 0 || life >= shortestLife {
		return wait
	}
	return time.Duration(float64(wait) * float64(life) / float64(shortestLife))
}

// askAgain is how soon whoever is given credentials that should have been renewed already is to ask again.
func askAgain(life, left time.Duration) time.Duration {
	return min(max(scaled(5*time.Second, life), 10*time.Millisecond), left)
}

// classified is what a failure says about asking again, and about whom was asked.
type classified struct {
	kind    failureKind
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
			return classified{throttled, refused.RetryAfter, limiter.Throttled}
		case refused.Temporary():
			return classified{transient, refused.RetryAfter, limiter.Failed}
		}
		return classified{permanent, 0, limiter.Answered}
	case errors.As(err, &parameters):
		return classified{permanent, 0, limiter.Answered}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return classified{transient, 0, limiter.TimedOut}
	case errors.As(err, &connection):
		return classified{transient, 0, limiter.Failed}
	case errors.As(err, &answered):
		if _, ok := retry.DefaultThrottleErrorCodes[answered.ErrorCode()]; ok {
			return classified{throttled, 0, limiter.Throttled}
		}
		// A source that has just ended is renewed meanwhile.
		if answered.ErrorFault() == smithy.FaultClient && !strings.HasPrefix(answered.ErrorCode(), "ExpiredToken") {
			return classified{permanent, 0, limiter.Answered}
		}
		return classified{transient, 0, limiter.Failed}
	}
	return classified{transient, 0, limiter.Answered}
}
