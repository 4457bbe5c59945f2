package awsauthtest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/emulator"
)

// Provider is an aws.CredentialsProvider that does as it is told: it stands in for whatever is slow, fails or expires in
// tests of code that holds credentials. The zero value gives credentials of an hour, different ones at each call. It is
// safe for concurrent use, calls nobody, and starts no goroutine, so that it can be used in a testing/synctest bubble.
type Provider struct {
	// Now is the clock that Expires is reckoned from; time.Now when nil.
	Now func() time.Time

	mu       sync.Mutex // guards all below
	calls    int
	lifetime time.Duration // DefaultLifetime when zero
	failure  error
	gate     chan struct{} // closed by release; nil when open
}

// DefaultLifetime is how long credentials of a Provider live when nothing else is set.
const DefaultLifetime = time.Hour

// ProviderSource is the Source of the credentials that a Provider gives.
const ProviderSource = "awsauthtest.Provider"

var _ aws.CredentialsProvider = (*Provider)(nil)

// Retrieve counts the call, waits while the provider is blocked, and then fails or gives new credentials as is set at
// that moment. While it waits it returns when ctx ends, with the context's cause.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	n, gate := p.enter()
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return aws.Credentials{}, context.Cause(ctx)
		}
	}
	p.mu.Lock()
	lifetime, failure := p.lifetime, p.failure
	p.mu.Unlock()
	if failure != nil {
		return aws.Credentials{}, failure
	}
	if lifetime == 0 {
		lifetime = DefaultLifetime
	}
	now := time.Now
	if p.Now != nil {
		now = p.Now
	}
	return aws.Credentials{
		AccessKeyID:     fmt.Sprintf("ASIAFAKE%012d", n),
		SecretAccessKey: fmt.Sprintf("fake-secret-access-key-%d", n),
		SessionToken:    fmt.Sprintf("fake-session-token-%d", n),
		Source:          ProviderSource,
		CanExpire:       true,
		Expires:         now().Add(lifetime),
		AccountID:       emulator.DefaultAccountID,
	}, nil
}

func (p *Provider) enter() (n int, gate chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	return p.calls, p.gate
}

// Calls answers how often Retrieve has been called, failed and waiting calls included. The n-th call's access key ID
// ends with n.
func (p *Provider) Calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// SetLifetime sets how long credentials given from now on live: zero for DefaultLifetime, negative for credentials that
// have expired already.
func (p *Provider) SetLifetime(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lifetime = d
}

// Fail makes Retrieve return err from now on; nil makes it well again.
func (p *Provider) Fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failure = err
}

// Block makes every Retrieve that begins from now on wait until release is called. release may be called more than once;
// it lets through those who wait and those who come later, unless Block has been called again.
func (p *Provider) Block() (release func()) {
	gate := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = gate
	return sync.OnceFunc(func() { close(gate) })
}
