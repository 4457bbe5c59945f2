package awsauth

import (
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
		l, _ = limiters.LoadOrStore(quota, new(limiter.Limiter))
	}
	return l.(*limiter.Limiter)
}

// Quota names what CreateSession's calls are counted against: the endpoint, the account and the region. Caches around sessions
// of one quota make eight calls a second together; AWS allows ten. It is empty for an endpoint on loopback, which has no quota.
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
	if err != nil || rolesanywhere.IsLoopback(endpoint.Hostname()) {
		return ""
	}
	return endpoint.Host + " " + anchor.AccountID
}
