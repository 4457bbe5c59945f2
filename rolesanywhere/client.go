// Package rolesanywhere calls CreateSession, the one operation of IAM Roles Anywhere that a workload needs and that
// AWS's SDKs do not have: it turns an X.509 certificate into temporary credentials.
//
//	client := rolesanywhere.Client{Region: "eu-west-1"}
//	session, err := client.CreateSession(ctx, id, rolesanywhere.Request{
//		RoleARN: …, ProfileARN: …, TrustAnchorARN: …, Duration: time.Hour,
//	})
//
// A call has deadlines, is tried again where that can help and signed anew each time; its answer is distrusted until it
// has been checked. A refusal is an *Error that adds what the client could find out itself; anything that kept AWS from
// answering is a *ConnectionError.
//
// It keeps nothing between calls, does not cache, and does not check the form of its parameters: awsauth.Session does.
// A session policy is no parameter of CreateSession: it belongs to the profile, or to a further sts:AssumeRole.
//
// Source: IAM Roles Anywhere User Guide, "CreateSession" and "Signing process".
package rolesanywhere

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

// Client calls CreateSession in one region. It may be used as a literal; it is safe for concurrent use.
type Client struct {
	// Region signs the request and picks the endpoint: that of the trust anchor and the profile.
	Region string
	// Endpoint overrides the region's standard endpoint.
	Endpoint Endpoint
	// Transport sends requests; nil means one with NewTransport's limits that all such clients share.
	Transport http.RoundTripper
	// UserAgent is sent along; "awsauth" when empty.
	UserAgent string
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Request holds CreateSession's parameters.
type Request struct {
	RoleARN        string
	ProfileARN     string
	TrustAnchorARN string
	// Duration, in whole seconds, is sent when it is not zero; otherwise the profile's holds.
	Duration time.Duration
	// SessionName is sent when it is not empty; the profile must accept it.
	SessionName string
	// InstanceProperties are shown with the subject in Roles Anywhere; at most 50, keys and values 1 to 200 characters.
	InstanceProperties map[string]string
}

// Session is an answer of CreateSession that has been checked.
type Session struct {
	// Credentials have CanExpire, Expires, AccountID and Source set.
	Credentials aws.Credentials
	// AssumedRoleARN is who the credentials are, as sts:GetCallerIdentity says it.
	AssumedRoleARN   string
	SubjectARN       string
	SourceIdentity   string
	PackedPolicySize int // percent of the limit
	RequestID        string
	// ClockOffset is how far AWS's clock is ahead of ours, where that is known. Credentials.Expires is by AWS's clock.
	ClockOffset time.Duration
}

// Source is the Source of the credentials that CreateSession gives.
const Source = "RolesAnywhere"

// CreateSession asks for temporary credentials as id. Its errors are *Error, *ConnectionError, or what the context or
// the configuration says.
func (c *Client) CreateSession(ctx context.Context, id *identity.Identity, r Request) (*Session, error) {
	call, err := c.newCall(id, r)
	if err != nil {
		return nil, err
	}
	session, err := call.do(ctx)
	if refused := new(Error); errors.As(err, &refused) {
		refused.explain(c, id, r)
	}
	return session, err
}

// Trace answers what CreateSession would sign at a moment, for debugging. It sends nothing and does not use the key.
func (c *Client) Trace(id *identity.Identity, r Request, at time.Time) (sigv4x509.Trace, error) {
	call, err := c.newCall(id, r)
	if err != nil {
		return sigv4x509.Trace{}, err
	}
	request, err := call.newRequest(context.Background())
	if err != nil {
		return sigv4x509.Trace{}, err
	}
	return call.signer.Trace(request, call.body, c.Region, at), nil
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Client) userAgent() string {
	if c.UserAgent != "" {
		return c.UserAgent
	}
	return "awsauth"
}

func (c *Client) transport() http.RoundTripper {
	if c.Transport != nil {
		return c.Transport
	}
	return defaultTransport
}

// closeIdleConnections keeps the next attempt off connections that may be as dead as the one that has just timed out.
func (c *Client) closeIdleConnections() {
	if t, ok := c.transport().(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// intermediates leaves out roots: the server has its own.
func intermediates(chain []*x509.Certificate) []*x509.Certificate {
	var kept []*x509.Certificate
	for _, c := range chain {
		if !bytes.Equal(c.RawIssuer, c.RawSubject) {
			kept = append(kept, c)
		}
	}
	return kept
}

// query is where AWS's own client puts the ARNs.
func (r Request) query() string {
	return url.Values{
		"profileArn":     {r.ProfileARN},
		"roleArn":        {r.RoleARN},
		"trustAnchorArn": {r.TrustAnchorARN},
	}.Encode()
}

func (r Request) body() []byte {
	b, err := json.Marshal(struct {
		DurationSeconds    int               `json:"durationSeconds,omitzero"`
		RoleSessionName    string            `json:"roleSessionName,omitzero"`
		InstanceProperties map[string]string `json:"instanceProperties,omitempty"`
	}{int(r.Duration / time.Second), r.SessionName, r.InstanceProperties})
	if err != nil {
		panic(err) // numbers and strings always encode
	}
	return b
}

// call is one CreateSession with its attempts.
type call struct {
	client   *Client
	endpoint *url.URL
	signer   *sigv4x509.Signer
	request  Request
	query    string
	body     []byte
	// skew is how far the server's clock is ahead of ours, once it has been corrected.
	skew time.Duration
	// signatures of the attempts made: no text may repeat one.
	signatures []string
}

func (c *Client) newCall(id *identity.Identity, r Request) (*call, error) {
	endpoint, err := c.Endpoint.Resolve(c.Region)
	if err != nil {
		return nil, err
	}
	signer, err := sigv4x509.NewSigner(id.Certificate, intermediates(id.Chain), id.Key)
	if err != nil {
		return nil, err
	}
	return &call{client: c, endpoint: endpoint, signer: signer, request: r, query: r.query(), body: r.body()}, nil
}

func (c *call) newRequest(ctx context.Context) (*http.Request, error) {
	u := *c.endpoint
	u.Path, u.RawQuery = "/sessions", c.query
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(c.body))
	if err != nil {
		return nil, fmt.Errorf("create session: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	return r, nil
}

// attempt sends the request once, signed for this moment.
func (c *call) attempt(ctx context.Context) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	r, err := c.newRequest(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.signer.Sign(r, c.body, c.client.Region, c.client.now().Add(c.skew)); err != nil {
		return nil, fmt.Errorf("create session: %w", err)
	}
	_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	c.signatures = append(c.signatures, signature)
	r.Header.Set("User-Agent", c.client.userAgent())
	// The transport is called directly: no redirects, no cookies.
	response, err := c.client.transport().RoundTrip(r)
	var body []byte
	if err == nil {
		body, err = readBody(response)
	}
	if err != nil {
		if isTimeout(ctx, err) {
			c.client.closeIdleConnections()
		}
		return nil, c.unreachable(ctx, err)
	}
	return &answer{response: response, body: body, received: c.client.now()}, nil
}

// readBody reads one byte more than an answer may have, at most.
func readBody(response *http.Response) ([]byte, error) {
	if response.StatusCode == http.StatusSwitchingProtocols {
		// Its body is the bare connection, which no deadline of the request ends.
		return nil, response.Body.Close()
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if closeErr := response.Body.Close(); err == nil {
		err = closeErr
	}
	return body, err
}
