//go:build !windows

package secret

import "io/fs"

// private reports whether a file's mode keeps it from others: no access for others, no write access for the group.
func private(m fs.FileMode) bool { return m&0o027 == 0 }
