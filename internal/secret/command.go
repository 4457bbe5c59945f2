package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	// commandTimeout is how long a program may take: somebody may have to enter a PIN.
	commandTimeout = 10 * time.Second
	// commandLinger is how long it may keep its output open once it has been ended.
	commandLinger = time.Second
)

// runCommand runs a program and answers what it prints. What it writes to standard error is dropped: it may be the secret.
func runCommand(ctx context.Context, command, environment []string, timeout time.Duration) (string, error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c := exec.CommandContext(limited, command[0], command[1:]...)
	c.Env = environment
	c.Dir = string(filepath.Separator)
	c.WaitDelay = commandLinger
	endWithChildren(c)
	out := &bounded{stop: cancel}
	c.Stdout = out
	err := c.Run()
	exit := new(exec.ExitError)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case out.full:
		return "", fmt.Errorf("%w: it printed more than %d bytes", ErrCommand, maxSize)
	case limited.Err() != nil:
		return "", fmt.Errorf("%w within %s", ErrCommand, timeout)
	case errors.As(err, &exit):
		return "", fmt.Errorf("%w: it ended with %s", ErrCommand, exit.ProcessState)
	case err != nil:
		return "", fmt.Errorf("%w: %w", ErrCommand, withoutPath(err))
	}
	return withoutLineEnd(out.written.Bytes()), nil
}

// withoutPath leaves out what the message has already.
func withoutPath(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

// bounded keeps what is written, up to maxSize, and stops the program that writes more. The buffer is a field and not
// embedded: io.Copy would read into it without a bound.
type bounded struct {
	written bytes.Buffer
	full    bool
	stop    func()
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.written.Len()+len(p) > maxSize {
		b.full = true
		b.stop()
		return 0, errors.New("too much")
	}
	return b.written.Write(p)
}
