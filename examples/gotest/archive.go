// Package gotest is a program that stores objects in S3, and its tests, which need no AWS.
package gotest

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Archive keeps reports in a bucket.
type Archive struct {
	client *s3.Client
	bucket string
}

// New makes an archive with a program's configuration, which says who it is and where AWS is.
func New(c aws.Config, bucket string) *Archive {
	return &Archive{s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }), bucket}
}

// Keep stores a report under a name.
func (a *Archive) Keep(ctx context.Context, name, report string) error {
	_, err := a.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(a.bucket), Key: aws.String(name), Body: strings.NewReader(report),
	})
	if err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return nil
}
