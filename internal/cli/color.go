package cli

import (
	"slices"

	"github.com/spf13/cobra"
)

// colour says whether a table has colour, which never carries a meaning alone.
type colour struct{ when string }

var colourValues = []string{"auto", "always", "never"}

func (c *colour) flag(command *cobra.Command) {
	command.Flags().StringVar(&c.when, "color", "auto", "`WHEN` auto (on a terminal, without NO_COLOR), always or never")
	heading(command, "How it is shown", "color")
	completeValues(command, "color", colourValues...)
}

func (c *colour) check() error {
	if !slices.Contains(colourValues, c.when) {
		return usagef("--color is none of auto, always and never")
	}
	return nil
}

// The colours of a certificate that ends soon or has ended (ECMA-48, 8.3.117).
const (
	yellow = "33"
	red    = "31"
)

// painter answers a function that colours a text, or leaves it as it is.
func (c *colour) painter(streams IO) func(code, text string) string {
	on := c.when == "always"
	if c.when == "auto" {
		noColor, _ := streams.Environment.Lookup("NO_COLOR") // any value (no-color.org)
		on = streams.OutIsTerminal && noColor == ""
	}
	return func(code, text string) string {
		if !on || code == "" {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
}
