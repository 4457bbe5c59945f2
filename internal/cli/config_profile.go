package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/safefile"
	"github.com/awsauth-go/awsauth/serve/credfile"
)

func newConfigAWSProfile(streams IO) *cobra.Command {
	var (
		where   place
		write   bool
		profile string
	)
	c := &cobra.Command{
		Use:   "aws-profile NAME [flags]",
		Short: "Give a credential to every AWS SDK and the AWS CLI",
		Long: `Print the profile for AWS's shared config file by which every AWS SDK and the AWS CLI get a configured credential: its
credential_process calls this command by its absolute path.

With --write the profile is put into the file (AWS_CONFIG_FILE, or ~/.aws/config): its credential_process, and its region unless
it has one. Every other byte of the file stays, and what stood there before is kept beside it. A profile that also has
credentials from elsewhere, which clients would take first, is warned of.`,
		Example:           "  awsauth config aws-profile backup\n  awsauth config aws-profile backup --write",
		Annotations:       map[string]string{annotationExit: "yes", annotationVariables: "AWS_CONFIG_FILE the file that --write changes"},
		Args:              oneName("a credential's name"),
		ValidArgsFunction: completeCredentials(streams, &where),
		RunE: func(c *cobra.Command, args []string) error {
			return ofName(args[0], awsProfile(c.Context(), streams, &where, args[0], profile, write))
		},
	}
	f := c.Flags()
	f.BoolVar(&write, "write", false, "put it into the shared config file")
	f.StringVar(&profile, "profile", "", "`PROFILE` name of the shared-config profile (default the credential's name)")
	heading(c, "What is made", "write", "profile")
	where.flags(c)
	return c
}

func awsProfile(ctx context.Context, streams IO, where *place, name, profile string, write bool) error {
	loaded, err := where.load(streams)
	if err != nil {
		return err
	}
	r, err := loaded.Resolve(name, nil)
	if err != nil {
		return configurationProblem(err)
	}
	if profile == "" {
		profile = r.Name
	}
	change, err := profileChange(where, r, profile)
	if err != nil {
		return err
	}
	if !write {
		return printProfile(streams, change)
	}
	path := streams.Environment.SharedConfigFile()
	if path == "" {
		return configurationError{error: errors.New("there is no home directory with an .aws/config"), hint: "set AWS_CONFIG_FILE to the file"}
	}
	before := readShared(path)
	if _, there := credfile.Lookup(before, change.Section, "region"); there {
		change.Set = change.Set[:1] // the region is its owner's
	}
	changed, err := credfile.Write(ctx, path, change)
	if err != nil {
		return configurationError{error: err, hint: "nothing was changed; without --write it is printed, to be put there by hand"}
	}
	warnOfOthers(streams, path, change.Section, profile)
	said := "profile " + profile + " is in " + path
	if !changed {
		said += " already"
	}
	_, err = fmt.Fprintf(streams.Out, "%s\nUse it:  aws --profile %s sts get-caller-identity\n", said, profile)
	return err
}

// readShared reads a file that several programs share; what cannot be read is empty.
func readShared(path string) []byte {
	text, err := safefile.Read(path, maxShared)
	if err != nil {
		return nil
	}
	return text
}

const maxShared = 16 << 20

// first are the settings that some or all of AWS's clients take before a credential_process (AWS SDKs and Tools Reference Guide,
// "Standardized credential providers").
var first = []string{
	"role_arn", "web_identity_token_file", "sso_session", "sso_start_url", "login_session", "aws_access_key_id",
}

// warnOfOthers warns of what a profile has beside its credential_process, and clients take before it.
func warnOfOthers(streams IO, path, section, profile string) {
	warn := func(file, key string) {
		fmt.Fprintf(streams.Err, "awsauth: warning: profile %s also has %s in %s, which AWS's clients use before credential_process: remove it, or take another name with --profile\n",
			profile, key, file)
	}
	config := readShared(path)
	for _, key := range first {
		if _, there := credfile.Lookup(config, section, key); there {
			warn(path, key)
		}
	}
	file := streams.Environment.SharedCredentialsFile()
	for _, key := range []string{"aws_access_key_id", "credential_process"} {
		if _, there := credfile.Lookup(readShared(file), profile, key); there {
			warn(file, key)
		}
	}
}

// profileChange is the shared-config profile that gives a credential.
func profileChange(where *place, r *config.Resolved, profile string) (credfile.Change, error) {
	section := "profile " + profile
	if profile == "default" {
		section = profile
	}
	command, err := processCommand(where, r.Name)
	if err != nil {
		return credfile.Change{}, err
	}
	change := credfile.Change{Section: section, Set: []credfile.Setting{{Key: "credential_process", Value: command}}}
	if region := r.HomeRegion(); region != "" {
		change.Set = append(change.Set, credfile.Setting{Key: "region", Value: region})
	}
	if _, err = credfile.Apply(nil, change); err != nil {
		err = usageError{fmt.Errorf("--profile: %w", err), "--profile takes letters, digits and hyphens"}
	}
	return change, err
}

// processCommand is the command line of a credential_process: the absolute path of this command and what it needs.
func processCommand(where *place, name string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this command: %w", err)
	}
	words := []string{self, "get", name, "--format", "process"}
	for _, flag := range []struct{ name, path string }{{"--config", where.config}, {"--store", where.store}} {
		if flag.path == "" {
			continue
		}
		path, err := filepath.Abs(flag.path)
		if err != nil {
			return "", err
		}
		words = append(words, flag.name, path)
	}
	for i, word := range words {
		words[i] = quoteProcess(word)
	}
	return strings.Join(words, " "), nil
}

// bareWord is what needs no quotes for any reader of a credential_process.
var bareWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// quoteProcess quotes a word of a credential_process so that a POSIX shell, by which the SDKs for Go and JavaScript run it, and
// Python's shlex, by which botocore splits it, read the same: with double quotes as AWS documents them (AWS SDKs and Tools
// Reference Guide, "Process credential provider") where there is nothing in them to expand, and else with single quotes.
func quoteProcess(word string) string {
	switch {
	case runtime.GOOS == "windows" && !strings.ContainsAny(word, " \t&()^"), bareWord.MatchString(word):
		return word
	case runtime.GOOS == "windows", !strings.ContainsAny(word, "\"$`\\!"):
		return `"` + word + `"`
	}
	return quotePOSIX(word)
}

func printProfile(streams IO, change credfile.Change) error {
	text, err := credfile.Apply(nil, change)
	if err != nil {
		return err
	}
	_, err = streams.Out.Write(text)
	return err
}
