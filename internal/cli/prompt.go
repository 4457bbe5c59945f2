package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// errNobody reports that there is no terminal to ask on.
var errNobody = errors.New("there is no terminal to ask on")

// errInputEnded reports that the input ended before the answer did: Ctrl-D, or a terminal that has gone.
var errInputEnded = errors.New("the input ended before the answer")

// ended says that the input ended in words of our own.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return errInputEnded
	}
	return err
}

// confirmOnTerminal asks a question whose answer is seen.
func confirmOnTerminal(ctx context.Context, question string) (_ string, err error) {
	tty, err := os.OpenFile(terminalPath, os.O_RDWR, 0)
	if err != nil {
		return "", errNobody
	}
	if _, err := fmt.Fprint(tty, question); err != nil {
		return "", errors.Join(err, tty.Close())
	}
	line, err := interruptible(ctx, func() (string, error) { return bufio.NewReader(tty).ReadString('\n') })
	if ctx.Err() != nil {
		return "", ctx.Err() // the question still reads: the end of the process closes the terminal
	}
	return strings.TrimSpace(line), errors.Join(ended(err), tty.Close())
}

// promptOnTerminal asks on the terminal itself, so that it works with standard input and output redirected. What is typed
// is not shown. Ctrl-C ends the question and leaves the terminal as it was.
func promptOnTerminal(ctx context.Context, question string) (_ []byte, err error) {
	tty, err := os.OpenFile(terminalPath, os.O_RDWR, 0)
	if err != nil {
		return nil, errNobody
	}
	fd := int(tty.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, errors.Join(errNobody, tty.Close())
	}
	if _, err := fmt.Fprint(tty, question); err != nil {
		return nil, errors.Join(err, tty.Close())
	}
	answer, err := interruptible(ctx, func() ([]byte, error) { return readHidden(fd) })
	if ctx.Err() != nil {
		// The question still reads: the terminal is given back, and closed by the end of the process.
		_, lineErr := fmt.Fprintln(tty)
		return nil, errors.Join(ctx.Err(), lineErr, term.Restore(fd, before))
	}
	_, lineErr := fmt.Fprintln(tty)
	if err = ended(err); errors.Is(err, errInputEnded) {
		err = adviceError{err, "type the password and then Enter, or name it: --certificate-password file:PATH or env:NAME"}
	}
	return answer, errors.Join(err, lineErr, tty.Close())
}
