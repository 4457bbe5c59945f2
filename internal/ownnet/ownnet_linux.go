// Package ownnet gives tests a network of their own, in which loopback is all there is: for servers that listen on every address, and
// for faults of networks. It is for tests alone.
//
//	c := exec.Command(binary)
//	ownnet.Isolate(c) // and in that process, first of all:
//	err := ownnet.Up()
package ownnet

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"unsafe"
)

// Isolate has a command run in a network namespace of its own, and end when this process does. Who is not the superuser becomes that in a
// user namespace first (user_namespaces(7)), which not every host allows: then starting the command fails with EPERM or ENOSYS.
func Isolate(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		return
	}
	c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
}

// Up raises loopback in a namespace that is new (netdevice(7)).
func Up() error {
	s, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(s)
	request := struct {
		name  [syscall.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: syscall.IFF_UP | syscall.IFF_RUNNING}
	copy(request.name[:], "lo")
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(s), syscall.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return fmt.Errorf("loopback: %w", errno)
	}
	return nil
}
