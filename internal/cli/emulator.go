package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/pki"
)

// defaultEmulatorAddress is where the emulator listens unless told otherwise.
const defaultEmulatorAddress = "127.0.0.1:9920"

type emulatorFlags struct {
	listen, region, accountID, state, trust, seed string
	sessionLifetime                               time.Duration
	faults                                        []string
	explain, json                                 bool
	stsEndpoint, stsAccessKeyID, stsSecretRef     string
}

func newEmulator(streams IO) *cobra.Command {
	var flags emulatorFlags
	c := &cobra.Command{
		Use:   "emulator [flags]",
		Short: "Run a local AWS: IAM Roles Anywhere, STS and IAM",
		Long: `Run a local AWS, to try and test everything around credentials offline: IAM Roles
Anywhere (CreateSession and the whole management API), STS and IAM. It refuses what
AWS refuses and can say why; it makes new keys at every start and prints what is
needed to use it. It listens on loopback alone. It is not AWS: docs/emulator.md
lists what it checks and what it does not.`,
		Example: `  awsauth emulator
  awsauth emulator --listen 127.0.0.1:0 --json
  awsauth emulator --trust ca.pem
  awsauth emulator --fault throttle=3 --session-lifetime 20s`,
		Annotations: map[string]string{annotationExit: "yes"},
		Args:        cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !c.Flags().Changed("explain") {
				flags.explain = streams.ErrIsTerminal
			}
			return flags.run(c.Context(), streams)
		},
	}
	f := c.Flags()
	f.StringVar(&flags.listen, "listen", defaultEmulatorAddress, "loopback `ADDRESS`; port 0 takes any free one")
	f.StringVar(&flags.region, "region", emulator.DefaultRegion, "`REGION` to be (default "+emulator.DefaultRegion+")")
	f.StringVar(&flags.accountID, "account-id", emulator.DefaultAccountID, "`ACCOUNT` to be (default "+emulator.DefaultAccountID+")")
	f.StringVar(&flags.state, "state", "", "`DIR` that keeps it over restarts, secrets included")
	f.StringVar(&flags.trust, "trust", "", "`FILE` of a CA in PEM to trust: makes trust anchor, profile and role for it")
	f.StringVar(&flags.seed, "seed", "", "YAML `FILE` of users, roles, trust anchors and profiles to create")
	f.DurationVar(&flags.sessionLifetime, "session-lifetime", 0, "`DURATION` of every session issued, whatever was asked for")
	f.StringSliceVar(&flags.faults, "fault", nil, "`FAULT` to misbehave with: "+emulator.Faults)
	f.BoolVar(&flags.explain, "explain", false, "give the true reason of refusals (default on a terminal)")
	f.BoolVar(&flags.json, "json", false, "print one JSON object on one line when ready, for scripts")
	f.StringVar(&flags.stsEndpoint, "sts-endpoint", "", "`URL` of another STS that issues CreateSession's credentials")
	f.StringVar(&flags.stsAccessKeyID, "sts-access-key-id", "", "access key `ID` for that STS")
	f.StringVar(&flags.stsSecretRef, "sts-secret-access-key", "", "`REF` of the secret access key for that STS")
	return c
}

// ready is what a person or a script needs to use an emulator.
type ready struct {
	Endpoint       string            `json:"endpoint"`
	Region         string            `json:"region"`
	AccountID      string            `json:"account_id"`
	Environment    map[string]string `json:"environment"`
	Administrator  accessKey         `json:"administrator"`
	TrustAnchorARN string            `json:"trust_anchor_arn"`
	ProfileARN     string            `json:"profile_arn"`
	RoleARN        string            `json:"role_arn"`
	Identity       *readyIdentity    `json:"identity,omitempty"`
	Created        *emulator.Created `json:"created,omitempty"` // by --seed
}

type accessKey struct {
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
}

type readyIdentity struct {
	Subject     string `json:"subject"`
	Certificate string `json:"certificate"` // path
	PrivateKey  string `json:"private_key"` // path
	URI         string `json:"uri"`         // for --certificate
}

func (f *emulatorFlags) run(ctx context.Context, streams IO) (err error) {
	faults, err := f.parseFaults()
	if err != nil {
		return err
	}
	config, err := f.config(streams)
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

func (f *emulatorFlags) config(streams IO) (emulator.Config, error) {
	c := emulator.Config{
		AccountID:       f.accountID,
		Region:          f.region,
		Dir:             f.state,
		SessionLifetime: f.sessionLifetime,
		Explain:         f.explain,
		Log:             slog.New(slog.NewTextHandler(streams.Err, nil)),
	}
	if f.sessionLifetime < 0 || f.sessionLifetime%time.Second != 0 {
		return c, usagef("--session-lifetime: use whole seconds, as 20s")
	}
	if f.stsEndpoint == "" {
		if f.stsAccessKeyID != "" || f.stsSecretRef != "" {
			return c, usagef("--sts-access-key-id and --sts-secret-access-key go with --sts-endpoint")
		}
		return c, nil
	}
	secretKey, err := newReferences(streams).read("sts-secret-access-key", f.stsSecretRef)
	if err != nil {
		return c, err
	}
	static := awsauth.Static{AccessKeyID: f.stsAccessKeyID, SecretAccessKey: secretKey}
	if _, err := static.Retrieve(context.Background()); err != nil {
		return c, usagef("--sts-endpoint needs --sts-access-key-id and --sts-secret-access-key: %w", errors.New(
			strings.NewReplacer("AccessKeyID", "the ID", "SecretAccessKey", "the secret").Replace(
				strings.TrimPrefix(err.Error(), "static credentials: "))))
	}
	c.STS = &emulator.UpstreamSTS{Endpoint: f.stsEndpoint, Credentials: aws.CredentialsProvider(static)}
	return c, nil
}

// directory is where the ready identity's files go: the state's, or one that goes away at the end.
func (f *emulatorFlags) directory() (dir string, cleanUp func() error, err error) {
	nothing := func() error { return nil }
	if f.state != "" {
		if err := os.MkdirAll(f.state, 0o700); err != nil {
			return "", nothing, configurationError{error: fmt.Errorf("--state: %w", err), hint: "name a directory that can be written"}
		}
		dir, err := filepath.Abs(f.state)
		return dir, nothing, err
	}
	if f.trust != "" {
		return "", nothing, nil // whoever has a CA has certificates
	}
	dir, err = os.MkdirTemp("", "awsauth-emulator-")
	return dir, func() error { return os.RemoveAll(dir) }, err
}

// readyFile remembers, beside the state, what has been prepared.
const readyFile = "ready.json"

// prepare fills a new account, or finds what a kept one was filled with.
func (f *emulatorFlags) prepare(local *localAWS, dir string, seed *emulator.Seed) (*ready, error) {
	r, err := f.kept()
	if err != nil {
		return nil, err
	}
	if r == nil {
		if r, err = f.fill(local, dir); err != nil {
			return nil, err
		}
		if seed != nil {
			created, err := local.Apply(*seed)
			if err != nil {
				return nil, configurationError{error: fmt.Errorf("--seed: %w", err), hint: "docs/emulator.md describes the file"}
			}
			r.Created = &created
		}
		if err := f.keep(r); err != nil {
			return nil, err
		}
	}
	r.Endpoint = local.endpoint
	r.Environment = map[string]string{
		"AWS_ENDPOINT_URL":      local.endpoint,
		"AWS_REGION":            r.Region,
		"AWS_DEFAULT_REGION":    r.Region,
		"AWS_ACCESS_KEY_ID":     r.Administrator.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY": r.Administrator.SecretAccessKey,
	}
	return r, nil
}

func (f *emulatorFlags) fill(local *localAWS, dir string) (*ready, error) {
	var bundle []byte
	var id *readyIdentity
	if f.trust != "" {
		var err error
		if bundle, err = os.ReadFile(f.trust); err != nil {
			return nil, configurationError{error: fmt.Errorf("--trust: %w", err), hint: "name the file of your CA's certificate in PEM"}
		}
	} else {
		ca, err := pki.NewCA(localName+"-ca", time.Now())
		if err != nil {
			return nil, err
		}
		client, err := ca.Issue(pki.Leaf{CommonName: localName + "-client"})
		if err != nil {
			return nil, err
		}
		certificate, key, err := writeIdentity(dir, client)
		if err != nil {
			return nil, err
		}
		id = &readyIdentity{
			Subject: client.Certificate.Subject.String(), Certificate: certificate, PrivateKey: key,
			URI: "file:" + certificate + "?key=" + key,
		}
		bundle = pki.CertificatesPEM(ca.Certificate)
	}
	created, err := local.Apply(localSeed(localName, localAdministrator, bundle))
	if err != nil {
		if f.trust != "" {
			return nil, configurationError{error: fmt.Errorf("--trust %s: %w", f.trust, err), hint: "name the file of your CA's certificate in PEM"}
		}
		return nil, err
	}
	admin := created.Users[localAdministrator]
	return &ready{
		Region:         local.Region(),
		AccountID:      local.AccountID(),
		Administrator:  accessKey{admin.AccessKeyID, admin.SecretAccessKey},
		TrustAnchorARN: created.TrustAnchors[localName+"-ca"],
		ProfileARN:     created.Profiles[localName],
		RoleARN:        created.Roles[localName],
		Identity:       id,
	}, nil
}

// kept reads what an earlier run prepared; nil when there was none.
func (f *emulatorFlags) kept() (*ready, error) {
	if f.state == "" {
		return nil, nil
	}
	path := filepath.Join(f.state, readyFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r := new(ready)
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, configurationError{error: fmt.Errorf("--state: %s is damaged", path), hint: "remove the directory to start anew"}
	}
	if f.trust != "" || f.seed != "" {
		return nil, configurationError{
			error: fmt.Errorf("--state %s is filled already: --trust and --seed are for a new one", f.state),
			hint:  "leave them out, or name another directory",
		}
	}
	return r, nil
}

func (f *emulatorFlags) keep(r *ready) error {
	if f.state == "" {
		return nil
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(f.state, readyFile), raw, 0o600)
}

// announce says that it is ready, and how to use it.
func (f *emulatorFlags) announce(streams IO, r *ready) error {
	if f.json {
		return json.NewEncoder(streams.Out).Encode(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "A local AWS on %s (account %s, %s); Ctrl-C stops it\n\n", r.Endpoint, r.AccountID, r.Region)
	b.WriteString("As its administrator, with any AWS client:\n")
	for _, name := range slices.Sorted(maps.Keys(r.Environment)) {
		fmt.Fprintf(&b, "  export %s=%s\n", name, quotePOSIX(r.Environment[name]))
	}
	b.WriteString("  aws sts get-caller-identity\n\nWith a certificate:\n")
	uri := "file:leaf.pem?key=leaf.key"
	if r.Identity != nil {
		uri = r.Identity.URI
	}
	fmt.Fprintf(&b, "  awsauth get session --endpoint-url %s \\\n    --certificate %s \\\n    --role-arn %s \\\n    --profile-arn %s \\\n    --trust-anchor-arn %s\n",
		r.Endpoint, quotePOSIX(uri), r.RoleARN, r.ProfileARN, r.TrustAnchorARN)
	if r.Created != nil {
		b.WriteString("\n" + describeCreated(r.Created))
	}
	b.WriteString("\n")
	_, err := fmt.Fprint(streams.Out, b.String())
	return err
}

func describeCreated(c *emulator.Created) string {
	var b strings.Builder
	b.WriteString("Created from the seed:\n")
	for _, name := range slices.Sorted(maps.Keys(c.Users)) {
		u := c.Users[name]
		fmt.Fprintf(&b, "  user %s  %s  %s\n", name, u.AccessKeyID, u.SecretAccessKey)
	}
	for _, group := range []struct {
		kind string
		arns map[string]string
	}{{"trust anchor", c.TrustAnchors}, {"role", c.Roles}, {"profile", c.Profiles}} {
		for _, name := range slices.Sorted(maps.Keys(group.arns)) {
			fmt.Fprintf(&b, "  %s %s  %s\n", group.kind, name, group.arns[name])
		}
	}
	return b.String()
}
