// Command report puts what it reads into an S3 bucket: report BUCKET KEY. It knows nothing of awsauth, which runs it:
//
//	awsauth exec backup -- report backups nightly/report.txt <report.txt
//
// Its credentials stay fresh for as long as it runs.
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: report BUCKET KEY")
	}
	bucket, key := os.Args[1], os.Args[2]
	content, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}

	ctx := context.Background()
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		log.Fatal(err)
	}
	client := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }) // for the local stand-in; AWS takes it, too
	if _, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(content)}); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("s3://%s/%s has %d bytes\n", bucket, key, len(content))
}
