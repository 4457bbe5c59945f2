package schedule

import (
	"testing"
	"time"
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
		if got := RenewAfter(c.life, c.random); (got - c.want).Abs() > time.Microsecond {
			t.Errorf("%s, %v: got %s, want %s", c.life, c.random, got, c.want)
		}
	}
}

func TestWhenAFailureIsRetried(t *testing.T) {
	const hour = time.Hour
	for _, c := range []struct {
		name     string
		f        Failure
		from, to time.Duration
	}{
		{"the first", Failure{Count: 1, Life: hour, Left: hour / 2}, 0, time.Second},
		{"the second", Failure{Count: 2, Life: hour, Left: hour / 2}, 0, 2 * time.Second},
		{"the sixth", Failure{Count: 6, Life: hour, Left: hour / 2}, 0, 32 * time.Second},
		{"the seventh", Failure{Count: 7, Life: hour, Left: hour / 2}, 0, 55 * time.Second},
		{"the thousandth", Failure{Count: 1000, Life: hour, Left: hour / 2}, 0, 55 * time.Second},
		{"in the last quarter", Failure{Count: 9, Life: hour, Left: hour/4 - 1}, 0, 10 * time.Second},
		{"before it", Failure{Count: 9, Life: hour, Left: hour / 4}, 0, 55 * time.Second},
		{"after the end", Failure{Count: 9, Life: hour, Left: -hour}, 0, 10 * time.Second},
		{"without credentials before", Failure{Count: 9}, 0, 55 * time.Second},
		{"a session of 15 minutes", Failure{Count: 9, Life: 15 * time.Minute, Left: 5 * time.Minute}, 0, 55 * time.Second},
		{"a session of 9 seconds", Failure{Count: 9, Life: 9 * time.Second, Left: 5 * time.Second}, 0, 550 * time.Millisecond},
		{"a session of 9 seconds, at first", Failure{Count: 1, Life: 9 * time.Second, Left: 5 * time.Second}, 0, 10 * time.Millisecond},
		{"throttled", Failure{Kind: Throttled, Count: 1, Life: hour, Left: hour / 2}, 0, time.Second},
		{"asked to wait", Failure{Kind: Throttled, Count: 1, Asked: 7 * time.Second, Life: hour, Left: hour / 2}, 7 * time.Second, 7 * time.Second},
		{"asked to wait for a day", Failure{Count: 1, Asked: 24 * hour, Life: hour, Left: hour / 2}, 5 * time.Minute, 5 * time.Minute},
		{"permanent", Failure{Kind: Permanent, Count: 1, Life: hour, Left: hour / 2}, 5 * time.Minute, 15 * time.Minute},
		{"permanent, the hundredth", Failure{Kind: Permanent, Count: 100, Life: hour, Left: -hour}, 5 * time.Minute, 15 * time.Minute},
		{"permanent, a session of 9 seconds", Failure{Kind: Permanent, Count: 1, Life: 9 * time.Second, Left: 5 * time.Second}, 3 * time.Second, 9 * time.Second},
	} {
		low, high := c.f.RetryAfter(0), c.f.RetryAfter(almostOne)
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
		if got := AskAgain(c.life, c.left); got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.left, c.life, got, c.want)
		}
	}
}
