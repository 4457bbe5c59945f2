//go:build !windows

package credfile

import (
	"io/fs"
	"os"
	"syscall"
)

const (
	nofollow    = syscall.O_NOFOLLOW
	nonblocking = syscall.O_NONBLOCK // keeps a pipe from being waited for
)

// trusted reports whether a link is of this user or of root.
func trusted(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid())
}

// keep gives a new file owner, access control list and, if that is wanted, mode of the old one. What it may not keep never
// opens the file to more people than before: a group that has come instead of another gets nothing.
func keep(f *os.File, old snapshot, keepMode bool) error {
	if old.info == nil {
		return f.Chmod(0o600) // whatever the umask made of it
	}
	was, ok := old.info.Sys().(*syscall.Stat_t)
	if !ok {
		return f.Chmod(0o600)
	}
	mode := fs.FileMode(0o600)
	if keepMode {
		mode = old.info.Mode().Perm()
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if is, ok := info.Sys().(*syscall.Stat_t); !ok || is.Uid != was.Uid || is.Gid != was.Gid {
		if f.Chown(int(was.Uid), int(was.Gid)) != nil && f.Chown(-1, int(was.Gid)) != nil {
			mode &^= 0o070
		}
	}
	if keepMode && !old.attributes.write(f) {
		mode &^= 0o070 // the bits are the list's mask, not the group's
	}
	return f.Chmod(mode)
}

// syncDirectory makes a rename durable.
func syncDirectory(root *os.Root) (err error) {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	if err := dir.Sync(); err != nil {
		_ = dir.Close() // nothing was written through it
		return err
	}
	return dir.Close()
}
