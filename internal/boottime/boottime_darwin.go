package boottime

import (
	"time"

	"golang.org/x/sys/unix"
)

// Now is the time since an arbitrary point, that asleep included: CLOCK_MONOTONIC of clock_gettime(3), which unlike Linux's
// goes on meanwhile. ok is false where it cannot be read.
func Now() (since time.Duration, ok bool) { return read(unix.CLOCK_MONOTONIC) }
