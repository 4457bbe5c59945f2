package cli

import (
	"errors"

	"golang.org/x/sys/unix"
)

// watchProcess answers what waits until a process has ended, whoever's child it is.
func watchProcess(pid int) (gone func(), err error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ENOSYS) {
		return watchByAsking(pid), nil
	}
	if err != nil {
		return nil, err
	}
	return func() {
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}, nil
}

// closeForeign keeps files from what is started: those of this process from a number on.
func closeForeign(from int) {
	_ = unix.CloseRange(uint(from), ^uint(0)>>33, unix.CLOSE_RANGE_CLOEXEC) // a kernel before 5.11 cannot; they stay open then
}

// hideMemory keeps others of this user from reading the memory of this process, and the system from writing it down.
func hideMemory() error {
	return errors.Join(
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
	)
}
