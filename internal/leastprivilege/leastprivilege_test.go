package leastprivilege_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/leastprivilege"
	"github.com/awsauth-go/awsauth/internal/policy"
)

// resources are what the operations of the test are about.
var resources = map[leastprivilege.Kind]string{
	leastprivilege.Everything: "*",
	leastprivilege.Bucket:     "arn:aws:s3:::photos",
	leastprivilege.Object:     "arn:aws:s3:::photos/incoming/cat.jpg",
	leastprivilege.Topic:      "arn:aws:sns:eu-west-1:123456789012:orders",
	leastprivilege.Queue:      "arn:aws:sqs:eu-west-1:123456789012:jobs",
	leastprivilege.Model:      "arn:aws:rekognition:eu-west-1:123456789012:project/cats/version/cats.1/1700000000000",
}

// allows reports whether a policy lets an operation through, as the emulator decides it.
func allows(t *testing.T, d leastprivilege.Document, o leastprivilege.Operation, resources map[leastprivilege.Kind]string) bool {
	t.Helper()
	p, err := policy.ParseIdentity(d.JSON())
	if err != nil {
		t.Fatalf("%v\n%s", err, d.JSON())
	}
	for _, n := range o.Needs {
		v := policy.Authorize([]*policy.Policy{p}, nil, policy.Request{Action: n.Action, Resource: resources[n.Kind]})
		if v.Decision != policy.Allow {
			return false
		}
	}
	return true
}

// Each operation works with its policy, and with no statement and no action less; and no other operation works that needs more.
func TestEachPolicyIsTheSmallest(t *testing.T) {
	for _, s := range leastprivilege.Services {
		for _, o := range s.Operations {
			d, err := leastprivilege.Policy(s.Name, []string{o.Name}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if !allows(t, d, o, resources) {
				t.Errorf("%s %s is not allowed by\n%s", s.Name, o.Name, d.JSON())
			}
			for i, statement := range d.Statement {
				for a := range statement.Action {
					less := leastprivilege.Document{Version: d.Version, Statement: slices.Clone(d.Statement)}
					less.Statement[i].Action = slices.Delete(slices.Clone(statement.Action), a, a+1)
					if len(less.Statement[i].Action) == 0 {
						less.Statement = slices.Delete(less.Statement, i, i+1)
					}
					if len(less.Statement) > 0 && allows(t, less, o, resources) {
						t.Errorf("%s %s works without %s", s.Name, o.Name, statement.Action[a])
					}
				}
			}
			for _, other := range s.Operations {
				if covered(other, o) == allows(t, d, other, resources) {
					continue
				}
				t.Errorf("%s: the policy of %s and %s: got %t, want %t", s.Name, o.Name, other.Name, !covered(other, o), covered(other, o))
			}
		}
	}
}

// covered reports whether an operation needs nothing but what another does.
func covered(o, by leastprivilege.Operation) bool {
	for _, n := range o.Needs {
		if !slices.Contains(by.Needs, n) {
			return false
		}
	}
	return true
}

// A policy for resources is for these alone.
func TestAPolicyIsForItsResources(t *testing.T) {
	for _, test := range []struct {
		service, operation, resource string
		other                        map[leastprivilege.Kind]string
	}{
		{"s3", "GetObject", "arn:aws:s3:::photos/incoming/*", map[leastprivilege.Kind]string{leastprivilege.Object: "arn:aws:s3:::photos/private/cat.jpg"}},
		{"s3", "ListObjects", "arn:aws:s3:::photos", map[leastprivilege.Kind]string{leastprivilege.Bucket: "arn:aws:s3:::photos-2"}},
		{"sns", "Publish", "arn:aws:sns:eu-west-1:123456789012:orders", map[leastprivilege.Kind]string{leastprivilege.Topic: "arn:aws:sns:eu-west-1:123456789012:orders2"}},
		{"sqs", "SendMessage", "arn:aws:sqs:eu-west-1:123456789012:jobs", map[leastprivilege.Kind]string{leastprivilege.Queue: "arn:aws:sqs:eu-central-1:123456789012:jobs"}},
	} {
		d, err := leastprivilege.Policy(test.service, []string{test.operation}, []string{test.resource})
		if err != nil {
			t.Fatal(err)
		}
		s, err := leastprivilege.Find(test.service)
		if err != nil {
			t.Fatal(err)
		}
		o := s.Operations[slices.IndexFunc(s.Operations, func(o leastprivilege.Operation) bool { return o.Name == test.operation })]
		if !allows(t, d, o, resources) || allows(t, d, o, test.other) {
			t.Errorf("%s on %s:\n%s", test.operation, test.resource, d.JSON())
		}
	}
}

func TestMistakesAreTold(t *testing.T) {
	const queue = "arn:aws:sqs:eu-west-1:123456789012:jobs"
	for _, test := range []struct {
		service               string
		operations, resources []string
		want                  string
	}{
		{"dynamodb", nil, nil, "there is no service of this name: known are s3, rekognition, sns, sqs"},
		{"sqs", []string{"SendMesage"}, nil, "Amazon SQS has no operation of this name: did you mean SendMessage?"},
		{"sns", []string{"Frobnicate"}, nil, "Amazon SNS has no operation of this name: known are CreateTopic, ListTopics, Publish, PublishBatch, Subscribe, ConfirmSubscription, Unsubscribe"},
		{"sqs", nil, []string{queue, "jobs"}, "resource number 2 is not an ARN, as " + queue},
		{"sqs", nil, []string{"arn:aws:sns:eu-west-1:123456789012:jobs"}, "resource number 1 is not an ARN of Amazon SQS, as " + queue},
		{"sqs", nil, []string{"arn:aws:sqs:eu-west-1:123456789012:"}, "resource number 1 names nothing, as " + queue},
		{"s3", nil, []string{"arn:aws:s3:::photos/"}, "resource number 1 names no bucket, or an object without a name, as arn:aws:s3:::photos/incoming/*"},
	} {
		if _, err := leastprivilege.Policy(test.service, test.operations, test.resources); fmt.Sprint(err) != test.want {
			t.Errorf("%s %v %v: got %v, want %s", test.service, test.operations, test.resources, err, test.want)
		}
	}
}

// All operations that the connectors' documentation names are known.
func TestTheConnectorsOperationsAreKnown(t *testing.T) {
	for service, operations := range map[string]string{
		"s3":          "CreateBucket DeleteBucket HeadBucket ListBuckets ListObjects PutObject GetObject DeleteObject CopyObject MoveObject GeneratePresignedUrl",
		"rekognition": "CompareFaces DetectCustomLabels DetectFaces DetectModerationLabels DetectLabels DetectText DetectProtectiveEquipment RecognizeCelebrities",
		"sns":         "CreateTopic ListTopics Publish PublishBatch Subscribe ConfirmSubscription Unsubscribe",
		"sqs":         "CreateQueue ListQueues SendMessageBatch ReceiveMessages DeleteMessageBatch GetQueueAttributes PurgeQueue DeleteQueue",
	} {
		if _, err := leastprivilege.Policy(service, strings.Fields(operations), nil); err != nil {
			t.Errorf("%s: %v", service, err)
		}
	}
}
