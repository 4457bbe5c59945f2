//go:build !windows

package safefile

import "syscall"

// nonblocking keeps a pipe that has taken the file's place from being waited for.
const nonblocking = syscall.O_NONBLOCK
