//go:build !windows

package cli

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

const terminalPath = "/dev/tty"

// readHidden reads a line from a terminal that does not show it. Input that ends before the line does is io.EOF: with
// term.ReadPassword it would go on for ever, because that takes a reading of no bytes for one to repeat.
func readHidden(fd int) (_ []byte, err error) {
	before, err := unix.IoctlGetTermios(fd, readTermios)
	if err != nil {
		return nil, err
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, writeTermios, &hidden); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unix.IoctlSetTermios(fd, writeTermios, before)) }()
	return readLine(func(p []byte) (int, error) { return unix.Read(fd, p) })
}

// readLine reads up to the end of a line, without it.
func readLine(read func([]byte) (int, error)) (line []byte, err error) {
	buffer := make([]byte, 256)
	defer clear(buffer)
	for {
		n, err := read(buffer)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, err
		case n <= 0:
			return nil, io.EOF
		}
		for _, b := range buffer[:n] {
			switch {
			case b == '\n':
				return line, nil
			case b == '\b':
				line = line[:max(0, len(line)-1)]
			default:
				line = append(line, b)
			}
		}
	}
}
