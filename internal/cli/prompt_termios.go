//go:build !(darwin || dragonfly || freebsd || netbsd || openbsd || windows)

package cli

import "golang.org/x/sys/unix"

const (
	readTermios  = unix.TCGETS
	writeTermios = unix.TCSETS
)
