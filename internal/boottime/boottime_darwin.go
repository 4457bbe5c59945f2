package boottime

import (
	"time"

	"golang.org/x/sys/unix"
)

// Now is the time since an arbitrary point, that asleep included: CLOCK_MONOTONIC of clock_gettime(3), which unlike Linux's
// goes on meanwhile. ok is false where it cannot be read.
func Now() (since time.Duration, ok bool) { return read(unix.CLOCK_MONOTONIC) }

// Boot names this boot of this host, and no other of any: kern.bootsessionuuid of sysctl(3). It is "" where nobody knows.
func Boot() string {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return id
}
