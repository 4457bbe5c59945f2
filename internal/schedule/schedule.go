// Package schedule is the rule by which credentials are asked for: pure functions of durations and of a number from 0 to 1 (1
// excluded) that was drawn for the occasion.
package schedule

import "time"

// Credentials are renewed at a random moment between these parts of their life. Of an hour at least 15 minutes are left
// then, so that an outage of 15 to 30 is not noticed, and hosts that began together do not ask together.
const (
	renewFrom = 0.50
	renewTo   = 0.75
)

// RenewAfter answers after how much of their life credentials are renewed.
func RenewAfter(life time.Duration, random float64) time.Duration {
	return time.Duration(float64(life) * (renewFrom + random*(renewTo-renewFrom)))
}

// Waits after a failure. They are for sessions of 15 minutes at least, as AWS gives; an emulator gives shorter ones, with
// which all of them shrink.
const (
	shortestLife = 15 * time.Minute

	retryBase = time.Second
	// A minute after an outage there is something new, and after 15 seconds in the last quarter of the life: the outage may have caught an
	// attempt, which takes five seconds to notice, and the wait begins after that.
	retryCap      = 55 * time.Second
	retryLateCap  = 10 * time.Second
	longestAsked  = 5 * time.Minute // of what Retry-After asks for
	permanentFrom = 5 * time.Minute // after a refusal that only a change of something makes good
	permanentTo   = 15 * time.Minute

	// Memory is how long a failure is the answer to everybody who asks, when there is nothing else to give.
	Memory = time.Second

	// StaticLife is how long credentials without an end are given before their provider is asked whether they have changed.
	StaticLife = 5 * time.Minute
)

// Failure is why a renewal has failed, and what is left.
type Failure struct {
	Kind  Kind
	Count int           // in a row, from 1
	Asked time.Duration // by Retry-After
	Life  time.Duration // of the credentials before; zero when there have been none
	Left  time.Duration // of it; negative when it is over
}

// Kind says what may help.
type Kind int

// The kinds.
const (
	Transient Kind = iota // asking again
	Throttled             // asking less often
	Permanent             // a change of the configuration, the certificate or the role
)

// RetryAfter answers how long to wait until asking again: full jitter, or for what is permanent a random time in its range.
func (f Failure) RetryAfter(random float64) time.Duration {
	if f.Kind == Permanent {
		return Scaled(permanentFrom, f.Life) + time.Duration(random*float64(Scaled(permanentTo-permanentFrom, f.Life)))
	}
	limit := retryCap
	if f.Life > 0 && f.Left < f.Life/4 {
		limit = retryLateCap
	}
	top := limit
	if doublings := f.Count - 1; doublings < 10 && retryBase<<doublings < limit {
		top = retryBase << doublings
	}
	wait := time.Duration(random * float64(Scaled(top, f.Life)))
	return max(wait, min(f.Asked, longestAsked))
}

// Scaled is a wait for credentials that live as long as this.
func Scaled(wait, life time.Duration) time.Duration {
	if life <= 0 || life >= shortestLife {
		return wait
	}
	return time.Duration(float64(wait) * float64(life) / float64(shortestLife))
}

// AskAgain is how soon whoever is given credentials that should have been renewed already is to ask again.
func AskAgain(life, left time.Duration) time.Duration {
	return min(max(Scaled(5*time.Second, life), 10*time.Millisecond), left)
}
