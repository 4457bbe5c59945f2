package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/cli"
)

// markdownPages answers the pages by file name.
func markdownPages(root *cobra.Command) map[string]string {
	pages := map[string]string{}
	walk(root, func(_ *cobra.Command, p cli.Page) { pages[fileName(p.Path)+".md"] = markdown(p) })
	return pages
}

func markdown(p cli.Page) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", p.Path, escapeMarkdown(strings.Join(p.Text, "\n\n")))
	fmt.Fprintf(&b, "\n```\n%s\n```\n", p.Usage)
	if len(p.Example) > 0 {
		b.WriteString("\n## Example\n\n```sh\n")
		for _, line := range p.Example {
			b.WriteString(strings.TrimPrefix(line, "  ") + "\n")
		}
		b.WriteString("```\n")
	}
	if len(p.Commands) > 0 {
		b.WriteString("\n## Commands\n\n| command | what it does |\n|---|---|\n")
		for _, c := range p.Commands {
			path := p.Path + " " + c.Name
			fmt.Fprintf(&b, "| [%s](%s.md) | %s |\n", path, fileName(path), cell(c.Short))
		}
	}
	for _, g := range p.Flags {
		fmt.Fprintf(&b, "\n## %s\n\n| flag | | variable |\n|---|---|---|\n", g.Title)
		for _, f := range g.Flags {
			fmt.Fprintf(&b, "| `%s` | %s | `%s` |\n", f.Name, cell(f.Text), f.Variable)
		}
	}
	if len(p.Flags) > 0 {
		b.WriteString("\nA flag on the command line wins over its variable.\n")
	}
	if len(p.Variables) > 0 {
		b.WriteString("\n## Other variables\n\n| variable | |\n|---|---|\n")
		for _, v := range p.Variables {
			fmt.Fprintf(&b, "| `%s` | %s |\n", v.Name, cell(v.Text))
		}
	}
	if len(p.ExitCodes) > 0 {
		b.WriteString("\n## Exit codes\n\n| code | | |\n|---|---|---|\n")
		for _, c := range p.ExitCodes {
			fmt.Fprintf(&b, "| %d | %s | %s |\n", c.Code, c.Name, cell(c.Meaning))
		}
	}
	return b.String()
}

// cell is a text inside a table.
func cell(s string) string { return escapeMarkdown(strings.ReplaceAll(s, "|", `\|`)) }

func escapeMarkdown(s string) string {
	return strings.NewReplacer("<", "&lt;", "*", `\*`, "_", `\_`).Replace(s)
}
