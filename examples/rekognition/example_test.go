package rekognition_test

import (
	"context"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rekognition"
	"github.com/aws/aws-sdk-go-v2/service/rekognition/types"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// A program outside AWS has Rekognition say what a picture shows.
func Example_session() {
	ctx := context.Background()
	session := awsauth.Session{
		RoleARN:        local.RoleARN,        // arn:aws:iam::123456789012:role/backup
		ProfileARN:     local.ProfileARN,     // arn:aws:rolesanywhere:eu-west-1:123456789012:profile/…
		TrustAnchorARN: local.TrustAnchorARN, // arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/…
		Identity:       identity.File{Certificate: local.Certificate, PrivateKey: local.PrivateKey},
		Endpoint:       rolesanywhere.Endpoint{URL: local.Endpoint}, // leave it out to call AWS
	}
	client := rekognition.New(rekognition.Options{
		Region:       "eu-west-1",
		Credentials:  &awsauth.Cache{Provider: session}, // holds the session, and renews it in time
		BaseEndpoint: aws.String(local.Endpoint),        // leave it out to call AWS
	})

	found, err := client.DetectLabels(ctx, &rekognition.DetectLabelsInput{
		Image: &types.Image{Bytes: []byte("a picture, JPEG or PNG")},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, label := range found.Labels {
		fmt.Printf("%s %.0f %%\n", *label.Name, *label.Confidence)
	}
	// Output: Cat 99 %
}

// The same with the access key of an IAM user.
func Example_static() {
	ctx := context.Background()
	static := awsauth.Static{
		AccessKeyID:     local.AccessKeyID,                        // AKIA…
		SecretAccessKey: awsauth.NewSecret(local.SecretAccessKey), // from where the program keeps its secrets
	}
	client := rekognition.New(rekognition.Options{
		Region:       "eu-west-1",
		Credentials:  static,
		BaseEndpoint: aws.String(local.Endpoint), // leave it out to call AWS
	})

	found, err := client.DetectLabels(ctx, &rekognition.DetectLabelsInput{
		Image: &types.Image{Bytes: []byte("a picture, JPEG or PNG")},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, label := range found.Labels {
		fmt.Printf("%s %.0f %%\n", *label.Name, *label.Confidence)
	}
	// Output: Cat 99 %
}
