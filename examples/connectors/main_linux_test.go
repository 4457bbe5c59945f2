package connectors

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/awsauth-go/awsauth/internal/foreign"
	"github.com/awsauth-go/awsauth/internal/ownnet"
)

// The variables by which this binary finds out that it has started itself.
const (
	inNamespace = "CONNECTORS_NAMESPACE"
	commandPath = "CONNECTORS_COMMAND"
)

var (
	// command is the path of awsauth, built for this run.
	command string
	// alone reports whether the tests have a network of their own.
	alone bool
)

func TestMain(m *testing.M) {
	code, err := prepareAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func prepareAndRun(m *testing.M) (code int, err error) {
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil { // they wait more than they compute
		return 1, err
	}
	if os.Getenv(inNamespace) != "" {
		command, alone = os.Getenv(commandPath), true
		if err := ownnet.Up(); err != nil {
			return 1, err
		}
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "awsauth-connectors-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	command = filepath.Join(dir, "awsauth")
	if err := foreign.BuildAwsauth(command); err != nil {
		return 1, err
	}
	again := exec.Command(os.Args[0], os.Args[1:]...)
	again.Env = append(os.Environ(), inNamespace+"=1", commandPath+"="+command)
	again.Stdin, again.Stdout, again.Stderr = os.Stdin, os.Stdout, os.Stderr
	ownnet.Isolate(again)
	err = again.Run()
	if ended := new(exec.ExitError); errors.As(err, &ended) {
		return ended.ExitCode(), nil
	}
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EINVAL) {
		return m.Run(), nil // who may not have namespaces
	}
	return 0, err
}

// needNetwork skips a test that only a network of its own lets run.
func needNetwork(t testing.TB) {
	t.Helper()
	if !alone {
		t.Skip("this user may not have a network namespace, and fauxqs, the SQS and SNS of this test, listens on every address")
	}
}
