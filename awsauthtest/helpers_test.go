package awsauthtest_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
)

// failure runs f with a test of its own and answers the message by which f fails it; empty when it does not.
func failure(t testing.TB, f func(testing.TB)) string {
	fake := &failing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(fake)
	}()
	<-done
	return fake.message
}

// failing is a test whose failure another test expects. As in a real one, Fatalf ends the goroutine.
type failing struct {
	testing.TB
	message string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// logging is a test whose log another test reads.
type logging struct {
	testing.TB
	buffer
}

func (l *logging) Output() io.Writer { return &l.buffer }

// buffer is a bytes.Buffer that is safe for concurrent use.
type buffer struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) log() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
