package connectors

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/awsauth-go/awsauth/internal/foreign"
	"github.com/awsauth-go/awsauth/internal/ownnet"
)

// The variables by which this binary finds out that it has started itself.
const (
	stage    = "CONNECTORS_STAGE"
	programs = "CONNECTORS_PROGRAMS"
)

var (
	// command is the path of awsauth, built for this run, and laborer that of a program of long work.
	command, laborer string
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

// prepareAndRun builds first what cannot be built where there is no way to the proxy of modules.
func prepareAndRun(m *testing.M) (code int, err error) {
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil { // they wait more than they compute
		return 1, err
	}
	dir := os.Getenv(programs)
	if dir == "" {
		if dir, err = os.MkdirTemp("", "awsauth-connectors-"); err != nil {
			return 1, err
		}
		defer os.RemoveAll(dir)
		if err := errors.Join(foreign.BuildAwsauth(filepath.Join(dir, "awsauth")), foreign.Build("../internal/longwork/work", filepath.Join(dir, "work"))); err != nil {
			return 1, err
		}
		if err := os.Setenv(programs, dir); err != nil {
			return 1, err
		}
	}
	command, laborer = filepath.Join(dir, "awsauth"), filepath.Join(dir, "work")
	return ownnet.Main(os.Getenv(stage), stage, func(own bool) (int, error) {
		alone = own
		return m.Run(), nil
	})
}

// needNetwork skips a test that only a network of its own lets run.
func needNetwork(t testing.TB) {
	t.Helper()
	if !alone {
		t.Skip("this user may not have a network namespace, and fauxqs, the SQS and SNS of this test, listens on every address")
	}
}
