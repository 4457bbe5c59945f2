package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"github.com/spf13/cobra"
)

// replaceProcess runs a program and answers its exit code: Windows cannot replace a process. The endpoint is in this process.
func replaceProcess(ctx context.Context, p program, order *endpointOrder) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // Ctrl-C is the program's
	defer cancel()
	if order != nil {
		if order.Remove != "" {
			defer os.RemoveAll(order.Remove)
		}
		url, err := serveHere(ctx, order)
		if err != nil {
			return err
		}
		p.environment = p.environment.withEndpoint(url, order.Token)
	}
	c := exec.CommandContext(ctx, p.path, p.args[1:]...)
	c.Env, c.Stdin, c.Stdout, c.Stderr = p.environment, os.Stdin, os.Stdout, os.Stderr
	err := c.Run()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return exitStatus(exit.ExitCode())
	}
	return err
}

// processExists answers true: what is not known is left alone.
func processExists(int) bool { return true }

func startDetached([]string) error { return errors.ErrUnsupported }

func serveCommand(*cobra.Command, IO, *place, string, bool) error { return errors.ErrUnsupported }
