package sns_test

import (
	"context"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// A program outside AWS publishes a message to an SNS topic.
func Example_session() {
	ctx := context.Background()
	session := awsauth.Session{
		RoleARN:        local.RoleARN,        // arn:aws:iam::123456789012:role/backup
		ProfileARN:     local.ProfileARN,     // arn:aws:rolesanywhere:eu-west-1:123456789012:profile/…
		TrustAnchorARN: local.TrustAnchorARN, // arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/…
		Identity:       identity.File{Certificate: local.Certificate, PrivateKey: local.PrivateKey},
		Endpoint:       rolesanywhere.Endpoint{URL: local.Endpoint}, // leave it out to call AWS
	}
	client := sns.New(sns.Options{
		Region:       "eu-west-1",
		Credentials:  &awsauth.Cache{Provider: session}, // holds the session, and renews it in time
		BaseEndpoint: aws.String(local.Endpoint),        // leave it out to call AWS
	})

	published, err := client.Publish(ctx, &sns.PublishInput{
		TopicArn: aws.String("arn:aws:sns:eu-west-1:123456789012:alarms"),
		Message:  aws.String("the nightly backup has failed"),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("message", *published.MessageId)
	// Output: message 5f1f8c2e
}

// The same with the access key of an IAM user.
func Example_static() {
	ctx := context.Background()
	static := awsauth.Static{
		AccessKeyID:     local.AccessKeyID,                        // AKIA…
		SecretAccessKey: awsauth.NewSecret(local.SecretAccessKey), // from where the program keeps its secrets
	}
	client := sns.New(sns.Options{
		Region:       "eu-west-1",
		Credentials:  static,
		BaseEndpoint: aws.String(local.Endpoint), // leave it out to call AWS
	})

	published, err := client.Publish(ctx, &sns.PublishInput{
		TopicArn: aws.String("arn:aws:sns:eu-west-1:123456789012:alarms"),
		Message:  aws.String("the nightly backup has failed"),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("message", *published.MessageId)
	// Output: message 5f1f8c2e
}
