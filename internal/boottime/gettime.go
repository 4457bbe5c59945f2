//go:build linux || darwin

package boottime

import (
	"time"

	"golang.org/x/sys/unix"
)

func read(clock int32) (since time.Duration, ok bool) {
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, false
	}
	return time.Duration(t.Nano()), true
}
