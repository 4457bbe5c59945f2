package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/cli"
)

// manPages answers the man pages by file name, in the macros of man(7).
func manPages(root *cobra.Command) map[string]string {
	pages := map[string]string{}
	walk(root, func(c *cobra.Command, p cli.Page) { pages[fileName(p.Path)+".1"] = man(p, related(c)) })
	return pages
}

// related are the pages of the command above, and of those below.
func related(c *cobra.Command) []string {
	var names []string
	if c.HasParent() {
		names = append(names, fileName(c.Parent().CommandPath()))
	}
	for _, sub := range cli.Subcommands(c) {
		names = append(names, fileName(sub.CommandPath()))
	}
	return names
}

func man(p cli.Page, seeAlso []string) string {
	var b strings.Builder
	name := fileName(p.Path)
	fmt.Fprintf(&b, ".TH %s 1 \"\" awsauth \"awsauth manual\"\n", strings.ToUpper(name))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(p.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.nf\n%s\n.fi\n", roff(p.Usage))
	b.WriteString(".SH DESCRIPTION\n")
	for i, paragraph := range p.Text {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		b.WriteString(roff(paragraph) + "\n")
	}
	if len(p.Commands) > 0 {
		b.WriteString(".SH COMMANDS\n")
		for _, c := range p.Commands {
			b.WriteString(item(c.Name, c.Short))
		}
	}
	for _, g := range p.Flags {
		fmt.Fprintf(&b, ".SH %s\n", strings.ToUpper(g.Title))
		for _, f := range g.Flags {
			b.WriteString(item(f.Name, f.Text+" ("+f.Variable+")"))
		}
	}
	if len(p.Flags) > 0 {
		b.WriteString(".SH ENVIRONMENT\n" + roff("A flag can be given by the variable that stands behind it; the flag itself wins.") + "\n")
		for _, v := range p.Variables {
			b.WriteString(item(v.Name, v.Text))
		}
	}
	if len(p.Example) > 0 {
		fmt.Fprintf(&b, ".SH EXAMPLE\n.nf\n%s\n.fi\n", roff(strings.Join(p.Example, "\n")))
	}
	if len(p.ExitCodes) > 0 {
		b.WriteString(".SH EXIT STATUS\n")
		for _, c := range p.ExitCodes {
			b.WriteString(item(fmt.Sprint(c.Code), c.Name+". "+c.Meaning))
		}
	}
	if len(seeAlso) > 0 {
		references := make([]string, len(seeAlso))
		for i, page := range seeAlso {
			references[i] = ".BR " + roff(page) + " (1)"
		}
		b.WriteString(".SH SEE ALSO\n" + strings.Join(references, ",\n") + "\n")
	}
	return b.String()
}

// item is a term in bold with its text indented below.
func item(term, text string) string {
	return ".TP\n\\fB" + roff(term) + "\\fR\n" + roff(text) + "\n"
}

// roff escapes what the typesetter would read as its own: backslashes, dashes, and a line's first dot or quote.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
