package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// patience is how long a person waits before being told what for.
const patience = 500 * time.Millisecond

// waiting shows on a terminal what is being waited for, after a while; the function it answers takes it away again.
func waiting(streams IO, what string) (done func()) {
	if !streams.ErrIsTerminal {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		showAfter(streams.Err, what, stop)
	}()
	return func() {
		close(stop)
		<-stopped
	}
}

func showAfter(w io.Writer, what string, stop <-chan struct{}) {
	select {
	case <-stop:
		return
	case <-time.After(patience):
	}
	fmt.Fprint(w, what+" …")
	<-stop
	fmt.Fprint(w, "\r"+strings.Repeat(" ", len(what)+2)+"\r")
}
