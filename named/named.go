// Package named gives a program the credentials that the operator has configured under a name, and so leaves it to the
// operator what they are: an access key, a session from IAM Roles Anywhere, or a further role.
//
//	credentials, err := named.Load(ctx, "backup")
//	…
//	bucket := s3.New(s3.Options{Region: "eu-west-1", Credentials: credentials})
//
// The files, the variables and the rules are those of the command awsauth (docs/configuration.md). Load checks all of the
// configuration; certificates and secrets are read when credentials are needed, and again at every renewal.
//
// It writes nothing, and calls no host but those that the configuration and the environment name.
package named

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/internal/config"
)

// Options say where the configuration is. The zero value takes the standard places and the process's environment.
type Options struct {
	// ConfigFile is read on top of the host's and the user's; empty means AWSAUTH_CONFIG or none.
	ConfigFile string
	// Store is the directory of the certificate store; empty means AWSAUTH_STORE, then what the configuration says, then the
	// standard place.
	Store string
}

// Provider gives the credentials under a name. It holds them, and gets new ones long before they end, as awsauth.Cache does; it
// is safe for concurrent use.
type Provider struct {
	cache      *awsauth.Cache
	credential *Credential
}

var _ aws.CredentialsProvider = (*Provider)(nil)

// Load answers the provider configured under a name, without regard to case. It fails for a name that nobody has configured,
// and for a configuration with mistakes, all of which it names with file and line.
func Load(ctx context.Context, name string) (*Provider, error) {
	return LoadWith(ctx, name, Options{})
}

// LoadWith is Load with another configuration or store.
func LoadWith(_ context.Context, name string, o Options) (*Provider, error) {
	environment := config.OS()
	if o.ConfigFile == "" {
		_, o.ConfigFile = environment.Flag("config")
	}
	c, err := config.Load(environment.Files(o.ConfigFile))
	if err != nil {
		return nil, err
	}
	resolved, err := c.Resolve(name, environment.Overrides())
	if err != nil {
		return nil, err
	}
	s := Surroundings{Environment: environment, Store: OpenStore(environment, o.Store, c)}
	credential, err := Build(resolved, s)
	if err != nil {
		return nil, err
	}
	return &Provider{credential.Cache(), credential}, nil
}

// Retrieve answers what is held, or gets new credentials. Expires is when to ask again. Errors say which step has failed: those
// of awsauth.Session, of identity and of STS.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	return p.cache.Retrieve(ctx)
}

// Current is Retrieve with the credentials' end in Expires, for those who hand them on.
func (p *Provider) Current(ctx context.Context) (aws.Credentials, error) {
	return p.cache.Current(ctx)
}

// Cache holds the credentials, for awsauth.KeepFresh and Status.
func (p *Provider) Cache() *awsauth.Cache { return p.cache }

// Name is the credential's, as the configuration writes it.
func (p *Provider) Name() string { return p.credential.Name() }

// Type is "session", "static" or "assume-role".
func (p *Provider) Type() string { return p.credential.Type() }
