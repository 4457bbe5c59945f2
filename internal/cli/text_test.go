package cli

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func TestTextIsSetInLines(t *testing.T) {
	for _, test := range []struct {
		name, in      string
		indent, width int
		want          string
	}{
		{"a short text stays", "one two", 0, 20, "one two"},
		{"a long one is broken before the width", "one two three", 0, 8, "one two\nthree"},
		{"a line may be exactly as wide", "one two three", 0, 7, "one two\nthree"},
		{"later lines are indented", "one two three", 2, 9, "one two\n  three"},
		{"a word that does not fit stands alone", "a incomprehensible b", 0, 5, "a\nincomprehensible\nb"},
		{"letters are counted, not bytes", "äöü äöü", 0, 7, "äöü äöü"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := fill(test.in, test.indent, test.width); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// visit calls a function for a command and all below it.
func visit(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, sub := range Subcommands(c) {
		visit(sub, f)
	}
}

func TestEveryPageFitsTheTerminal(t *testing.T) {
	for _, width := range []int{80, 100} {
		visit(New(IO{}), func(c *cobra.Command) {
			var page strings.Builder
			writeHelp(&page, c, width)
			example := strings.Join(PageOf(c).Example, "\n")
			for line := range strings.Lines(page.String()) {
				line = strings.TrimRight(line, "\n")
				if utf8.RuneCountInString(line) > width && !strings.Contains(example, line) {
					t.Errorf("%s, %d columns: %q", c.CommandPath(), width, line)
				}
			}
		})
	}
}

func TestEveryCommandHasAnExampleAndEveryFlagAText(t *testing.T) {
	visit(New(IO{}), func(c *cobra.Command) {
		if c.Example == "" || c.Long == "" {
			t.Errorf("%s has no example or no text", c.CommandPath())
		}
		for _, g := range PageOf(c).Flags {
			for _, f := range g.Flags {
				if f.Text == "" || strings.ContainsAny(f.Text, "`") {
					t.Errorf("%s %s: text %q", c.CommandPath(), f.Name, f.Text)
				}
			}
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && annotation(f, annotationHeading) == "" && c.Flags().NFlag() > 1 {
				t.Errorf("%s --%s has no heading", c.CommandPath(), f.Name)
			}
		})
	})
}

func TestAFlagsNameIsReplacedWhereItIsNotAnothersBeginning(t *testing.T) {
	got := replaceFlag("--sts is wrong, --sts-endpoint is not, --sts", "--sts", "AWSAUTH_STS")
	if want := "AWSAUTH_STS is wrong, --sts-endpoint is not, AWSAUTH_STS"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
