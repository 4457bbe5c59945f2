//go:build unix

package cli

import (
	"os"
	"syscall"
)

// reloadSignals have the agent read its configuration anew.
var reloadSignals = []os.Signal{syscall.SIGHUP}
