// Package gateway_test holds the emulator's gateway against AWS's own clients of S3, SQS, SNS and Rekognition.
package gateway_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/rekognition"
	rekognitiontypes "github.com/aws/aws-sdk-go-v2/service/rekognition/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/smithy-go"

	"github.com/awsauth-go/awsauth/emulator"
)

// seen is what has reached the service behind the gateway.
type seen struct {
	path string
	body []byte
	head http.Header
}

// start makes a gateway before a service that answers whatever it is told to.
func start(t *testing.T, policy, answer string) (aws.Config, *[]seen) {
	t.Helper()
	var all []seen
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		all = append(all, seen{r.URL.Path, body, r.Header.Clone()})
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(behind.Close)
	backend, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	e, err := emulator.New(emulator.Config{Gateway: map[string]*url.URL{"": backend}})
	if err != nil {
		t.Fatal(err)
	}
	created, err := e.Apply(emulator.Seed{Users: []emulator.SeedUser{{Name: "alice", Policies: map[string]emulator.Document{
		"p": emulator.Document(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"` + policy + `","Resource":"*"}}`),
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(e) // over TLS the SDK sends uploads in chunks
	t.Cleanup(server.Close)
	key := created.Users["alice"]
	return aws.Config{
		Region: e.Region(), BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1, HTTPClient: server.Client(),
		Credentials: credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, ""),
	}, &all
}

// reader cannot be read twice, so that the SDK sends what it reads in chunks.
type reader struct{ io.Reader }

func TestUploadsInChunksAreDecoded(t *testing.T) {
	c, all := start(t, "s3:PutObject", "")
	client := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
	content := bytes.Repeat([]byte("0123456789abcdef"), 20_000) // of several chunks
	for name, body := range map[string]io.Reader{"seekable": bytes.NewReader(content), "a stream": reader{bytes.NewReader(content)}} {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String("photos"), Key: aws.String("in/a b+é.jpg"), Body: body, ContentLength: aws.Int64(int64(len(content))),
		})
		if err != nil {
			t.Fatal(err)
		}
		got := (*all)[len(*all)-1]
		if !bytes.Equal(got.body, content) || got.path != "/photos/in/a b+é.jpg" || got.head.Get("X-Amz-Decoded-Content-Length") != "" || got.head.Get("Content-Encoding") != "" {
			t.Errorf("%s: got %d bytes at %s with %v", name, len(got.body), got.path, got.head)
		}
		if got.head.Get("X-Amz-Content-Sha256") != "UNSIGNED-PAYLOAD" {
			t.Errorf("%s: it came as %s: the test does not test", name, got.head.Get("X-Amz-Content-Sha256"))
		}
	}
}

func TestAWSsClientsGetThrough(t *testing.T) {
	c, all := start(t, "*", `{"MessageId":"1","Labels":[]}`)
	if _, err := sqs.NewFromConfig(c, func(o *sqs.Options) { o.DisableMessageChecksumValidation = true }).SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: aws.String(*c.BaseEndpoint + "/123456789012/jobs"), MessageBody: aws.String("hello"),
	}); err != nil {
		t.Error(err)
	}
	if _, err := rekognition.NewFromConfig(c).DetectLabels(t.Context(), &rekognition.DetectLabelsInput{Image: &rekognitiontypes.Image{Bytes: []byte("jpeg")}}); err != nil {
		t.Error(err)
	}
	if len(*all) != 2 || !strings.Contains(string((*all)[0].body), `"MessageBody":"hello"`) {
		t.Errorf("got %+v", *all)
	}
	c, all = start(t, "*", `<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`)
	if _, err := sns.NewFromConfig(c).Publish(t.Context(), &sns.PublishInput{TopicArn: aws.String("arn:aws:sns:eu-west-1:123456789012:orders"), Message: aws.String("hello")}); err != nil {
		t.Error(err)
	}
	if len(*all) != 1 {
		t.Errorf("got %+v", *all)
	}
}

// AWS's clients read the refusals as those of the service.
func TestAWSsClientsReadTheRefusals(t *testing.T) {
	c, all := start(t, "iam:GetUser", "")
	client := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
	call := map[string]func() error{
		"s3 AccessDenied": func() error {
			_, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("photos"), Key: aws.String("cat.jpg")})
			return err
		},
		"sqs AccessDeniedException": func() error {
			_, err := sqs.NewFromConfig(c).ListQueues(t.Context(), nil)
			return err
		},
		"sns AuthorizationError": func() error {
			_, err := sns.NewFromConfig(c).ListTopics(t.Context(), nil)
			return err
		},
		"rekognition AccessDeniedException": func() error {
			_, err := rekognition.NewFromConfig(c).DetectLabels(t.Context(), &rekognition.DetectLabelsInput{Image: &rekognitiontypes.Image{Bytes: []byte("jpeg")}})
			return err
		},
	}
	for name, f := range call {
		_, want, _ := strings.Cut(name, " ")
		var refused smithy.APIError
		if err := f(); !errors.As(err, &refused) || refused.ErrorCode() != want {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if len(*all) > 0 {
		t.Errorf("the service behind was reached: %+v", *all)
	}
}
