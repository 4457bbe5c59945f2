package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// The widths of help, in columns.
const (
	defaultWidth = 80
	minWidth     = 60
	maxWidth     = 100
)

// width is how wide to write for a person.
func (s IO) width() int {
	if s.Width == 0 {
		return defaultWidth
	}
	return min(max(s.Width, minWidth), maxWidth)
}

// setHelp gives every command the same page.
func setHelp(root *cobra.Command, streams IO) {
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { writeHelp(c.OutOrStdout(), c, streams.width()) })
	root.SetUsageFunc(func(c *cobra.Command) error {
		writeHelp(c.ErrOrStderr(), c, streams.width())
		return nil
	})
	root.SetHelpCommand(newHelp(root))
}

// newHelp is the command help, which takes the path of another.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND …]",
		Short:   "Show the page of a command",
		Long:    "Show the page of a command, as --help after the command does.",
		Example: "  awsauth help get session",
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			c, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []string
			for _, sub := range Subcommands(c) {
				names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			c, rest, err := root.Find(args)
			if err != nil {
				return err
			}
			if len(rest) > 0 {
				return noSuchCommand(c, rest[0])
			}
			return c.Help()
		},
	}
}

func writeHelp(w io.Writer, c *cobra.Command, width int) {
	p := PageOf(c)
	var b strings.Builder
	for i, paragraph := range p.Text {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(fill(paragraph, 0, width) + "\n")
	}
	b.WriteString("\nUsage\n  " + fill(p.Usage, 6, width+4) + "\n")
	if len(p.Example) > 0 {
		b.WriteString("\nExample\n" + strings.Join(p.Example, "\n") + "\n")
	}
	if len(p.Commands) > 0 {
		var rows [][2]string
		for _, command := range p.Commands {
			rows = append(rows, [2]string{command.Name, command.Short})
		}
		b.WriteString("\nCommands\n" + columns(rows, leftColumn(rows), width))
	}
	b.WriteString(helpFlags(p.Flags, width))
	b.WriteString(helpVariables(p, width))
	b.WriteString(helpExitCodes(p.ExitCodes, width))
	if len(p.Commands) > 0 {
		b.WriteString("\nThe page of a command: " + p.Path + " COMMAND --help\n")
	}
	fmt.Fprint(w, b.String())
}

// helpFlags aligns all groups with each other.
func helpFlags(groups []PageGroup, width int) string {
	rows := make([][][2]string, len(groups))
	left := 0
	for i, g := range groups {
		for _, f := range g.Flags {
			rows[i] = append(rows[i], [2]string{f.Name, f.Text})
		}
		left = max(left, leftColumn(rows[i]))
	}
	var b strings.Builder
	for i, g := range groups {
		b.WriteString("\n" + g.Title + "\n" + columns(rows[i], left, width))
	}
	return b.String()
}

// helpVariables says how flags can be given by variables, and which other variables count.
func helpVariables(p Page, width int) string {
	if len(p.Flags) == 0 {
		return ""
	}
	rows := [][2]string{{"AWSAUTH_…", p.FlagRule()}}
	for _, v := range p.Variables {
		rows = append(rows, [2]string{v.Name, v.Text})
	}
	return "\nEnvironment\n" + columns(rows, leftColumn(rows), width)
}

func helpExitCodes(codes []ExitCode, width int) string {
	if len(codes) == 0 {
		return ""
	}
	const indent = "  "
	lines := []string{""}
	for _, code := range codes {
		item := fmt.Sprintf("%s%d %s", indent, code.Code, code.Name)
		if last := len(lines) - 1; len(lines[last])+len(item) > width {
			lines = append(lines, item)
		} else {
			lines[last] += item
		}
	}
	return "\nExit codes\n" + strings.Join(lines, "\n") + "\n"
}
