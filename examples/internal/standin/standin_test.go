package standin_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rekognition"
	"github.com/aws/aws-sdk-go-v2/service/rekognition/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/examples/internal/standin"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

var local *standin.AWS

func TestMain(m *testing.M) { os.Exit(standin.Main(m, &local)) }

// calls are one call of each service.
var calls = map[string]func(context.Context, aws.Config) error{
	"s3": func(ctx context.Context, c aws.Config) error {
		client := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
		answer, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("backups"), Key: aws.String("a b/é+1")})
		if err != nil {
			return err
		}
		return answer.Body.Close()
	},
	"sqs": func(ctx context.Context, c aws.Config) error {
		_, err := sqs.NewFromConfig(c).SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: aws.String(local.Endpoint + "/123456789012/jobs"), MessageBody: aws.String("é"),
		})
		return err
	},
	"sns": func(ctx context.Context, c aws.Config) error {
		_, err := sns.NewFromConfig(c).Publish(ctx, &sns.PublishInput{
			TopicArn: aws.String("arn:aws:sns:eu-west-1:123456789012:alarms"), Message: aws.String("é"),
		})
		return err
	},
	"rekognition": func(ctx context.Context, c aws.Config) error {
		_, err := rekognition.NewFromConfig(c).DetectLabels(ctx, &rekognition.DetectLabelsInput{
			Image: &types.Image{Bytes: []byte("picture")},
		})
		return err
	},
	"sts": func(ctx context.Context, c aws.Config) error {
		_, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, nil)
		return err
	},
}

func TestEveryServiceChecksWhoCalls(t *testing.T) {
	session, err := awsauth.Session{
		RoleARN: local.RoleARN, ProfileARN: local.ProfileARN, TrustAnchorARN: local.TrustAnchorARN,
		Identity: identity.File{Certificate: local.Certificate, PrivateKey: local.PrivateKey},
		Endpoint: rolesanywhere.Endpoint{URL: local.Endpoint},
	}.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	static := aws.Credentials{AccessKeyID: local.AccessKeyID, SecretAccessKey: local.SecretAccessKey}
	with := func(c aws.Credentials, change func(*aws.Credentials)) aws.Credentials {
		change(&c)
		return c
	}
	for _, test := range []struct {
		name  string
		given aws.Credentials
		code  string // of the refusal; empty for none
	}{
		{"session credentials", session, ""},
		{"static credentials", static, ""},
		{"another secret", with(session, func(c *aws.Credentials) { c.SecretAccessKey = static.SecretAccessKey }), "SignatureDoesNotMatch"},
		{"no session token", with(session, func(c *aws.Credentials) { c.SessionToken = "" }), "InvalidClientTokenId"},
		{"another session token", with(session, func(c *aws.Credentials) { c.SessionToken += "A" }), "InvalidClientTokenId"},
		{"an unknown access key ID", with(static, func(c *aws.Credentials) { c.AccessKeyID = "AKIAEMUAAAAAAAAAAAAA" }), "InvalidClientTokenId"},
	} {
		for service, call := range calls {
			t.Run(service+" with "+test.name, func(t *testing.T) {
				err := call(t.Context(), aws.Config{
					Region: "eu-west-1", BaseEndpoint: aws.String(local.Endpoint),
					Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return test.given, nil }),
				})
				var refused smithy.APIError
				switch {
				case test.code == "" && err != nil:
					t.Error(err)
				case test.code != "" && (!errors.As(err, &refused) || refused.ErrorCode() != test.code):
					t.Errorf("got %v, want %s", err, test.code)
				}
			})
		}
	}
}
