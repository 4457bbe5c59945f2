package boottime

import (
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Now is the time since boot, that asleep included: CLOCK_BOOTTIME of clock_gettime(2). ok is false where it cannot be read.
func Now() (since time.Duration, ok bool) { return read(unix.CLOCK_BOOTTIME) }

// Boot names this boot of this host, and no other of any: random(4). It is "" where nobody knows.
func Boot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}
