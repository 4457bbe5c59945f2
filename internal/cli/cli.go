// Package cli is the command awsauth: one file for each command.
//
// Credentials and other results go to standard output, everything else to standard error. A command's text, its help, its
// man page and its page in docs/ are made from the same place.
package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/awsauth-go/awsauth/internal/config"
)

// IO is what a run of the command talks to.
type IO struct {
	In          io.Reader
	Out, Err    io.Writer
	Environment config.Environment
	// OutIsTerminal and ErrIsTerminal say whether a person reads along.
	OutIsTerminal, ErrIsTerminal bool
	// Width of the terminal in columns; 0 means 80.
	Width int
	// Prompt asks for a password without showing it; nil when nobody can be asked.
	Prompt func(ctx context.Context, question string) ([]byte, error)
	// Confirm asks a question whose answer may be seen; nil when nobody can be asked.
	Confirm func(ctx context.Context, question string) (answer string, err error)
	// Exec runs a program in this one's place; nil where that cannot be.
	Exec func(ctx context.Context, p program, endpoint *endpointOrder) error
}

// Main runs the command with the process's arguments and answers its exit code.
func Main() int {
	// A run is short and makes little garbage: collecting it early costs more than it saves.
	debug.SetGCPercent(400)
	ignored := ignoredOf(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the process at once
	streams := IO{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Environment:   config.OS(),
		OutIsTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		ErrIsTerminal: term.IsTerminal(int(os.Stderr.Fd())),
		Prompt:        promptOnTerminal,
		Confirm:       confirmOnTerminal,
		Exec: func(ctx context.Context, p program, endpoint *endpointOrder) error {
			p.ignored = ignored
			return replaceProcess(ctx, p, endpoint)
		},
	}
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		streams.Width = width
	}
	return Run(ctx, os.Args[1:], streams)
}

// ignoredOf are the signals that were ignored when this command was started, as a shell does for what runs in the background: what exec
// runs is to ignore them, too.
func ignoredOf(signals ...os.Signal) (ignored []os.Signal) {
	for _, s := range signals {
		if signal.Ignored(s) {
			ignored = append(ignored, s)
		}
	}
	return ignored
}

// Run runs the command and answers its exit code.
func Run(ctx context.Context, args []string, streams IO) int {
	root := New(streams)
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitDone
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return ExitInterrupted
	}
	if status := exitStatus(0); errors.As(err, &status) {
		return int(status)
	}
	return report(streams.Err, command, err)
}

const rootText = `awsauth gives any program that runs outside AWS working AWS credentials: static ones (an IAM user's access key) and
session ones (temporary, obtained from IAM Roles Anywhere with an X.509 certificate). It keeps certificates under identifiers
and credentials under names. Its emulator is a local AWS to try and test all of it, offline.`

// New makes the command with all its subcommands.
func New(streams IO) *cobra.Command {
	root := &cobra.Command{
		Use:           "awsauth",
		Short:         "AWS credentials for programs that run outside AWS",
		Long:          rootText,
		Example:       "  awsauth demo",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          subcommandOnly,
		RunE: func(c *cobra.Command, _ []string) error {
			return c.Help()
		},
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			return fromEnvironment(c, streams.Environment)
		},
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetFlagErrorFunc(flagMistake)
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(
		newGet(streams),
		newExec(streams),
		newExecEndpoint(streams),
		newUpdate(streams),
		newAgent(streams),
		newWhoami(streams),
		newSignRequest(streams),
		newPolicy(streams),
		newCache(streams),
		newCertificate(streams),
		newConfig(streams),
		newEmulator(streams),
		newDemo(streams),
		newVersion(streams),
		newCompletion(streams),
	)
	setHelp(root, streams)
	return root
}
