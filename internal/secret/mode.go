package secret

import (
	"fmt"
	"io/fs"
)

// modeError says that a file is not for its owner alone, and the command that mends it.
type modeError struct {
	path string
	mode fs.FileMode
}

func (e modeError) Error() string {
	return fmt.Sprintf("mode %04o: %s; chmod 600 %s", e.mode, ErrMode, e.path)
}

func (e modeError) Unwrap() error { return ErrMode }

// Private reports whether a file's mode keeps its secrets from others: no access for others, no write access for the
// group. On Windows, where lists that the mode does not show say who has access, it is always true.
func Private(m fs.FileMode) bool { return private(m) }
