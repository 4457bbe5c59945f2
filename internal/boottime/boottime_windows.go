package boottime

import (
	"time"

	"golang.org/x/sys/windows"
)

// Now is the time since boot, that asleep included: GetTickCount64, in steps of 10 to 16 ms.
func Now() (since time.Duration, ok bool) { return windows.DurationSinceBoot(), true }

// Boot is "": nobody knows.
func Boot() string { return "" }
