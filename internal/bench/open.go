package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/internal/safefile"
)

// measureOpen times what every use of a name begins with, where a thousand are configured: to read the configuration, open
// the store and take one certificate and its key out of it.
func measureOpen(ctx context.Context) (_ []result, err error) {
	const entries, rounds, limit = 1000, 21, 50 * time.Millisecond
	dir, err := os.MkdirTemp("", "awsauth-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "config.yaml")
	if err := safefile.Write(file, manyCredentials(entries)); err != nil {
		return nil, err
	}
	options := certstore.Options{NewKey: certstore.FileKey}
	if err := manyCertificates(ctx, filepath.Join(dir, "certificates"), options, entries); err != nil {
		return nil, err
	}
	var took []time.Duration
	for range rounds {
		start := time.Now()
		if err := openOne(ctx, file, options); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return []result{within("store and configuration opened, 1,000 entries", took[rounds/2], limit)}, nil
}

func openOne(ctx context.Context, file string, options certstore.Options) error {
	c, err := config.Load([]config.File{{Path: file, Named: true}})
	if err != nil {
		return err
	}
	r, err := c.Resolve("entry500", nil)
	if err != nil {
		return err
	}
	store, err := certstore.Open(c.Store, options)
	if err != nil {
		return err
	}
	_, err = store.Source(r.Certificate).Identity(ctx)
	return err
}

func manyCredentials(n int) []byte {
	var b strings.Builder
	b.WriteString("store: certificates\ncredentials:\n")
	for i := range n {
		fmt.Fprintf(&b, `  entry%d:
    type: session
    role_arn: arn:aws:iam::123456789012:role/entry%d
    profile_arn: arn:aws:rolesanywhere:eu-west-1:123456789012:profile/1f0c2a3b-0000-4000-8000-000000000001
    trust_anchor_arn: arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/9a770000-0000-4000-8000-000000000002
    certificate: entry%d
    session_name: nightly
`, i, i, i)
	}
	return []byte(b.String())
}

func manyCertificates(ctx context.Context, dir string, options certstore.Options, n int) error {
	root, err := pki.NewCA("root", time.Now())
	if err != nil {
		return err
	}
	store, err := certstore.Create(dir, options)
	if err != nil {
		return err
	}
	var all []certstore.Addition
	for i := range n {
		name := fmt.Sprintf("entry%d", i)
		id, err := root.Issue(pki.Leaf{CommonName: name})
		if err != nil {
			return err
		}
		all = append(all, certstore.Addition{Identifier: name, Identity: id})
	}
	return store.AddAll(ctx, all)
}
