// Package standin is what the examples call in place of AWS: the emulator, and behind its gateway four services that the emulator does
// not have.
//
// The emulator checks who calls, that their session has not ended, and that their role or user may. S3, SQS, SNS and Rekognition are
// stand-ins: they give one fixed answer each, whatever was asked for.
package standin

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/pki"
)

// AWS is a running stand-in, with what a program needs to know to use it.
type AWS struct {
	Endpoint string // URL of all services

	// For session credentials:
	RoleARN, ProfileARN, TrustAnchorARN string
	Certificate, PrivateKey             string // paths of PEM files

	// For static credentials:
	AccessKeyID, SecretAccessKey string

	sessions atomic.Int64 // CreateSession calls
}

// CreateSessions answers how many CreateSession calls have come in.
func (a *AWS) CreateSessions() int { return int(a.sessions.Load()) }

// Main runs a package's tests with a stand-in, which it puts into local first, and answers the exit code. more are started after it with
// a directory of their own, and stopped before it.
func Main(m *testing.M, local **AWS, more ...func(dir string) (stop func() error, err error)) (code int) {
	dir, err := os.MkdirTemp("", "awsauth-examples-")
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(dir)
	a, stop, err := start(dir)
	if err != nil {
		return failed(err)
	}
	defer stop()
	*local = a
	for _, start := range more {
		stop, err := start(dir)
		if err != nil {
			return failed(err)
		}
		defer func() {
			if err := stop(); err != nil {
				code = failed(err)
			}
		}()
	}
	return m.Run()
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, "stand-in:", err)
	return 1
}

// start runs the emulator with a user and a role, and with the services behind it, and writes a client's certificate into a directory.
func start(dir string) (a *AWS, stop func(), err error) {
	var servers []*httptest.Server
	stop = func() {
		for _, s := range servers {
			s.Close()
		}
	}
	gateway := map[string]*url.URL{}
	for name, handler := range services {
		s := httptest.NewServer(handler)
		servers = append(servers, s)
		if gateway[name], err = url.Parse(s.URL); err != nil {
			return nil, nil, err
		}
	}
	e, err := emulator.New(emulator.Config{Gateway: gateway})
	if err != nil {
		return nil, nil, err
	}
	a = new(AWS)
	if err := a.fill(e, dir); err != nil {
		return nil, nil, err
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = e.NewServer(nil)
	server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.URL.Path == "/sessions" {
			a.sessions.Add(1)
		}
		e.ServeHTTP(w, r)
	})
	server.Start()
	servers = append(servers, server)
	a.Endpoint = server.URL
	return a, stop, nil
}

// fill makes the account.
func (a *AWS) fill(e *emulator.Emulator, dir string) error {
	ca, err := pki.NewCA("example-ca", time.Now())
	if err != nil {
		return err
	}
	const name = "backup"
	const managed = "arn:aws:iam::aws:policy/Amazon"
	may := []string{managed + "S3FullAccess", managed + "SQSFullAccess", managed + "SNSFullAccess", managed + "RekognitionFullAccess"}
	created, err := e.Apply(emulator.Seed{
		Users:        []emulator.SeedUser{{Name: name, Managed: may}},
		TrustAnchors: []emulator.SeedTrustAnchor{{Name: name, Certificates: string(pki.CertificatesPEM(ca.Certificate))}},
		Roles:        []emulator.SeedRole{{Name: name, TrustAnchor: name, Managed: may}},
		Profiles:     []emulator.SeedProfile{{Name: name, Roles: []string{name}, AcceptRoleSessionName: true}},
	})
	if err != nil {
		return err
	}
	id, err := ca.Issue(pki.Leaf{CommonName: "backup-01"})
	if err != nil {
		return err
	}
	key, err := pki.KeyPEM(id.Key)
	if err != nil {
		return err
	}
	user := created.Users[name]
	a.RoleARN, a.ProfileARN, a.TrustAnchorARN = created.Roles[name], created.Profiles[name], created.TrustAnchors[name]
	a.AccessKeyID, a.SecretAccessKey = user.AccessKeyID, user.SecretAccessKey
	a.Certificate, a.PrivateKey = filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	return errors.Join(os.WriteFile(a.Certificate, pki.CertificatesPEM(id.Certificate), 0o600), os.WriteFile(a.PrivateKey, key, 0o600))
}
