package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/internal/safefile"
	"github.com/awsauth-go/awsauth/named"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

func newDemo(streams IO) *cobra.Command {
	var keep bool
	c := &cobra.Command{
		Use:   "demo [flags]",
		Short: "See it all work on a local AWS, in one go",
		Long: `Make a certificate authority and a certificate, start a local AWS, keep the certificate in a store and credentials in a
configuration, get them by name, ask STS who they are, and show what refusals look like. It needs no AWS account and no network,
and leaves nothing behind.`,
		Example:     "  awsauth demo\n  awsauth demo --keep",
		Annotations: map[string]string{annotationExit: "yes"},
		Args:        noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return runDemo(c.Context(), streams, keep)
		},
	}
	c.Flags().BoolVar(&keep, "keep", false, "leave it running until Ctrl-C, to try by hand")
	return c
}

// demo is one run of the demonstration.
type demo struct {
	out    *printer
	io     IO
	ca     *pki.CA
	client *identity.Identity
	local  *localAWS
	made   emulator.Created
	dir    string // of the store and the configuration; gone at the end
	config *config.Config
	store  *named.Store
}

const demoName = "demo"

func runDemo(ctx context.Context, streams IO, keep bool) (err error) {
	d := &demo{out: &printer{w: streams.Out, width: streams.width()}, io: streams}
	if err := d.makeCertificates(); err != nil {
		return err
	}
	if err := d.startAWS(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.local.stop()) }()
	if d.dir, err = os.MkdirTemp("", "awsauth-demo-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	for _, step := range []func(context.Context) error{d.configure, d.getStatic, d.getSession, d.refusals} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if keep {
		return d.keep(ctx)
	}
	d.out.line("Try it by hand:  awsauth demo --keep")
	return d.out.err
}

// printer writes lines for a person.
type printer struct {
	w     io.Writer
	width int   // in columns
	err   error // the first
}

func (p *printer) line(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format+"\n", args...); p.err == nil {
		p.err = err
	}
}

// timed writes a line that ends with the time since start.
func (p *printer) timed(start time.Time, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	took := fmt.Sprintf("%.1f ms", float64(time.Since(start).Microseconds())/1000)
	p.line("%s%s%s", text, strings.Repeat(" ", max(p.width-utf8.RuneCountInString(text)-len(took), 2)), took)
}

// labelled writes a text beside its label, and below itself where it is long.
func (p *printer) labelled(label, text string) {
	const margin, left = "    ", 9
	p.line("%s%-*s %s", margin, left, label, fill(text, len(margin)+left+1, p.width))
}

func (d *demo) makeCertificates() (err error) {
	start := time.Now()
	if d.ca, err = pki.NewCA(demoName+"-ca", start); err != nil {
		return err
	}
	if d.client, err = d.ca.Issue(pki.Leaf{CommonName: demoName + "-client"}); err != nil {
		return err
	}
	d.out.timed(start, "A certificate authority and a client certificate")
	d.out.line("  %s, ECDSA P-256, valid until %s", d.client.Certificate.Subject, d.client.Certificate.NotAfter.Format(time.DateOnly))
	return nil
}

func (d *demo) startAWS() (err error) {
	start := time.Now()
	if d.local, err = startLocal(emulator.Config{Explain: true}, "127.0.0.1:0"); err != nil {
		return err
	}
	seed := localSeed(demoName, demoName, pki.CertificatesPEM(d.ca.Certificate))
	// A role that trusts Roles Anywhere, but through another trust anchor.
	seed.Roles = append(seed.Roles, emulator.SeedRole{
		Name:        "payroll",
		TrustPolicy: emulator.Document(emulator.TrustPolicy(d.anotherAnchor())),
	})
	seed.Profiles[0].Roles = append(seed.Profiles[0].Roles, "payroll")
	if d.made, err = d.local.Apply(seed); err != nil {
		return errors.Join(err, d.local.stop())
	}
	d.out.timed(start, "A local AWS on %s", d.local.endpoint)
	d.out.line("  trust anchor demo-ca, profile demo, role demo (account %s)", d.local.AccountID())
	return nil
}

func (d *demo) anotherAnchor() string {
	return "arn:aws:rolesanywhere:" + d.local.Region() + ":" + d.local.AccountID() + ":trust-anchor/another"
}

// Names in the demonstration's directory.
const (
	demoConfig = "config.yaml"
	demoStore  = "certificates"
	demoSecret = "secret"
	demoUser   = "demo-user"
)

// configure keeps the certificate under an identifier, and two credentials under names.
func (d *demo) configure(ctx context.Context) error {
	start := time.Now()
	options := certstore.Options{NewKey: certstore.FileKey}
	store, err := certstore.Create(filepath.Join(d.dir, demoStore), options)
	if err != nil {
		return err
	}
	if err := store.Add(ctx, demoName, d.client, certstore.AddOptions{}); err != nil {
		return err
	}
	user := d.made.Users[demoName]
	if err := safefile.Write(filepath.Join(d.dir, demoSecret), []byte(user.SecretAccessKey+"\n")); err != nil {
		return err
	}
	file := filepath.Join(d.dir, demoConfig)
	if err := safefile.Write(file, d.configuration(user)); err != nil {
		return err
	}
	if d.config, err = config.Load([]config.File{{Path: file, Kind: "--config", Named: true}}); err != nil {
		return err
	}
	d.store = &named.Store{Directory: store.Directory(), Options: options}
	d.out.timed(start, "A certificate store and a configuration")
	d.out.line("  certificate %s, credentials %s", demoName, strings.Join(d.config.Names(), ", "))
	d.out.line("")
	return nil
}

// configuration is the file that an operator would write.
func (d *demo) configuration(user emulator.CreatedUser) []byte {
	return fmt.Appendf(nil, `store: %s
defaults:
  endpoint_url: %s
credentials:
  %s:
    type: session
    role_arn: %s
    profile_arn: %s
    trust_anchor_arn: %s
    certificate: %s
    session_name: nightly
  %s:
    type: static
    access_key_id: %s
    secret_access_key: file:%s
    region: %s
`, demoStore, d.local.endpoint, demoName, d.made.Roles[demoName], d.made.Profiles[demoName], d.made.TrustAnchors[demoName+"-ca"],
		demoName, demoUser, user.AccessKeyID, demoSecret, d.local.Region())
}

// credential builds what is configured under a name. The local AWS is called itself, whatever the environment says.
func (d *demo) credential(name string) (*named.Credential, error) {
	r, err := d.config.Resolve(name, nil)
	if err != nil {
		return nil, err
	}
	nothing := config.Environment{Lookup: func(string) (string, bool) { return "", false }}
	return named.Build(r, named.Surroundings{Environment: nothing, Store: d.store, UserAgent: userAgent()})
}

func (d *demo) getStatic(ctx context.Context) error {
	return d.show(ctx, demoUser, "no expiry")
}

func (d *demo) getSession(ctx context.Context) error {
	if err := d.show(ctx, demoName, "expires in 1 h"); err != nil {
		return err
	}
	d.out.line("  through  %s → trust anchor demo-ca → profile demo → role demo", d.client.Certificate.Subject)
	d.out.line("")
	return nil
}

func (d *demo) session() awsauth.Session {
	return awsauth.Session{
		RoleARN:        d.made.Roles[demoName],
		ProfileARN:     d.made.Profiles[demoName],
		TrustAnchorARN: d.made.TrustAnchors[demoName+"-ca"],
		Identity:       d.client,
		SessionName:    "nightly",
		Endpoint:       rolesanywhere.Endpoint{URL: d.local.endpoint},
		Transport:      directTransport,
	}
}

// directTransport calls the local AWS itself, whatever proxy the environment names.
var directTransport = rolesanywhere.NewTransport(rolesanywhere.TransportConfig{Proxy: noProxy})

// show gets the credentials under a name and tells what was got, after STS has said whose it is.
func (d *demo) show(ctx context.Context, name, expiry string) error {
	start := time.Now()
	credential, err := d.credential(name)
	if err != nil {
		return err
	}
	got, err := credential.Obtain(ctx)
	if err != nil {
		return err
	}
	who, err := credential.Caller(ctx, got.Credentials)
	if err != nil {
		return err
	}
	d.out.timed(start, "%-14s  %s…   %s", "get "+name, got.Credentials.AccessKeyID[:10], expiry)
	d.out.line("  you are  %s", who.ARN)
	return nil
}

// refusals asks for what must be refused, and shows the answers as they come.
func (d *demo) refusals(ctx context.Context) error {
	other, err := d.ca.Issue(pki.Leaf{CommonName: "another"})
	if err != nil {
		return err
	}
	expired, err := d.ca.Issue(pki.Leaf{CommonName: "old-client", Change: func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().AddDate(0, 0, -40), time.Now().AddDate(0, 0, -3)
	}})
	if err != nil {
		return err
	}
	client, request, err := d.session().Request()
	if err != nil {
		return err
	}
	payroll := request
	payroll.RoleARN = d.made.Roles["payroll"]
	d.out.line("What a refusal looks like")
	for _, r := range []struct {
		title   string
		id      *identity.Identity
		request rolesanywhere.Request
	}{
		{"another key", misuse(d.client, other), request},
		{"expired certificate", expired, request},
		{"role that does not trust the anchor", d.client, payroll},
	} {
		if err := d.refusal(ctx, r.title, *client, r.id, r.request); err != nil {
			return err
		}
	}
	d.out.line("")
	return nil
}

func (d *demo) refusal(
	ctx context.Context, title string, client rolesanywhere.Client, id *identity.Identity, r rolesanywhere.Request,
) error {
	listener := &explanation{next: directTransport}
	client.Transport = listener
	_, err := client.CreateSession(ctx, id, r)
	refused := new(rolesanywhere.Error)
	if !errors.As(err, &refused) {
		return fmt.Errorf("demo: %s: got %w, want a refusal", title, err)
	}
	d.out.line("  %s", title)
	d.out.line("    %d %s   request %s", refused.Status, refused.Code, refused.RequestID)
	d.out.labelled("AWS says", refused.Message)
	d.out.labelled("really", listener.reason)
	d.out.labelled("do", listener.remedy)
	return nil
}

// keep writes the client's files and waits for Ctrl-C.
func (d *demo) keep(ctx context.Context) error {
	certificate, key, err := writeIdentity(d.dir, d.client)
	if err != nil {
		return err
	}
	user := d.made.Users[demoName]
	d.out.line("Try it by hand, from another terminal; Ctrl-C ends it")
	d.out.line("  export AWSAUTH_CONFIG=%s", filepath.Join(d.dir, demoConfig))
	d.out.line("  awsauth get %s", demoName)
	d.out.line("  awsauth whoami %s", demoUser)
	d.out.line("  awsauth certificate list")
	d.out.line("")
	d.out.line("  awsauth get session --endpoint-url %s \\\n    --certificate %s \\\n    --role-arn %s \\\n    --profile-arn %s \\\n    --trust-anchor-arn %s",
		d.local.endpoint, quotePOSIX("file:"+certificate+"?key="+key), d.made.Roles[demoName], d.made.Profiles[demoName],
		d.made.TrustAnchors[demoName+"-ca"])
	d.out.line("")
	d.out.line("  export AWS_ENDPOINT_URL=%s AWS_REGION=%s AWS_DEFAULT_REGION=%s", d.local.endpoint, d.local.Region(), d.local.Region())
	d.out.line("  export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s", user.AccessKeyID, quotePOSIX(user.SecretAccessKey))
	d.out.line("  aws --endpoint-url $AWS_ENDPOINT_URL rolesanywhere list-profiles")
	if d.out.err != nil {
		return d.out.err
	}
	select {
	case <-ctx.Done():
		return nil // stopped as asked
	case err := <-d.local.served:
		d.local.served <- err
		return err
	}
}
