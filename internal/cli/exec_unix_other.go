//go:build unix && !linux

package cli

import "golang.org/x/sys/unix"

// watchProcess answers what waits until a process has ended, whoever's child it is.
func watchProcess(pid int) (gone func(), err error) { return watchByAsking(pid), nil }

// closeForeign keeps files from what is started: those of this process from a number on, as far as they are likely.
func closeForeign(from int) {
	const likely = 1024
	for fd := from; fd < likely; fd++ {
		unix.CloseOnExec(fd)
	}
}

// hideMemory keeps the system from writing down the memory of this process.
func hideMemory() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }
