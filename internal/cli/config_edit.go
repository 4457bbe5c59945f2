package cli

import (
	"bytes"
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
	e := edit{streams: streams, path: path}
	return e.run(ctx)
}

// edit is one editing of a configuration.
type edit struct {
	streams IO
	path    string
	existed bool   // before
	offered []byte // what the editor is given: what was there, or a beginning
	draft   safefile.Staged
}

func (e *edit) run(ctx context.Context) error {
	if err := e.begin(); err != nil {
		return err
	}
	for {
		failed := runEditor(ctx, e.streams, e.draft.Name())
		after, err := safefile.Read(e.draft.Name(), maxConfig)
		if err != nil {
			return errors.Join(failed, err)
		}
		problem := e.check()
		switch {
		case failed != nil:
			return e.reject(failed, after)
		case bytes.Equal(after, e.offered) && problem != nil && e.existed:
			return errors.Join(configurationError{error: problem, hint: e.path + " is as it was"}, e.draft.Discard())
		case bytes.Equal(after, e.offered):
			return errors.Join(say(e.streams, e.path+" is as it was\n"), e.draft.Discard())
		case problem == nil:
			return e.save(after)
		}
		again, err := e.again(ctx, problem)
		if err != nil {
			return e.reject(err, after)
		}
		if !again {
			return e.reject(problem, after)
		}
	}
}

// begin makes a draft of the file, or of a new one.
func (e *edit) begin() (err error) {
	e.offered, err = safefile.Read(e.path, maxConfig)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.offered = []byte(firstConfig)
		if err := os.MkdirAll(filepath.Dir(e.path), 0o700); err != nil {
			return configurationError{error: fmt.Errorf("%s: %w", e.path, cause(err)), hint: "--config FILE names another place"}
		}
	case err != nil:
		return configurationError{error: fmt.Errorf("%s: %w", e.path, err), hint: knownHint(err)}
	default:
		e.existed = true
	}
	e.draft, err = safefile.Stage(filepath.Dir(e.path), e.offered)
	if errors.Is(err, fs.ErrPermission) {
		return configurationError{error: err, hint: "run it as a user who may write there"}
	}
	return err
}

// save puts the draft into the file's place, unless somebody else has changed that meanwhile.
func (e *edit) save(after []byte) error {
	now, err := safefile.Read(e.path, maxConfig)
	gone := errors.Is(err, fs.ErrNotExist)
	if err != nil && !gone {
		return e.reject(err, after)
	}
	if gone == e.existed || !gone && !bytes.Equal(now, e.offered) {
		return e.reject(errors.New("somebody else has changed it meanwhile"), after)
	}
	if err := safefile.Replace(e.path, after); err != nil {
		return e.reject(err, after)
	}
	return errors.Join(say(e.streams, e.path+" saved\n"), e.draft.Discard())
}

// reject leaves the file as it is, and what was edited beside it.
func (e *edit) reject(why error, after []byte) error {
	hint := e.path + " is as it was"
	if !bytes.Equal(after, e.offered) {
		kept := e.path + ".rejected"
		if err := safefile.Write(kept, after); err != nil {
			return errors.Join(why, err, e.draft.Discard())
		}
		hint += "; what was edited is in " + kept
	}
	if own := new(configurationError); errors.As(why, own) && own.hint != "" && bytes.Equal(after, e.offered) {
		hint = own.hint
	}
	return errors.Join(configurationError{error: why, hint: hint}, e.draft.Discard())
}

func say(streams IO, text string) error {
	_, err := io.WriteString(streams.Out, text)
	return err
}

// check reads the draft as the file that it is to be, and names the file in what it says.
func (e *edit) check() error {
	path, draft := e.path, e.draft.Name()
	files := e.streams.Environment.Files("")
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

// again asks whether to go back to the editor.
func (e *edit) again(ctx context.Context, problem error) (bool, error) {
	if e.streams.Confirm == nil {
		return false, nil
	}
	answer, err := e.streams.Confirm(ctx, "awsauth: "+describe(problem)+"\nEdit it again? [Y/n] ")
	if errors.Is(err, context.Canceled) {
		return false, err
	}
	return err == nil && !strings.HasPrefix(strings.ToLower(answer), "n"), nil
}

func runEditor(ctx context.Context, streams IO, path string) error {
	words := streams.Environment.Editor()
	editor := exec.CommandContext(ctx, words[0], append(words[1:], path)...)
	editor.Stdin, editor.Stdout, editor.Stderr = streams.In, streams.Out, streams.Err
	editor.Env = streams.Environment.All()
	err := editor.Run()
	switch exit := new(exec.ExitError); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit):
		return configurationError{error: fmt.Errorf("editor %s: %w", words[0], err), hint: "the editor says that it has failed: nothing was saved"}
	}
	return configurationError{error: fmt.Errorf("editor %s: %w", words[0], err), hint: "set VISUAL or EDITOR to an editor that is installed"}
}
