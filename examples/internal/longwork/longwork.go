// Package longwork is work that lasts for longer than many sessions do: an upload in parts, a consumer and a publisher of messages.
//
//	done, err := longwork.Run(ctx, "sqs", c, time.Minute)
//
// Each fails when one call has, so that the retries of an SDK hide nothing, and when anything was lost or came in another order of parts.
package longwork

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// Bucket is the one that there must be.
const Bucket = "photos"

const (
	partSize    = 5 << 20 // what S3 takes at least
	betweenPart = 3 * time.Second
	between     = 100 * time.Millisecond // messages
	poll        = 2                      // seconds
)

// Run does the work of a service for a time, and says what it was.
func Run(ctx context.Context, service string, c aws.Config, d time.Duration) (done string, err error) {
	c.RetryMaxAttempts = 1
	switch service {
	case "s3":
		return upload(ctx, c, d)
	case "sqs":
		return consume(ctx, c, d)
	case "sns":
		return publish(ctx, c, d)
	}
	return "", fmt.Errorf("%s is no service that has long work here", service)
}

// upload uploads one object, a part every few seconds, and reads it back.
func upload(ctx context.Context, c aws.Config, d time.Duration) (string, error) {
	client := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
	bucket, key := aws.String(Bucket), aws.String("long-"+rand.Text())
	begun, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	if err != nil {
		return "", err
	}
	sum, part := sha256.New(), make([]byte, partSize)
	var parts []s3types.CompletedPart
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(betweenPart) {
		_, _ = rand.Read(part) // neither this
		_, _ = sum.Write(part) // nor this ever fails
		number := aws.Int32(int32(len(parts) + 1))
		uploaded, err := client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: bucket, Key: key, UploadId: begun.UploadId, PartNumber: number, Body: bytes.NewReader(part),
		})
		if err != nil {
			return "", fmt.Errorf("part %d: %w", *number, err)
		}
		parts = append(parts, s3types.CompletedPart{ETag: uploaded.ETag, PartNumber: number})
	}
	if _, err := client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: key, UploadId: begun.UploadId, MultipartUpload: &s3types.CompletedMultipartUpload{Parts: parts},
	}); err != nil {
		return "", err
	}
	object, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key})
	if err != nil {
		return "", err
	}
	got := sha256.New()
	n, err := io.Copy(got, object.Body)
	if err := errors.Join(err, object.Body.Close()); err != nil {
		return "", err
	}
	if !bytes.Equal(got.Sum(nil), sum.Sum(nil)) {
		return "", fmt.Errorf("got an object of %d bytes, want the %d parts that were uploaded", n, len(parts))
	}
	if _, err := client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: key}); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d parts, %d MiB", len(parts), n>>20), nil
}

// consume polls a queue, to which messages are sent meanwhile.
func consume(ctx context.Context, c aws.Config, d time.Duration) (string, error) {
	client := sqs.NewFromConfig(c)
	queue, err := client.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("long-" + rand.Text())})
	if err != nil {
		return "", err
	}
	send := func(text string) error {
		_, err := client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: queue.QueueUrl, MessageBody: aws.String(text)})
		return err
	}
	read := func(body string) (string, error) { return body, nil }
	return exchange(ctx, client, queue.QueueUrl, d, send, read)
}

// publish publishes to a topic, whose messages a queue gets.
func publish(ctx context.Context, c aws.Config, d time.Duration) (string, error) {
	client, queues := sns.NewFromConfig(c), sqs.NewFromConfig(c)
	topic, err := client.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("long-" + rand.Text())})
	if err != nil {
		return "", err
	}
	queue, err := queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("long-" + rand.Text())})
	if err != nil {
		return "", err
	}
	arn := sqstypes.QueueAttributeNameQueueArn
	attributes, err := queues.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: queue.QueueUrl, AttributeNames: []sqstypes.QueueAttributeName{arn}})
	if err != nil {
		return "", err
	}
	if _, err := client.Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String(attributes.Attributes[string(arn)]),
	}); err != nil {
		return "", err
	}
	send := func(text string) error {
		_, err := client.Publish(ctx, &sns.PublishInput{TopicArn: topic.TopicArn, Message: aws.String(text)})
		return err
	}
	read := func(body string) (string, error) {
		var notification struct{ Message string }
		err := json.Unmarshal([]byte(body), &notification)
		return notification.Message, err
	}
	return exchange(ctx, queues, queue.QueueUrl, d, send, read)
}

// exchange sends numbered messages for a time, and receives and deletes them all. None may be lost or come twice.
func exchange(ctx context.Context, client *sqs.Client, queue *string, d time.Duration, send func(string) error, read func(string) (string, error)) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	finished := make(chan error, 1)
	sent := 0
	go func() {
		for end := time.Now().Add(d); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(between) {
			if err := send(fmt.Sprint("message ", sent)); err != nil {
				finished <- fmt.Errorf("message %d: %w", sent, err)
				return
			}
			sent++
		}
		finished <- nil
	}()
	got, over := map[string]int{}, false
	for {
		answer, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: queue, WaitTimeSeconds: poll, MaxNumberOfMessages: 10})
		if err != nil {
			return "", err
		}
		for _, m := range answer.Messages {
			text, err := read(aws.ToString(m.Body))
			if err != nil {
				return "", err
			}
			got[text]++
			if _, err := client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: queue, ReceiptHandle: m.ReceiptHandle}); err != nil {
				return "", err
			}
		}
		if over && len(answer.Messages) == 0 {
			break
		}
		select {
		case err := <-finished:
			if over = true; err != nil {
				return "", err
			}
		default:
		}
	}
	var wrong []string
	for i := range sent {
		if n := got[fmt.Sprint("message ", i)]; n != 1 {
			wrong = append(wrong, fmt.Sprintf("message %d came %d times", i, n))
		}
	}
	if len(wrong) > 0 || len(got) != sent || sent == 0 {
		return "", fmt.Errorf("sent %d messages and got %d: %s", sent, len(got), strings.Join(wrong, ", "))
	}
	return fmt.Sprintf("%d messages", sent), nil
}
