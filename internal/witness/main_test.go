package witness

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/awsauth-go/awsauth/internal/foreign"
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
	if err := foreign.BuildAwsauth(command); err != nil {
		return 1, err
	}
	return m.Run(), nil
}
