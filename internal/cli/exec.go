package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/safefile"
	"github.com/awsauth-go/awsauth/serve/credfile"
)

// The exit codes of what cannot be run, as shells have them (POSIX.1-2017, Shell Command Language, 2.8.2).
const (
	exitNotExecutable = 126
	exitNotFound      = 127
)

func newExec(streams IO) *cobra.Command {
	var (
		where   place
		plain   bool
		noCache bool
	)
	c := &cobra.Command{
		Use:   "exec NAME [flags] -- COMMAND [ARGUMENT…]",
		Short: "Run a command with credentials that stay fresh",
		Long: `Run a command that gets the credentials configured under a name, and no others from the environment. It takes the place of this
one, so that signals, the terminal, the process group and the exit code are the command's own. Beside it an endpoint on loopback
serves it alone (AWS_CONTAINER_CREDENTIALS_FULL_URI, with a token): every AWS SDK asks there again before credentials end, for as
long as the command runs. With the command the endpoint ends, and the token is good for nothing.

With --env the credentials themselves are in the environment. They end, and nobody renews them: it is for programs that cannot ask.`,
		Example:           "  awsauth exec backup -- restic backup /srv\n  awsauth exec backup --env -- s3cmd ls",
		Annotations:       map[string]string{annotationExit: "yes", annotationUsage: "awsauth exec NAME [flags] -- COMMAND [ARGUMENT…]", annotationVariables: credentialVariables},
		Args:              nameAndCommand,
		ValidArgsFunction: completeCredentials(streams, &where),
		RunE: func(c *cobra.Command, args []string) error {
			e := execution{streams: streams, where: &where, name: args[0], command: args[1:], flags: repeatableFlags(c)}
			return ofName(args[0], e.run(c, plain, noCache))
		},
	}
	f := c.Flags()
	f.BoolVar(&plain, "env", false, "put the credentials themselves into the environment; they end")
	f.BoolVar(&noCache, "no-cache", false, "neither use nor keep what awsauth cache list shows")
	heading(c, "How they are given", "env", "no-cache")
	where.flags(c)
	keyFlags(c, "In place of what is configured", overridable()...)
	completeCertificates(c, streams, &where)
	return c
}

// nameAndCommand demands a credential's name before -- and a command behind it.
func nameAndCommand(c *cobra.Command, args []string) error {
	dash := c.ArgsLenAtDash()
	switch {
	case len(args) == 0 || dash == 0:
		return usageError{errors.New("which one? it is followed by a credential's name, and -- and a command"), c.CommandPath() + " --help"}
	case dash < 0 && len(args) > 1, dash > 1:
		return usageError{errors.New("the command stands behind --"), "awsauth exec NAME -- COMMAND ARGUMENT"}
	case len(args) == 1:
		return usageError{errors.New("which command? it stands behind --"), "awsauth exec NAME -- COMMAND ARGUMENT"}
	}
	return nil
}

// repeatableFlags are the flags that were given, for another process of this command. They hold no secret.
func repeatableFlags(c *cobra.Command) (args []string) {
	for _, k := range config.Keys {
		f := c.Flags().Lookup(k.FlagName())
		if f == nil || !f.Changed || annotation(f, annotationVariable) != "" {
			continue
		}
		text := f.Value.String()
		if f.Value.Type() != "string" {
			text = strings.Trim(text, "[]") // a list, as pflag writes it
		}
		args = append(args, "--"+f.Name+"="+text)
	}
	return args
}

// execution is one run of a command.
type execution struct {
	streams IO
	where   *place
	name    string
	command []string
	flags   []string // repeatable
}

func (e *execution) run(c *cobra.Command, plain, noCache bool) error {
	path, err := findProgram(e.command[0])
	if err != nil {
		return err
	}
	given, err := e.where.askAgent(c, e.streams, e.name)
	if err != nil {
		return err
	}
	environment := without(e.streams.Environment.All())
	if given != nil {
		environment = environment.withRegion(given.Region)
		if plain {
			return e.withPlain(c.Context(), path, environment, given.credentials())
		}
		order := &endpointOrder{Arguments: []string{e.name}, Agent: given.socket, First: given.credentials(), serving: &endpoint{agent: given}}
		return e.besideEndpoint(c.Context(), path, environment, order)
	}
	asked := passwords{}
	streams := e.streams
	streams.Prompt = asked.remembering(streams.Prompt)
	credential, err := e.where.credential(c, streams, e.name)
	if err != nil {
		return err
	}
	out := output{noCache: noCache}
	if !noCache {
		out.held = e.where.held(c.Context(), streams, credential)
	}
	// What cannot be had is better said now than by whatever the command makes of it.
	got, err := credential.ObtainHeld(c.Context(), out.held)
	if err != nil {
		return err
	}
	environment = environment.withRegion(credential.Region())
	if plain {
		return e.withPlain(c.Context(), path, environment, got.Credentials)
	}
	arguments, err := e.endpointArguments(noCache)
	if err != nil {
		return err
	}
	order := &endpointOrder{Arguments: arguments, First: got.Credentials, Passwords: asked, serving: &endpoint{credential: credential, output: out}}
	return e.besideEndpoint(c.Context(), path, environment, order)
}

// withPlain runs the command with the credentials themselves, and says that they end.
func (e *execution) withPlain(ctx context.Context, path string, environment childEnvironment, credentials aws.Credentials) error {
	if credentials.CanExpire {
		fmt.Fprintf(e.streams.Err, "awsauth: note: the credentials in the environment end in %s, and are not renewed\n", until(time.Until(credentials.Expires)))
	}
	return e.streams.Exec(ctx, program{path: path, args: e.command, environment: environment.withCredentials(credentials)}, nil)
}

// besideEndpoint runs the command beside the endpoint that serves it.
func (e *execution) besideEndpoint(ctx context.Context, path string, environment childEnvironment, order *endpointOrder) error {
	files, err := e.neutralFiles()
	if err != nil {
		return err
	}
	for variable, value := range files.variables {
		environment = environment.with(variable, value)
	}
	order.Remove = files.remove
	err = e.streams.Exec(ctx, program{path: path, args: e.command, environment: environment}, order)
	if files.remove != "" && err != nil { // nobody else does
		err = errors.Join(err, os.RemoveAll(files.remove))
	}
	return err
}

// neutral are files of AWS's clients without credentials in their default profile, which clients would take first.
type neutral struct {
	variables map[string]string
	remove    string // a directory to remove in the end; "" for none
}

// ownCredentials are the settings by which a profile has credentials of its own.
var ownCredentials = append([]string{
	"credential_process", "credential_source", "source_profile", "aws_secret_access_key", "aws_session_token", "sso_account_id", "sso_role_name",
	"sso_region",
}, first...)

func (e *execution) neutralFiles() (n neutral, err error) {
	n.variables = map[string]string{}
	shared := e.streams.Environment.SharedCredentialsFile()
	if hasCredentials(readShared(shared), "default") {
		n.variables["AWS_SHARED_CREDENTIALS_FILE"] = os.DevNull
	}
	file := readShared(e.streams.Environment.SharedConfigFile())
	if !hasCredentials(file, "default") {
		return n, nil
	}
	without, err := credfile.Apply(file, credfile.Change{Section: "default", Remove: ownCredentials})
	if err != nil {
		fmt.Fprintf(e.streams.Err, "awsauth: warning: %s is left out: it has credentials, and cannot be read without doubt: %v\n",
			e.streams.Environment.SharedConfigFile(), err)
		n.variables["AWS_CONFIG_FILE"] = os.DevNull
		return n, nil
	}
	sweepNeutral(os.TempDir())
	if n.remove, err = os.MkdirTemp("", fmt.Sprintf("%s%d-", neutralPrefix, os.Getpid())); err != nil {
		return n, err
	}
	path := filepath.Join(n.remove, "config")
	n.variables["AWS_CONFIG_FILE"] = path
	if err := os.WriteFile(path, without, 0o600); err != nil {
		return n, errors.Join(err, os.RemoveAll(n.remove))
	}
	return n, nil
}

// neutralPrefix begins the name of a directory of neutral files, and the number of the command that they are for follows.
const neutralPrefix = "awsauth-exec-"

// sweepNeutral removes what is left of commands that have ended while nobody could.
func sweepNeutral(dir string) {
	left, err := filepath.Glob(filepath.Join(dir, neutralPrefix+"*-*"))
	if err != nil {
		return
	}
	for _, path := range left {
		text, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(path), neutralPrefix), "-")
		info, err := os.Lstat(path)
		if pid, numberErr := strconv.Atoi(text); err != nil || numberErr != nil || !info.IsDir() || !isMine(info) || processExists(pid) {
			continue
		}
		_ = os.RemoveAll(path) // the next one tries again
	}
}

// isMine reports whether a file belongs to this user.
func isMine(info fs.FileInfo) bool {
	uid, known := safefile.Owner(info)
	return known && uid == os.Geteuid()
}

func hasCredentials(file []byte, section string) bool {
	return slices.ContainsFunc(ownCredentials, func(key string) bool {
		_, there := credfile.Lookup(file, section, key)
		return there
	})
}

// passwords are what a person was asked for, by the file that they are of.
type passwords map[string]string

// remembering keeps the answers of a prompt.
func (p passwords) remembering(prompt func(context.Context, string) ([]byte, error)) func(context.Context, string) ([]byte, error) {
	if prompt == nil {
		return nil
	}
	return func(ctx context.Context, question string) ([]byte, error) {
		answer, err := prompt(ctx, question)
		if err == nil {
			p[question] = string(answer)
		}
		return answer, err
	}
}

// answering gives the answers that were kept.
func (p passwords) answering(_ context.Context, question string) ([]byte, error) {
	if answer, ok := p[question]; ok {
		return []byte(answer), nil
	}
	return nil, errNobody
}

// program is what is to be run.
type program struct {
	path        string
	args        []string // the name first
	environment childEnvironment
	ignored     []os.Signal // which it is to ignore
}

// programError is a command that cannot be run.
type programError struct {
	error
	code int
}

func (e programError) Unwrap() error { return e.error }

// Hint answers what to do.
func (e programError) Hint() string { return "give its path, or look at PATH" }

// findProgram finds a program as shells do.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path, nil
	case errors.Is(err, exec.ErrDot):
		return "", programError{fmt.Errorf("%s: found in the working directory alone: write ./%s", name, name), exitNotFound}
	case errors.Is(err, fs.ErrPermission):
		return "", programError{fmt.Errorf("%s: permission denied", name), exitNotExecutable}
	}
	return "", programError{fmt.Errorf("%s: command not found", name), exitNotFound}
}

// childEnvironment is the environment of a command, by name.
type childEnvironment []string

// foreign are the variables by which AWS's clients get credentials, or choose between them.
var foreign = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION", "AWS_ACCOUNT_ID",
	"AWS_ACCESS_KEY", "AWS_SECRET_KEY", // the SDKs for Go and Java read these as well
	"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
	"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
	"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_DISABLED", "AWS_CREDENTIAL_FILE",
	"AWS_CREDENTIAL_PROFILES_FILE", // the SDK for Java 1
}

// bearer begins the variables with a token in place of a signature, of which each service has one of its own.
const bearer = "AWS_BEARER_TOKEN_"

// isForeign reports whether a command must not get a variable.
func isForeign(assignment string) bool {
	name, _, _ := strings.Cut(assignment, "=")
	if len(name) > len(bearer) && strings.EqualFold(name[:len(bearer)], bearer) {
		return true
	}
	return slices.ContainsFunc(foreign, func(f string) bool { return strings.EqualFold(f, name) })
}

// without is an environment without other credentials.
func without(environment []string) childEnvironment {
	return slices.DeleteFunc(slices.Clone(environment), isForeign)
}

func (e childEnvironment) get(name string) string {
	for _, assignment := range slices.Backward(e) {
		if value, ok := strings.CutPrefix(assignment, name+"="); ok {
			return value
		}
	}
	return ""
}

// with sets a variable.
func (e childEnvironment) with(name, value string) childEnvironment {
	e = slices.DeleteFunc(e, func(assignment string) bool { return strings.HasPrefix(assignment, name+"=") })
	return append(e, name+"="+value)
}

// withDefault sets a variable that has no value.
func (e childEnvironment) withDefault(name, value string) childEnvironment {
	if e.get(name) != "" {
		return e
	}
	return e.with(name, value)
}

// withRegion has the region that the credentials are for, if they have one and the environment has none.
func (e childEnvironment) withRegion(region string) childEnvironment {
	if region == "" {
		return e
	}
	e = e.withDefault("AWS_REGION", region)
	return e.withDefault("AWS_DEFAULT_REGION", e.get("AWS_REGION"))
}

// withCredentials has the credentials themselves.
func (e childEnvironment) withCredentials(c aws.Credentials) childEnvironment {
	e = e.with("AWS_ACCESS_KEY_ID", c.AccessKeyID).with("AWS_SECRET_ACCESS_KEY", c.SecretAccessKey)
	if c.SessionToken != "" {
		e = e.with("AWS_SESSION_TOKEN", c.SessionToken)
	}
	if c.AccountID != "" {
		e = e.with("AWS_ACCOUNT_ID", c.AccountID)
	}
	if c.CanExpire {
		e = e.with("AWS_CREDENTIAL_EXPIRATION", c.Expires.UTC().Format(time.RFC3339))
	}
	return e
}

// withEndpoint has the endpoint that gives them.
func (e childEnvironment) withEndpoint(url, token string) childEnvironment {
	return e.with("AWS_CONTAINER_CREDENTIALS_FULL_URI", url).with("AWS_CONTAINER_AUTHORIZATION_TOKEN", token).
		with("AWS_EC2_METADATA_DISABLED", "true")
}
