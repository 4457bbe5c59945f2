package cli

import (
	"io"

	"github.com/spf13/cobra"
)

// shell is one whose completion can be had.
type shell struct {
	name, now, always string // what to type for this session, and for every one
	write             func(*cobra.Command, io.Writer) error
}

var shells = []shell{
	{
		"bash", "source <(awsauth completion bash)", "awsauth completion bash > /etc/bash_completion.d/awsauth",
		func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
	},
	{
		"zsh", "source <(awsauth completion zsh)", `awsauth completion zsh > "${fpath[1]}/_awsauth"`,
		(*cobra.Command).GenZshCompletion,
	},
	{
		"fish", "awsauth completion fish | source", "awsauth completion fish > ~/.config/fish/completions/awsauth.fish",
		func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
	},
	{
		"powershell", "awsauth completion powershell | Out-String | Invoke-Expression",
		"awsauth completion powershell >> $PROFILE",
		(*cobra.Command).GenPowerShellCompletionWithDesc,
	},
}

// newCompletion stands in for cobra's own command of that name, whose pages look otherwise.
func newCompletion(streams IO) *cobra.Command {
	c := &cobra.Command{
		Use:     "completion",
		Short:   "Print the completion script for a shell",
		Long:    "Print a script that makes the Tab key complete the commands, flags and values of awsauth in a shell.",
		Example: "  source <(awsauth completion bash)",
		Args:    subcommandOnly,
		RunE:    needsSubcommand,
	}
	for _, s := range shells {
		c.AddCommand(&cobra.Command{
			Use:   s.name,
			Short: "Print the completion script for " + s.name,
			Long: "Print a script that makes the Tab key complete the commands, flags and values of awsauth in " + s.name +
				". The first example is for this session, the second for every new one.",
			Example:           "  " + s.now + "\n  " + s.always,
			Args:              noArguments,
			ValidArgsFunction: cobra.NoFileCompletions,
			RunE:              func(c *cobra.Command, _ []string) error { return s.write(c.Root(), streams.Out) },
		})
	}
	return c
}

// completeValues offers a flag's values to the shell.
func completeValues(c *cobra.Command, flag string, values ...string) {
	err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag exists
	}
}
