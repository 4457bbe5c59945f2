package cli

import "golang.org/x/term"

const terminalPath = "CONIN$"

// readHidden reads a line from a terminal that does not show it.
func readHidden(fd int) ([]byte, error) { return term.ReadPassword(fd) }
