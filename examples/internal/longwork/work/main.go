// Command work does long work with the credentials that its environment leads to: work SERVICE SECONDS.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/awsauth-go/awsauth/examples/internal/longwork"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ctx := context.Background()
	d, err := time.ParseDuration(os.Args[2] + "s")
	if err != nil {
		return err
	}
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	done, err := longwork.Run(ctx, os.Args[1], c, d)
	fmt.Println(done)
	return err
}
