//go:build unix && !linux

package cli

import "golang.org/x/sys/unix"

// watchProcess answers what waits until a process has ended, whoever's child it is.
func watchProcess(pid int) (gone func(), err error) { return watchByAsking(pid), nil }

// hideMemory keeps the system from writing down the memory of this process.
func hideMemory() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
