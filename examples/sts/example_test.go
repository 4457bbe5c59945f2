package sts_test

import (
	"context"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// A program outside AWS asks who its session credentials are.
func Example_session() {
	ctx := context.Background()
	session := awsauth.Session{
		RoleARN:        local.RoleARN,        // arn:aws:iam::123456789012:role/backup
		ProfileARN:     local.ProfileARN,     // arn:aws:rolesanywhere:eu-west-1:123456789012:profile/…
		TrustAnchorARN: local.TrustAnchorARN, // arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/…
		Identity:       identity.File{Certificate: local.Certificate, PrivateKey: local.PrivateKey},
		Endpoint:       rolesanywhere.Endpoint{URL: local.Endpoint}, // leave it out to call AWS
		SessionName:    "nightly",
	}
	client := sts.New(sts.Options{
		Region:       "eu-west-1",
		Credentials:  &awsauth.Cache{Provider: session}, // holds the session, and renews it in time
		BaseEndpoint: aws.String(local.Endpoint),        // leave it out to call AWS
	})

	caller, err := client.GetCallerIdentity(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*caller.Arn)
	// Output: arn:aws:sts::123456789012:assumed-role/backup/nightly
}

// A program outside AWS asks who its static credentials are.
func Example_static() {
	ctx := context.Background()
	static := awsauth.Static{
		AccessKeyID:     local.AccessKeyID,                        // AKIA…
		SecretAccessKey: awsauth.NewSecret(local.SecretAccessKey), // from where the program keeps its secrets
	}
	client := sts.New(sts.Options{
		Region:       "eu-west-1",
		Credentials:  static,
		BaseEndpoint: aws.String(local.Endpoint), // leave it out to call AWS
	})

	caller, err := client.GetCallerIdentity(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*caller.Arn)
	// Output: arn:aws:iam::123456789012:user/backup
}

// What a session's credentials say of themselves.
func Example_retrieve() {
	ctx := context.Background()
	session := awsauth.Session{
		RoleARN:        local.RoleARN,        // arn:aws:iam::123456789012:role/backup
		ProfileARN:     local.ProfileARN,     // arn:aws:rolesanywhere:eu-west-1:123456789012:profile/…
		TrustAnchorARN: local.TrustAnchorARN, // arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/…
		Identity:       identity.File{Certificate: local.Certificate, PrivateKey: local.PrivateKey},
		Endpoint:       rolesanywhere.Endpoint{URL: local.Endpoint}, // leave it out to call AWS
	}

	credentials, err := session.Retrieve(ctx) // a call each time: awsauth.Cache holds them
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("source:    ", credentials.Source)
	fmt.Println("account:   ", credentials.AccountID)
	fmt.Println("can expire:", credentials.CanExpire)
	fmt.Println("expires in:", time.Until(credentials.Expires).Round(time.Minute))
	fmt.Println("temporary: ", strings.HasPrefix(credentials.AccessKeyID, "ASIA") && credentials.SessionToken != "")
	// Output:
	// source:     RolesAnywhere
	// account:    123456789012
	// can expire: true
	// expires in: 1h0m0s
	// temporary:  true
}
