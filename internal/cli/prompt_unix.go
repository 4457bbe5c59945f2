//go:build !windows

package cli

const terminalPath = "/dev/tty"
