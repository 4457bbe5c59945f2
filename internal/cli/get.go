package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/internal/printable"
	"github.com/awsauth-go/awsauth/internal/secret"
)

func newGet(streams IO) *cobra.Command {
	c := &cobra.Command{
		Use:   "get",
		Short: "Get credentials",
		Long: `Get credentials and print them: an IAM user's access key (static), or temporary ones from IAM Roles Anywhere
(session).`,
		Example: "  awsauth get session --help",
		Args:    subcommandOnly,
		RunE:    needsSubcommand,
	}
	c.AddCommand(newGetStatic(streams), newGetSession(streams))
	return c
}

// output says how credentials are shown.
type output struct {
	format      string
	showSecrets bool
	verify      bool
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

func (o *output) check() error {
	if o.format != "" && !slices.Contains(formatNames(), o.format) {
		return usagef("--format is not one of %s", strings.Join(formatNames(), ", "))
	}
	return nil
}

// obtained is what a get command has got.
type obtained struct {
	kind        string // "static" or "session"
	credentials aws.Credentials
	arn         string // who the credentials are; "" when not known
	through     string // how they were obtained; "" for static ones
	unverified  string // why arn is not known
	emulator    string // the endpoint that is not AWS; "" for AWS
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
	fmt.Fprintf(&b, "%s  %s\n", got.kind, who)
	if got.unverified != "" {
		fmt.Fprintf(&b, "not verified: %s\n", got.unverified)
	}
	if got.through != "" {
		fmt.Fprintf(&b, "through %s\n", got.through)
	}
	if got.emulator != "" {
		b.WriteString(emulatorNote(got.emulator) + "\n")
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
	fmt.Fprintf(&b, "Use it:  awsauth get %s … --format %s\n", got.kind, strings.Join(formatNames(), "|"))
	b.WriteString("Look:    awsauth get " + got.kind + " … --show-secrets\n")
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
	default:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
}

// references reads the flags that name secrets. Standard input can serve one of them.
type references struct {
	resolver secret.Resolver
	stdin    string // the flag that has taken standard input
}

func newReferences(ctx context.Context, streams IO) *references {
	return &references{resolver: secret.Resolver{
		Stdin: interruptibleReader{ctx, streams.In}, LookupEnv: streams.Environment.Lookup,
	}}
}

// read answers the secret that a flag's reference names; no reference is no secret.
func (r *references) read(flag, reference string) (secret.Secret, error) {
	if reference == "" {
		return secret.Secret{}, nil
	}
	if reference == "-" {
		if r.stdin != "" {
			return secret.Secret{}, usagef("--%s and --%s cannot both be read from standard input", r.stdin, flag)
		}
		r.stdin = flag
	}
	value, err := r.resolver.Resolve(reference)
	if errors.Is(err, context.Canceled) {
		return secret.Secret{}, err
	}
	if err != nil {
		return secret.Secret{}, configurationError{error: fmt.Errorf("--%s: %w", flag, err), hint: referenceHint(err)}
	}
	return value, nil
}

// verifies reports whether to ask STS: when told to, or when a person reads along.
func (o *output) verifies(streams IO) bool {
	return o.verify || o.format == "" && streams.OutIsTerminal && !o.showSecrets
}

// verifyWith fills in who the credentials are. A person is only told when STS cannot be reached; a refusal counts.
func (o *output) verifyWith(ctx context.Context, streams IO, s stsClient, got *obtained) error {
	arn, err := s.callerIdentity(ctx, streams, got.credentials)
	if err == nil && got.arn != "" && got.arn != arn {
		err = newSTSError(errors.New("its answer is about somebody else than Roles Anywhere's"), got.credentials)
	}
	if err == nil {
		got.arn = arn
		return nil
	}
	failed := new(stsError)
	if ctx.Err() == nil && errors.As(err, &failed) && !failed.refused() && !o.verify {
		got.unverified = printable.Line(failed.Error())
		return nil
	}
	return err
}
