//go:build unix

package agent

import "syscall"

// noLink keeps from opening a link in a file's place, and from waiting for a pipe.
const noLink = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
