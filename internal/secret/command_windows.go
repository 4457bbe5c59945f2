package secret

import "os/exec"

// endWithChildren leaves the end of the program's children to themselves.
func endWithChildren(*exec.Cmd) {}
