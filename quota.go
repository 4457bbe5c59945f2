package awsauth

import (
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/awsauth-go/awsauth/internal/limiter"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// limiters are those of this process, by quota.
var limiters sync.Map // string to *limiter.Limiter

// limiterOf is what limits the calls of a provider; nil when nothing does.
func limiterOf(p aws.CredentialsProvider) *limiter.Limiter {
	limited, ok := p.(interface{ Quota() string })
	if !ok {
		return nil
	}
	quota := limited.Quota()
	if quota == "" {
		return nil
	}
	l, ok := limiters.Load(quota)
	if !ok {
		made := new(limiter.Limiter)
		if strings.HasPrefix(quota, Unmetered) {
			made.AtOnce = atOnce
		}
		l, _ = limiters.LoadOrStore(quota, made)
	}
	return l.(*limiter.Limiter)
}

// Unmetered begins the name of a quota that is none: nobody counts these calls, and only so many are made at once that a process with
// thousands of caches stays small.
const Unmetered = "unmetered "

// atOnce is how many of them.
const atOnce = 16

// metered reports whether somebody counts the calls of a provider.
func metered(p aws.CredentialsProvider) bool {
	l := limiterOf(p)
	return l != nil && l.AtOnce == 0
}

// Quota names what CreateSession's calls are counted against: the endpoint, the account and the region. Caches around sessions
// of one quota make eight calls a second together; AWS allows ten. For an endpoint on loopback, which has no quota, it begins with
// Unmetered. It is empty when no call can be made.
func (s Session) Quota() string {
	anchor, err := arn.Parse(s.TrustAnchorARN)
	if err != nil {
		return "" // no call is made
	}
	region := s.Region
	if region == "" {
		region = anchor.Region
	}
	endpoint, err := s.Endpoint.Resolve(region)
	if err != nil {
		return ""
	}
	if rolesanywhere.IsLoopback(endpoint.Hostname()) {
		return Unmetered + endpoint.Host
	}
	return endpoint.Host + " " + anchor.AccountID
}
