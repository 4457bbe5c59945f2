package management

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rolesanywhere"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

const accountID = "111122223333"

// someID is the ID of no resource.
const someID = "00000000-0000-4000-8000-000000000000"

func newAccount(tb testing.TB) *account.Account {
	tb.Helper()
	a, err := account.New(account.Config{ID: accountID, Region: "us-east-1"})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// callerWith is a user with one inline policy.
func callerWith(policy string) *account.Caller {
	arn := "arn:aws:iam::" + accountID + ":user/someone"
	return &account.Caller{Account: accountID, ARN: arn, User: &account.User{
		Name: "someone", ARN: arn, Policies: account.Policies{}.WithInline("all", policy),
	}}
}

var administrator = callerWith(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)

// do makes a call without the network and answers what would be written, decoded.
func do(tb testing.TB, a *account.Account, caller *account.Caller, method, target, body string) (map[string]any, error) {
	tb.Helper()
	r := httptest.NewRequestWithContext(context.Background(), method, target, nil)
	_, answer, err := Handle(a, &wire.Call{HTTP: r, Body: []byte(body), Caller: caller})
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(answer)
	if err != nil {
		tb.Fatal(err)
	}
	var decoded map[string]any
	if err := json.Unmarshal(raw, &decoded); err != nil {
		tb.Fatal(err)
	}
	return decoded, nil
}

// mustDo is do, of what must succeed.
func mustDo(tb testing.TB, a *account.Account, method, target, body string) map[string]any {
	tb.Helper()
	answer, err := do(tb, a, administrator, method, target, body)
	if err != nil {
		tb.Fatalf("%s %s: %v", method, target, err)
	}
	return answer
}

// created makes a resource and answers its ID and ARN, whose members begin with noun.
func created(tb testing.TB, a *account.Account, target, noun, body string) (id, arn string) {
	tb.Helper()
	resource := mustDo(tb, a, http.MethodPost, target, body)[noun].(map[string]any)
	return resource[noun+"Id"].(string), resource[noun+"Arn"].(string)
}

func refusal(tb testing.TB, err error) *wire.Refusal {
	tb.Helper()
	var r *wire.Refusal
	if !errors.As(err, &r) {
		tb.Fatalf("got error %v, want a *wire.Refusal", err)
	}
	return r
}

// server answers the SDK's client, for one caller and without looking at signatures.
type server struct {
	account *account.Account
	caller  *account.Caller

	mu       sync.Mutex // guards the rest
	requests []recorded
}

// recorded is a request and its answer.
type recorded struct {
	method, target string
	body           []byte
	status         int
	answer         any
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "read", http.StatusInternalServerError)
		return
	}
	status, answer, err := Handle(s.account, &wire.Call{HTTP: r, Body: body, Caller: s.caller})
	s.mu.Lock()
	s.requests = append(s.requests, recorded{r.Method, r.URL.RequestURI(), body, status, answer})
	s.mu.Unlock()
	var refused *wire.Refusal
	switch {
	case err == nil:
		wire.JSON(w, status, answer)
	case errors.As(err, &refused):
		wire.JSONRefusal(w, refused)
	default:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// last is the request answered last.
func (s *server) last() recorded {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[len(s.requests)-1]
}

func newClient(tb testing.TB, s *server) *rolesanywhere.Client {
	tb.Helper()
	h := httptest.NewServer(s)
	tb.Cleanup(h.Close)
	return rolesanywhere.New(rolesanywhere.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(h.URL),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIAEMUTEST", SecretAccessKey: "of no use"}, nil
		}),
		HTTPClient: h.Client(),
	})
}

// ca is a certificate authority of P-256.
type ca struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         string
}

func newCA(tb testing.TB, name string, change func(*x509.Certificate)) *ca {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		BasicConstraintsValid: true,
		IsCA:                  true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return &ca{certificate, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// crl is a list of the CA in DER. It is signed even when the CA may not sign lists.
func (c *ca) crl(tb testing.TB, number int64) []byte {
	tb.Helper()
	issuer := *c.certificate
	issuer.KeyUsage |= x509.KeyUsageCRLSign
	if issuer.SubjectKeyId == nil {
		issuer.SubjectKeyId = []byte{1}
	}
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number:     big.NewInt(number),
		ThisUpdate: time.Now().Add(-time.Hour),
		NextUpdate: time.Now().Add(time.Hour),
		RevokedCertificateEntries: []x509.RevocationListEntry{
			{SerialNumber: big.NewInt(42), RevocationTime: time.Now().Add(-time.Minute)},
		},
	}, &issuer, c.key)
	if err != nil {
		tb.Fatal(err)
	}
	return der
}

func crlPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// asJSON writes a body.
func asJSON(tb testing.TB, v any) string {
	tb.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(raw)
}

type object = map[string]any

func bundleBody(tb testing.TB, bundle string) string {
	tb.Helper()
	return asJSON(tb, object{"name": "anchor", "source": object{
		"sourceType": certificateBundle, "sourceData": object{"x509CertificateData": bundle},
	}})
}

// newSubject puts a subject into the state, as CreateSession does.
func newSubject(tb testing.TB, a *account.Account) *account.Subject {
	tb.Helper()
	now := time.Now().UTC()
	id := account.NewUUID()
	s := &account.Subject{
		ID: id, ARN: a.ARN("rolesanywhere", "subject/"+id), X509Subject: "CN=host-1", Enabled: true,
		CreatedAt: now, UpdatedAt: now, LastSeenAt: now,
		Credentials: []account.SeenCertificate{{
			SerialNumber: "42", Issuer: "CN=ca", Certificate: "-----BEGIN CERTIFICATE-----\n", SeenAt: now, Enabled: true,
		}},
		InstanceProperties: []account.InstanceProperties{{Properties: map[string]string{"rack": "7"}, SeenAt: now}},
		Tags:               []account.Tag{{Key: "made", Value: "by a session"}},
	}
	err := a.Write(func(state *account.State) error {
		state.Subjects[id] = s
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func long(n int) string { return strings.Repeat("x", n) }
