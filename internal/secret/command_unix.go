//go:build !windows

package secret

import (
	"os/exec"
	"syscall"
)

// endWithChildren makes the end of a program that takes too long the end of all that it has started.
func endWithChildren(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}
