package gateway_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/emulator/internal/gateway"
)

// What requests need, as the services' references have it.
func TestWhatRequestsNeed(t *testing.T) {
	const (
		s3    = "arn:aws:s3:::"
		queue = "arn:aws:sqs:eu-west-1:123456789012:jobs"
		topic = "arn:aws:sns:eu-west-1:123456789012:orders"
	)
	for _, test := range []struct {
		service, request, headers, body, want string
	}{
		{"s3", "GET /", "", "", "s3:ListAllMyBuckets *"},
		{"s3", "POST /", "", "", ""},
		{"s3", "PUT /photos", "", "", "s3:CreateBucket " + s3 + "photos"},
		{"s3", "DELETE /photos", "", "", "s3:DeleteBucket " + s3 + "photos"},
		{"s3", "HEAD /photos", "", "", "s3:ListBucket " + s3 + "photos"},
		{"s3", "GET /photos/?list-type=2&prefix=a", "", "", "s3:ListBucket " + s3 + "photos"},
		{"s3", "GET /photos?location", "", "", "s3:GetBucketLocation " + s3 + "photos"},
		{"s3", "PUT /photos?policy", "", "", "s3:PutBucketPolicy " + s3 + "photos"},
		{"s3", "DELETE /photos?policy", "", "", "s3:DeleteBucketPolicy " + s3 + "photos"},
		{"s3", "GET /photos?uploads", "", "", "s3:ListBucketMultipartUploads " + s3 + "photos"},
		{"s3", "POST /photos?delete", "", "<Delete/>", "s3:DeleteObject " + s3 + "photos/*"},
		{"s3", "POST /photos", "", "", ""},
		{"s3", "GET /photos/in/cat.jpg", "", "", "s3:GetObject " + s3 + "photos/in/cat.jpg"},
		{"s3", "HEAD /photos/in/cat.jpg", "", "", "s3:GetObject " + s3 + "photos/in/cat.jpg"},
		{"s3", "GET /photos/cat.jpg?versionId=1", "", "", "s3:GetObjectVersion " + s3 + "photos/cat.jpg"},
		{"s3", "GET /photos/a%20b", "", "", "s3:GetObject " + s3 + "photos/a b"},
		{"s3", "PUT /photos/cat.jpg", "", "", "s3:PutObject " + s3 + "photos/cat.jpg"},
		{"s3", "PUT /photos/cat.jpg?partNumber=1&uploadId=u", "", "", "s3:PutObject " + s3 + "photos/cat.jpg"},
		{"s3", "POST /photos/cat.jpg?uploads", "", "", "s3:PutObject " + s3 + "photos/cat.jpg"},
		{"s3", "DELETE /photos/cat.jpg?uploadId=u", "", "", "s3:AbortMultipartUpload " + s3 + "photos/cat.jpg"},
		{"s3", "GET /photos/cat.jpg?uploadId=u", "", "", "s3:ListMultipartUploadParts " + s3 + "photos/cat.jpg"},
		{"s3", "DELETE /photos/cat.jpg", "", "", "s3:DeleteObject " + s3 + "photos/cat.jpg"},
		{"s3", "GET /photos/cat.jpg?tagging", "", "", "s3:GetObjectTagging " + s3 + "photos/cat.jpg"},
		{"s3", "PUT /photos/cat.jpg?acl", "", "", "s3:PutObjectAcl " + s3 + "photos/cat.jpg"},
		{"s3", "PUT /new/cat.jpg", "X-Amz-Copy-Source: /photos/old%20cat.jpg", "", "s3:PutObject " + s3 + "new/cat.jpg, s3:GetObject " + s3 + "photos/old cat.jpg"},
		{"s3", "GET /in/cat.jpg", "Host: photos.s3.eu-west-1.amazonaws.com", "", "s3:GetObject " + s3 + "photos/in/cat.jpg"},
		{"s3", "PATCH /photos/cat.jpg", "", "", ""},
		{"sqs", "POST /", "X-Amz-Target: AmazonSQS.SendMessage", `{"QueueUrl":"http://127.0.0.1:1/123456789012/jobs"}`, "sqs:SendMessage " + queue},
		{"sqs", "POST /", "X-Amz-Target: AmazonSQS.DeleteMessageBatch", `{"QueueUrl":"http://127.0.0.1:1/123456789012/jobs"}`, "sqs:DeleteMessage " + queue},
		{"sqs", "POST /", "X-Amz-Target: AmazonSQS.CreateQueue", `{"QueueName":"jobs"}`, "sqs:CreateQueue " + queue},
		{"sqs", "POST /", "X-Amz-Target: AmazonSQS.ListQueues", `{}`, "sqs:ListQueues *"},
		{"sqs", "POST /123456789012/jobs", "Content-Type: application/x-www-form-urlencoded", "Action=ReceiveMessage", "sqs:ReceiveMessage " + queue},
		{"sqs", "GET /123456789012/jobs?Action=ReceiveMessage", "", "", "sqs:ReceiveMessage " + queue},
		{"sns", "POST /", "Content-Type: application/x-www-form-urlencoded; charset=utf-8", "Action=Publish&TopicArn=" + topic, "sns:Publish " + topic},
		{"sns", "POST /", "Content-Type: application/x-www-form-urlencoded", "Action=PublishBatch&TopicArn=" + topic, "sns:Publish " + topic},
		{"sns", "POST /", "Content-Type: application/x-www-form-urlencoded", "Action=CreateTopic&Name=orders", "sns:CreateTopic " + topic},
		{"sns", "POST /", "Content-Type: application/x-www-form-urlencoded", "Action=ListTopics", "sns:ListTopics *"},
		{"sns", "POST /", "Content-Type: application/x-www-form-urlencoded", "%zz", ""},
		{"rekognition", "POST /", "X-Amz-Target: RekognitionService.DetectLabels", `{"Image":{}}`, "rekognition:DetectLabels *"},
		{"rekognition", "POST /", "X-Amz-Target: RekognitionService.DetectCustomLabels", `{"ProjectVersionArn":"arn:aws:rekognition:eu-west-1:123456789012:project/p/version/v/1"}`, "rekognition:DetectCustomLabels arn:aws:rekognition:eu-west-1:123456789012:project/p/version/v/1"},
		{"rekognition", "POST /", "X-Amz-Target: RekognitionService.DetectLabels", `broken`, "rekognition:DetectLabels *"},
		{"rekognition", "POST /", "", `{}`, ""},
		{"sqs", "POST /?Action=DeleteQueue", "X-Amz-Target: AmazonSQS.ListQueues", `{}`, ""},
		{"sqs", "POST /?Action=ListQueues", "Content-Type: application/x-www-form-urlencoded", "Action=DeleteQueue", ""},
	} {
		method, target, _ := strings.Cut(test.request, " ")
		r := httptest.NewRequest(method, target, strings.NewReader(test.body))
		r.Host = "127.0.0.1:9920"
		if name, value, found := strings.Cut(test.headers, ": "); found {
			r.Header.Set(name, value)
			if name == "Host" {
				r.Host = value
			}
		}
		request := gateway.Request{Service: test.service, HTTP: r, Body: []byte(test.body), Region: "eu-west-1", Account: "123456789012", Partition: "aws"}
		var got []string
		for _, p := range request.Permissions() {
			got = append(got, fmt.Sprint(p.Action, " ", p.Resource))
		}
		if text := strings.Join(got, ", "); text != test.want {
			t.Errorf("%s %s %s %s: got %q, want %q", test.service, test.request, test.headers, test.body, text, test.want)
		}
	}
}

func FuzzPermissions(f *testing.F) {
	f.Add("s3", http.MethodPut, "/b/k?partNumber=1", "", []byte("x"))
	f.Add("sqs", http.MethodPost, "/", "AmazonSQS.SendMessage", []byte(`{"QueueUrl":"http://h/1/q"}`))
	f.Add("sns", http.MethodPost, "/", "", []byte("Action=Publish&TopicArn=a"))
	f.Fuzz(func(t *testing.T, service, method, target, amz string, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		u, err := r.URL.Parse(target)
		if err != nil {
			return
		}
		r.URL, r.Method = u, method
		r.Header.Set("X-Amz-Target", amz)
		request := gateway.Request{Service: service, HTTP: r, Body: body, Region: "eu-west-1", Account: "123456789012", Partition: "aws"}
		for _, p := range request.Permissions() {
			if p.Action == "" || p.Resource == "" {
				t.Fatalf("a permission without action or resource: %+v", p)
			}
		}
	})
}
