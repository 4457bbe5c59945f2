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
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// almostOne is the largest number that is drawn.
const almostOne = 1 - 1.0/(1<<53)

func TestWhenCredentialsAreRenewed(t *testing.T) {
	for _, c := range []struct {
		life   time.Duration
		random float64
		want   time.Duration
	}{
		{time.Hour, 0, 30 * time.Minute},
		{time.Hour, 0.5, 37*time.Minute + 30*time.Second},
		{time.Hour, almostOne, 45 * time.Minute},
		{15 * time.Minute, 0, 7*time.Minute + 30*time.Second},
		{12 * time.Hour, almostOne, 9 * time.Hour},
		{3 * time.Second, 0, 1500 * time.Millisecond},
		{time.Nanosecond, 0, 0},
	} {
		if got := renewAfter(c.life, c.random); (got - c.want).Abs() > time.Microsecond {
			t.Errorf("%s, %v: got %s, want %s", c.life, c.random, got, c.want)
		}
	}
}

func TestWhenAFailureIsRetried(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		name     string
		f        failure
		from, to time.Duration
	}{
		{"the first", failure{count: 1, life: hour, left: hour / 2}, 0, time.Second},
		{"the second", failure{count: 2, life: hour, left: hour / 2}, 0, 2 * time.Second},
		{"the sixth", failure{count: 6, life: hour, left: hour / 2}, 0, 32 * time.Second},
		{"the seventh", failure{count: 7, life: hour, left: hour / 2}, 0, time.Minute},
		{"the thousandth", failure{count: 1000, life: hour, left: hour / 2}, 0, time.Minute},
		{"in the last quarter", failure{count: 9, life: hour, left: hour/4 - 1}, 0, 15 * time.Second},
		{"before it", failure{count: 9, life: hour, left: hour / 4}, 0, time.Minute},
		{"after the end", failure{count: 9, life: hour, left: -hour}, 0, 15 * time.Second},
		{"without credentials before", failure{count: 9}, 0, time.Minute},
		{"a session of 15 minutes", failure{count: 9, life: 15 * time.Minute, left: 5 * time.Minute}, 0, time.Minute},
		{"a session of 9 seconds", failure{count: 9, life: 9 * time.Second, left: 5 * time.Second}, 0, 600 * time.Millisecond},
		{"a session of 9 seconds, at first", failure{count: 1, life: 9 * time.Second, left: 5 * time.Second}, 0, 10 * time.Millisecond},
		{"throttled", failure{kind: throttled, count: 1, life: hour, left: hour / 2}, 0, time.Second},
		{"asked to wait", failure{kind: throttled, count: 1, asked: 7 * time.Second, life: hour, left: hour / 2}, 7 * time.Second, 7 * time.Second},
		{"asked to wait for a day", failure{count: 1, asked: 24 * hour, life: hour, left: hour / 2}, 5 * time.Minute, 5 * time.Minute},
		{"permanent", failure{kind: permanent, count: 1, life: hour, left: hour / 2}, 5 * time.Minute, 15 * time.Minute},
		{"permanent, the hundredth", failure{kind: permanent, count: 100, life: hour, left: -hour}, 5 * time.Minute, 15 * time.Minute},
		{"permanent, a session of 9 seconds", failure{kind: permanent, count: 1, life: 9 * time.Second, left: 5 * time.Second}, 3 * time.Second, 9 * time.Second},
	} {
		low, high := c.f.retryAfter(0), c.f.retryAfter(almostOne)
		if (low-c.from).Abs() > time.Microsecond || (high-c.to).Abs() > time.Microsecond {
			t.Errorf("%s: got %s to %s, want %s to %s", c.name, low, high, c.from, c.to)
		}
	}
}

func TestHowSoonSomebodyIsToAskAgain(t *testing.T) {
	for _, c := range []struct{ life, left, want time.Duration }{
		{time.Hour, 20 * time.Minute, 5 * time.Second},
		{time.Hour, time.Second, time.Second},
		{9 * time.Second, 3 * time.Second, 50 * time.Millisecond},
		{time.Second, 300 * time.Millisecond, 10 * time.Millisecond},
	} {
		if got := askAgain(c.life, c.left); got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.left, c.life, got, c.want)
		}
	}
}

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
		{"the role may not be assumed", &rolesanywhere.Error{Status: 403, Code: "AccessDeniedException"}, classified{permanent, 0, limiter.Answered}},
		{"a bad request", &rolesanywhere.Error{Status: 400, Code: "ValidationException"}, classified{permanent, 0, limiter.Answered}},
		{"too many", &rolesanywhere.Error{Status: 429, RetryAfter: time.Second}, classified{throttled, time.Second, limiter.Throttled}},
		{"too many, by name", &rolesanywhere.Error{Status: 400, Code: "ThrottlingException"}, classified{throttled, 0, limiter.Throttled}},
		{"the service fails", &rolesanywhere.Error{Status: 503, RetryAfter: time.Minute}, classified{transient, time.Minute, limiter.Failed}},
		{"nobody there", &rolesanywhere.ConnectionError{}, classified{transient, 0, limiter.Failed}},
		{"no answer", &rolesanywhere.ConnectionError{Err: slowError{}}, classified{transient, 0, limiter.TimedOut}},
		{"no time left", fmt.Errorf("ask: %w", context.DeadlineExceeded), classified{transient, 0, limiter.TimedOut}},
		{"a mistake in the program", &ParameterError{}, classified{permanent, 0, limiter.Answered}},
		{"a certificate that is not there", &identity.Error{Err: identity.ErrNoCertificate}, classified{transient, 0, limiter.Answered}},
		{"STS says no", api("AccessDenied", smithy.FaultClient), classified{permanent, 0, limiter.Answered}},
		{"STS says later", api("Throttling", smithy.FaultClient), classified{throttled, 0, limiter.Throttled}},
		{"STS fails", api("InternalFailure", smithy.FaultServer), classified{transient, 0, limiter.Failed}},
		{"the source has ended", api("ExpiredTokenException", smithy.FaultClient), classified{transient, 0, limiter.Failed}},
		{"something else", errors.New("?"), classified{transient, 0, limiter.Answered}},
	} {
		if got := classify(fmt.Errorf("step 1 of 2: %w", c.err)); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}
