package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/awsauth-go/awsauth/internal/nearest"
)

// usageError is a mistake on the command line.
type usageError struct {
	error
	hint string // "" means the command's help
}

func (e usageError) Unwrap() error { return e.error }

// Hint answers what to do.
func (e usageError) Hint() string { return e.hint }

func usagef(format string, args ...any) error { return usageError{error: fmt.Errorf(format, args...)} }

// noArguments refuses arguments that no flag has taken. They are not repeated: one may be a secret.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("takes flags alone, and %s no flag: is one missing its name, or quotes?", count(len(args), "argument belongs to", "arguments belong to"))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// subcommandOnly refuses what is not a subcommand.
func subcommandOnly(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return noSuchCommand(c, args[0])
}

// noSuchCommand names what was typed only when it is near a command: it may be anything.
func noSuchCommand(c *cobra.Command, typed string) error {
	if !c.HasAvailableSubCommands() {
		return usagef("has no commands below it")
	}
	near := nearest.Name(typed, commandNames(c))
	if near == "" {
		return usageError{errors.New("no command has this name"), c.CommandPath() + " --help lists the commands"}
	}
	return usageError{
		fmt.Errorf("%s: no command has this name", typed),
		fmt.Sprintf("did you mean %s? %s --help lists the commands", near, c.CommandPath()),
	}
}

func commandNames(c *cobra.Command) []string {
	var names []string
	for _, sub := range Subcommands(c) {
		names = append(names, sub.Name())
	}
	return names
}

// needsSubcommand is what a command does that only leads to others: a person sees its page, a script a failure.
func needsSubcommand(c *cobra.Command, _ []string) error {
	if err := c.Usage(); err != nil {
		return err
	}
	return usageError{
		errors.New("which one? it is followed by " + strings.Join(commandNames(c), " or ")),
		c.CommandPath() + " COMMAND --help",
	}
}

// flagMistake says what is wrong with a flag, without its value.
func flagMistake(c *cobra.Command, err error) error {
	// A mistyped command before its flags is the mistake, not the flags that it would have had.
	if args := c.Flags().Args(); c.HasAvailableSubCommands() && len(args) > 0 {
		takesNames := c.ValidArgsFunction != nil
		if !takesNames || nearest.Name(args[0], commandNames(c)) != "" {
			return noSuchCommand(c, args[0])
		}
	}
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		return unknownFlag(c, unknown.GetSpecifiedName())
	case errors.As(err, &missing):
		return usagef("--%s needs a value", missing.GetSpecifiedName())
	case errors.As(err, &invalid):
		return usagef("--%s %s", invalid.GetFlag().Name, valueProblem(invalid.GetFlag()))
	}
	return usagef("an argument is not written as flags are: --NAME VALUE or --NAME=VALUE")
}

// signingHelper are flags of AWS's own client for what is part of the certificate's URI here.
var signingHelper = []string{"private-key", "intermediates"}

func unknownFlag(c *cobra.Command, typed string) error {
	shown := ""
	if isFlagName(typed) {
		shown = " --" + typed
	}
	mistake := usageError{error: fmt.Errorf("unknown flag%s", shown)}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := nearest.Name(typed, names); near != "" {
		mistake.hint = fmt.Sprintf("did you mean --%s? %s --help lists the flags", near, c.CommandPath())
	} else if typed == "version" {
		mistake.hint = "awsauth version"
	} else if slices.Contains(signingHelper, typed) && slices.Contains(names, "certificate") {
		mistake.hint = "the certificate's URI names it: --certificate 'file:leaf.pem?key=leaf.key&chain=intermediates.pem'"
	}
	return mistake
}

// isFlagName reports whether a text may be shown as the name of a flag: it looks like one, and not like a secret.
func isFlagName(s string) bool {
	const longest = 30
	return len(s) <= longest && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz-") == ""
}

// valueProblem says why a value cannot be a flag's, and what would be right.
func valueProblem(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "duration":
		return "is not a duration: write it as 15m, 1h or 1h30m"
	case "bool":
		return "takes true or false, or no value at all"
	case levelType:
		return "is none of " + strings.Join(logLevels, ", ")
	case "stringToString":
		return "is not KEY=VALUE: separate several with commas, or repeat the flag"
	}
	return "is not a list separated by commas"
}
