//go:build !windows

package certstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"github.com/awsauth-go/awsauth/internal/safefile"
)

// checkAccess demands that the directory is this user's and for nobody else. The superuser may work on anybody's.
func (s *Store) checkAccess() error {
	info, err := os.Stat(s.dir)
	if err != nil {
		if os.IsPermission(err) {
			return &Error{Where: "store " + s.dir, Err: ErrAccess, Detail: "permission denied", Advice: "run it as the store's owner"}
		}
		return err
	}
	if !info.IsDir() {
		return &Error{Where: "store " + s.dir, Err: ErrDamaged, Detail: "it is not a directory", Advice: "name a directory"}
	}
	if uid, ok := safefile.Owner(info); ok && uid != os.Geteuid() && os.Geteuid() != 0 {
		return &Error{
			Where: "store " + s.dir, Err: ErrAccess, Detail: "it belongs to " + userName(uid) + ", and this is " + userName(os.Geteuid()),
			Advice: s.ownerAdvice(),
		}
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return &Error{
			Where: "store " + s.dir, Err: ErrAccess, Detail: fmt.Sprintf("mode %04o lets others in", mode), Advice: "chmod 700 " + shell(s.dir),
		}
	}
	return nil
}

// checkFile demands the same of a file in it.
func (s *Store) checkFile(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return &Error{Where: path, Err: ErrDamaged, Detail: "not a regular file", Advice: "restore it from a backup"}
	}
	dir, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	want, _ := safefile.Owner(dir)
	if uid, ok := safefile.Owner(info); ok && uid != want {
		return &Error{
			Where: path, Err: ErrAccess, Detail: "it belongs to " + userName(uid) + ", and the store to " + userName(want),
			Advice: chown(want, path),
		}
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return &Error{Where: path, Err: ErrAccess, Detail: fmt.Sprintf("mode %04o lets others in", mode), Advice: "chmod 600 " + shell(path)}
	}
	return nil
}

// unreadable says why this user may not read a file of the store, and what mends that.
func (s *Store) unreadable(path string) error {
	advice := s.ownerAdvice()
	if info, err := os.Lstat(path); err == nil {
		if err := s.checkFile(path, info); err != nil {
			return err
		}
		if uid, ok := safefile.Owner(info); ok && uid == os.Geteuid() {
			advice = "chmod 600 " + shell(path)
		}
	}
	return &Error{Where: path, Err: ErrAccess, Detail: "permission denied", Advice: advice}
}

// writeAdvice is the command by which this user may write into a directory again; "" when that is not what is missing.
func writeAdvice(directory string) string {
	info, err := os.Stat(directory)
	if err != nil || info.Mode().Perm()&0o300 == 0o300 {
		return ""
	}
	if uid, ok := safefile.Owner(info); !ok || uid != os.Geteuid() {
		return ""
	}
	return "chmod 700 " + shell(directory)
}

// chown is the command that gives a file to a user, for whoever reads it.
func chown(uid int, path string) string {
	command := fmt.Sprintf("chown %d %s", uid, shell(path))
	if os.Geteuid() != 0 {
		return "sudo " + command
	}
	return command
}

// foreign reports whether the superuser works on another's store, and whose.
func (s *Store) foreign() (uid, gid int, ok bool, err error) {
	if os.Geteuid() != 0 {
		return 0, 0, false, nil
	}
	info, err := os.Stat(s.dir)
	if err != nil {
		return 0, 0, false, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 {
		return 0, 0, false, nil
	}
	return int(stat.Uid), int(stat.Gid), true, nil
}

// leaveToOwner gives a directory that the superuser has made to the store's owner. It goes by the open directory: by then,
// the owner may have put something else in its place.
func (s *Store) leaveToOwner(path string) (err error) {
	uid, gid, foreign, err := s.foreign()
	if err != nil || !foreign {
		return err
	}
	d, err := os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Chown(uid, gid)
}

// ownerAdvice is the command for another's store.
func (s *Store) ownerAdvice() string {
	info, err := os.Stat(s.dir)
	if err != nil {
		return "run it as the store's owner"
	}
	uid, _ := safefile.Owner(info)
	return fmt.Sprintf("run it as the store's owner: sudo -u '#%d' awsauth …", uid)
}

func userName(uid int) string {
	id := strconv.Itoa(uid)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "user " + id
}
