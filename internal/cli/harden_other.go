//go:build !linux

package cli

// harden does nothing: this system has no such switch, or the agent does not run on it.
func harden() error { return nil }
