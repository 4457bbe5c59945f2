// Package standin is what the examples call in place of AWS: the emulator, and beside it four services that the emulator
// does not have.
//
// S3, SQS, SNS and Rekognition are stand-ins. They check who calls: that the access key is one that the emulator has
// issued, that its session token came along, and that the request is signed with its secret (SigV4). Then they give one
// fixed answer, whatever was asked for and whatever the role may do.
package standin

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/internal/sigv4"
)

// AWS is a running stand-in, with what a program needs to know to use it.
type AWS struct {
	Endpoint string // URL of all services

	// For session credentials:
	RoleARN, ProfileARN, TrustAnchorARN string
	Certificate, PrivateKey             string // paths of PEM files

	// For static credentials:
	AccessKeyID, SecretAccessKey string

	emulator *emulator.Emulator
	sessions atomic.Int64 // CreateSession calls

	mu   sync.Mutex                 // guards keys
	keys map[string]aws.Credentials // issued, by access key ID
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
	a, err := start(dir)
	if err != nil {
		return failed(err)
	}
	server := httptest.NewUnstartedServer(nil)
	server.Config = a.emulator.NewServer(nil)
	server.Config.Handler = a
	server.Start()
	defer server.Close()
	a.Endpoint = server.URL
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

// start makes an account with a user and a role, and a client's certificate in a directory.
func start(dir string) (*AWS, error) {
	e, err := emulator.New(emulator.Config{})
	if err != nil {
		return nil, err
	}
	ca, err := pki.NewCA("example-ca", time.Now())
	if err != nil {
		return nil, err
	}
	const name = "backup"
	created, err := e.Apply(emulator.Seed{
		Users:        []emulator.SeedUser{{Name: name}},
		TrustAnchors: []emulator.SeedTrustAnchor{{Name: name, Certificates: string(pki.CertificatesPEM(ca.Certificate))}},
		Roles:        []emulator.SeedRole{{Name: name, TrustAnchor: name}},
		Profiles:     []emulator.SeedProfile{{Name: name, Roles: []string{name}, AcceptRoleSessionName: true}},
	})
	if err != nil {
		return nil, err
	}
	user := created.Users[name]
	a := &AWS{
		RoleARN: created.Roles[name], ProfileARN: created.Profiles[name], TrustAnchorARN: created.TrustAnchors[name],
		AccessKeyID: user.AccessKeyID, SecretAccessKey: user.SecretAccessKey, emulator: e,
		keys: map[string]aws.Credentials{user.AccessKeyID: {SecretAccessKey: user.SecretAccessKey}},
	}
	return a, a.writeClient(dir, ca)
}

func (a *AWS) writeClient(dir string, ca *pki.CA) error {
	id, err := ca.Issue(pki.Leaf{CommonName: "backup-01"})
	if err != nil {
		return err
	}
	key, err := pki.KeyPEM(id.Key)
	if err != nil {
		return err
	}
	a.Certificate, a.PrivateKey = filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	if err := os.WriteFile(a.Certificate, pki.CertificatesPEM(id.Certificate), 0o600); err != nil {
		return err
	}
	return os.WriteFile(a.PrivateKey, key, 0o600)
}

// ServeHTTP hands a request to the service that it is signed for.
func (a *AWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && r.URL.Path == "/sessions" {
		a.createSession(w, r)
		return
	}
	authorization, err := sigv4.Parse(r)
	if err == nil {
		if service, ok := services[authorization.Service]; ok {
			a.serve(w, r, authorization, service)
			return
		}
	}
	a.emulator.ServeHTTP(w, r) // STS, IAM, and what is not signed
}

// createSession lets the emulator answer and takes note of the credentials.
func (a *AWS) createSession(w http.ResponseWriter, r *http.Request) {
	a.sessions.Add(1)
	recorder := httptest.NewRecorder()
	a.emulator.ServeHTTP(recorder, r)
	var answer struct {
		CredentialSet []struct {
			Credentials struct{ AccessKeyID, SecretAccessKey, SessionToken string }
		}
	}
	if json.Unmarshal(recorder.Body.Bytes(), &answer) == nil {
		a.mu.Lock()
		for _, set := range answer.CredentialSet {
			c := set.Credentials
			a.keys[c.AccessKeyID] = aws.Credentials{SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
		}
		a.mu.Unlock()
	}
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorder.Code)
	io.Copy(w, recorder.Body)
}
