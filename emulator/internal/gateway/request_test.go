package gateway_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
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
		form  = "Content-Type: application/x-www-form-urlencoded"
	)
	for _, test := range []struct {
		service, request, headers, body, want string
	}{
		{"s3", "GET /", "", "", "s3:ListAllMyBuckets *"},
		{"s3", "PUT /photos", "", "", "s3:CreateBucket " + s3 + "photos"},
		{"s3", "DELETE /photos", "", "", "s3:DeleteBucket " + s3 + "photos"},
		{"s3", "HEAD /photos", "", "", "s3:ListBucket " + s3 + "photos"},
		{"s3", "GET /photos/?list-type=2&prefix=a", "", "", "s3:ListBucket " + s3 + "photos"},
		{"s3", "GET /photos?location", "", "", "s3:GetBucketLocation " + s3 + "photos"},
		{"s3", "PUT /photos?policy", "", "", "s3:PutBucketPolicy " + s3 + "photos"},
		{"s3", "DELETE /photos?policy", "", "", "s3:DeleteBucketPolicy " + s3 + "photos"},
		{"s3", "GET /photos?uploads", "", "", "s3:ListBucketMultipartUploads " + s3 + "photos"},
		{"s3", "POST /photos?delete", "", "<Delete><Object><Key>a</Key></Object><Object><Key>b/c</Key><VersionId>1</VersionId></Object></Delete>\n", "s3:DeleteObject " + s3 + "photos/a, s3:DeleteObjectVersion " + s3 + "photos/b/c"},
		{"s3", "GET /photos?encryption", "", "", "s3:GetEncryptionConfiguration " + s3 + "photos"},
		{"s3", "PUT /photos?publicAccessBlock", "", "", "s3:PutBucketPublicAccessBlock " + s3 + "photos"},
		{"s3", "GET /photos/cat.jpg?attributes", "", "", "s3:GetObject " + s3 + "photos/cat.jpg, s3:GetObjectAttributes " + s3 + "photos/cat.jpg"},
		{"s3", "POST /photos/cat.jpg?select&select-type=2", "", "", "s3:GetObject " + s3 + "photos/cat.jpg"},
		{"s3", "POST /photos/cat.jpg?restore", "", "", "s3:RestoreObject " + s3 + "photos/cat.jpg"},
		{"s3", "PUT /photos/cat.jpg", "X-Amz-Acl: public-read\nX-Amz-Tagging: a=b", "", "s3:PutObject " + s3 + "photos/cat.jpg, s3:PutObjectAcl " + s3 + "photos/cat.jpg, s3:PutObjectTagging " + s3 + "photos/cat.jpg"},
		{"s3", "PUT /photos/cat.jpg?X-Amz-Acl=public-read", "", "", "s3:PutObject " + s3 + "photos/cat.jpg, s3:PutObjectAcl " + s3 + "photos/cat.jpg"},
		{"s3", "PUT /photos", "X-Amz-Acl: public-read", "", "s3:CreateBucket " + s3 + "photos, s3:PutBucketAcl " + s3 + "photos"},
		{"s3", "DELETE /photos/cat.jpg?versionId=1", "X-Amz-Bypass-Governance-Retention: true", "", "s3:DeleteObjectVersion " + s3 + "photos/cat.jpg, s3:BypassGovernanceRetention " + s3 + "photos/cat.jpg"},
		{"s3", "GET /good//lead//x", "", "", "s3:GetObject " + s3 + "good//lead//x"},
		{"s3", "GET /photos/cat.jpg?x-id=GetObject&response-content-type=text/plain", "", "", "s3:GetObject " + s3 + "photos/cat.jpg"},
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
		{"s3", "PUT /new/cat.jpg", "X-Amz-Copy-Source: /photos/a%3FversionId=x?versionId=1", "", "s3:PutObject " + s3 + "new/cat.jpg, s3:GetObjectVersion " + s3 + "photos/a?versionId=x"},
		{"s3", "GET /in/cat.jpg", "Host: photos.x.s3-eu-west-1.amazonaws.com", "", "s3:GetObject " + s3 + "photos.x/in/cat.jpg"},
		{"s3", "GET /cat.jpg", "Host: a.s3.b.s3.eu-west-1.amazonaws.com", "", "s3:GetObject " + s3 + "a.s3.b/cat.jpg"},
		{"s3", "GET /in/cat.jpg", "Host: photos.s3.eu-west-1.amazonaws.com", "", "s3:GetObject " + s3 + "photos/in/cat.jpg"},
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
		{"rekognition", "POST /", "X-Amz-Target: RekognitionService.DetectLabels", `{"Image":{}}`, "rekognition:DetectLabels *"},
		{"rekognition", "POST /", "X-Amz-Target: RekognitionService.DetectCustomLabels", `{"ProjectVersionArn":"arn:aws:rekognition:eu-west-1:123456789012:project/p/version/v/1"}`, "rekognition:DetectCustomLabels arn:aws:rekognition:eu-west-1:123456789012:project/p/version/v/1"},
		{"rekognition", "POST /", "X-Amz-Target: RekognitionService.SearchFacesByImage", `{"CollectionId":"faces","Image":{}}`, "rekognition:SearchFacesByImage arn:aws:rekognition:eu-west-1:123456789012:collection/faces"},
		{"sqs", "POST /", "X-Amz-Target: AmazonSQS.SendMessage", `{"QueueUrl":"http://sqs.eu-west-1.localhost:1/000000000000/jobs"}`, "sqs:SendMessage " + queue},
		{"sqs", "POST /", "X-Amz-Target: AmazonSQS.SendMessage", `{"QueueUrl":"http://h/999999999999/jobs"}`, "sqs:SendMessage arn:aws:sqs:eu-west-1:999999999999:jobs"},
		{"sqs", "POST /123456789012/jobs", "X-Amz-Target: AmazonSQS.SendMessage", `{"QueueUrl":"http://h/123456789012/jobs"}`, "sqs:SendMessage " + queue},
		{"sqs", "POST /", "X-Amz-Target: AmazonSQS.ListMessageMoveTasks", `{"SourceArn":"` + queue + `"}`, "sqs:ListMessageMoveTasks " + queue},
		{"sns", "POST /", form, "Action=Publish&PhoneNumber=%2B1", "sns:Publish *"},
		{"lambda", "GET /?Action=ListFunctions", "", "", "lambda:ListFunctions *"},
	} {
		var got []string
		permissions, err := newRequest(test.service, test.request, test.headers, test.body).Permissions()
		for _, p := range permissions {
			got = append(got, fmt.Sprint(p.Action, " ", p.Resource))
		}
		if text := strings.Join(got, ", "); text != test.want || err != nil {
			t.Errorf("%s %s %s %s: got %q, %v, want %q", test.service, test.request, test.headers, test.body, text, err, test.want)
		}
	}
}

// newRequest makes one of "METHOD TARGET" and headers, each in a line.
func newRequest(service, request, headers, body string) *gateway.Request {
	method, target, _ := strings.Cut(request, " ")
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	u, err := url.ParseRequestURI(target)
	if err != nil {
		panic(err)
	}
	r.URL, r.Host = u, "127.0.0.1:9920"
	for line := range strings.SplitSeq(headers, "\n") {
		switch name, value, found := strings.Cut(line, ": "); {
		case name == "Host":
			r.Host = value
		case found:
			r.Header[textproto.CanonicalMIMEHeaderKey(name)] = append(r.Header[textproto.CanonicalMIMEHeaderKey(name)], value)
		}
	}
	if r.Header.Get("X-Amz-Target") != "" && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	}
	return &gateway.Request{Service: service, HTTP: r, Body: []byte(body), Region: "eu-west-1", Account: "123456789012", Partition: "aws"}
}

// What the emulator and the service behind it might read in different ways has no permissions that could be granted.
func TestAmbiguousRequestsAreRefused(t *testing.T) {
	const (
		jobs   = `"QueueUrl":"http://h/123456789012/jobs"`
		orders = "TopicArn=arn:aws:sns:eu-west-1:123456789012:orders"
		form   = "Content-Type: application/x-www-form-urlencoded"
		send   = "X-Amz-Target: AmazonSQS.SendMessage"
	)
	for _, test := range []struct{ service, request, headers, body, want string }{
		// Another resource than the operation's.
		{"sqs", "POST /", send, `{"QueueName":"jobs","QueueUrl":"http://h/123456789012/secret"}`, "SendMessage has no parameter QueueName"},
		{"sqs", "POST /", "X-Amz-Target: AmazonSQS.ListQueues", `{"QueueName":"jobs"}`, "ListQueues has no parameter QueueName"},
		{"sqs", "POST /", "X-Amz-Target: AmazonSQS.StartMessageMoveTask", `{` + jobs + `}`, "sqs has no operation StartMessageMoveTask that is known here"},
		{"sqs", "POST /", send, `{}`, "SendMessage lacks QueueUrl"},
		{"sqs", "POST /", send, `{"QueueUrl":"http://h/123456789012/jobs?/secret"}`, "QueueUrl is no URL of a queue, as http://HOST/123456789012/QUEUE"},
		{"sqs", "POST /", send, `{"QueueUrl":"http://h/123456789012/jobs#/secret"}`, "QueueUrl is no URL of a queue, as http://HOST/123456789012/QUEUE"},
		{"sqs", "POST /123456789012/jobs", send, `{"QueueUrl":"http://a b/123456789012/secret"}`, "QueueUrl is no URL of a queue, as http://HOST/123456789012/QUEUE"},
		{"sqs", "POST /123456789012/jobs", send, `{"QueueUrl":"http://h/123456789012/secret"}`, "its path is another queue's than QueueUrl"},
		{"sqs", "POST /123456789012/secret", form, "Action=SendMessage&QueueUrl=http://h/123456789012/jobs", "its path is another queue's than QueueUrl"},
		{"sqs", "POST /123456789012/jobs", "X-Amz-Target: AmazonSQS.ListQueues", `{}`, "its path is a queue's, and the operation is not about one"},
		{"sns", "POST /", form, "Action=CreateTopic&Name=new&" + orders, "*"},
		{"sns", "POST /", form, "Action=ListTopics&Name=orders", "ListTopics has no parameter Name"},
		{"sns", "POST /", form, "Action=Publish&TargetArn=arn:aws:sns:eu-west-1:123456789012:secret&" + orders, "Publish names more than one resource"},
		{"sns", "POST /", form, "Action=Publish&PhoneNumber=1&" + orders, "Publish names more than one resource"},
		{"sns", "POST /", form, "Action=Publish&TopicArn=orders", "an ARN of it has not the form of one"},
		{"rekognition", "POST /", "X-Amz-Target: RekognitionService.DeleteCollection", `{"CollectionId":"secret","ProjectArn":"arn:aws:rekognition:eu-west-1:123456789012:project/p/1"}`, "DeleteCollection has no parameter ProjectArn"},
		// Another operation.
		{"sqs", "POST /", "X-Amz-Target: AmazonSQS.ListQueues\n" + send, `{}`, "the header X-Amz-Target is there more than once"},
		{"sqs", "POST /", "X-Amz-Target: AmazonSQS.ListQueues.SendMessage", `{}`, "X-Amz-Target is no operation of sqs"},
		{"sqs", "POST /", "X-Amz-Target: DynamoDB_20120810.ListTables", `{}`, "X-Amz-Target is no operation of sqs"},
		{"sqs", "POST /", "X-Amz-Target: AmazonSQS.sendmessagebatch", `{` + jobs + `}`, "X-Amz-Target is no operation of sqs"},
		{"sns", "POST /", "X-Amz-Target: x.ListTopics", `{}`, "X-Amz-Target is no operation of sns"},
		{"sqs", "POST /?Action=DeleteQueue", "X-Amz-Target: AmazonSQS.ListQueues", `{}`, "it has X-Amz-Target, and is no POST of application/x-amz-json without a query"},
		{"sqs", "POST /", "X-Amz-Target: AmazonSQS.ListQueues\n" + form, `Action=DeleteQueue`, "it has X-Amz-Target, and is no POST of application/x-amz-json without a query"},
		{"sqs", "POST /?Action=ListQueues", form, "Action=DeleteQueue", "it is neither JSON *"},
		{"sns", "POST /?Action=ListTopics", "Content-Type: multipart/form-data; boundary=x", "Action=DeleteTopic", "it is neither JSON *"},
		{"sns", "PUT /?Action=ListTopics", form, "Action=DeleteTopic", "it is neither JSON *"},
		{"sns", "GET /?Action=ListTopics", form, "Action=DeleteTopic", "it is neither JSON *"},
		{"sns", "POST /", form, "Action=ListTopics&Action=DeleteTopic", "a parameter is there more than once"},
		{"sns", "POST /", form, "%zz", "its form has not the form of one"},
		{"sns", "POST /", form, "", "the parameter Action is no name of an operation"},
		{"rekognition", "POST /", "", `{}`, "it is neither JSON *"},
		{"lambda", "DELETE /2015-03-31/functions/secret?Action=ListFunctions", "", "", "it is neither JSON *"},
		{"lambda", "GET /2015-03-31/functions/secret?Action=ListFunctions", "", "", "its path is not /, and what that means to lambda is not known"},
		{"sqs", "GET /secret/k?Action=ListQueues", "", "", "its path is not /"},
		{"sqs", "GET /moto-api/reset?Action=ListQueues", "", "", "its path is not /"},
		// JSON that readers differ in.
		{"sqs", "POST /", send, `{` + jobs + `,"queueurl":"http://h/123456789012/secret"}`, "its body has a member twice"},
		{"sqs", "POST /", send, `{` + jobs + `,"MessageBody":"a","MessageBody":"b"}`, "its body has a member twice"},
		{"sqs", "POST /", send, `{"queueUrl":"http://h/123456789012/jobs"}`, "its body has QueueUrl in another case"},
		{"sqs", "POST /", send, `{"QueueUrl":["http://h/123456789012/jobs"]}`, "its body has a name of a resource that is no text"},
		{"sqs", "POST /", send, `{` + jobs + `}{}`, "its body is no JSON object"},
		{"rekognition", "POST /", "X-Amz-Target: RekognitionService.DetectLabels", `broken`, "its body is no JSON object"},
		{"rekognition", "POST /", "X-Amz-Target: RekognitionService.DetectLabels\nContent-Encoding: gzip", `{}`, "its body is encoded"},
		// S3.
		{"s3", "POST /", "", "", "S3 has no such operation that is known here"},
		{"s3", "POST /photos", "", "", "S3 has no such operation that is known here"},
		{"s3", "PATCH /photos/cat.jpg", "", "", "S3 has no such operation that is known here"},
		{"s3", "GET //secret/k", "", "", "its path names no bucket"},
		{"s3", "GET /photos/../secret/k", "", "", "its path has a part of dots"},
		{"s3", "GET /photos/%2e%2e/secret/k", "", "", "its path has a part of dots"},
		{"s3", "GET /photos/..%2fsecret/k", "", "", "its path has a part of dots"},
		{"s3", "GET /photos%2fsecret/k", "", "", "its path names no bucket"},
		{"s3", "PUT /photos?cors&policy", "", "", "its query asks for two parts of a bucket or object at once"},
		{"s3", "PUT /photos?unheard-of", "", "", "S3 has no such operation that is known here"},
		{"s3", "POST /photos/k?uploads&restore", "", "", "its query asks for two parts of a bucket or object at once"},
		{"s3", "PUT /photos/k?renameObject", "", "", "S3 has no such operation that is known here"},
		{"s3", "PUT /photos/k?versionId=1&versionId=2", "", "", `its query has "versionId" more than once`},
		{"s3", "POST /photos?delete", "", "<Delete/>", "its body is no list of 1 to 1000 objects to delete"},
		{"s3", "POST /photos?delete", "Content-Type: multipart/form-data; boundary=x", "<Delete><Object><Key>a</Key></Object></Delete>", "its body is no list of 1 to 1000 objects to delete"},
		{"s3", "POST /photos?delete", "", "<Delete><Object><Key>a</Key><Key>secret</Key></Object></Delete>", "its body names an object without a key, or twice"},
		{"s3", "PUT /photos/k", "X-Amz-Copy-Source: /photos/../secret/k", "", "X-Amz-Copy-Source is no BUCKET/KEY"},
		{"s3", "PUT /photos/k", "X-Amz-Copy-Source: /photos/a\nX-Amz-Copy-Source: /secret/k", "", "the header X-Amz-Copy-Source is there more than once"},
		{"s3", "GET /photos/k", "X-Amz-Copy-Source: /secret/k", "", "it has X-Amz-Copy-Source, and is no upload"},
		{"s3", "GET /photos/k?X-Amz-Signature=0", "", "", "a presigned URL of S3 lacks X-Amz-Expires"},
		// Headers that a proxy or another server takes in its own way.
		{"s3", "GET /photos/k", "Connection: Upgrade\nUpgrade: h2c", "", "the header Connection has more than close or keep-alive"},
		{"s3", "GET /photos/k", "Upgrade: h2c", "", "it asks for another protocol"},
		{"s3", "PUT /photos/k", "Connection: keep-alive, If-None-Match", "", "the header Connection has more than close or keep-alive"},
		{"s3", "PUT /photos/k", "X_Amz_Copy_Source: /secret/k", "", "the name of a header has an underscore"},
		{"s3", "GET /photos/k", "X-Http-Method-Override: DELETE", "", "the header X-Http-Method-Override speaks of another request"},
		{"s3", "GET /photos/k", "X-Original-Url: /secret/k", "", "the header X-Original-Url speaks of another request"},
	} {
		permissions, err := newRequest(test.service, test.request, test.headers, test.body).Permissions()
		want, any := strings.CutSuffix(test.want, "*")
		if err == nil || len(permissions) > 0 || !strings.HasPrefix(err.Error(), want) || !any && err.Error() != want {
			t.Errorf("%s %s %s %s: got %v, %v, want %q", test.service, test.request, test.headers, test.body, permissions, err, test.want)
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
		permissions, err := request.Permissions()
		if (err == nil) != (len(permissions) > 0) {
			t.Fatalf("got %v and %v", permissions, err)
		}
		for _, p := range permissions {
			if p.Action == "" || p.Resource == "" {
				t.Fatalf("a permission without action or resource: %+v", p)
			}
		}
	})
}
