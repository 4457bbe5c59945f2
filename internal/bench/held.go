package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth"
)

// forAnHour gives credentials of an hour.
var forAnHour = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{
		AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret", SessionToken: "token", CanExpire: true, Expires: time.Now().Add(time.Hour),
	}, nil
})

// measureHeld holds what it costs to ask for credentials that are held against a look at the clock, and against the cache of AWS's
// SDK with as many goroutines.
func measureHeld(ctx context.Context) ([]result, error) {
	const rounds, operations = 200, 20_000
	ours := &awsauth.Cache{Provider: forAnHour}
	sdk := aws.NewCredentialsCache(forAnHour)
	retrieve := func(p aws.CredentialsProvider) func() error {
		return func() error {
			_, err := p.Retrieve(ctx)
			return err
		}
	}
	var last time.Time // so that the clock is looked at
	clock := repeat(func() error {
		last = time.Now()
		return nil
	})
	c, err := compare(ctx, rounds, operations, repeat(retrieve(ours)), clock)
	if err != nil {
		return nil, err
	}
	all := []result{atMost("held credentials, to a look at the clock", c, 1.4)}
	for _, goroutines := range []int{1, 4, 16} {
		c, err := compare(ctx, rounds, operations, inParallel(goroutines, retrieve(ours)), inParallel(goroutines, retrieve(sdk)))
		if err != nil {
			return nil, err
		}
		all = append(all, atMost(fmt.Sprintf("held credentials, to aws.CredentialsCache, %d at once", goroutines), c, 1))
	}
	allocations, err := moreAllocations("allocations to ask for held credentials", repeat(retrieve(ours)), clock, 0)
	if err != nil || last.IsZero() {
		return nil, err
	}
	return append(all, allocations), nil
}

// inParallel divides operations among goroutines.
func inParallel(goroutines int, operation func() error) side {
	return side{run: func(n int) error {
		failed := make([]error, goroutines)
		var all sync.WaitGroup
		for i := range goroutines {
			all.Go(func() {
				for range n / goroutines {
					if failed[i] = operation(); failed[i] != nil {
						return
					}
				}
			})
		}
		all.Wait()
		for _, err := range failed {
			if err != nil {
				return err
			}
		}
		return nil
	}}
}
