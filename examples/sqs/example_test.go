package sqs_test

import (
	"context"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// A program outside AWS sends a message to an SQS queue.
func Example_session() {
	ctx := context.Background()
	session := awsauth.Session{
		RoleARN:        local.RoleARN,        // arn:aws:iam::123456789012:role/backup
		ProfileARN:     local.ProfileARN,     // arn:aws:rolesanywhere:eu-west-1:123456789012:profile/…
		TrustAnchorARN: local.TrustAnchorARN, // arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/…
		Identity:       identity.File{Certificate: local.Certificate, PrivateKey: local.PrivateKey},
		Endpoint:       rolesanywhere.Endpoint{URL: local.Endpoint}, // leave it out to call AWS
	}
	client := sqs.New(sqs.Options{
		Region:       "eu-west-1",
		Credentials:  &awsauth.Cache{Provider: session}, // holds the session, and renews it in time
		BaseEndpoint: aws.String(local.Endpoint),        // leave it out to call AWS
	})

	sent, err := client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl:    aws.String(local.Endpoint + "/123456789012/jobs"), // https://sqs.eu-west-1.amazonaws.com/123456789012/jobs
		MessageBody: aws.String("back up now"),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("message", *sent.MessageId)
	// Output: message 9c7b4f0a
}

// The same with the access key of an IAM user.
func Example_static() {
	ctx := context.Background()
	static := awsauth.Static{
		AccessKeyID:     local.AccessKeyID,                        // AKIA…
		SecretAccessKey: awsauth.NewSecret(local.SecretAccessKey), // from where the program keeps its secrets
	}
	client := sqs.New(sqs.Options{
		Region:       "eu-west-1",
		Credentials:  static,
		BaseEndpoint: aws.String(local.Endpoint), // leave it out to call AWS
	})

	sent, err := client.SendMessage(ctx, &sqs.SendMessageInput{
		QueueUrl:    aws.String(local.Endpoint + "/123456789012/jobs"), // https://sqs.eu-west-1.amazonaws.com/123456789012/jobs
		MessageBody: aws.String("back up now"),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("message", *sent.MessageId)
	// Output: message 9c7b4f0a
}
