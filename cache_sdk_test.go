package awsauth_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/awsauthtest"
)

// signer sends requests nowhere, and remembers who has signed them.
type signer struct{ keys []string }

var credentialForm = regexp.MustCompile(`Credential=([A-Z0-9]+)/`)

func (s *signer) Do(r *http.Request) (*http.Response, error) {
	s.keys = append(s.keys, credentialForm.FindStringSubmatch(r.Header.Get("Authorization"))[1])
	const answer = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
		`<Arn>arn:aws:iam::123456789012:user/x</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml"}}, Request: r,
		Body: io.NopCloser(strings.NewReader(answer)),
	}, nil
}

// The SDK wraps what config.WithCredentialsProvider gets in a cache that holds credentials to their last moment. Behind it a Cache
// is fresh all the same: nothing is signed with what could be newer, and what is held serves while there is nothing newer.
func TestBehindTheCacheOfTheSDKCredentialsAreFreshToo(t *testing.T) {
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // it is taken for unset
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	for name, load := range map[string]func(context.Context, *awsauth.Cache, *signer) (aws.Config, error){
		"WithCredentialsProvider": func(ctx context.Context, c *awsauth.Cache, s *signer) (aws.Config, error) {
			return config.LoadDefaultConfig(ctx, config.WithCredentialsProvider(c), config.WithRegion("eu-west-1"), config.WithHTTPClient(s))
		},
		"as the documentation has it": func(_ context.Context, c *awsauth.Cache, s *signer) (aws.Config, error) {
			return aws.Config{Region: "eu-west-1", Credentials: c, HTTPClient: s}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				provider := &awsauthtest.Provider{}
				s := &signer{}
				c, err := load(t.Context(), &awsauth.Cache{Provider: provider}, s)
				if err != nil {
					t.Fatal(err)
				}
				client := sts.NewFromConfig(c)
				sign := func() string {
					t.Helper()
					if _, err := client.GetCallerIdentity(t.Context(), nil); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					return s.keys[len(s.keys)-1]
				}
				const first = "ASIAFAKE000000000001"
				start := time.Now()
				if got := sign(); got != first {
					t.Fatalf("got %s, want %s", got, first)
				}
				provider.Fail(errAway)
				for time.Since(start) < 59*time.Minute {
					time.Sleep(30 * time.Second)
					if got := sign(); got != first {
						t.Fatalf("after %s, while nobody answers: signed by %s, want what is held", time.Since(start), got)
					}
				}
				// The last minute: AWS answers again. It is asked within 15 s, and the SDK asks within five more.
				provider.Fail(nil)
				for fresh := false; !fresh; time.Sleep(time.Second) {
					switch got := sign(); {
					case strings.HasPrefix(got, "ASIAFAKE") && got != first:
						fresh = true
					case time.Since(start) > 59*time.Minute+25*time.Second:
						t.Fatal("in the last minute the new credentials are not used")
					}
				}
			})
		})
	}
}
