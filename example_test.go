package awsauth_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/identity"
)

var seedWithoutSessionNames = emulator.Seed{
	Profiles: []emulator.SeedProfile{{Name: "strict", Roles: []string{"local"}}},
}

// Temporary credentials for an AWS client. The cache asks for new ones long before they end.
func ExampleSession() {
	session := awsauth.Session{
		RoleARN:        "arn:aws:iam::123456789012:role/backup",
		ProfileARN:     "arn:aws:rolesanywhere:eu-west-1:123456789012:profile/1f0c2b44-93d6-4a5e-8f40-6a3d2b1c0e9f",
		TrustAnchorARN: "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/9a77aa00-5b1e-4c7d-b2a6-3f8e7d6c5b4a",
		Identity:       identity.File{Certificate: "/etc/pki/client.pem", PrivateKey: "/etc/pki/client.key"},
		SessionName:    "nightly",
	}
	client := sts.New(sts.Options{Region: "eu-west-1", Credentials: &awsauth.Cache{Provider: session}})

	out, err := client.GetCallerIdentity(context.Background(), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*out.Arn)
}

// Every mistake is reported at once, before anything is sent.
func ExampleParameterError() {
	_, err := awsauth.Session{
		RoleARN:        "arn:aws:iam::999988887777:role/backup",
		ProfileARN:     "arn:aws:rolesanywhere:eu-west-1:123456789012:profile/1f0c2b44-93d6-4a5e-8f40-6a3d2b1c0e9f",
		TrustAnchorARN: "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/9a77aa00-5b1e-4c7d-b2a6-3f8e7d6c5b4a",
		SessionName:    "night shift",
	}.Retrieve(context.Background())

	if wrong := new(awsauth.ParameterError); errors.As(err, &wrong) {
		for _, m := range wrong.Mistakes {
			fmt.Println(m.Field, m.Problem)
		}
	}
	// Output:
	// RoleARN is of account 999988887777, and TrustAnchorARN of 123456789012: they must be the same
	// Identity is required: a certificate and its private key
	// SessionName has other characters than letters, digits and _+=,.@-
}

// An IAM user's access key.
func ExampleStatic() {
	static := awsauth.Static{
		AccessKeyID:     "AKIAIOSFODNN7EXAMPLE",
		SecretAccessKey: awsauth.NewSecret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
	}
	fmt.Printf("%+v\n", static)

	credentials, err := static.Retrieve(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(credentials.AccessKeyID, credentials.CanExpire, credentials.Source)
	// Output:
	// {AccessKeyID:AKIAIOSFODNN7EXAMPLE SecretAccessKey:[secret] SessionToken: AccountID:}
	// AKIAIOSFODNN7EXAMPLE false awsauth.Static
}

// A Secret does not show itself, wherever it is printed.
func ExampleSecret() {
	key := awsauth.NewSecret("wJalrXUtnFEMI")
	fmt.Println(key, len(key.Reveal()))
	// Output: [secret] 13
}
