package cli

import "os"

// reloadSignals have the agent read its configuration anew: there are none.
var reloadSignals []os.Signal
