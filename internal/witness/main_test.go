package witness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// command is the path of awsauth, built for this run.
var command string

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "awsauth-witness-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	command = filepath.Join(dir, "awsauth")
	build := exec.Command("go", "build", "-o", command, "github.com/awsauth-go/awsauth/cmd/awsauth")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build awsauth: %w\n%s", err, out)
	}
	return m.Run(), nil
}
