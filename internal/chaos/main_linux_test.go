package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/awsauth-go/awsauth/internal/foreign"
	"github.com/awsauth-go/awsauth/internal/ownnet"
)

// The variables by which this binary finds out what it is to be when it starts itself.
const (
	asClient    = "CHAOS_CLIENT"    // a program of another user
	inNamespace = "CHAOS_NAMESPACE" // the tests, in a network of their own
	commandPath = "CHAOS_COMMAND"   // where awsauth lies, which is built once
	selfPath    = "CHAOS_SELF"      // where a copy of this binary lies that others can run
	resolvConf  = "CHAOS_RESOLV_CONF"
)

// command is the path of awsauth, built for this run, and self that of a copy of this binary.
var command, self string

// alone reports whether the tests have a network and a name server of their own.
var alone bool

func TestMain(m *testing.M) {
	if os.Getenv(asClient) != "" {
		os.Exit(clientMain())
	}
	code, err := prepareAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func prepareAndRun(m *testing.M) (code int, err error) {
	if os.Getenv(inNamespace) != "" {
		command, self, alone = os.Getenv(commandPath), os.Getenv(selfPath), true
		if err := furnish(); err != nil {
			return 1, err
		}
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "chaos-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	command, self = filepath.Join(dir, "awsauth"), filepath.Join(dir, "chaos.test")
	if err := errors.Join(os.Chmod(dir, 0o755), copySelf()); err != nil {
		return 1, err
	}
	if err := foreign.BuildAwsauth(command); err != nil {
		return 1, err
	}
	if os.Geteuid() != 0 {
		return m.Run(), nil
	}
	code, err = again(dir)
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) {
		return m.Run(), nil // a superuser who may not have namespaces
	}
	return code, err
}

// copySelf copies this binary to where every user can run it.
func copySelf() error {
	from, err := os.Executable()
	if err != nil {
		return err
	}
	binary, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(self, binary, 0o755)
}

// again runs the tests anew in a network of their own, where nothing leads out and names are asked of the tests themselves.
func again(dir string) (code int, err error) {
	servers := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(servers, []byte("nameserver "+nameServer+"\n"), 0o644); err != nil {
		return 1, err
	}
	c := exec.Command(self, os.Args[1:]...)
	c.Env = append(os.Environ(), inNamespace+"=1", commandPath+"="+command, selfPath+"="+self, resolvConf+"="+servers)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	ownnet.Isolate(c)
	c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNS
	err = c.Run()
	if ended := new(exec.ExitError); errors.As(err, &ended) {
		return ended.ExitCode(), nil
	}
	return 0, err
}

// furnish makes the namespaces what the tests need: loopback is up, and resolv.conf names the tests' name server.
func furnish() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mount namespace: %w", err)
	}
	if err := syscall.Mount(os.Getenv(resolvConf), "/etc/resolv.conf", "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("resolv.conf: %w", err)
	}
	return ownnet.Up()
}
