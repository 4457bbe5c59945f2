package cli

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// defaultEmulatorAddress is where the emulator listens unless told otherwise.
const defaultEmulatorAddress = "127.0.0.1:9920"

type emulatorFlags struct {
	listen, region, accountID, state, trust, seed string
	sessionLifetime                               time.Duration
	faults                                        []string
	explain, json                                 bool
	stsEndpoint, stsAccessKeyID, stsSecretRef     string
	gateway                                       []string
}

func newEmulator(streams IO) *cobra.Command {
	var flags emulatorFlags
	c := &cobra.Command{
		Use:   "emulator [flags]",
		Short: "Run a local AWS: IAM Roles Anywhere, STS and IAM",
		Long: `Run a local AWS, to try and test everything around credentials offline: IAM Roles Anywhere (CreateSession and the
whole management API), STS and IAM. It refuses what AWS refuses and can say why; it makes new keys at every start and
prints what is needed to use it. It listens on loopback alone, and runs until Ctrl-C ends it with exit code 0.

It is not AWS: docs/emulator.md lists what it checks and what it does not.`,
		Example: `  awsauth emulator
  awsauth emulator --listen 127.0.0.1:0 --json
  awsauth emulator --trust ca.pem
  awsauth emulator --fault throttle=3 --session-lifetime 20s
  awsauth emulator --gateway http://127.0.0.1:4566`,
		Annotations: map[string]string{annotationExit: "yes"},
		Args:        noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if !c.Flags().Changed("explain") {
				flags.explain = streams.ErrIsTerminal
			}
			return flags.run(c.Context(), streams)
		},
	}
	flags.register(c)
	return c
}

func (f *emulatorFlags) register(c *cobra.Command) {
	set := c.Flags()
	set.StringVar(&f.listen, "listen", defaultEmulatorAddress, "`ADDRESS` where to listen, on loopback (default "+defaultEmulatorAddress+"); port 0 takes any free one")
	set.StringVar(&f.region, "region", emulator.DefaultRegion, "`REGION` region to be (default "+emulator.DefaultRegion+")")
	set.StringVar(&f.accountID, "account-id", emulator.DefaultAccountID, "`ACCOUNT` account to be (default "+emulator.DefaultAccountID+")")
	heading(c, "Where and who it is", "listen", "region", "account-id")

	set.StringVar(&f.trust, "trust", "", "`FILE` CA in PEM to trust; makes trust anchor, profile and role for it")
	set.StringVar(&f.seed, "seed", "", "`FILE` users, roles, trust anchors and profiles to create, in YAML")
	set.StringVar(&f.state, "state", "", "`DIR` where it is kept over restarts, secrets included")
	heading(c, "What it holds", "trust", "seed", "state")

	set.StringSliceVar(&f.faults, "fault", nil, "`FAULT` how to misbehave: "+emulator.Faults)
	set.DurationVar(&f.sessionLifetime, "session-lifetime", 0, "`DURATION` life of every session, whatever was asked for")
	set.BoolVar(&f.explain, "explain", false, "give the true reason of refusals (default on a terminal)")
	set.BoolVar(&f.json, "json", false, "print one JSON object on one line when ready, for scripts")
	heading(c, "How it behaves", "fault", "session-lifetime", "explain", "json")

	set.StringVar(&f.stsEndpoint, "sts-endpoint", "", "`URL` STS that issues CreateSession's credentials")
	set.StringVar(&f.stsAccessKeyID, "sts-access-key-id", "", "`ID` access key ID for that STS")
	set.StringVar(&f.stsSecretRef, "sts-secret-access-key", "", "`REF` its secret: env:NAME, file:PATH or -")
	heading(c, "Another STS behind it", "sts-endpoint", "sts-access-key-id", "sts-secret-access-key")

	set.StringArrayVar(&f.gateway, "gateway", nil, "`[SERVICE=]URL` local service without authentication of its own, to hand requests on to once they are checked; may be given several times")
	heading(c, "Other services behind it", "gateway")

	for _, name := range []string{"listen", "region", "account-id", "session-lifetime", "sts-endpoint", "sts-access-key-id"} {
		completeValues(c, name)
	}
	completeValues(c, "fault", strings.Split(emulator.Faults, ", ")...)
}

func (f *emulatorFlags) run(ctx context.Context, streams IO) (err error) {
	faults, err := f.parseFaults()
	if err != nil {
		return err
	}
	config, err := f.config(ctx, streams)
	if err != nil {
		return err
	}
	seed, err := f.readSeed()
	if err != nil {
		return err
	}
	dir, cleanUp, err := f.directory()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanUp()) }()
	local, err := startLocal(config, f.listen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, local.stop()) }()
	r, err := f.prepare(local, dir, seed)
	if err != nil {
		return err
	}
	local.Fail(faults...)
	if err := f.announce(streams, r); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil // stopped as asked
	case err := <-local.served:
		local.served <- err
		return err
	}
}

func (f *emulatorFlags) parseFaults() ([]emulator.Fault, error) {
	var faults []emulator.Fault
	for _, text := range f.faults {
		fault, err := emulator.ParseFault(text)
		if err != nil {
			return nil, usagef("--fault: %w", err)
		}
		faults = append(faults, fault)
	}
	return faults, nil
}

func (f *emulatorFlags) config(ctx context.Context, streams IO) (emulator.Config, error) {
	c := emulator.Config{
		AccountID:       f.accountID,
		Region:          f.region,
		Dir:             f.state,
		SessionLifetime: f.sessionLifetime,
		Explain:         f.explain,
		Log:             slog.New(slog.NewTextHandler(streams.Err, nil)),
	}
	if err := f.check(); err != nil {
		return c, err
	}
	var err error
	if c.Gateway, err = f.backends(); err != nil {
		return c, err
	}
	if f.stsEndpoint == "" {
		return c, nil
	}
	upstream, err := f.upstream(ctx, streams)
	c.STS = upstream
	return c, err
}

func (f *emulatorFlags) check() error {
	if len(f.accountID) != 12 || strings.Trim(f.accountID, "0123456789") != "" {
		return usagef("--account-id is not 12 digits")
	}
	if _, err := rolesanywhere.PartitionOf(f.region); err != nil {
		return usagef("--region: %w", err)
	}
	if f.sessionLifetime < 0 || f.sessionLifetime%time.Second != 0 {
		return usagef("--session-lifetime is not a number of whole seconds, as 20s")
	}
	if f.stsEndpoint == "" && (f.stsAccessKeyID != "" || f.stsSecretRef != "") {
		return usagef("--sts-access-key-id and --sts-secret-access-key go with --sts-endpoint, which is missing")
	}
	return nil
}

// serviceForm is how signatures name services.
var serviceForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// backends are the services behind the emulator, by the name that requests are signed for.
func (f *emulatorFlags) backends() (map[string]*url.URL, error) {
	all := map[string]*url.URL{}
	for i, text := range f.gateway {
		service, address, found := strings.Cut(text, "=")
		if !found {
			service, address = "", text
		}
		u, err := url.Parse(address)
		switch {
		case err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
			return nil, usagef("--gateway number %d is not [SERVICE=]URL, as http://127.0.0.1:4566 or sqs=http://127.0.0.1:9324", i+1)
		case service != "" && !serviceForm.MatchString(service) || slices.Contains([]string{"sts", "iam", "rolesanywhere"}, service):
			return nil, usagef("--gateway number %d names no service that can stand behind the emulator, as s3, sqs, sns or rekognition", i+1)
		case all[service] != nil:
			return nil, usagef("--gateway number %d is for a service that has one already", i+1)
		case !rolesanywhere.IsLoopback(u.Hostname()):
			return nil, usagef("--gateway number %d is not on this host: use 127.0.0.1", i+1)
		}
		all[service] = u
	}
	return all, nil
}

// upstream is the STS that issues credentials in the emulator's place.
func (f *emulatorFlags) upstream(ctx context.Context, streams IO) (*emulator.UpstreamSTS, error) {
	u, err := url.Parse(f.stsEndpoint)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usagef("--sts-endpoint is not a URL, as http://127.0.0.1:5000")
	}
	secretKey, err := newReferences(ctx, streams, flagWord).read(ctx, "sts-secret-access-key", f.stsSecretRef)
	if err != nil {
		return nil, err
	}
	static := awsauth.Static{AccessKeyID: f.stsAccessKeyID, SecretAccessKey: secretKey}
	parameter := new(awsauth.ParameterError)
	if _, err := static.Retrieve(ctx); errors.As(err, &parameter) {
		return nil, usagef("%s", strings.NewReplacer(
			"--access-key-id", "--sts-access-key-id", "--secret-access-key", "--sts-secret-access-key",
		).Replace(describeParameters(parameter)))
	}
	return &emulator.UpstreamSTS{Endpoint: f.stsEndpoint, Credentials: static}, nil
}
