package credfile

import (
	"fmt"
	"os"
	"syscall"
)

// acl and label are the extended attributes that decide who may read a file.
const (
	acl   = "system.posix_acl_access"
	label = "security.selinux"
)

type attributes map[string][]byte

func readAttributes(f *os.File) attributes {
	found := attributes{}
	for _, name := range []string{acl, label} {
		size, err := syscall.Getxattr(descriptor(f), name, nil)
		if err != nil {
			continue
		}
		value := make([]byte, size)
		if n, err := syscall.Getxattr(descriptor(f), name, value); err == nil {
			found[name] = value[:n]
		}
	}
	return found
}

// write gives them to another file, and reports whether its access control list is the same. A list that the directory
// would give to new files goes where the old file had none.
func (a attributes) write(f *os.File) bool {
	if value, ok := a[label]; ok {
		_ = syscall.Setxattr(descriptor(f), label, value, 0) // the policy may forbid it, and has then labelled the file itself
	}
	if value, ok := a[acl]; ok {
		return syscall.Setxattr(descriptor(f), acl, value, 0) == nil
	}
	err := syscall.Removexattr(descriptor(f), acl)
	return err == nil || err == syscall.ENODATA || err == syscall.ENOTSUP
}

// descriptor names an open file so that no path is followed.
func descriptor(f *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", f.Fd()) }
