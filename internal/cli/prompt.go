package cli

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"
)

// errNobody reports that there is no terminal to ask on.
var errNobody = errors.New("there is no terminal to ask on")

// promptOnTerminal asks on the terminal itself, so that it works with standard input and output redirected. What is typed
// is not shown.
func promptOnTerminal(question string) (_ []byte, err error) {
	tty, err := os.OpenFile(terminalPath, os.O_RDWR, 0)
	if err != nil {
		return nil, errNobody
	}
	defer func() { err = errors.Join(err, tty.Close()) }()
	if _, err := fmt.Fprint(tty, question); err != nil {
		return nil, err
	}
	answer, err := term.ReadPassword(int(tty.Fd()))
	if _, lineErr := fmt.Fprintln(tty); err == nil {
		err = lineErr
	}
	return answer, err
}
