package credfile

import (
	"io/fs"
	"os"
)

const (
	nofollow    = 0
	nonblocking = 0
)

// trusted: on Windows links take a privilege to make.
func trusted(fs.FileInfo) bool { return true }

type attributes struct{}

func readAttributes(*os.File) attributes { return attributes{} }

// keep has nothing to do: who may read a file, it inherits from the directory.
func keep(*os.File, snapshot, bool) error { return nil }

// syncDirectory has nothing to do: directories cannot be flushed.
func syncDirectory(*os.Root) error { return nil }
