package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/awsauth-go/awsauth/internal/config"
)

// annotationUnit marks a command that does something, whose flags have variables and whose exit codes matter.
const annotationExit = "exit"

// setHelp gives every command the same page: what it does, usage, example, flags with their variables, exit codes.
func setHelp(root *cobra.Command) {
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { writeHelp(c.OutOrStdout(), c) })
	root.SetUsageFunc(func(c *cobra.Command) error {
		writeHelp(c.OutOrStderr(), c)
		return nil
	})
}

func writeHelp(w io.Writer, c *cobra.Command) {
	c.InitDefaultHelpFlag()
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	fmt.Fprintln(w, text)
	fmt.Fprintf(w, "\nUsage\n  %s\n", usageLine(c))
	if c.Example != "" {
		fmt.Fprintf(w, "\nExample\n%s\n", c.Example)
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintln(w, "\nCommands")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(w, "  %-12s %s\n", sub.Name(), sub.Short)
			}
		}
	}
	writeFlags(w, c)
	if c.Annotations[annotationExit] != "" {
		fmt.Fprintf(w, "\nExit codes\n  %s\n", strings.ReplaceAll(exitCodes, "\n", "\n  "))
	}
}

func usageLine(c *cobra.Command) string {
	if c.HasAvailableSubCommands() && c.Parent() == nil {
		return c.CommandPath() + " COMMAND"
	}
	if c.HasAvailableSubCommands() {
		return c.CommandPath() + " COMMAND [flags]"
	}
	return c.UseLine()
}

// writeFlags prints a flag a line, with the variable that gives it too. A flag on the command line wins.
func writeFlags(w io.Writer, c *cobra.Command) {
	var left, middle, right []string
	width, longest := 0, 0
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		name, usage := pflag.UnquoteUsage(f)
		item := "--" + f.Name
		if f.Shorthand != "" {
			item = "-" + f.Shorthand + ", " + item
		}
		if name != "" {
			item += " " + name
		}
		left, middle = append(left, item), append(middle, usage)
		right = append(right, config.FlagVariable(f.Name))
		width, longest = max(width, len(item)), max(longest, len(usage))
	})
	if len(left) == 0 {
		return
	}
	fmt.Fprintln(w, "\nFlags (a flag wins over its variable)")
	for i := range left {
		fmt.Fprintf(w, "  %-*s  %-*s  %s\n", width, left[i], longest, middle[i], right[i])
	}
}

// fromEnvironment sets the flags that were not given from their variables.
func fromEnvironment(c *cobra.Command, e config.Environment) (err error) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || err != nil || f.Name == "help" {
			return
		}
		variable, value := e.Flag(f.Name)
		if value == "" {
			return
		}
		if failed := c.Flags().Set(f.Name, value); failed != nil {
			err = configurationError{
				error: fmt.Errorf("%s: not a value for --%s", variable, f.Name),
				hint:  c.CommandPath() + " --help shows what it takes",
			}
		}
	})
	return err
}
