package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/named"
)

func newConfig(streams IO) *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "Keep credentials under names",
		Long: `The configuration says which credentials there are, and keeps them under names. It is read from the host's file, then the
user's, then that of --config; a later one wins. Variables and flags stand above all of them.`,
		Example: "  awsauth config edit\n  awsauth config show backup",
		Args:    subcommandOnly,
		RunE:    needsSubcommand,
	}
	c.AddCommand(newConfigCheck(streams), newConfigShow(streams), newConfigEdit(streams), newConfigPath(streams), newConfigAWSProfile(streams))
	return c
}

func newConfigCheck(streams IO) *cobra.Command {
	var (
		where  place
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "check [flags]",
		Short: "Find all mistakes in the configuration",
		Long: `Read the configuration, and say every mistake in it with file, line and column, and what would be right. Certificates that it
names must be in the store, or their files there.`,
		Example:     "  awsauth config check",
		Annotations: map[string]string{annotationExit: "yes"},
		Args:        noArguments,
		RunE: func(*cobra.Command, []string) error {
			loaded, err := where.load(streams)
			if err != nil {
				return err
			}
			if mistakes := missingCertificates(streams, &where, loaded); len(mistakes) > 0 {
				return configurationProblem(&config.Error{Mistakes: mistakes})
			}
			if asJSON {
				return json.NewEncoder(streams.Out).Encode(struct {
					Files       []fileView `json:"files"`
					Credentials []string   `json:"credentials"`
				}{viewFiles(loaded.Files), append([]string{}, loaded.Names()...)})
			}
			var b strings.Builder
			for _, f := range loaded.Files {
				if f.Found {
					fmt.Fprintf(&b, "%s: no mistakes\n", f.Path)
				}
			}
			fmt.Fprintf(&b, "%s: %s\n", count(len(loaded.Names()), "credential", "credentials"), orNone(loaded.Names()))
			_, err = fmt.Fprint(streams.Out, b.String())
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, for scripts")
	heading(c, "How it is shown", "json")
	where.flags(c)
	return c
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "awsauth config edit begins with one"
	}
	return strings.Join(names, ", ")
}

// missingCertificates are those that the configuration names and that are not there.
func missingCertificates(streams IO, where *place, loaded *config.Config) []config.Mistake {
	found := named.OpenStore(streams.Environment, where.store, loaded)
	return loaded.CheckCertificates(func(name string) error {
		store, err := found.Open()
		if err != nil {
			return err
		}
		return store.Exists(name)
	})
}

// fileView is a configuration file as JSON has it.
type fileView struct {
	Path  string `json:"path"`
	Kind  string `json:"kind"`
	Found bool   `json:"found"`
}

func viewFiles(files []config.File) []fileView {
	views := make([]fileView, len(files))
	for i, f := range files {
		views[i] = fileView{f.Path, f.Kind, f.Found}
	}
	return views
}

func newConfigShow(streams IO) *cobra.Command {
	var (
		where  place
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "show [NAME] [flags]",
		Short: "Show what is configured, and where each value comes from",
		Long: `Show what counts for a credential, or for all: each value, and the file and line, variable or flag that gives it. A secret is
shown as where it is, and as [secret] where the file itself has it.`,
		Example:     "  awsauth config show\n  awsauth config show backup --json",
		Annotations: map[string]string{annotationExit: "yes"},
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return oneName("a credential's name")(c, args)
		},
		ValidArgsFunction: completeCredentials(streams, &where),
		RunE: func(c *cobra.Command, args []string) error {
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			return ofName(name, showConfig(c, streams, &where, name, asJSON))
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, for scripts")
	heading(c, "How it is shown", "json")
	where.flags(c)
	return c
}

// valueView is one value, and where it comes from.
type valueView struct {
	Key    string `json:"key,omitempty"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

// credentialView is what counts for one credential.
type credentialView struct {
	Name   string      `json:"name"`
	Values []valueView `json:"values"`
}

func showConfig(c *cobra.Command, streams IO, where *place, name string, asJSON bool) error {
	loaded, err := where.load(streams)
	if err != nil {
		return err
	}
	names := loaded.Names()
	given := map[string]config.Override{} // what counts for every command that names the credential
	if name != "" {
		names, given = []string{name}, overrides(c, streams.Environment)
	}
	views := []credentialView{}
	for _, n := range names {
		r, err := loaded.Resolve(n, given)
		if err != nil {
			return configurationProblem(err)
		}
		views = append(views, viewCredential(r))
	}
	store := storeOrigin(streams, where, loaded)
	if asJSON {
		return json.NewEncoder(streams.Out).Encode(struct {
			Files       []fileView       `json:"files"`
			Store       valueView        `json:"store"`
			Credentials []credentialView `json:"credentials"`
		}{viewFiles(loaded.Files), store, views})
	}
	var b strings.Builder
	if name == "" {
		b.WriteString(describeFiles(loaded.Files))
		fmt.Fprintf(&b, "store  %s  (%s)\n", store.Value, store.Origin)
	}
	for i, v := range views {
		if i > 0 || name == "" {
			b.WriteByte('\n')
		}
		b.WriteString(v.describe())
	}
	_, err = fmt.Fprint(streams.Out, b.String())
	return err
}

func viewCredential(r *config.Resolved) credentialView {
	v := credentialView{Name: r.Name}
	for _, k := range config.Keys {
		if origin, ok := r.Origins[k.Name]; ok {
			v.Values = append(v.Values, valueView{k.Name, r.Text(k), origin.String()})
		}
	}
	return v
}

func (v credentialView) describe() string {
	rows := [][]cell{}
	for _, value := range v.Values {
		rows = append(rows, plainRow("  "+value.Key, value.Value, value.Origin))
	}
	return v.Name + "\n" + table(rows, func(_, text string) string { return text })
}

// storeOrigin says which store counts, and who says so.
func storeOrigin(streams IO, where *place, loaded *config.Config) valueView {
	v := valueView{Value: named.OpenStore(streams.Environment, where.store, loaded).Directory, Origin: "built in"}
	variable, value := streams.Environment.Flag("store")
	switch {
	case where.store != "" && where.store != value:
		v.Origin = "--store"
	case value != "":
		v.Origin = variable
	case loaded.Store != "":
		v.Origin = loaded.StoreOrigin.String()
	}
	return v
}

func describeFiles(files []config.File) string {
	var rows [][]cell
	for i, f := range files {
		label, state := "", ""
		if i == 0 {
			label = "files"
		}
		if !f.Found {
			state = ", not there"
		}
		rows = append(rows, plainRow(label, f.Path+"  ("+f.Kind+state+")"))
	}
	return table(rows, func(_, text string) string { return text })
}

func newConfigPath(streams IO) *cobra.Command {
	var (
		where  place
		asJSON bool
	)
	c := &cobra.Command{
		Use:         "path [flags]",
		Short:       "Say where the configuration is",
		Long:        "Say which files are read, in the order in which a later one wins, whether they are there, and where the certificate store is.",
		Example:     "  awsauth config path",
		Annotations: map[string]string{annotationExit: "yes"},
		Args:        noArguments,
		RunE: func(*cobra.Command, []string) error {
			files := streams.Environment.Files(where.config)
			for i := range files {
				_, err := os.Stat(files[i].Path)
				files[i].Found = err == nil
			}
			// A configuration with mistakes has a place, too.
			loaded, err := config.Load(files)
			if err != nil {
				loaded = &config.Config{}
			}
			store := storeOrigin(streams, &where, loaded)
			if asJSON {
				return json.NewEncoder(streams.Out).Encode(struct {
					Files []fileView `json:"files"`
					Store valueView  `json:"store"`
				}{viewFiles(files), store})
			}
			_, err = fmt.Fprint(streams.Out, describeFiles(files)+fmt.Sprintf("store  %s  (%s)\n", store.Value, store.Origin))
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, for scripts")
	heading(c, "How it is shown", "json")
	where.flags(c)
	return c
}
