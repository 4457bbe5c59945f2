package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/awsauth-go/awsauth/internal/config"
)

// Page is what there is to say about a command. Its help, its man page and its page in docs/commands are written from it.
type Page struct {
	Path      string   // "awsauth get session"
	Short     string   // one line, without a full stop
	Text      []string // paragraphs
	Usage     string
	Example   []string // lines; one that goes on ends with a backslash
	Commands  []PageCommand
	Flags     []PageGroup
	Variables []PageVariable
	ExitCodes []ExitCode // only of a command that does something
}

// PageCommand is a subcommand.
type PageCommand struct{ Name, Short string }

// PageGroup is the flags under one heading.
type PageGroup struct {
	Title string
	Flags []PageFlag
}

// PageFlag is one flag.
type PageFlag struct {
	Name     string // with its dashes and what stands for its value: "--role-arn ARN"
	Text     string
	Variable string // which gives the value when the flag does not
}

// PageVariable is a variable of the environment that is not a flag's.
type PageVariable struct{ Name, Text string }

// Keys of a command's annotations.
const (
	annotationExit      = "exit"      // any value: the command does something, and its exit codes matter
	annotationVariables = "variables" // a line for each: "NAME text"
	annotationUsage     = "usage"     // the usage line of a command that has others below it and does something itself
)

// Keys of a flag's annotations.
const (
	annotationHeading     = "heading"
	annotationPlaceholder = "placeholder"
	annotationVariable    = "variable" // the variable that has given the value
)

// heading puts flags under a heading of the page. It takes what stands for the value out of their texts, which begin
// with it in backquotes.
func heading(c *cobra.Command, title string, names ...string) {
	for _, name := range names {
		f := c.Flags().Lookup(name)
		if f == nil {
			panic(c.CommandPath() + " has no flag " + name)
		}
		rest, quoted := strings.CutPrefix(f.Usage, "`")
		placeholder := ""
		if quoted {
			placeholder, rest, _ = strings.Cut(rest, "` ")
		}
		f.Usage = rest
		f.Annotations = map[string][]string{annotationHeading: {title}, annotationPlaceholder: {placeholder}}
	}
}

// annotation answers a flag's annotation, or "".
func annotation(f *pflag.Flag, key string) string {
	if values := f.Annotations[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// PageOf answers the page of a command.
func PageOf(c *cobra.Command) Page {
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	p := Page{
		Path:      c.CommandPath(),
		Short:     c.Short,
		Text:      strings.Split(text, "\n\n"),
		Usage:     usageLine(c),
		Flags:     flagGroups(c),
		Variables: pageVariables(c),
	}
	if c.Example != "" {
		p.Example = strings.Split(c.Example, "\n")
	}
	for _, sub := range Subcommands(c) {
		p.Commands = append(p.Commands, PageCommand{sub.Name(), sub.Short})
	}
	if c.Annotations[annotationExit] != "" {
		p.ExitCodes = ExitCodes
	}
	return p
}

// FlagRule says how the environment gives a flag.
func (p Page) FlagRule() string {
	first := p.Flags[0].Flags[0]
	name, _, _ := strings.Cut(first.Name, " ")
	return "a flag's name in capitals after AWSAUTH_ gives that flag, as " + first.Variable + " gives " + name +
		"; a flag on the command line wins"
}

// Subcommands are those that have a page.
func Subcommands(c *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			all = append(all, sub)
		}
	}
	return all
}

func usageLine(c *cobra.Command) string {
	if usage := c.Annotations[annotationUsage]; usage != "" {
		return usage
	}
	if c.HasAvailableSubCommands() {
		return c.CommandPath() + " COMMAND"
	}
	return c.UseLine()
}

// flagGroups gathers the flags in the order in which they were made.
func flagGroups(c *cobra.Command) []PageGroup {
	var groups []PageGroup
	c.Flags().SortFlags = false
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		flag := PageFlag{Name: "--" + f.Name, Text: f.Usage, Variable: config.FlagVariable(f.Name)}
		if placeholder := annotation(f, annotationPlaceholder); placeholder != "" {
			flag.Name += " " + placeholder
		}
		title := annotation(f, annotationHeading)
		if title == "" {
			title = "Flags"
		}
		for i := range groups {
			if groups[i].Title == title {
				groups[i].Flags = append(groups[i].Flags, flag)
				return
			}
		}
		groups = append(groups, PageGroup{title, []PageFlag{flag}})
	})
	return groups
}

func pageVariables(c *cobra.Command) []PageVariable {
	var all []PageVariable
	for line := range strings.Lines(c.Annotations[annotationVariables]) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		all = append(all, PageVariable{name, text})
	}
	return all
}
