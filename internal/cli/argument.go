package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/config"
)

// oneName demands one argument; what says what it names. What is too much is not repeated: it may be a secret.
func oneName(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			if c.HasAvailableSubCommands() {
				if err := c.Usage(); err != nil {
					return err
				}
			}
			return usageError{fmt.Errorf("which one? it is followed by %s", what), c.CommandPath() + " --help"}
		case len(args) > 1:
			return usagef("takes one argument, %s, and %d are given: is a flag missing its name, or quotes?", what, len(args))
		}
		return nil
	}
}

// nameError is an error about what an argument names.
type nameError struct {
	name string
	error
}

func (e nameError) Unwrap() error { return e.error }

// ofName says which name an error is about; nil stays nil.
func ofName(name string, err error) error {
	if err == nil {
		return nil
	}
	return nameError{name, err}
}

// completeCredentials offers the names of configured credentials to the shell.
func completeCredentials(streams IO, where *place) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		loaded, err := config.Load(streams.Environment.Files(where.config))
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return beginning(loaded.Names(), typed), cobra.ShellCompDirectiveNoFileComp
	}
}

func beginning(names []string, typed string) (fitting []string) {
	for _, name := range names {
		if strings.HasPrefix(name, typed) {
			fitting = append(fitting, name)
		}
	}
	return fitting
}

// storedNames are the identifiers in the store, for completion: what cannot be read offers nothing.
func storedNames(streams IO, where *place) []string {
	found, err := where.openStore(streams)
	if err != nil {
		return nil
	}
	store, err := found.Open()
	if err != nil {
		return nil
	}
	certificates, err := store.List(context.Background())
	if err != nil {
		return nil
	}
	var names []string
	for _, c := range certificates {
		names = append(names, c.Identifier)
	}
	return names
}

// completeCertificates offers the identifiers in the store as values of --certificate.
func completeCertificates(c *cobra.Command, streams IO, where *place) {
	err := c.RegisterFlagCompletionFunc("certificate", func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		return beginning(storedNames(streams, where), typed), cobra.ShellCompDirectiveDefault
	})
	if err != nil {
		panic(err) // the flag exists
	}
}

// completeIdentifiers offers them as the only argument.
func completeIdentifiers(streams IO, where *place) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return beginning(storedNames(streams, where), typed), cobra.ShellCompDirectiveNoFileComp
	}
}
