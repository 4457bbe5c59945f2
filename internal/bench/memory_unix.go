//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// peakMemory answers the most memory in bytes that an ended process has held at once: getrusage's ru_maxrss, which is in
// bytes on macOS and in kilobytes elsewhere.
func peakMemory(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) * 1024
}
