//go:build unix

package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// The files that the endpoint's process is given.
const (
	listenerFile = 3 + iota
	orderFile
	announceFile
)

// replaceProcess runs a program in this process's place: it keeps the process ID, the terminal, the process group and the parent.
// The endpoint that the order describes runs beside it, as nobody's child, so that the program has no child that it does not know.
func replaceProcess(ctx context.Context, p program, order *endpointOrder) error {
	if os.Getpid() == 1 {
		return runAsInit(ctx, p, order)
	}
	if order != nil {
		url, err := startEndpoint(ctx, order)
		if err != nil {
			return fmt.Errorf("start the endpoint: %w", err)
		}
		p.environment = p.environment.withEndpoint(url, order.Token)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(p.ignored) > 0 { // without any, Ignore means all
		signal.Ignore(p.ignored...)
	}
	err := syscall.Exec(p.path, p.args, p.environment)
	return programError{fmt.Errorf("%s: %w", p.path, err), exitNotExecutable}
}

// startEndpoint starts the endpoint and waits until it is ready.
func startEndpoint(ctx context.Context, order *endpointOrder) (url string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	listening, err := l.(*net.TCPListener).File()
	if err != nil {
		return "", errors.Join(err, l.Close())
	}
	url = endpointURL(l)
	orderRead, orderWrite, err := os.Pipe()
	if err != nil {
		return "", err
	}
	readyRead, readyWrite, err := os.Pipe()
	if err != nil {
		return "", err
	}
	order.Process, order.Token = os.Getpid(), rand.Text()+rand.Text()
	c := exec.CommandContext(ctx, self, append([]string{"exec-endpoint", "--detach"}, order.Arguments...)...)
	c.ExtraFiles = []*os.File{listening, orderRead, readyWrite}
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var said strings.Builder
	c.Stderr = &said
	if err := c.Run(); err != nil {
		return "", fmt.Errorf("%w: %s", err, said.String())
	}
	err = errors.Join(listening.Close(), l.Close(), orderRead.Close(), readyWrite.Close(), json.NewEncoder(orderWrite).Encode(order), orderWrite.Close())
	if err != nil {
		return "", err
	}
	answer, err := interruptible(ctx, func() (string, error) { return bufio.NewReader(readyRead).ReadString('\n') })
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, io.EOF):
		return "", errors.New("it has ended")
	case err != nil:
		return "", err
	case answer != "ready\n":
		return "", errors.New(strings.TrimSpace(answer))
	}
	return url, readyRead.Close()
}

// startDetached starts this command anew as a child of this process, which is about to end.
func startDetached(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var rest []string
	for _, a := range args {
		if a != "--detach" {
			rest = append(rest, a)
		}
	}
	closeForeign(announceFile + 1)
	c := exec.Command(self, rest...)
	for fd := range 3 {
		c.ExtraFiles = append(c.ExtraFiles, os.NewFile(uintptr(listenerFile+fd), "inherited"))
	}
	return c.Start()
}

// serveCommand is the endpoint's process.
func serveCommand(c *cobra.Command, streams IO, where *place, name string, noCache bool) (err error) {
	// It ends with the command, which may have much to do when it is told to end, and ask for credentials meanwhile.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	ready := os.NewFile(announceFile, "ready")
	say := func(text string) error {
		_, err := io.WriteString(ready, text+"\n")
		return errors.Join(err, ready.Close())
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, say(strings.ReplaceAll(err.Error(), "\n", " ")))
		}
	}()
	debug.SetGCPercent(runsForLong)
	if err := hideMemory(); err != nil {
		return err
	}
	pipe := os.NewFile(orderFile, "order")
	raw, err := io.ReadAll(pipe)
	if err != nil {
		return err
	}
	if err := pipe.Close(); err != nil {
		return err
	}
	order, err := decodeOrder(raw)
	if err != nil {
		return err
	}
	if order.Remove != "" {
		defer func() { err = errors.Join(err, os.RemoveAll(order.Remove)) }()
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.Context()))
	defer cancel()
	gone, err := watchProcess(order.Process)
	if err != nil {
		return err
	}
	e, err := buildEndpoint(c, streams, where, name, noCache, order)
	if err != nil {
		return err
	}
	file := os.NewFile(listenerFile, "listener")
	l, err := net.FileListener(file)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Close(), say("ready")); err != nil {
		return err
	}
	go func() {
		gone()
		cancel()
	}()
	return e.serve(ctx, l)
}

// runAsInit runs a program as the child of this process, which is the first of a container: it would inherit the endpoint, and a
// program must have no child that it does not know. Signals are handed on, and orphans are reaped. The child leads a session, as it
// would in this process's place, and has its terminal: what is typed there, as Ctrl-C, reaches it once, and Ctrl-Z stops nothing, as
// there is no shell to go on from: a group without a parent in its session is not stopped from a terminal (POSIX.1-2017, XSH 2.4.3,
// of orphaned process groups).
func runAsInit(ctx context.Context, p program, order *endpointOrder) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // signals are the program's
	defer cancel()
	if order != nil {
		url, err := serveHere(ctx, order)
		if err != nil {
			return err
		}
		p.environment = p.environment.withEndpoint(url, order.Token)
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals)
	attributes := new(syscall.SysProcAttr)
	if session, err := unix.Getsid(0); err == nil && session == os.Getpid() { // and not of a shell outside, whose job this is
		attributes.Setsid = true
		attributes.Ctty, attributes.Setctty = giveUpTerminal(signals)
	}
	if len(p.ignored) > 0 { // without any, Ignore means all
		signal.Ignore(p.ignored...)
	}
	child, err := os.StartProcess(p.path, p.args, &os.ProcAttr{
		Env: p.environment, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Sys: attributes,
	})
	if err != nil {
		return programError{fmt.Errorf("%s: %w", p.path, err), exitNotExecutable}
	}
	go func() {
		for s := range signals {
			if s != syscall.SIGCHLD && s != syscall.SIGURG { // Go's own
				_ = child.Signal(s)
			}
		}
	}()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return err
		case pid == child.Pid && status.Signaled():
			return exitStatus(128 + int(status.Signal()))
		case pid == child.Pid && status.Exited():
			return exitStatus(status.ExitStatus())
		}
	}
}

// giveUpTerminal gives up the terminal of the session that this process leads, if it has one, and answers which of the standard files
// another session can take it by.
func giveUpTerminal(signals chan<- os.Signal) (terminal int, ok bool) {
	for fd := range 3 {
		if _, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP); err != nil {
			continue // not this session's
		}
		if mode, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || mode&unix.O_ACCMODE == unix.O_WRONLY {
			continue // only what can be read is given to a session
		}
		signal.Ignore(syscall.SIGHUP, syscall.SIGCONT) // which say that the terminal has gone
		err := unix.IoctlSetInt(fd, unix.TIOCNOTTY, 0)
		signal.Notify(signals, syscall.SIGHUP, syscall.SIGCONT)
		return fd, err == nil
	}
	return 0, false
}

// processExists reports whether there is a process of this number.
func processExists(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// watchByAsking looks again and again whether a process is there.
func watchByAsking(pid int) (gone func()) {
	return func() {
		for syscall.Kill(pid, 0) == nil {
			time.Sleep(100 * time.Millisecond)
		}
	}
}
