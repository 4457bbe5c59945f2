package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/awsauth-go/awsauth/internal/config"
)

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
				error: fmt.Errorf("%s %s", variable, valueProblem(f)),
				hint:  c.CommandPath() + " --help shows what --" + f.Name + " takes",
			}
			return
		}
		if f.Annotations == nil {
			f.Annotations = map[string][]string{}
		}
		f.Annotations[annotationVariable] = []string{variable}
	})
	return err
}

// nameVariables puts into a message, in place of flags that nobody has given, the variables that have given them.
func nameVariables(c *cobra.Command, text string) (named string, any bool) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if variable := annotation(f, annotationVariable); variable != "" {
			replaced := replaceFlag(text, "--"+f.Name, variable)
			any = any || replaced != text
			text = replaced
		}
	})
	return text, any
}

// replaceFlag replaces a flag's name where it is not the beginning of another's.
func replaceFlag(text, flag, by string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, flag)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		if longer := after != "" && (after[0] == '-' || after[0] >= 'a' && after[0] <= 'z'); longer {
			b.WriteString(flag)
		} else {
			b.WriteString(by)
		}
		text = after
	}
}
