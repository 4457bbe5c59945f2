// Package ownnet gives tests a network of their own, in which loopback is all there is: for servers that listen on every address, and
// for faults of networks. It is for tests alone.
//
//	func TestMain(m *testing.M) {
//		code, err := ownnet.Main(os.Getenv("STAGE"), "STAGE", func(alone bool) (int, error) { return m.Run(), nil })
package ownnet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"unsafe"
)

// The stages of a process that starts itself anew.
const (
	probe  = "probe"
	inside = "inside"
)

// Main runs tests in a network of their own, or where a host does not let this user have one without. stage is the value of a variable
// of the environment, which Main sets when it starts this binary again.
func Main(stage, variable string, run func(alone bool) (code int, err error)) (code int, err error) {
	switch stage {
	case probe:
		if err := Up(); err != nil {
			return 1, err
		}
		return 0, nil
	case inside:
		if err := Up(); err != nil {
			return 1, err
		}
		return run(true)
	}
	self, err := os.Executable()
	if err != nil {
		return 1, err
	}
	again := func(stage string, args ...string) *exec.Cmd {
		c := exec.Command(self, args...)
		c.Env = append(os.Environ(), variable+"="+stage)
		Isolate(c)
		return c
	}
	// There are many ways in which a host refuses, some of them only when loopback is raised.
	if again(probe).Run() != nil {
		return run(false)
	}
	c := again(inside, os.Args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = c.Run()
	if ended := new(exec.ExitError); errors.As(err, &ended) {
		return ended.ExitCode(), nil
	}
	return 0, err
}

// Isolate has a command run in a network namespace of its own, and end when this process does. Who is not the superuser becomes that in a
// user namespace first (user_namespaces(7)), which not every host allows.
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
