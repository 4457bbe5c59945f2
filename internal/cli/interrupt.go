package cli

import (
	"context"
	"io"
)

// interruptible waits for something that knows no context, such as a person. When the context ends first, the wait is
// left behind: the process is about to end.
func interruptible[T any](ctx context.Context, wait func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := wait()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

// interruptibleReader reads until the context ends.
type interruptibleReader struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptibleReader) Read(p []byte) (int, error) {
	b, err := interruptible(i.ctx, func() ([]byte, error) {
		own := make([]byte, len(p)) // p is the caller's again as soon as Read has returned
		n, err := i.r.Read(own)
		return own[:n], err
	})
	return copy(p, b), err
}
