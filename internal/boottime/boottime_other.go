//go:build !linux && !darwin && !windows

package boottime

import "time"

// Now answers false: there is no such clock here.
func Now() (since time.Duration, ok bool) { return 0, false }

// Boot is "": nobody knows.
func Boot() string { return "" }
