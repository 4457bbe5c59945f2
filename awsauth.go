// Package awsauth gives programs that run outside AWS the credentials that AWS's SDK asks for: static ones, an IAM
// user's access key, and session ones, temporary and obtained from IAM Roles Anywhere with an X.509 certificate.
//
//	session := awsauth.Session{
//		RoleARN:        "arn:aws:iam::123456789012:role/backup",
//		ProfileARN:     "arn:aws:rolesanywhere:eu-west-1:123456789012:profile/…",
//		TrustAnchorARN: "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/…",
//		Identity:       identity.File{Certificate: "/etc/pki/client.pem", PrivateKey: "/etc/pki/client.key"},
//	}
//	bucket := s3.New(s3.Options{Region: "eu-west-1", Credentials: &awsauth.Cache{Provider: session}})
//
// Both are aws.CredentialsProviders, and what they return goes unchanged into every client of aws-sdk-go-v2. All
// parameters are checked before anything is sent, and all mistakes are reported at once.
//
// The package reads no environment variable and no configuration file, and calls no host but the one that the region or
// the endpoint names. (Connections go through the proxy that HTTPS_PROXY names, as net/http's do, unless a transport is
// given.) Every Retrieve of a Session is a call; a Cache around it, or around anybody's provider, holds credentials and renews them
// in time; KeepFresh does so also while nobody asks.
package awsauth

import "github.com/awsauth-go/awsauth/internal/secret"

// Secret is a string that prints as [secret] with every verb, in JSON and in logs. Reveal answers the value.
type Secret = secret.Secret

// NewSecret makes a secret of a string.
func NewSecret(s string) Secret { return secret.New(s) }
