//go:build unix

package identity

import "syscall"

// nonblocking keeps an open of a FIFO from waiting for its writer.
const nonblocking = syscall.O_NONBLOCK
