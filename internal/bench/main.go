// Command bench measures what users wait for, beside what it cannot do without, in one run:
//
//	go run ./internal/bench -binary bin/awsauth
//	go run ./internal/bench -binary bin/awsauth -append docs/benchmarks.md
//
// It prints a table of ratios and limits, and appends the same rows to a document. It reports and judges nothing: a slow
// or busy machine may be over a limit, and the exit code is 0 all the same. What is over says OVER.
//
// The two sides of a ratio take turns in short rounds, so that whatever else the machine does strikes both; the ratio is
// the median of the rounds' ratios.
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
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	binary := flags.String("binary", "", "`FILE` of the stripped command, as make build makes it")
	document := flags.String("append", "", "`FILE` of Markdown whose last table the rows are added to")
	bare := flags.Bool("answer", false, "be the handler that the agent is compared with")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *bare {
		return serveBare(in, out)
	}
	if *binary == "" {
		return errors.New("-binary is required: make build, then -binary bin/awsauth")
	}
	var all []result
	// Processes first: a child's peak of memory begins with that of the process that has started it.
	for _, measure := range []func(context.Context) ([]result, error){
		program(*binary).measure, program(*binary).measureAgent, measureOpen, measureHeld, measureSign, measureCreateSession,
	} {
		results, err := measure(ctx)
		if err != nil {
			return err
		}
		all = append(all, results...)
	}
	if err := report(out, all); err != nil {
		return err
	}
	if *document == "" {
		return nil
	}
	return appendTo(*document, rows(origin{date: time.Now().UTC(), commit: commit(ctx), machine: machine()}, all))
}

// commit names what was measured, as git does: with "-dirty" when files have changed since.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--exclude=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
