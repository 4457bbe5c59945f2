// Package leastprivilege knows which permissions the operations of the connectors need: Amazon S3, Rekognition, SNS and SQS.
//
//	policy, err := leastprivilege.Policy("sqs", []string{"SendMessage"}, []string{"arn:aws:sqs:eu-west-1:123456789012:jobs"})
//
// Source: Service Authorization Reference, "Actions, resources, and condition keys" of each service; for operations that one permission
// does not name, the service's API reference.
package leastprivilege

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/awsauth-go/awsauth/internal/nearest"
)

// Kind is what an action is about.
type Kind string

// The kinds. What is about nothing in particular is for every resource.
const (
	Everything Kind = "everything"
	Bucket     Kind = "bucket"
	Object     Kind = "object"
	Topic      Kind = "topic"
	Queue      Kind = "queue"
	Model      Kind = "version of a Custom Labels model"
)

// Need is one action on one kind of resource.
type Need struct {
	Action string // as s3:GetObject
	Kind   Kind
}

// Operation is what a connector does.
type Operation struct {
	Name  string
	Needs []Need
}

// Service is one of the connectors' services.
type Service struct {
	Name       string // as in ARNs and signatures
	Title      string
	Operations []Operation
	// Kinds are what its ARNs name, and an example of each.
	Kinds []Example
}

// Example is an ARN of a kind.
type Example struct {
	Kind Kind
	ARN  string
}

func one(name, action string, kind Kind) Operation { return Operation{name, []Need{{action, kind}}} }

// Services are all of them.
var Services = []Service{
	{
		Name: "s3", Title: "Amazon S3",
		Kinds: []Example{{Bucket, "arn:aws:s3:::photos"}, {Object, "arn:aws:s3:::photos/incoming/*"}},
		Operations: []Operation{
			one("ListBuckets", "s3:ListAllMyBuckets", Everything),
			one("CreateBucket", "s3:CreateBucket", Bucket),
			one("DeleteBucket", "s3:DeleteBucket", Bucket),
			one("HeadBucket", "s3:ListBucket", Bucket),
			one("ListObjects", "s3:ListBucket", Bucket),
			one("GetObject", "s3:GetObject", Object),
			one("PutObject", "s3:PutObject", Object),
			{"PutObjectInParts", []Need{{"s3:PutObject", Object}, {"s3:AbortMultipartUpload", Object}, {"s3:ListMultipartUploadParts", Object}}},
			one("DeleteObject", "s3:DeleteObject", Object),
			{"CopyObject", []Need{{"s3:GetObject", Object}, {"s3:PutObject", Object}}},
			{"MoveObject", []Need{{"s3:GetObject", Object}, {"s3:PutObject", Object}, {"s3:DeleteObject", Object}}},
			one("GeneratePresignedUrl", "s3:GetObject", Object),
		},
	},
	{
		Name: "rekognition", Title: "Amazon Rekognition",
		Kinds: []Example{{Model, "arn:aws:rekognition:eu-west-1:123456789012:project/cats/version/cats.1/1700000000000"}},
		Operations: []Operation{
			one("DetectLabels", "rekognition:DetectLabels", Everything),
			one("CompareFaces", "rekognition:CompareFaces", Everything),
			one("DetectCustomLabels", "rekognition:DetectCustomLabels", Model),
			one("DetectFaces", "rekognition:DetectFaces", Everything),
			one("DetectModerationLabels", "rekognition:DetectModerationLabels", Everything),
			one("DetectText", "rekognition:DetectText", Everything),
			one("DetectProtectiveEquipment", "rekognition:DetectProtectiveEquipment", Everything),
			one("RecognizeCelebrities", "rekognition:RecognizeCelebrities", Everything),
		},
	},
	{
		Name: "sns", Title: "Amazon SNS",
		Kinds: []Example{{Topic, "arn:aws:sns:eu-west-1:123456789012:orders"}},
		Operations: []Operation{
			one("CreateTopic", "sns:CreateTopic", Topic),
			one("ListTopics", "sns:ListTopics", Everything),
			one("Publish", "sns:Publish", Topic),
			one("PublishBatch", "sns:Publish", Topic),
			one("Subscribe", "sns:Subscribe", Topic),
			one("ConfirmSubscription", "sns:ConfirmSubscription", Topic),
			one("Unsubscribe", "sns:Unsubscribe", Everything),
		},
	},
	{
		Name: "sqs", Title: "Amazon SQS",
		Kinds: []Example{{Queue, "arn:aws:sqs:eu-west-1:123456789012:jobs"}},
		Operations: []Operation{
			one("CreateQueue", "sqs:CreateQueue", Queue),
			one("ListQueues", "sqs:ListQueues", Everything),
			one("GetQueueUrl", "sqs:GetQueueUrl", Queue),
			one("SendMessage", "sqs:SendMessage", Queue),
			one("SendMessageBatch", "sqs:SendMessage", Queue),
			one("ReceiveMessages", "sqs:ReceiveMessage", Queue),
			one("DeleteMessage", "sqs:DeleteMessage", Queue),
			one("DeleteMessageBatch", "sqs:DeleteMessage", Queue),
			one("GetQueueAttributes", "sqs:GetQueueAttributes", Queue),
			one("PurgeQueue", "sqs:PurgeQueue", Queue),
			one("DeleteQueue", "sqs:DeleteQueue", Queue),
		},
	},
}

// ServiceNames are their names.
func ServiceNames() (names []string) {
	for _, s := range Services {
		names = append(names, s.Name)
	}
	return names
}

// Find answers a service by its name.
func Find(name string) (Service, error) {
	for _, s := range Services {
		if s.Name == strings.ToLower(name) {
			return s, nil
		}
	}
	return Service{}, &Error{Problem: "there is no service of this name: known are " + strings.Join(ServiceNames(), ", ")}
}

// OperationNames are those of a service.
func (s Service) OperationNames() (names []string) {
	for _, o := range s.Operations {
		names = append(names, o.Name)
	}
	return names
}

// Error is what is wrong with an operation or a resource.
type Error struct{ Problem string }

func (e *Error) Error() string { return e.Problem }

// Document is an IAM policy.
type Document struct {
	Version   string
	Statement []Statement
}

// Statement is one of its statements.
type Statement struct {
	Sid      string
	Effect   string
	Action   []string
	Resource []string
}

// JSON is the document as IAM takes it.
func (d Document) JSON() []byte {
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		panic(err) // strings always encode
	}
	return append(b, '\n')
}

// Policy makes the smallest policy for operations of a service on resources: all operations where none are named, and without
// resources an example of each kind. What a resource is not about is left out of its statement; an operation of a kind that no
// resource is of is an error.
func Policy(service string, operations, resources []string) (Document, error) {
	s, err := Find(service)
	if err != nil {
		return Document{}, err
	}
	needs, err := s.needs(operations)
	if err != nil {
		return Document{}, err
	}
	byKind, err := s.sort(resources)
	if err != nil {
		return Document{}, err
	}
	d := Document{Version: "2012-10-17"}
	for _, kind := range append([]Kind{Everything}, s.kinds()...) {
		statement := Statement{Sid: sids[kind], Effect: "Allow", Resource: byKind[kind]}
		for _, n := range needs {
			if n.Kind == kind {
				statement.Action = append(statement.Action, n.Action)
			}
		}
		if len(statement.Action) == 0 {
			continue
		}
		if len(statement.Resource) == 0 {
			return Document{}, &Error{fmt.Sprintf("no resource is a %s, and %s is about one: as %s", kind, statement.Action[0], s.example(kind))}
		}
		d.Statement = append(d.Statement, statement)
	}
	return d, nil
}

var sids = map[Kind]string{Everything: "All", Bucket: "Buckets", Object: "Objects", Topic: "Topics", Queue: "Queues", Model: "Models"}

func (s Service) kinds() (kinds []Kind) {
	for _, e := range s.Kinds {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func (s Service) example(kind Kind) string {
	for _, e := range s.Kinds {
		if e.Kind == kind {
			return e.ARN
		}
	}
	return "*"
}

// needs are those of operations, each once, in order.
func (s Service) needs(operations []string) (needs []Need, err error) {
	wanted := map[string]bool{}
	for _, name := range operations {
		known := ""
		for _, o := range s.Operations {
			if strings.EqualFold(o.Name, name) {
				known = o.Name
			}
		}
		if known == "" {
			text := fmt.Sprintf("%s has no operation of this name", s.Title)
			if near := nearest.Name(name, s.OperationNames()); near != "" {
				text += ": did you mean " + near + "?"
			} else {
				text += ": known are " + strings.Join(s.OperationNames(), ", ")
			}
			return nil, &Error{text}
		}
		wanted[known] = true
	}
	for _, o := range s.Operations {
		if len(operations) > 0 && !wanted[o.Name] {
			continue
		}
		for _, n := range o.Needs {
			if !slices.Contains(needs, n) {
				needs = append(needs, n)
			}
		}
	}
	return needs, nil
}

// sort says of each resource what it is.
func (s Service) sort(resources []string) (map[Kind][]string, error) {
	byKind := map[Kind][]string{Everything: {"*"}}
	if len(resources) == 0 {
		for _, e := range s.Kinds {
			byKind[e.Kind] = append(byKind[e.Kind], e.ARN)
		}
		return byKind, nil
	}
	for i, text := range resources {
		kinds, err := s.kindsOf(text)
		if err != nil {
			return nil, &Error{fmt.Sprintf("resource number %d %s", i+1, err)}
		}
		for kind, resource := range kinds {
			if !slices.Contains(byKind[kind], resource) {
				byKind[kind] = append(byKind[kind], resource)
			}
		}
	}
	return byKind, nil
}

// kindsOf answers what an ARN names. A bucket stands for its objects, too, and an object for its bucket.
func (s Service) kindsOf(text string) (map[Kind]string, error) {
	a, err := arn.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("is not an ARN, as " + s.Kinds[0].ARN)
	case a.Service != s.Name:
		return nil, errors.New("is not an ARN of " + s.Title + ", as " + s.Kinds[0].ARN)
	case a.Resource == "" || strings.ContainsAny(a.Resource, " \t\r\n\""):
		return nil, errors.New("names nothing, as " + s.Kinds[0].ARN)
	}
	if s.Name == "s3" {
		bucket, key, hasKey := strings.Cut(a.Resource, "/")
		prefix := strings.TrimSuffix(text, a.Resource)
		switch {
		case bucket == "" || hasKey && key == "":
			return nil, errors.New("names no bucket, or an object without a name, as " + s.Kinds[1].ARN)
		case !hasKey:
			key = "*"
		}
		return map[Kind]string{Bucket: prefix + bucket, Object: prefix + bucket + "/" + key}, nil
	}
	return map[Kind]string{s.Kinds[0].Kind: text}, nil
}
