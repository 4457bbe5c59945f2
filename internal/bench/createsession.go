package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

// measureCreateSession holds the emulator's CreateSession against the primitives that it cannot do without: to verify
// one request's signature, and one chain through an intermediate. It keeps nothing between rounds.
func measureCreateSession(ctx context.Context) (_ []result, err error) {
	const rounds, operations, limit = 150, 8, 0.7
	now := time.Now()
	root, err := pki.NewCA("root", now)
	if err != nil {
		return nil, err
	}
	intermediate, err := root.Intermediate("intermediate")
	if err != nil {
		return nil, err
	}
	e, r, err := emulate(root, intermediate, now)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	c, err := compare(ctx, rounds, operations, repeat(func() error { return ask(e, r) }), repeat(func() error {
		return verify(r, root.Certificate, now)
	}))
	if err != nil {
		return nil, err
	}
	return []result{rateAtLeast("emulator: CreateSession, P-256", c, limit)}, nil
}

// emulate starts an emulator that trusts root, and signs a request as a leaf of intermediate.
func emulate(root, intermediate *pki.CA, now time.Time) (*emulator.Emulator, *http.Request, error) {
	const name = "bench"
	id, err := intermediate.Issue(pki.Leaf{CommonName: name})
	if err != nil {
		return nil, nil, err
	}
	e, err := emulator.New(emulator.Config{})
	if err != nil {
		return nil, nil, err
	}
	created, err := e.Apply(emulator.Seed{
		TrustAnchors: []emulator.SeedTrustAnchor{{Name: name, Certificates: string(pki.CertificatesPEM(root.Certificate))}},
		Roles:        []emulator.SeedRole{{Name: name, TrustAnchor: name}},
		Profiles:     []emulator.SeedProfile{{Name: name, Roles: []string{name}}},
	})
	if err != nil {
		return nil, nil, err
	}
	r, err := newRequest("http://127.0.0.1:9920")
	if err != nil {
		return nil, nil, err
	}
	r.URL.RawQuery = url.Values{
		"profileArn":     {created.Profiles[name]},
		"roleArn":        {created.Roles[name]},
		"trustAnchorArn": {created.TrustAnchors[name]},
	}.Encode()
	signer, err := sigv4x509.NewSigner(id.Certificate, id.Chain, id.Key)
	if err != nil {
		return nil, nil, err
	}
	return e, r, signer.Sign(r, []byte(body), e.Region(), now)
}

func ask(e *emulator.Emulator, r *http.Request) error {
	r.Body = io.NopCloser(bytes.NewReader([]byte(body)))
	answer := &answer{header: http.Header{}}
	e.ServeHTTP(answer, r)
	if answer.status != http.StatusCreated {
		return fmt.Errorf("CreateSession: got status %d, want 201", answer.status)
	}
	return nil
}

func verify(r *http.Request, root *x509.Certificate, now time.Time) error {
	signature, err := sigv4x509.Verify(r, []byte(body))
	if err != nil {
		return err
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	for _, c := range signature.Chain {
		intermediates.AddCert(c)
	}
	_, err = signature.Certificate.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err
}

// answer keeps an answer's status alone.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return len(b), nil }
