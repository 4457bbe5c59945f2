package s3_test

import (
	"context"
	"fmt"
	"io"
	"log"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// A program outside AWS reads an object of an S3 bucket.
func Example_session() {
	ctx := context.Background()
	session := awsauth.Session{
		RoleARN:        local.RoleARN,        // arn:aws:iam::123456789012:role/backup
		ProfileARN:     local.ProfileARN,     // arn:aws:rolesanywhere:eu-west-1:123456789012:profile/…
		TrustAnchorARN: local.TrustAnchorARN, // arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/…
		Identity:       identity.File{Certificate: local.Certificate, PrivateKey: local.PrivateKey},
		Endpoint:       rolesanywhere.Endpoint{URL: local.Endpoint}, // leave it out to call AWS
	}
	client := s3.New(s3.Options{
		Region:       "eu-west-1",
		Credentials:  &awsauth.Cache{Provider: session}, // holds the session, and renews it in time
		BaseEndpoint: aws.String(local.Endpoint),        // leave it out to call AWS
		UsePathStyle: true,                              // and this
	})

	object, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("backups"), Key: aws.String("nightly/1")})
	if err != nil {
		log.Fatal(err)
	}
	defer object.Body.Close()
	content, err := io.ReadAll(object.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", content)
	// Output: the content of the object
}

// The same with the access key of an IAM user.
func Example_static() {
	ctx := context.Background()
	static := awsauth.Static{
		AccessKeyID:     local.AccessKeyID,                        // AKIA…
		SecretAccessKey: awsauth.NewSecret(local.SecretAccessKey), // from where the program keeps its secrets
	}
	client := s3.New(s3.Options{
		Region:       "eu-west-1",
		Credentials:  static,
		BaseEndpoint: aws.String(local.Endpoint), // leave it out to call AWS
		UsePathStyle: true,                       // and this
	})

	object, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("backups"), Key: aws.String("nightly/1")})
	if err != nil {
		log.Fatal(err)
	}
	defer object.Body.Close()
	content, err := io.ReadAll(object.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", content)
	// Output: the content of the object
}
