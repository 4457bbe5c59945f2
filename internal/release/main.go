// Command release packs a release: for each platform an archive with the stripped command, its man pages, completions for
// four shells, README, CHANGELOG and LICENSE, and beside the archives their checksums.
//
//	go run ./internal/release -version v1.2.3 -out dist
//
// The same source, version and Go toolchain give the same bytes, on any machine and at any time. It is run in the module's
// root directory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// platform is what Go calls a target.
type platform struct{ os, arch string }

var platforms = []platform{
	{"linux", "amd64"},
	{"linux", "arm64"},
	{"darwin", "amd64"},
	{"darwin", "arm64"},
	{"windows", "amd64"},
	{"windows", "arm64"},
}

// program is the name of the command's file.
func (p platform) program() string {
	if p.os == "windows" {
		return "awsauth.exe"
	}
	return "awsauth"
}

var versionForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+-]*$`)

func run(ctx context.Context, args []string, log io.Writer) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	version := flags.String("version", "", "`VERSION` that the command is to tell")
	out := flags.String("out", "dist", "`DIR` for archives and checksums")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if !versionForm.MatchString(*version) {
		return errors.New("-version is required: letters, digits and .+-")
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	common, err := commonFiles(ctx)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, p := range platforms {
		binary, err := build(ctx, p, *version)
		if err != nil {
			return err
		}
		files := append([]file{{name: p.program(), mode: 0o755, data: binary}}, common...)
		name, sum, err := pack(*out, p, *version, files)
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, name)
		fmt.Fprintln(log, filepath.Join(*out, name))
	}
	return os.WriteFile(filepath.Join(*out, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

// build makes the stripped command for a platform.
func build(ctx context.Context, p platform, version string) (_ []byte, err error) {
	dir, err := os.MkdirTemp("", "awsauth-release-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary := filepath.Join(dir, p.program())
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -buildid= -X github.com/awsauth-go/awsauth/internal/cli.Version="+version,
		"-o", binary, "./cmd/awsauth")
	c.Env = append(c.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch, "GOAMD64=v1", "GOARM64=v8.0")
	if _, err := output(c); err != nil {
		return nil, fmt.Errorf("build for %s/%s: %w", p.os, p.arch, err)
	}
	return os.ReadFile(binary)
}

// output runs a command and answers what it wrote to standard output; what it wrote to standard error is part of the
// error.
func output(c *exec.Cmd) ([]byte, error) {
	out, err := c.Output()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return out, err
}
