package awsauth_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/awsauthtest"
)

// What is held costs little more than to look at the clock, and less than in the cache of the SDK; make bench compares them.
func BenchmarkHeld(b *testing.B) {
	for name, p := range map[string]aws.CredentialsProvider{
		"Cache":                &awsauth.Cache{Provider: &awsauthtest.Provider{}},
		"aws.CredentialsCache": aws.NewCredentialsCache(&awsauthtest.Provider{}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			ctx := context.Background()
			for b.Loop() {
				if _, err := p.Retrieve(ctx); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+" in parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				ctx := context.Background()
				for pb.Next() {
					if _, err := p.Retrieve(ctx); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
	b.Run("time.Now", func(b *testing.B) {
		for b.Loop() {
			_ = time.Now()
		}
	})
}
