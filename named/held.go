package named

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/diskcache"
	"github.com/awsauth-go/awsauth/internal/safefile"
)

// Held opens the cache in which the processes of this user hold credentials for each other. It is encrypted under the store's
// key; where there is no store, under a key of its own beside it. problem is told when it cannot be used, and credentials are
// obtained without it.
func (s *Store) Held(ctx context.Context, e config.Environment, problem func(error)) (*diskcache.Cache, error) {
	dir := e.CacheDirectory()
	if dir == "" {
		return nil, errors.New("there is no home directory to hold credentials in")
	}
	key, err := s.cacheKey(ctx, dir)
	if err != nil {
		return nil, err
	}
	held, err := diskcache.Open(dir, key)
	if err != nil {
		return nil, err
	}
	held.Problem = problem
	return held, nil
}

func (s *Store) cacheKey(ctx context.Context, dir string) ([]byte, error) {
	const purpose = "held credentials"
	store, err := s.Open()
	switch {
	case err == nil:
		return store.Key(ctx, purpose)
	case errors.Is(err, ErrNoStore):
		return diskcache.OwnKey(ctx, dir)
	}
	return nil, err
}

// kept is what is held beside credentials.
type kept struct {
	Name     string `json:"name"`
	ARN      string `json:"arn"`
	Steps    []Step `json:"steps"`
	Emulator string `json:"emulator,omitempty"`
}

// ObtainHeld is Obtain through a cache: what another process has got is given without a call, and for as long as it is good when there
// is nothing newer. A nil cache holds nothing, and an access key is never held.
func (c *Credential) ObtainHeld(ctx context.Context, held *diskcache.Cache) (*Obtained, error) {
	return c.obtainThrough(ctx, held, (*diskcache.Cache).Get)
}

// RenewHeld is ObtainHeld for those who hold credentials themselves: a renewal that fails is an error.
func (c *Credential) RenewHeld(ctx context.Context, held *diskcache.Cache) (*Obtained, error) {
	return c.obtainThrough(ctx, held, (*diskcache.Cache).Renew)
}

type throughCache func(*diskcache.Cache, context.Context, []byte, func(context.Context) (diskcache.Entry, error)) (diskcache.Entry, error)

func (c *Credential) obtainThrough(ctx context.Context, held *diskcache.Cache, get throughCache) (*Obtained, error) {
	if held == nil || c.config.Type == config.TypeStatic {
		return c.Obtain(ctx)
	}
	request, err := c.heldRequest(ctx)
	if err != nil {
		return c.Obtain(ctx) // which says what is wrong
	}
	entry, err := get(held, ctx, request, func(ctx context.Context) (diskcache.Entry, error) {
		o, err := c.Obtain(ctx)
		if err != nil {
			return diskcache.Entry{}, err
		}
		extra, err := json.Marshal(kept{c.Name(), o.ARN, o.Steps, o.Emulator})
		return diskcache.Entry{Credentials: o.Credentials, Extra: extra}, err
	})
	if err != nil {
		return nil, err
	}
	o := &Obtained{Credentials: entry.Credentials}
	k, err := readKept(entry)
	o.ARN, o.Steps, o.Emulator = k.ARN, k.Steps, k.Emulator
	return o, err
}

func readKept(e diskcache.Entry) (k kept, err error) {
	if len(e.Extra) == 0 {
		return kept{}, nil
	}
	if err := json.Unmarshal(e.Extra, &k); err != nil {
		return kept{}, fmt.Errorf("held credentials: %w", err)
	}
	return k, nil
}

// DescribeHeld answers under which name held credentials were got, and who they are.
func DescribeHeld(e diskcache.Entry) (name, arn string, err error) {
	k, err := readKept(e)
	return k.Name, k.ARN, err
}

// Request is what tells one pipeline from another: the values of all keys of all steps, and where they are asked for. Secrets are
// in it as references.
func (c *Credential) Request() []byte {
	var steps []map[string]string
	for at := c; at != nil; at = at.source {
		step := map[string]string{"sts": at.sts.Endpoint + " " + at.sts.Region}
		for _, k := range config.Keys {
			if text := at.config.Text(k); text != "" {
				step[k.Name] = text
			}
		}
		if endpoint, err := at.session.Endpoint.Resolve(at.sts.Region); at.config.Type == config.TypeSession && err == nil {
			step["endpoint"] = endpoint.String()
		}
		steps = append(steps, step)
	}
	request, err := json.Marshal(steps)
	if err != nil {
		panic(err) // maps of strings always encode
	}
	return request
}

// heldRequest is Request with the certificates, as they are now.
func (c *Credential) heldRequest(ctx context.Context) ([]byte, error) {
	request := c.Request()
	for at := c; at != nil; at = at.source {
		if at.config.Type != config.TypeSession {
			continue
		}
		digest, err := at.certificateDigest(ctx)
		if err != nil {
			return nil, err
		}
		request = append(request, " "+digest...)
	}
	return request, nil
}

// Certificates tells the certificates of the pipeline from others, as they are now; "" where they cannot be read.
func (c *Credential) Certificates(ctx context.Context) string {
	request, err := c.heldRequest(ctx)
	if err != nil {
		return ""
	}
	return string(request)
}

// certificateDigest tells certificates apart without their keys and passwords: after a renewal it is another.
func (c *Credential) certificateDigest(ctx context.Context) (string, error) {
	switch source := c.session.Identity.(type) {
	case storedIdentity:
		store, err := c.s.Store.Open()
		if err != nil {
			return "", err
		}
		return storedDigest(ctx, store, source.name)
	case told:
		if file, ok := source.Source.(identity.File); ok {
			return fileDigest(file.Certificate, file.PrivateKey, file.Chain)
		}
	}
	return "", errors.New("this certificate has no digest")
}

func storedDigest(ctx context.Context, store *certstore.Store, name string) (string, error) {
	certificate, err := store.Certificate(ctx, name)
	if err != nil {
		return "", err
	}
	if certificate.Err != nil {
		return "", certificate.Err
	}
	h := sha256.New()
	for _, c := range append([]*x509.Certificate{certificate.Certificate}, certificate.Chain...) {
		h.Write(c.Raw)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// longestFile bounds what a digest is made of, as package identity bounds files.
const longestFile = 1 << 20

func fileDigest(paths ...string) (string, error) {
	h := sha256.New()
	for _, path := range paths {
		if path == "" {
			continue
		}
		content, err := safefile.Read(path, longestFile)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%d\n", len(content))
		h.Write(content)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
