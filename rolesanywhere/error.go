package rolesanywhere

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Error is a refusal: what AWS answered, and what the client found out itself.
type Error struct {
	Status    int
	Code      string // AWS's error code, such as AccessDeniedException
	Message   string // AWS's message
	RequestID string
	// RetryAfter is how long AWS asks to wait; zero when it does not say.
	RetryAfter time.Duration
	// ClockOffset is how far AWS's clock is ahead of ours, where that is known.
	ClockOffset time.Duration
	// Findings are what the client sees wrong or thinks likely, the surest first.
	Findings []Finding
}

// Finding is one thing that the client found out about a refusal.
type Finding struct {
	Fact string // what is so
	Hint string // what to do
	Err  error  // the cause, where it is an error of its own; for errors.Is and errors.As
	// Topic is the heading under which docs/errors.md tells more.
	Topic string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("create session: " + e.Code)
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	fmt.Fprintf(&b, " (status %d", e.Status)
	if e.RequestID != "" {
		b.WriteString(", request " + e.RequestID)
	}
	b.WriteString(")")
	return b.String()
}

// Unwrap answers the findings' errors.
func (e *Error) Unwrap() []error {
	var all []error
	for _, f := range e.Findings {
		if f.Err != nil {
			all = append(all, f.Err)
		}
	}
	return all
}

// Hint answers the surest finding in one line: the fact, then what to do. It is empty when there is none.
func (e *Error) Hint() string {
	if len(e.Findings) == 0 {
		return ""
	}
	f := e.Findings[0]
	switch {
	case f.Fact == "":
		return f.Hint
	case f.Hint == "":
		return f.Fact
	}
	return f.Fact + "; " + f.Hint
}

// throttled are the codes by which AWS asks to come back later.
var throttled = map[string]bool{
	"ThrottlingException": true, "Throttling": true, "ThrottledException": true, "TooManyRequestsException": true,
	"RequestLimitExceeded": true, "RequestThrottled": true, "RequestThrottledException": true, "SlowDown": true,
}

// Throttled reports that AWS asks to come back later, since there are too many requests.
func (e *Error) Throttled() bool {
	return e.Status == http.StatusTooManyRequests || throttled[e.Code]
}

// Temporary reports whether the same request may succeed later: throttling and failures of the service.
func (e *Error) Temporary() bool { return e.Status >= 500 || e.Throttled() }

// correctable reports whether a clock that is off, but not absurdly, can be behind the refusal.
func (e *Error) correctable() bool {
	if off := e.ClockOffset.Abs(); off <= maxSkew || off > maxOffset {
		return false
	}
	return e.Status == http.StatusForbidden || e.Status == http.StatusBadRequest || e.Status == http.StatusUnauthorized
}
