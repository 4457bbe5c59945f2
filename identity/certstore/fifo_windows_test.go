package certstore

import "errors"

func mkfifo(string) error { return errors.ErrUnsupported }
