//go:build windows || darwin

package keyring

// reachable is always true: the keyring is part of the system.
func reachable(string) bool { return true }
