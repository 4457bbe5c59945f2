// Command gocalls asks STS who it is, four times a second, by one client: gocalls SECONDS. For 0 seconds once. It fails when a call has.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	seconds, err := strconv.ParseFloat(os.Args[1], 64)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	c, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	client := sts.NewFromConfig(c)
	code := 0
	for end := time.Now().Add(time.Duration(seconds * float64(time.Second))); ; time.Sleep(250 * time.Millisecond) {
		if _, err := client.GetCallerIdentity(ctx, nil); err != nil {
			fmt.Println(err)
			code = 1
		}
		if time.Now().After(end) {
			os.Exit(code)
		}
	}
}
