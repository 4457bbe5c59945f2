// Package authn finds out who signed a request to one of the emulator's services:
//
//	caller, err := authn.Authenticate(a, r, body, authn.Service{Name: "sts"}, 5*time.Minute)
//
// It does not ask what the caller may do. AWS4-X509 signatures, which only CreateSession takes, are not its business.
package authn

import (
	"net/http"
	"slices"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/internal/canonical"
	"github.com/awsauth-go/awsauth/internal/sigv4"
)

// Service is a service that requests are signed for.
type Service struct {
	Name string // signing name: sts, iam or rolesanywhere
	JSON bool   // refuses with the error codes of restJson1 instead of the Query protocol's
	// S3 is how Amazon S3 takes paths, bodies that are not signed and bodies in chunks.
	S3 bool
}

// Authenticate verifies the SigV4 signature of a request, in its header or its query, and answers who made it. body is
// all of the request's body, skew how far the sender's clock may be off. A success by a long-term key is noted as its
// last use.
//
// Its errors are of type *wire.Refusal. Whether a session has expired, or its role or user is gone, is told only to who
// has signed with the session's secret access key.
func Authenticate(a *account.Account, r *http.Request, body []byte, s Service, skew time.Duration) (*account.Caller, error) {
	caller, _, err := AuthenticateWithPayload(a, r, body, s, skew)
	return caller, err
}

// AuthenticateWithPayload is Authenticate, and answers what the body holds: of one in chunks their content.
func AuthenticateWithPayload(a *account.Account, r *http.Request, body []byte, s Service, skew time.Duration) (*account.Caller, []byte, error) {
	c := attempt{account: a, service: s, now: a.Now().UTC(), skew: skew}
	auth, err := sigv4.Parse(r)
	if err != nil {
		return nil, nil, c.refuseSignature(nil, err)
	}
	k, err := c.find(auth)
	if err != nil {
		return nil, nil, err
	}
	check := sigv4.Check{
		SecretAccessKey: k.secret,
		Region:          c.region(auth.Region),
		Service:         s.Name,
		Now:             c.now,
		Skew:            skew,
		UnsignedPayload: s.S3,
		Streaming:       s.S3,
	}
	if s.S3 {
		check.PathForm = canonical.S3
	}
	payload := body
	if err = auth.Verify(r, body, check); err == nil && s.S3 {
		payload, err = auth.Payload(r, body, k.secret)
	}
	if err != nil {
		return nil, nil, c.refuseSignature(auth, err)
	}
	if err := c.checkSession(k); err != nil {
		return nil, nil, err
	}
	if k.session == nil {
		c.touch(auth)
	}
	return k.caller, payload, nil
}

// attempt is one request to be authenticated.
type attempt struct {
	account *account.Account
	service Service
	now     time.Time // UTC
	skew    time.Duration
}

// region answers the region that the scope must name: the one it does name if the service is reached under it.
//
// IAM is one service for all regions, signed for a fixed one, and STS has such an endpoint beside the regional ones. A
// client that was only given the emulator's URL signs for the region it is configured with; both are taken.
func (c attempt) region(sent string) string {
	regions := []string{c.account.Region}
	switch c.service.Name {
	case "iam":
		if global, ok := globalRegions[c.account.Partition]; ok {
			regions = append(regions, global)
		}
	case "sts":
		if c.account.Partition == "aws" { // the only partition with a global STS endpoint
			regions = append(regions, globalRegions["aws"])
		}
	}
	if slices.Contains(regions, sent) {
		return sent
	}
	return c.account.Region
}

// globalRegions is the signing region of IAM's endpoint by partition (AWS General Reference, "AWS Identity and Access
// Management endpoints").
var globalRegions = map[string]string{
	"aws":        "us-east-1",
	"aws-cn":     "cn-north-1",
	"aws-us-gov": "us-gov-west-1",
}

// touch notes the use of a long-term key.
func (c attempt) touch(auth *sigv4.Authorization) {
	c.account.Touch(func(s *account.State) {
		if key := s.AccessKeys[auth.AccessKeyID]; key != nil {
			used := *key
			used.LastUsed = &account.LastUsed{At: c.now.Truncate(time.Second), Service: c.service.Name, Region: auth.Region}
			s.AccessKeys[key.ID] = &used
		}
	})
}
