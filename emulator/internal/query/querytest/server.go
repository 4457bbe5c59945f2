// Package querytest serves STS and IAM of an account to tests, and calls them with the AWS SDK and with requests that no
// SDK would send.
package querytest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awsiam "github.com/aws/aws-sdk-go-v2/service/iam"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/authn"
	"github.com/awsauth-go/awsauth/emulator/internal/iam"
	"github.com/awsauth-go/awsauth/emulator/internal/sts"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// The account that New makes.
const (
	AccountID = "123456789012"
	Region    = "eu-west-1"
	Admin     = "arn:aws:iam::aws:policy/AdministratorAccess"
)

// Skew is how far a request's time may be off.
const Skew = 5 * time.Minute

// Versions of the APIs.
const (
	STSVersion = "2011-06-15"
	IAMVersion = "2010-05-08"
)

var (
	stsQuery = wire.QueryService{Version: STSVersion, Namespace: "https://sts.amazonaws.com/doc/2011-06-15/"}
	iamQuery = wire.QueryService{Version: IAMVersion, Namespace: "https://iam.amazonaws.com/doc/2010-05-08/"}
)

// Server is STS and IAM of one account on loopback.
type Server struct {
	*httptest.Server
	Account *account.Account
	Clock   *Clock
}

// New serves a new account until the test ends.
func New(t testing.TB) *Server {
	t.Helper()
	s := NewState(t)
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// NewState makes a new account without serving it.
func NewState(t testing.TB) *Server {
	t.Helper()
	clock := &Clock{now: time.Date(2026, 11, 23, 8, 20, 0, 0, time.UTC)}
	a, err := account.New(account.Config{ID: AccountID, Region: Region, Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	return &Server{Account: a, Clock: clock}
}

// ServeHTTP answers one call: IAM's if it names IAM's version, otherwise STS's.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone away
	}
	form := r.URL.Query()
	if r.Method == http.MethodPost {
		if form, err = url.ParseQuery(string(body)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	service, q, handle := authn.Service{Name: "sts"}, stsQuery, sts.Handle
	if form.Get("Version") == IAMVersion {
		service, q, handle = authn.Service{Name: "iam"}, iamQuery, iam.Handle
	}
	id := account.NewUUID()
	w.Header().Set("X-Amzn-Requestid", id)
	answer, err := func() (any, error) {
		caller, err := authn.Authenticate(s.Account, r, body, service, Skew)
		if err != nil {
			return nil, err
		}
		return handle(s.Account, &wire.Call{HTTP: r, Body: body, Form: form, Caller: caller, RequestID: id})
	}()
	if err == nil {
		q.XML(w, form.Get("Action"), id, answer)
		return
	}
	var refusal *wire.Refusal
	if !errors.As(err, &refusal) {
		http.Error(w, "error is not a refusal: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("X-Reason", refusal.Reason)
	q.XMLRefusal(w, id, refusal)
}

// User makes a user with managed policies and an access key.
func (s *Server) User(t testing.TB, name string, managed ...string) aws.Credentials {
	t.Helper()
	u := &account.User{
		Name: name, Path: "/", ID: account.NewUniqueID(account.PrefixUser), ARN: s.Account.ARN("iam", "user/"+name),
		CreatedAt: s.Clock.Now(), Policies: account.Policies{Attached: managed},
	}
	k := &account.AccessKey{
		ID: account.NewAccessKeyID(account.PrefixAccessKey), Secret: account.NewSecretAccessKey(), UserName: name,
		Active: true, CreatedAt: s.Clock.Now(),
	}
	s.Change(t, func(state *account.State) { state.Users[name], state.AccessKeys[k.ID] = u, k })
	return aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}
}

// Allow puts an inline policy that allows actions, separated by commas, on everything to a user.
func (s *Server) Allow(t testing.TB, user, actions string) {
	t.Helper()
	s.Change(t, func(state *account.State) {
		changed := *state.Users[user]
		changed.Policies = changed.WithInline("allowed", Policy("Allow", actions, "*"))
		state.Users[user] = &changed
	})
}

// Role makes a role with a trust policy and managed policies; it may be assumed for two hours.
func (s *Server) Role(t testing.TB, name, trust string, managed ...string) *account.Role {
	t.Helper()
	r := &account.Role{
		Name: name, Path: "/", ID: account.NewUniqueID(account.PrefixRole), ARN: s.Account.ARN("iam", "role/"+name),
		CreatedAt: s.Clock.Now(), MaxSessionDuration: 7200, TrustPolicy: trust, Policies: account.Policies{Attached: managed},
	}
	s.Change(t, func(state *account.State) { state.Roles[name] = r })
	return r
}

// Change changes the account's state.
func (s *Server) Change(t testing.TB, f func(*account.State)) {
	t.Helper()
	if err := s.Account.Write(func(state *account.State) error { f(state); return nil }); err != nil {
		t.Fatal(err)
	}
}

// Policy is an identity policy of one statement about actions, separated by commas.
func Policy(effect, actions, resource string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Action":["` +
		strings.ReplaceAll(actions, ",", `","`) + `"],"Resource":"` + resource + `"}]}`
}

// Trust is a trust policy that allows actions, separated by commas, to an ARN or account under a condition ("" for none).
func Trust(principal, actions, condition string) string {
	if condition != "" {
		condition = `,"Condition":` + condition
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + principal + `"},"Action":["` +
		strings.ReplaceAll(actions, ",", `","`) + `"]` + condition + `}]}`
}

// STS is an SDK client of STS that signs with c.
func (s *Server) STS(c aws.Credentials) *awssts.Client {
	return awssts.New(awssts.Options{
		Region: Region, BaseEndpoint: &s.URL, Credentials: static(c), HTTPSignerV4: s.Clock.signer(), RetryMaxAttempts: 1,
	})
}

// IAM is an SDK client of IAM that signs with c.
func (s *Server) IAM(c aws.Credentials) *awsiam.Client {
	return awsiam.New(awsiam.Options{
		Region: Region, BaseEndpoint: &s.URL, Credentials: static(c), HTTPSignerV4: s.Clock.signer(), RetryMaxAttempts: 1,
	})
}

func static(c aws.Credentials) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil })
}

// Answer is what came back for a request.
type Answer struct {
	Status  int
	Body    string
	Code    string // of a refusal
	Message string
	Reason  string
}

// Send signs a form for a service and posts it.
func (s *Server) Send(t testing.TB, by aws.Credentials, service, form string) Answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	sum := sha256.Sum256([]byte(form))
	err = v4.NewSigner().SignHTTP(t.Context(), by, r, hex.EncodeToString(sum[:]), service, Region, s.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return s.do(t, r)
}

func (s *Server) do(t testing.TB, r *http.Request) Answer {
	t.Helper()
	response, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := Answer{Status: response.StatusCode, Body: string(body), Reason: response.Header.Get("X-Reason")}
	if a.Status != http.StatusOK {
		var refused struct {
			Error struct{ Code, Message string }
		}
		if err := xml.Unmarshal(body, &refused); err != nil {
			t.Fatalf("answer %d %q is not an error document: %v", a.Status, body, err)
		}
		a.Code, a.Message = refused.Error.Code, refused.Error.Message
	}
	return a
}

// Clock is a clock that stands until it is moved.
type Clock struct {
	mu  sync.Mutex // guards now
	now time.Time
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// signer signs at the clock's time whatever time the SDK has.
func (c *Clock) signer() awssts.HTTPSignerV4 { return clockSigner{v4.NewSigner(), c} }

type clockSigner struct {
	*v4.Signer
	clock *Clock
}

func (s clockSigner) SignHTTP(
	ctx context.Context, c aws.Credentials, r *http.Request, payloadHash, service, region string, _ time.Time,
	options ...func(*v4.SignerOptions),
) error {
	return s.Signer.SignHTTP(ctx, c, r, payloadHash, service, region, s.clock.Now(), options...)
}
