package connectors

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rekognition"
	rekognitiontypes "github.com/aws/aws-sdk-go-v2/service/rekognition/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// service is what a connector calls.
type service struct {
	name  string // as requests are signed for it
	title string
	// work does what a program wants of it, and reads back what came of it.
	work func(context.Context, aws.Config, kind) error
	// call makes one call, for credentials that are wrong.
	call func(context.Context, aws.Config) error
}

// bucket is the one that S3 servers have.
const bucket = "photos"

func s3Client(c aws.Config) *s3.Client {
	return s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
}

var (
	amazonS3 = service{"s3", "S3", storing{prefix: "in/a b+é", presigned: true}.work, func(ctx context.Context, c aws.Config) error {
		_, err := s3Client(c).ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
		return err
	}}
	amazonSQS = service{"sqs", "SQS", exchangeMessages, func(ctx context.Context, c aws.Config) error {
		_, err := sqs.NewFromConfig(c).ListQueues(ctx, nil)
		return err
	}}
	amazonSNS = service{"sns", "SNS", publishToQueue, func(ctx context.Context, c aws.Config) error {
		_, err := sns.NewFromConfig(c).ListTopics(ctx, nil)
		return err
	}}
	amazonRekognition = service{"rekognition", "Rekognition", tellPicturesApart, func(ctx context.Context, c aws.Config) error {
		_, err := labels(ctx, c, picture(blue))
		return err
	}}
	awsSTS = service{"sts", "STS", askWhoCalls, func(ctx context.Context, c aws.Config) error {
		_, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, nil)
		return err
	}}
)

// same fails unless what was read is what was written.
func same(what string, got, want []byte) error {
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s: got %d bytes, want the %d that were written", what, len(got), len(want))
	}
	return nil
}

// storing is work with objects.
type storing struct {
	prefix    string // of their keys
	presigned bool   // they are read through a presigned URL, too
}

func (s storing) work(ctx context.Context, c aws.Config, _ kind) error {
	client, key := s3Client(c), aws.String(unique(s.prefix)+".jpg")
	content := picture(blue)
	if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: key, Body: bytes.NewReader(content)}); err != nil {
		return err
	}
	got, err := readObject(ctx, client, key)
	if err := errors.Join(err, same("GetObject", got, content)); err != nil {
		return err
	}
	if s.presigned {
		url, err := s3.NewPresignClient(client).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: key})
		if err != nil {
			return err
		}
		got, err = fetch(ctx, url.URL)
		if err := errors.Join(err, same("presigned URL", got, content)); err != nil {
			return err
		}
	}
	large := make([]byte, 6<<20)
	_, _ = rand.Read(large) // it never fails
	if err := uploadInParts(ctx, client, key, slices.Collect(slices.Chunk(large, 5<<20))); err != nil {
		return err
	}
	got, err = readObject(ctx, client, key)
	if err := errors.Join(err, same("multipart upload", got, large)); err != nil {
		return err
	}
	listed, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: key})
	if err != nil {
		return err
	}
	if len(listed.Contents) != 1 || aws.ToInt64(listed.Contents[0].Size) != int64(len(large)) {
		return fmt.Errorf("ListObjectsV2: got %d objects, want the one of %d bytes", len(listed.Contents), len(large))
	}
	_, err = client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: key})
	return err
}

func readObject(ctx context.Context, client *s3.Client, key *string) ([]byte, error) {
	answer, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: key})
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// fetch gets a URL as a program without an SDK does.
func fetch(ctx context.Context, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		err = errors.Join(err, fmt.Errorf("%s: %s", answer.Status, content))
	}
	return content, err
}

// uploadInParts uploads parts of 5 MiB at least, but for the last one.
func uploadInParts(ctx context.Context, client *s3.Client, key *string, parts [][]byte) error {
	upload, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: aws.String(bucket), Key: key})
	if err != nil {
		return err
	}
	var done []s3types.CompletedPart
	for i, part := range parts {
		number := aws.Int32(int32(i + 1))
		uploaded, err := client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: aws.String(bucket), Key: key, UploadId: upload.UploadId, PartNumber: number, Body: bytes.NewReader(part),
		})
		if err != nil {
			return err
		}
		done = append(done, s3types.CompletedPart{ETag: uploaded.ETag, PartNumber: number})
	}
	_, err = client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: aws.String(bucket), Key: key, UploadId: upload.UploadId, MultipartUpload: &s3types.CompletedMultipartUpload{Parts: done},
	})
	return err
}

// receive waits for the next message of a queue, deletes it, and answers its body.
func receive(ctx context.Context, client *sqs.Client, queue *string) (string, error) {
	for range 10 {
		got, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queue, WaitTimeSeconds: 1})
		if err != nil {
			return "", err
		}
		if len(got.Messages) == 0 {
			continue
		}
		m := got.Messages[0]
		_, err = client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: m.ReceiptHandle})
		return aws.ToString(m.Body), err
	}
	return "", errors.New("no message has come")
}

func exchangeMessages(ctx context.Context, c aws.Config, _ kind) error {
	client := sqs.NewFromConfig(c)
	queue, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(unique("jobs"))})
	if err != nil {
		return err
	}
	const text = "a job: é €"
	if _, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: aws.String(text)}); err != nil {
		return err
	}
	got, err := receive(ctx, client, queue.QueueUrl)
	if err != nil {
		return err
	}
	if got != text {
		return fmt.Errorf("ReceiveMessage: got %q, want %q", got, text)
	}
	left, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: queue.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"},
	})
	if err != nil {
		return err
	}
	if a := left.Attributes; a["ApproximateNumberOfMessages"] != "0" || a["ApproximateNumberOfMessagesNotVisible"] != "0" {
		return fmt.Errorf("GetQueueAttributes: got %v after the only message was deleted", a)
	}
	_, err = client.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: queue.QueueUrl})
	return err
}

// subscribed makes a topic, and a queue that gets what is published.
func subscribed(ctx context.Context, c aws.Config) (topic, queue *string, err error) {
	made, err := sns.NewFromConfig(c).CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String(unique("orders"))})
	if err != nil {
		return nil, nil, err
	}
	client := sqs.NewFromConfig(c)
	q, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(unique("orders"))})
	if err != nil {
		return nil, nil, err
	}
	attributes, err := client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: q.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameQueueArn},
	})
	if err != nil {
		return nil, nil, err
	}
	_, err = sns.NewFromConfig(c).Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: made.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String(attributes.Attributes["QueueArn"]),
	})
	return made.TopicArn, q.QueueUrl, err
}

func publishToQueue(ctx context.Context, c aws.Config, _ kind) error {
	topic, queue, err := subscribed(ctx, c)
	if err != nil {
		return err
	}
	const text = "an order: é €"
	published, err := sns.NewFromConfig(c).Publish(ctx, &sns.PublishInput{TopicArn: topic, Message: aws.String(text)})
	if err != nil {
		return err
	}
	body, err := receive(ctx, sqs.NewFromConfig(c), queue)
	if err != nil {
		return err
	}
	var notification struct{ MessageId, TopicArn, Message string }
	if err := json.Unmarshal([]byte(body), &notification); err != nil {
		return err
	}
	if notification.Message != text || notification.TopicArn != *topic || notification.MessageId != aws.ToString(published.MessageId) {
		return fmt.Errorf("got the notification %s, want the message that was published", body)
	}
	return nil
}

// listTopics is publishToQueue where there are topics alone.
func listTopics(ctx context.Context, c aws.Config, _ kind) error {
	client := sns.NewFromConfig(c)
	made, err := client.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String(unique("orders"))})
	if err != nil {
		return err
	}
	for range 10 { // the list follows after a moment
		listed, err := client.ListTopics(ctx, nil)
		if err != nil {
			return err
		}
		for _, topic := range listed.Topics {
			if aws.ToString(topic.TopicArn) == *made.TopicArn {
				_, err := client.DeleteTopic(ctx, &sns.DeleteTopicInput{TopicArn: made.TopicArn})
				return err
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	return errors.New("ListTopics: the topic that was made is not there")
}

func labels(ctx context.Context, c aws.Config, image []byte) (string, error) {
	found, err := rekognition.NewFromConfig(c).DetectLabels(ctx, &rekognition.DetectLabelsInput{Image: &rekognitiontypes.Image{Bytes: image}})
	if err != nil {
		return "", err
	}
	var names []string
	for _, label := range found.Labels {
		names = append(names, aws.ToString(label.Name))
	}
	return strings.Join(names, ", "), nil
}

func tellPicturesApart(ctx context.Context, c aws.Config, _ kind) error {
	for colour, want := range map[colour]string{blue: "Sky", green: "Grass"} {
		got, err := labels(ctx, c, picture(colour))
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("DetectLabels: got %q, want %q", got, want)
		}
	}
	return nil
}

// someLabels is tellPicturesApart where every picture has the same labels.
func someLabels(ctx context.Context, c aws.Config, _ kind) error {
	got, err := labels(ctx, c, picture(blue))
	if err == nil && got == "" {
		err = errors.New("DetectLabels: got no label")
	}
	return err
}

// callers are who credentials are of, in the ARN that STS answers.
var callers = map[kind]string{static: ":user/" + worker, session: ":assumed-role/" + worker + "/", chained: ":assumed-role/" + archive + "/"}

func askWhoCalls(ctx context.Context, c aws.Config, k kind) error {
	who, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, nil)
	if err != nil {
		return err
	}
	if arn := aws.ToString(who.Arn); !strings.Contains(arn, callers[k]) {
		return fmt.Errorf("GetCallerIdentity: got %s, want …%s", arn, callers[k])
	}
	return nil
}
