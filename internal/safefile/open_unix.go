//go:build !windows

package safefile

import (
	"errors"
	"os"
	"syscall"
)

const (
	// NonBlocking, for os.OpenFile, keeps a pipe that has taken the file's place from being waited for.
	NonBlocking = syscall.O_NONBLOCK
	// NoFollow, for os.OpenFile, refuses a link.
	NoFollow = syscall.O_NOFOLLOW
)

// Owner answers the user ID of a file's owner, and false where the system keeps none.
func Owner(info os.FileInfo) (uid int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}

// giveToOwner makes the owner of a directory that of a file, which only the superuser can.
func giveToOwner(f *os.File, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 {
		return nil
	}
	return f.Chown(int(stat.Uid), int(stat.Gid))
}

// SyncDir makes what has been renamed in a directory durable.
func SyncDir(dir string) (err error) {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err // some file systems cannot
	}
	return nil
}
