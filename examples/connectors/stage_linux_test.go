package connectors

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/foreign"
	"github.com/awsauth-go/awsauth/internal/leastprivilege"
	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// kind is how credentials are got.
type kind string

const (
	static  kind = "static"
	session kind = "session"
	chained kind = "chained" // a session with which a further role was assumed
)

var kinds = []kind{static, session, chained}

// The roles and users of the account. Those that may do something have the policies of `awsauth policy`.
const (
	worker  = "worker"  // a user, and a role for Roles Anywhere
	archive = "archive" // a further role
	idle    = "idle"    // a user and a role that may do nothing
	unused  = "unused"  // a further role that may do nothing
)

// account is an emulator with its users and roles, and with a client that has a certificate.
type account struct {
	emulator         *emulator.Emulator
	endpoint         string // of Roles Anywhere and STS
	created          emulator.Created
	certificate, key string // paths of PEM files
	// assume is the STS at which further roles are assumed.
	assume string
	// role answers a role's ARN, where it is assumed.
	role func(name string) string

	clock sync.Mutex // held while credentials are got: the emulator's clock may be behind for those

	mu      sync.Mutex                 // guards secrets
	secrets map[string]aws.Credentials // of all that was ever got, by access key ID
}

// newAccount starts one. front, if any, stands before the emulator.
func newAccount(t testing.TB, c emulator.Config, front func(*account, http.Handler) http.Handler) *account {
	t.Helper()
	c.Region, c.Skew = foreign.Region, 20*time.Minute // ending has its clock behind
	e, err := emulator.New(c)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := pki.NewCA("connectors", time.Now().Add(-time.Hour)) // valid by a clock that is behind, too
	if err != nil {
		t.Fatal(err)
	}
	id, err := ca.Issue(pki.Leaf{CommonName: "connector-01"})
	if err != nil {
		t.Fatal(err)
	}
	key, err := pki.KeyPEM(id.Key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	a := &account{emulator: e, certificate: filepath.Join(dir, "client.pem"), key: filepath.Join(dir, "client.key"), secrets: map[string]aws.Credentials{}}
	for path, text := range map[string][]byte{a.certificate: pki.CertificatesPEM(id.Certificate), a.key: key} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	policies := leastPrivilege(t)
	further := emulator.Document(fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::%s:root"},`+
		`"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}}`, e.AccountID()))
	onward := map[string]emulator.Document{"onward": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:AssumeRole","sts:SetSourceIdentity"],"Resource":"*"}}`}
	a.created, err = e.Apply(emulator.Seed{
		Users:        []emulator.SeedUser{{Name: worker, Policies: policies}, {Name: idle}},
		TrustAnchors: []emulator.SeedTrustAnchor{{Name: "factory", Certificates: string(pki.CertificatesPEM(ca.Certificate))}},
		Roles: []emulator.SeedRole{
			{Name: worker, TrustAnchor: "factory", Policies: merged(policies, onward)},
			{Name: idle, TrustAnchor: "factory", Policies: onward},
			{Name: archive, TrustPolicy: further, Policies: policies},
			{Name: unused, TrustPolicy: further},
		},
		Profiles: []emulator.SeedProfile{{Name: "local", Roles: []string{worker, idle}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	handler := http.Handler(e)
	if front != nil {
		handler = front(a, e)
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = e.NewServer(nil)
	server.Config.Handler = handler
	server.Start()
	t.Cleanup(server.Close)
	a.endpoint, a.assume = server.URL, server.URL
	a.role = func(name string) string { return a.created.Roles[name] }
	for _, user := range a.created.Users {
		a.note(aws.Credentials{AccessKeyID: user.AccessKeyID, SecretAccessKey: user.SecretAccessKey})
	}
	return a
}

// leastPrivilege is what `awsauth policy` prints for each of the connectors' services.
func leastPrivilege(t testing.TB) map[string]emulator.Document {
	t.Helper()
	resources := map[string][]string{
		"s3": {"arn:aws:s3:::" + bucket, "arn:aws:s3:::" + bucket + "/*"}, "rekognition": nil,
		"sns": {"arn:aws:sns:" + foreign.Region + ":*:*"}, "sqs": {"arn:aws:sqs:" + foreign.Region + ":*:*"},
	}
	all := map[string]emulator.Document{}
	for service, of := range resources {
		d, err := leastprivilege.Policy(service, nil, of)
		if err != nil {
			t.Fatal(err)
		}
		all[service] = emulator.Document(d.JSON())
	}
	return all
}

func merged(maps ...map[string]emulator.Document) map[string]emulator.Document {
	all := map[string]emulator.Document{}
	for _, m := range maps {
		for name, d := range m {
			all[name] = d
		}
	}
	return all
}

// note keeps credentials for who verifies signatures beside the emulator.
func (a *account) note(c aws.Credentials) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.secrets[c.AccessKeyID] = c
}

func (a *account) secret(accessKeyID string) (aws.Credentials, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, ok := a.secrets[accessKeyID]
	return c, ok
}

// provider gets credentials as a program would: of who may do the connectors' work, or of who may do nothing.
func (a *account) provider(k kind, may bool) aws.CredentialsProvider {
	name, further := worker, archive
	if !may {
		name, further = idle, unused
	}
	if k == static {
		user := a.created.Users[name]
		return awsauth.Static{AccessKeyID: user.AccessKeyID, SecretAccessKey: awsauth.NewSecret(user.SecretAccessKey)}
	}
	var provider aws.CredentialsProvider = awsauth.Session{
		RoleARN: a.created.Roles[name], ProfileARN: a.created.Profiles["local"], TrustAnchorARN: a.created.TrustAnchors["factory"],
		Identity: identity.File{Certificate: a.certificate, PrivateKey: a.key}, Duration: 15 * time.Minute,
		Endpoint: rolesanywhere.Endpoint{URL: a.endpoint},
	}
	if k == chained {
		client := sts.New(sts.Options{Region: foreign.Region, BaseEndpoint: aws.String(a.assume), Credentials: provider})
		provider = stscreds.NewAssumeRoleProvider(client, a.role(further), func(o *stscreds.AssumeRoleOptions) {
			o.Duration, o.RoleSessionName = 15*time.Minute, "connectors"
		})
	}
	return noting{provider, a}
}

// noting notes what is got.
type noting struct {
	aws.CredentialsProvider
	account *account
}

func (n noting) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := n.CredentialsProvider.Retrieve(ctx)
	if err == nil {
		n.account.note(c)
	}
	return c, err
}

func (a *account) get(t testing.TB, k kind, may bool) aws.Credentials {
	t.Helper()
	a.clock.Lock()
	defer a.clock.Unlock()
	return a.retrieve(t, k, may)
}

func (a *account) retrieve(t testing.TB, k kind, may bool) aws.Credentials {
	t.Helper()
	c, err := a.provider(k, may).Retrieve(t.Context())
	if err != nil {
		t.Fatalf("get %s credentials: %v", k, err)
	}
	return c
}

// ending gets credentials that end after a time: the emulator's clock is behind while it issues them.
func (a *account) ending(t testing.TB, k kind, after time.Duration) aws.Credentials {
	t.Helper()
	a.clock.Lock()
	defer a.clock.Unlock()
	a.emulator.Fail(emulator.Skew(after - 15*time.Minute))
	defer a.emulator.Fail()
	c := a.retrieve(t, k, true)
	c.Expires = time.Now().Add(after) // not by the emulator's clock
	return c
}

// configuration writes one for the command, with credentials of every kind that are not spoiled; static ones are those of a source.
func (a *account) configuration(t testing.TB, statics source) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "awsauth.yaml")
	var text strings.Builder
	text.WriteString("credentials:\n")
	for may, names := range map[bool][2]string{true: {worker, archive}, false: {idle, unused}} {
		secret, key := filepath.Join(filepath.Dir(path), names[0]), statics.get(t, static, may)
		write(t, secret, key.SecretAccessKey)
		fmt.Fprintf(&text, "  %s: {type: static, access_key_id: %s, secret_access_key: %q}\n", configured(static, may), key.AccessKeyID, "file:"+secret)
		fmt.Fprintf(&text, "  %s: {type: session, endpoint_url: %q, certificate: %q, role_arn: %q, profile_arn: %q, trust_anchor_arn: %q}\n",
			configured(session, may), a.endpoint, "file:"+a.certificate+"?key="+a.key, a.created.Roles[names[0]], a.created.Profiles["local"],
			a.created.TrustAnchors["factory"])
		fmt.Fprintf(&text, "  %s: {type: assume-role, endpoint_url: %q, source: %s, role_arn: %q}\n", configured(chained, may), a.assume,
			configured(session, may), a.created.Roles[names[1]])
	}
	write(t, path, text.String())
	return path
}

func write(t testing.TB, path, text string) {
	t.Helper()
	check(t, os.WriteFile(path, []byte(text), 0o600))
}

// configured is the name of credentials in the configuration.
func configured(k kind, may bool) string {
	if may {
		return "good-" + string(k)
	}
	return "idle-" + string(k)
}

// backend is the URL of a handler that stands behind the emulator.
func backend(t testing.TB, h http.Handler) *url.URL {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return parsed(t, s.URL)
}

func parsed(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// unique is a name that no other has.
func unique(prefix string) string { return prefix + "-" + rand.Text()[:10] }
