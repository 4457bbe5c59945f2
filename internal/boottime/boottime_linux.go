package boottime

import (
	"time"

	"golang.org/x/sys/unix"
)

// Now is the time since boot, that asleep included: CLOCK_BOOTTIME of clock_gettime(2). ok is false where it cannot be read.
func Now() (since time.Duration, ok bool) { return read(unix.CLOCK_BOOTTIME) }
