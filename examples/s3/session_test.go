package s3_test

import (
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

func TestAHundredCallsShareOneSession(t *testing.T) {
	client := s3.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(local.Endpoint), Credentials: &awsauth.Cache{Provider: awsauth.Session{
			RoleARN: local.RoleARN, ProfileARN: local.ProfileARN, TrustAnchorARN: local.TrustAnchorARN,
			Identity: identity.File{Certificate: local.Certificate, PrivateKey: local.PrivateKey},
			Endpoint: rolesanywhere.Endpoint{URL: local.Endpoint},
		}},
	}, func(o *s3.Options) { o.UsePathStyle = true })

	before := local.CreateSessions()
	var programs sync.WaitGroup
	for range 10 {
		programs.Go(func() {
			for range 10 {
				answer, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("backups"), Key: aws.String("a b/é+1")})
				if err != nil {
					t.Error(err)
					return
				}
				if err := answer.Body.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	programs.Wait()
	if got := local.CreateSessions() - before; got != 1 {
		t.Errorf("got %d CreateSession calls, want 1", got)
	}
}
