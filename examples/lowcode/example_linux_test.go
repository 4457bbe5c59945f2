package lowcode_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/awsauth-go/awsauth/examples/lowcode/client"
)

// An application without an AWS SDK has the agent say who it is, and sign its request to SQS. The client is generated from the OpenAPI
// document of the actions.
func Example() {
	ctx := context.Background()
	password := func(_ context.Context, r *http.Request) error {
		r.SetBasicAuth("erp", local.password)
		return nil
	}
	awsauth, err := client.NewClientWithResponses(local.actions, client.WithRequestEditorFn(password)) // http://127.0.0.1:9913
	if err != nil {
		log.Fatal(err)
	}

	name := "backup"
	session, err := awsauth.GetSessionCredentialsWithResponse(ctx, nil, client.SessionCredentialsRequest{Name: &name})
	if err != nil {
		log.Fatal(err)
	}
	if session.JSON200 == nil {
		log.Fatal(session.Status(), string(session.Body)) // application/problem+json says why
	}
	fmt.Println(session.JSON200.Type, "credentials for", session.JSON200.AssumedRoleArn)

	method, service, region := "POST", "sqs", "eu-west-1"
	body, contentType, target := `{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/123456789012/jobs","MessageBody":"hello"}`, "application/x-amz-json-1.0", "AmazonSQS.SendMessage"
	signed, err := awsauth.SignRequestWithResponse(ctx, nil, client.SignRequest{
		Name: &name, Method: &method, Url: local.aws.Endpoint + "/", Service: &service, ServiceRegion: &region,
		Body: &body, ContentType: &contentType, Target: &target,
	})
	if err != nil {
		log.Fatal(err)
	}
	if signed.JSON200 == nil {
		log.Fatal(signed.Status(), string(signed.Body))
	}
	fmt.Println("SQS answers", send(ctx, signed.JSON200, body))
	// Output:
	// session credentials for arn:aws:sts::123456789012:assumed-role/backup/nightly
	// SQS answers 200 OK
}
