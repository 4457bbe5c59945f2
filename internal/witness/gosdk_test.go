package witness

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/rolesanywhere"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/foreign"
	ra "github.com/awsauth-go/awsauth/rolesanywhere"
)

// clearEnvironment keeps the Go SDK, which runs in this process, away from the user's own AWS.
func clearEnvironment(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); foreign.IsOfAWS(name) {
			t.Setenv(name, "")
		}
	}
	for _, variable := range foreign.Isolated {
		name, value, _ := strings.Cut(variable, "=")
		t.Setenv(name, value)
	}
}

func TestIdentitiesMadeByOpenSSLGiveTheGoSDKCredentials(t *testing.T) {
	clearEnvironment(t)
	p := newAuthority(t)
	local := startEmulator(t, p)
	ids := p.pack()
	file := local.writeConfig(t, p, ids...)
	for _, id := range ids {
		t.Run(id.name, func(t *testing.T) {
			t.Run("through credential_process", func(t *testing.T) {
				c, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigFiles([]string{file}),
					config.WithSharedConfigProfile(id.name), config.WithBaseEndpoint(local.Endpoint))
				if err != nil {
					t.Fatal(err)
				}
				local.useGoSDK(t, c, id)
			})
			t.Run("through the library", func(t *testing.T) {
				source, err := identity.Open(id.uri, func(context.Context, string) ([]byte, error) { return []byte(passphrase), nil })
				if err != nil {
					t.Fatal(err)
				}
				local.useGoSDK(t, aws.Config{
					Region: region, BaseEndpoint: aws.String(local.Endpoint),
					Credentials: aws.NewCredentialsCache(awsauth.Session{
						RoleARN: local.RoleARN, ProfileARN: local.ProfileARN, TrustAnchorARN: local.TrustAnchorARN,
						Identity: source, Endpoint: ra.Endpoint{URL: local.Endpoint},
					}),
				}, id)
			})
		})
	}
}

// useGoSDK calls STS, IAM and the management API.
func (l *localAWS) useGoSDK(t *testing.T, c aws.Config, id packing) {
	t.Helper()
	who, err := sts.NewFromConfig(c).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := aws.ToString(who.Arn), l.assumedRole(id); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	users, err := iam.NewFromConfig(c).ListUsers(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(users.Users) != 1 {
		t.Errorf("got %d users, want 1", len(users.Users))
	}
	profiles, err := rolesanywhere.NewFromConfig(c).ListProfiles(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(profiles.Profiles) != 1 {
		t.Errorf("got %d profiles, want 1", len(profiles.Profiles))
	}
}

func TestTheGoSDKReportsRefusals(t *testing.T) {
	clearEnvironment(t)
	s := newScene(t, "--session-lifetime", "1s")
	for _, refused := range s.spoil(t) {
		t.Run(refused.name, func(t *testing.T) {
			given := refused.Credentials
			given.CanExpire = false // so that the SDK sends them
			c := aws.Config{
				Region: region, BaseEndpoint: aws.String(s.Endpoint), Credentials: aws.CredentialsProviderFunc(
					func(context.Context) (aws.Credentials, error) { return given, nil }),
			}
			_, err := sts.NewFromConfig(c).GetCallerIdentity(t.Context(), nil)
			wantCode(t, "sts", err, refused.sts)
			_, err = iam.NewFromConfig(c).ListUsers(t.Context(), nil)
			wantCode(t, "iam", err, refused.sts)
			_, err = rolesanywhere.NewFromConfig(c).ListProfiles(t.Context(), nil)
			wantCode(t, "rolesanywhere", err, refused.rolesAnywhere)
		})
	}
}

func wantCode(t *testing.T, service string, err error, code string) {
	t.Helper()
	var refused smithy.APIError
	if !errors.As(err, &refused) || refused.ErrorCode() != code {
		t.Errorf("%s: got %v, want %s", service, err, code)
	}
}

func TestTheGoSDKRunsTheCommandAgainWhenASessionEnds(t *testing.T) {
	clearEnvironment(t)
	s := newScene(t, "--session-lifetime", "1s")
	c, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigFiles([]string{s.config}),
		config.WithSharedConfigProfile(s.id.name), config.WithBaseEndpoint(s.Endpoint))
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for range 2 {
		if _, err := sts.NewFromConfig(c).GetCallerIdentity(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		got, err := c.Credentials.Retrieve(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, got.AccessKeyID)
		sleepUntil(got.Expires)
	}
	if keys[0] == keys[1] {
		t.Errorf("got access key %s twice, want another one after it had expired", keys[0])
	}
}
