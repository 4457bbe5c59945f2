package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

// The request that is signed: CreateSession's.
const (
	region = "eu-west-1"
	query  = "profileArn=arn%3Aaws%3Arolesanywhere%3Aeu-west-1%3A123456789012%3Aprofile%2F1f0c2a3b-0000-4000-8000-000000000001" +
		"&roleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fbackup" +
		"&trustAnchorArn=arn%3Aaws%3Arolesanywhere%3Aeu-west-1%3A123456789012%3Atrust-anchor%2F9a770000-0000-4000-8000-000000000002"
	body = `{"durationSeconds":3600}`
)

// measureSign holds a signature of a request against the private key's operation alone.
func measureSign(ctx context.Context) ([]result, error) {
	digest := sha256.Sum256([]byte(body))
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	var all []result
	for _, m := range []struct {
		name       string
		key        crypto.Signer
		bare       func() error
		rounds     int
		operations int // in a round
		limit      float64
	}{
		{"P-256", p256, func() error {
			_, err := ecdsa.SignASN1(rand.Reader, p256, digest[:])
			return err
		}, 300, 50, 1.15},
		{"RSA-2048", rsa2048, func() error {
			_, err := rsa.SignPKCS1v15(rand.Reader, rsa2048, crypto.SHA256, digest[:])
			return err
		}, 300, 5, 1.03},
	} {
		ours, err := signSide(m.key)
		if err != nil {
			return nil, err
		}
		bare := repeat(m.bare)
		bare.prepare = ours.prepare // which leaves caches as cold for one as for the other
		c, err := compare(ctx, m.rounds, m.operations, ours, bare)
		if err != nil {
			return nil, err
		}
		allocations, err := moreAllocations("allocations to sign, "+m.name, ours, bare, 25)
		if err != nil {
			return nil, err
		}
		all = append(all, atMost("sign a request, "+m.name, c, m.limit), allocations)
	}
	return all, nil
}

func repeat(operation func() error) side {
	return side{run: func(n int) error {
		for range n {
			if err := operation(); err != nil {
				return err
			}
		}
		return nil
	}}
}

// signSide signs a new request each time, as CreateSession does.
func signSide(key crypto.Signer) (side, error) {
	id, err := newIdentity(key)
	if err != nil {
		return side{}, err
	}
	signer, err := sigv4x509.NewSigner(id.Certificate, nil, key)
	if err != nil {
		return side{}, err
	}
	var requests []*http.Request
	at := time.Now()
	return side{
		prepare: func(n int) error {
			requests = requests[:0]
			for range n {
				r, err := newRequest("https://rolesanywhere." + region + ".amazonaws.com")
				if err != nil {
					return err
				}
				requests = append(requests, r)
			}
			return nil
		},
		run: func(n int) error {
			for _, r := range requests[:n] {
				if err := signer.Sign(r, []byte(body), region, at); err != nil {
					return err
				}
			}
			return nil
		},
	}, nil
}

func newIdentity(key crypto.Signer) (*identity.Identity, error) {
	ca, err := pki.NewCA("bench-ca", time.Now())
	if err != nil {
		return nil, err
	}
	return ca.Issue(pki.Leaf{CommonName: "bench", Key: key})
}

func newRequest(endpoint string) (*http.Request, error) {
	r, err := http.NewRequest(http.MethodPost, endpoint+"/sessions?"+query, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	return r, nil
}

func moreAllocations(what string, ours, bare side, limit float64) (result, error) {
	mine, err := ours.allocations()
	if err != nil {
		return result{}, err
	}
	theirs, err := bare.allocations()
	if err != nil {
		return result{}, err
	}
	return result{
		what: what, ours: fmt.Sprintf("%.0f", mine), bare: fmt.Sprintf("%.0f", theirs),
		ratio: fmt.Sprintf("%+.0f", mine-theirs), limit: fmt.Sprintf("≤ +%.0f", limit), over: mine-theirs > limit,
	}, nil
}
