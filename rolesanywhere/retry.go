package rolesanywhere

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// Retries within one call: few and soon, because whoever holds credentials asks again later anyway.
const (
	maxAttempts = 3
	backoffBase = 200 * time.Millisecond
	backoffCap  = 2 * time.Second
	// maxSkew is how far the clocks may be apart before the request is signed again by the server's clock. AWS refuses
	// from five minutes on.
	maxSkew = 4 * time.Minute
)

// backoff answers how long to wait before attempt n+1, n from 1: full jitter, at least what Retry-After asks for.
func backoff(n int, retryAfter time.Duration, random func(int64) int64) time.Duration {
	limit := min(backoffBase<<(n-1), backoffCap)
	return max(time.Duration(random(int64(limit)+1)), retryAfter)
}

// do makes attempts until one is answered for good, nothing more can help, or the call's time is up.
func (c *call) do(ctx context.Context) (*Session, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	corrected := false
	for n := 1; ; n++ {
		session, err := c.once(ctx)
		if err == nil {
			return session, nil
		}
		refused := new(Error)
		if errors.As(err, &refused) && refused.correctable() && !corrected {
			c.skew, corrected = refused.ClockOffset, true
			continue
		}
		wait, again := retryable(err, n)
		if !again {
			return nil, err
		}
		if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
			return nil, err
		}
		if !sleep(ctx, wait) {
			return nil, c.unreachable(ctx, ctx.Err())
		}
	}
}

// once makes one attempt and reads its answer.
func (c *call) once(ctx context.Context) (*Session, error) {
	a, err := c.attempt(ctx)
	if err != nil {
		return nil, err
	}
	session, err := c.read(a)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) {
		return nil, c.unreachable(ctx, ctx.Err()) // an answer that was cut off by the caller says nothing about the server
	}
	return session, err
}

// retryable reports whether attempt n may be followed by another, and after how long.
func retryable(err error, n int) (wait time.Duration, again bool) {
	if n >= maxAttempts {
		return 0, false
	}
	if refused := new(Error); errors.As(err, &refused) {
		return backoff(n, refused.RetryAfter, rand.Int64N), refused.Temporary()
	}
	if failed := new(ConnectionError); errors.As(err, &failed) {
		return backoff(n, 0, rand.Int64N), failed.Temporary
	}
	return 0, false
}

// sleep waits, or answers false when the context ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
