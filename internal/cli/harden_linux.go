package cli

import "golang.org/x/sys/unix"

// harden keeps what the process holds from core dumps and from debuggers of its own user (prctl(2), PR_SET_DUMPABLE).
func harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}
