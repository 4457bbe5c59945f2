package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/diskcache"
	"github.com/awsauth-go/awsauth/internal/printable"
	"github.com/awsauth-go/awsauth/internal/stsclient"
	"github.com/awsauth-go/awsauth/named"
)

// overridable are the keys that flags give in place of what is configured.
func overridable() (keys []string) {
	for _, k := range config.Keys {
		if k.Flag {
			keys = append(keys, k.Name)
		}
	}
	return keys
}

func newGet(streams IO) *cobra.Command {
	var (
		where place
		out   output
	)
	c := &cobra.Command{
		Use:   "get NAME [flags]",
		Short: "Get credentials",
		Long: `Get the credentials that the configuration keeps under a name, and print them. Without a configuration: awsauth get
static for an IAM user's access key, and awsauth get session for temporary ones from IAM Roles Anywhere.`,
		Example:           "  awsauth get backup\n  awsauth get backup --format env\n  awsauth get session --help",
		Annotations:       map[string]string{annotationExit: "yes", annotationUsage: "awsauth get NAME [flags]", annotationVariables: credentialVariables},
		Args:              oneName("a credential's name, or session or static"),
		ValidArgsFunction: completeCredentials(streams, &where),
		RunE: func(c *cobra.Command, args []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			return ofName(args[0], getNamed(c, streams, &where, out, args[0]))
		},
	}
	out.flags(c)
	f := c.Flags()
	f.BoolVar(&out.noCache, "no-cache", false, "neither use nor keep what awsauth cache list shows")
	heading(c, "How it is answered", "no-cache")
	where.flags(c)
	keyFlags(c, "In place of what is configured", overridable()...)
	completeCertificates(c, streams, &where)
	c.AddCommand(newGetStatic(streams), newGetSession(streams))
	return c
}

// getNamed gets and prints a configured credential.
func getNamed(c *cobra.Command, streams IO, where *place, out output, name string) error {
	given, err := where.askAgent(c, streams, name)
	if err != nil {
		return err
	}
	if given != nil {
		return out.printOfAgent(c.Context(), streams, given)
	}
	credential, err := where.credential(c, streams, name)
	if err != nil {
		return err
	}
	if !out.noCache {
		out.held = where.held(c.Context(), streams, credential)
	}
	got, err := out.obtain(c.Context(), streams, credential)
	if err != nil {
		return err
	}
	return out.print(streams, got)
}

// printOfAgent prints what an agent has given.
func (o *output) printOfAgent(ctx context.Context, streams IO, given *ofAgent) error {
	shown := obtained{
		name: given.Name, kind: given.Type, credentials: given.credentials(), arn: given.ARN, through: through(given.Steps), emulator: given.Emulator,
	}
	if o.verify {
		if err := verifyOfAgent(ctx, streams, &shown); err != nil {
			return err
		}
	}
	return o.print(streams, shown)
}

// verifyOfAgent asks STS who credentials are whose configuration is the agent's.
func verifyOfAgent(ctx context.Context, streams IO, got *obtained) error {
	_, region := streams.Environment.Region()
	who, err := stsclient.Client{Region: cmp.Or(region, "us-east-1"), Endpoint: got.emulator}.CallerIdentity(ctx, got.credentials)
	switch {
	case err != nil:
		return err
	case got.arn != "" && got.arn != who.ARN:
		return stsclient.NotTheSame(got.credentials)
	}
	got.arn = who.ARN
	return nil
}

// held opens the cache of this user's processes for a credential; nil where there is none.
func (p *place) held(ctx context.Context, streams IO, credential *named.Credential) *diskcache.Cache {
	if credential.Type() == config.TypeStatic {
		return nil
	}
	problem := func(err error) {
		fmt.Fprintf(streams.Err, "awsauth: warning: credentials are not held for the next call: %s\n", printable.Line(err.Error()))
	}
	held, err := credential.Store().Held(ctx, streams.Environment, problem)
	if err != nil {
		problem(err)
		return nil
	}
	return held
}

// credential builds the pipeline of a configured credential.
func (p *place) credential(c *cobra.Command, streams IO, name string) (*named.Credential, error) {
	loaded, err := p.load(streams)
	if err != nil {
		return nil, err
	}
	resolved, err := loaded.Resolve(name, overrides(c, streams.Environment))
	if err != nil {
		return nil, configurationProblem(err)
	}
	store := named.OpenStore(streams.Environment, p.store, loaded)
	refs := newReferences(c.Context(), streams, func(key string) string { return key })
	return build(resolved, surroundings(streams, store, refs))
}

// build builds a pipeline; a variable that it cannot use is a matter of configuration.
func build(r *config.Resolved, s named.Surroundings) (*named.Credential, error) {
	credential, err := named.Build(r, s)
	setting := new(named.SettingError)
	if errors.As(err, &setting) && setting.Variable != "" {
		return nil, configurationError{error: err, hint: "unset " + setting.Variable + ", or correct it"}
	}
	return credential, err
}

// output says how credentials are shown.
type output struct {
	format      string
	showSecrets bool
	verify      bool
	noCache     bool
	held        *diskcache.Cache // nil: every call asks AWS
}

func (o *output) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.format, "format", "", "`FORMAT` "+strings.Join(formatNames(), ", ")+
		" (default process; on a terminal, who and until when)")
	f.BoolVar(&o.showSecrets, "show-secrets", false, "show secrets on a terminal too")
	f.BoolVar(&o.verify, "verify", false, "ask STS who the credentials are, and fail if it refuses them")
	heading(c, "How it is answered", "format", "show-secrets", "verify")
	completeValues(c, "format", formatNames()...)
}

func (o *output) check(c *cobra.Command) error {
	if c.Flags().Changed("format") && !slices.Contains(formatNames(), o.format) {
		return usagef("--format is not one of %s", strings.Join(formatNames(), ", "))
	}
	return nil
}

// obtained is what a get command has got.
type obtained struct {
	name        string // of the configured credential; "" for one that flags have made
	kind        string // its type
	credentials aws.Credentials
	arn         string // who the credentials are; "" when not known
	through     string // how they were obtained; "" for static ones
	unverified  string // why arn is not known
	emulator    string // the endpoint that is not AWS; "" for AWS
	verifier    string // the same of what has said arn
}

// print writes the credentials in the format asked for, or for a person.
func (o *output) print(streams IO, got obtained) error {
	format := o.format
	if format == "" && !streams.OutIsTerminal {
		format = "process"
	}
	if format != "" {
		_, err := streams.Out.Write(formats[format](got))
		return err
	}
	_, err := fmt.Fprint(streams.Out, describeCredentials(got, o.showSecrets, time.Now()))
	return err
}

// describeCredentials tells a person who, until when, and what to do next.
func describeCredentials(got obtained, showSecrets bool, now time.Time) string {
	var b strings.Builder
	who := got.arn
	if who == "" {
		who = got.credentials.AccessKeyID
	}
	if got.name != "" {
		b.WriteString(got.name + "  ")
	}
	fmt.Fprintf(&b, "%s  %s\n", got.kind, who)
	if got.unverified != "" {
		fmt.Fprintf(&b, "not verified: %s\n", got.unverified)
	}
	if got.through != "" {
		fmt.Fprintf(&b, "through %s\n", got.through)
	}
	if got.emulator != "" {
		b.WriteString(emulatorNote(got.emulator) + "\n")
	} else if got.verifier != "" {
		b.WriteString("EMULATOR: " + got.verifier + " has said who this is, not AWS\n")
	}
	if got.credentials.CanExpire {
		fmt.Fprintf(&b, "expires in %s (%s)\n", until(got.credentials.Expires.Sub(now)), got.credentials.Expires.UTC().Format("15:04 MST"))
	} else {
		b.WriteString("no expiry\n")
	}
	if showSecrets {
		fmt.Fprintf(&b, "access key ID      %s\nsecret access key  %s\n", got.credentials.AccessKeyID, got.credentials.SecretAccessKey)
		if t := got.credentials.SessionToken; t != "" {
			fmt.Fprintf(&b, "session token      %s\n", t)
		}
		return b.String()
	}
	again := got.kind + " …"
	if got.name != "" {
		again = got.name
	}
	fmt.Fprintf(&b, "Use it:  awsauth get %s --format %s\n", again, strings.Join(formatNames(), "|"))
	b.WriteString("Look:    awsauth get " + again + " --show-secrets\n")
	return b.String()
}

// emulatorNote says that credentials are not AWS's: plain HTTP is for an emulator on loopback alone.
func emulatorNote(endpoint string) string {
	return "EMULATOR: these credentials are from " + endpoint + ", not from AWS"
}

// until writes a time span for a person, with the unit that matters.
func until(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int((d+30*time.Second)/time.Minute))
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours())/24)
	default:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
}

// obtain gets the credentials and, where that is to be known, asks STS who they are.
func (o *output) obtain(ctx context.Context, streams IO, credential *named.Credential) (obtained, error) {
	got, err := credential.ObtainHeld(ctx, o.held)
	if err != nil {
		return obtained{}, err
	}
	shown := obtained{
		name: credential.Name(), kind: credential.Type(), credentials: got.Credentials, arn: got.ARN,
		through: through(got.Steps), emulator: got.Emulator,
	}
	if shown.emulator != "" && streams.ErrIsTerminal && !streams.OutIsTerminal {
		fmt.Fprintln(streams.Err, "awsauth: note: "+emulatorNote(shown.emulator))
	}
	// A person is told who an access key is; a session's answer has said so.
	if o.verify || got.ARN == "" && o.format == "" && streams.OutIsTerminal && !o.showSecrets {
		err = o.verifyWith(ctx, credential, &shown)
	}
	return shown, err
}

// through says the way to temporary credentials.
func through(steps []named.Step) string {
	if len(steps) < 2 {
		return ""
	}
	var names []string
	for _, s := range steps {
		names = append(names, s.Name)
	}
	return strings.Join(names, " → ")
}

// verifyWith fills in who the credentials are. A person is only told when STS cannot be reached; a refusal counts.
func (o *output) verifyWith(ctx context.Context, credential *named.Credential, got *obtained) error {
	who, err := credential.Caller(ctx, got.credentials)
	if err == nil && got.arn != "" && got.arn != who.ARN {
		return stsclient.NotTheSame(got.credentials)
	}
	if err == nil {
		got.arn, got.verifier = who.ARN, credential.Emulator()
		return nil
	}
	failed := new(stsclient.Error)
	if ctx.Err() == nil && errors.As(err, &failed) && !failed.Refused() && !o.verify {
		got.unverified = printable.Line(failed.Error())
		return nil
	}
	return err
}
