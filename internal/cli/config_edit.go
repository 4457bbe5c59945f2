package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/safefile"
)

func newConfigEdit(streams IO) *cobra.Command {
	var where place
	c := &cobra.Command{
		Use:   "edit [flags]",
		Short: "Edit the configuration, checked before it is saved",
		Long: `Open the user's configuration, or the file of --config, in the editor that VISUAL or EDITOR names. It takes the file's place
only when it has no mistakes; otherwise it can be edited again, and is kept beside the file.`,
		Example:     "  awsauth config edit",
		Annotations: map[string]string{annotationExit: "yes", annotationVariables: "VISUAL the editor; EDITOR where that is not set"},
		Args:        noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return editConfig(c.Context(), streams, &where)
		},
	}
	where.configFlag(c)
	heading(c, "Where it is configured", "config")
	return c
}

// firstConfig is what a new file holds.
const firstConfig = `# Credentials by name: docs/configuration.md has every key. awsauth config check finds mistakes.
# credentials:
#   backup:
#     type: session
#     role_arn: arn:aws:iam::123456789012:role/backup
#     profile_arn: arn:aws:rolesanywhere:eu-west-1:123456789012:profile/…
#     trust_anchor_arn: arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/…
#     certificate: backup
`

const maxConfig = 4 << 20

func editConfig(ctx context.Context, streams IO, where *place) error {
	path := where.config
	if path == "" {
		path = streams.Environment.UserFile()
	}
	if path == "" {
		return configurationError{error: errors.New("there is no home directory to keep a configuration in"), hint: "--config FILE names a place"}
	}
	before, err := safefile.Read(path, maxConfig)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		before = []byte(firstConfig)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return configurationError{error: fmt.Errorf("%s: %w", path, cause(err)), hint: "--config FILE names another place"}
		}
	case err != nil:
		return configurationError{error: fmt.Errorf("%s: %w", path, err), hint: knownHint(err)}
	}
	draft, err := safefile.Stage(filepath.Dir(path), before)
	if err != nil {
		return err
	}
	for {
		if err := runEditor(ctx, streams, draft.Name()); err != nil {
			return errors.Join(err, draft.Discard())
		}
		after, err := safefile.Read(draft.Name(), maxConfig)
		if err != nil {
			return err
		}
		if string(after) == string(before) {
			return errors.Join(say(streams, path+" is as it was\n"), draft.Discard())
		}
		problem := checkDraft(streams, path, draft.Name())
		if problem == nil {
			if err := safefile.Replace(path, after); err != nil {
				return errors.Join(err, draft.Discard())
			}
			return errors.Join(say(streams, path+" saved\n"), draft.Discard())
		}
		if !editAgain(ctx, streams, problem) {
			kept := path + ".rejected"
			if err := safefile.Write(kept, after); err != nil {
				return errors.Join(err, draft.Discard())
			}
			return errors.Join(configurationError{error: problem, hint: path + " is as it was; what was edited is in " + kept}, draft.Discard())
		}
	}
}

func say(streams IO, text string) error {
	_, err := io.WriteString(streams.Out, text)
	return err
}

// checkDraft reads a draft as the file that it is to be, and names the file in what it says.
func checkDraft(streams IO, path, draft string) error {
	files := streams.Environment.Files("")
	found := false
	for i := range files {
		if files[i].Path == path {
			files[i].Path, found = draft, true
		}
	}
	if !found {
		files = append(files, config.File{Path: draft, Kind: "--config", Named: true})
	}
	_, err := config.Load(files)
	mistakes := new(config.Error)
	if errors.As(err, &mistakes) {
		for i := range mistakes.Mistakes {
			m := &mistakes.Mistakes[i]
			m.File = strings.ReplaceAll(m.File, draft, path)
			m.Text = strings.ReplaceAll(m.Text, draft, path)
		}
	}
	return err
}

// editAgain asks whether to go back to the editor.
func editAgain(ctx context.Context, streams IO, problem error) bool {
	if streams.Confirm == nil {
		return false
	}
	answer, err := streams.Confirm(ctx, "awsauth: "+describe(problem)+"\nEdit it again? [Y/n] ")
	return err == nil && !strings.HasPrefix(strings.ToLower(answer), "n")
}

func runEditor(ctx context.Context, streams IO, path string) error {
	words := streams.Environment.Editor()
	editor := exec.CommandContext(ctx, words[0], append(words[1:], path)...)
	editor.Stdin, editor.Stdout, editor.Stderr = streams.In, streams.Out, streams.Err
	editor.Env = streams.Environment.EditorEnvironment()
	if err := editor.Run(); err != nil {
		return configurationError{error: fmt.Errorf("editor %s: %w", words[0], err), hint: "set VISUAL or EDITOR to an editor that is installed"}
	}
	return nil
}
