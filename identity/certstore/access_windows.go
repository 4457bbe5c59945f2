package certstore

import (
	"io/fs"
	"os"
)

// checkAccess demands a directory. Who has access is in lists that a mode does not show.
func (s *Store) checkAccess() error {
	info, err := os.Stat(s.dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &Error{Where: "store " + s.dir, Err: ErrDamaged, Detail: "it is not a directory", Advice: "name a directory"}
	}
	return nil
}

func (s *Store) checkFile(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return &Error{Where: path, Err: ErrDamaged, Detail: "not a regular file", Advice: "restore it from a backup"}
	}
	return nil
}

func (s *Store) unreadable(path string) error {
	return &Error{Where: path, Err: ErrAccess, Detail: "permission denied", Advice: s.ownerAdvice()}
}

func writeAdvice(string) string { return "" }

func (s *Store) foreign() (uid, gid int, ok bool, err error) { return 0, 0, false, nil }

func (s *Store) leaveToOwner(string) error { return nil }

func (s *Store) ownerAdvice() string { return "run it as the store's owner" }
