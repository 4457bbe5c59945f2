package emulator

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

// noon is when the tests happen.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is an emulator with all that a CreateSession needs: a CA, a trust anchor, a profile, a role and a client.
type world struct {
	*Emulator
	t          testing.TB
	log        *bytes.Buffer // not safe for concurrent use
	root, ca   *pki.CA       // ca issues the client; it is below root
	client     *identity.Identity
	created    Created
	anchorARN  string
	profileARN string
	roleARN    string
}

// newWorld makes one whose clock stands at noon and which explains its refusals.
func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOf(t, Config{})
}

func newWorldOf(t testing.TB, c Config) *world {
	t.Helper()
	w := &world{t: t, log: new(bytes.Buffer)}
	c.Explain = true
	if c.Now == nil {
		c.Now = func() time.Time { return noon }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(w.log, nil))
	}
	w.Emulator = must(New(c))(t)
	w.root = must(pki.NewCA("root", c.Now()))(t)
	w.ca = must(w.root.Intermediate("intermediate"))(t)
	w.client = must(w.ca.Issue(pki.Leaf{CommonName: "client"}))(t)
	w.created = must(w.Apply(Seed{
		TrustAnchors: []SeedTrustAnchor{{Name: "anchor", Certificates: string(pki.CertificatesPEM(w.root.Certificate))}},
		Roles:        []SeedRole{{Name: "backup", Path: "/jobs/", TrustAnchor: "anchor"}},
		Profiles:     []SeedProfile{{Name: "profile", Roles: []string{"backup"}, AcceptRoleSessionName: true}},
	}))(t)
	w.anchorARN = w.created.TrustAnchors["anchor"]
	w.profileARN = w.created.Profiles["profile"]
	w.roleARN = w.created.Roles["backup"]
	return w
}

// must answers a function that fails the test when there is an error, and the value otherwise.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// attributes makes a name of OIDs and values in turn.
func attributes(pairs ...string) (names []pkix.AttributeTypeAndValue) {
	for i := 0; i < len(pairs); i += 2 {
		var oid asn1.ObjectIdentifier
		for arc := range strings.SplitSeq(pairs[i], ".") {
			n, err := strconv.Atoi(arc)
			if err != nil {
				panic(err)
			}
			oid = append(oid, n)
		}
		names = append(names, pkix.AttributeTypeAndValue{Type: oid, Value: pairs[i+1]})
	}
	return names
}

// issue makes a leaf below the intermediate.
func (w *world) issue(change func(*x509.Certificate)) *identity.Identity {
	w.t.Helper()
	return must(w.ca.Issue(pki.Leaf{CommonName: "client", Change: change}))(w.t)
}

// The entries of the account, replaced by changed copies as the account demands.

func (w *world) changeAnchor(change func(*account.TrustAnchor)) {
	w.write(func(s *account.State) {
		old := s.TrustAnchors[w.anchorARN[strings.LastIndexByte(w.anchorARN, '/')+1:]]
		changed := &account.TrustAnchor{ID: old.ID, ARN: old.ARN, Name: old.Name, Bundle: old.Bundle, Enabled: old.Enabled}
		change(changed)
		s.TrustAnchors[old.ID] = changed
	})
}

func (w *world) changeProfile(change func(*account.Profile)) {
	w.write(func(s *account.State) {
		id := w.profileARN[strings.LastIndexByte(w.profileARN, '/')+1:]
		changed := *s.Profiles[id]
		change(&changed)
		s.Profiles[id] = &changed
	})
}

func (w *world) changeRole(change func(*account.Role)) {
	w.write(func(s *account.State) {
		changed := s.Roles["backup"].Clone()
		change(changed)
		s.Roles["backup"] = changed
	})
}

// trust replaces the role's trust policy.
func (w *world) trust(document string) {
	w.changeRole(func(r *account.Role) { r.TrustPolicy = w.fill(document) })
}

func (w *world) changeCRL(change func(*account.CRL)) {
	w.write(func(s *account.State) {
		for id, old := range s.CRLs {
			changed := &account.CRL{ID: id, ARN: old.ARN, Name: old.Name, Data: old.Data, TrustAnchorARN: old.TrustAnchorARN, Enabled: old.Enabled}
			change(changed)
			s.CRLs[id] = changed
		}
	})
}

func (w *world) write(f func(*account.State)) {
	w.t.Helper()
	if err := w.account.Write(func(s *account.State) error { f(s); return nil }); err != nil {
		w.t.Fatal(err)
	}
}

// revoke imports and enables a list of ca.
func (w *world) revoke(ca *pki.CA, c *x509.Certificate) {
	w.t.Helper()
	list := must(ca.Revoke(c.SerialNumber))(w.t)
	w.write(func(s *account.State) {
		id := account.NewUUID()
		s.CRLs[id] = &account.CRL{
			ID: id, ARN: w.account.ARN("rolesanywhere", "crl/"+id), Name: "list", Data: list, TrustAnchorARN: w.anchorARN, Enabled: true,
		}
	})
}

// fill puts this world's ARNs and numbers in the place of their names in braces.
func (w *world) fill(text string) string {
	return strings.NewReplacer(
		"{anchor}", w.anchorARN,
		"{profile}", w.profileARN,
		"{role}", w.roleARN,
		"{serial}", w.client.Certificate.SerialNumber.String(),
		"{serial of intermediate}", w.ca.Certificate.SerialNumber.String(),
		"{anchor in eu-west-2}", strings.Replace(w.anchorARN, "eu-west-1", "eu-west-2", 1),
		"{profile in 210987654321}", strings.Replace(w.profileARN, "123456789012", "210987654321", 1),
	).Replace(text)
}

// call is a CreateSession request in the making. Fresh from world.call it is a good one.
type call struct {
	identity *identity.Identity
	at       time.Time
	region   string
	path     string
	query    url.Values
	body     string
	header   http.Header
	signed   func(*http.Request) // spoils the signed request; may be nil
}

func (w *world) call() *call {
	return &call{
		identity: w.client,
		at:       w.config.Now(),
		region:   w.Region(),
		path:     "/sessions",
		query:    url.Values{"profileArn": {w.profileARN}, "roleArn": {w.roleARN}, "trustAnchorArn": {w.anchorARN}},
		body:     `{"durationSeconds":3600}`,
		header:   http.Header{"Content-Type": {"application/json"}},
	}
}

// request signs the call.
func (w *world) request(c *call) *http.Request {
	w.t.Helper()
	target := "http://rolesanywhere.local" + c.path
	if len(c.query) > 0 {
		target += "?" + c.query.Encode()
	}
	r := httptest.NewRequestWithContext(w.t.Context(), http.MethodPost, target, strings.NewReader(c.body))
	r.Header = c.header.Clone()
	signer := must(sigv4x509.NewSigner(c.identity.Certificate, c.identity.Chain, c.identity.Key))(w.t)
	if err := signer.Sign(r, []byte(c.body), c.region, c.at); err != nil {
		w.t.Fatal(err)
	}
	if c.signed != nil {
		c.signed(r)
	}
	return r
}

// do sends the call.
func (w *world) do(c *call) *httptest.ResponseRecorder {
	w.t.Helper()
	return w.serve(w.request(c))
}

func (w *world) serve(r *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, r)
	return recorder
}

// granted sends the call and reads what it was granted.
func (w *world) granted(c *call) session {
	w.t.Helper()
	answer := w.do(c)
	if answer.Code != http.StatusCreated {
		w.t.Fatalf("got %d %s (%s), want 201", answer.Code, answer.Body, answer.Header().Get(HeaderReason))
	}
	return readSession(w.t, answer.Body)
}

// session is CreateSession's answer, read strictly.
type session struct {
	CredentialSet []struct {
		AssumedRoleUser struct {
			ARN           string `json:"arn"`
			AssumedRoleID string `json:"assumedRoleId"`
		} `json:"assumedRoleUser"`
		Credentials struct {
			AccessKeyID     string `json:"accessKeyId"`
			Expiration      string `json:"expiration"`
			SecretAccessKey string `json:"secretAccessKey"`
			SessionToken    string `json:"sessionToken"`
		} `json:"credentials"`
		PackedPolicySize int    `json:"packedPolicySize"`
		RoleARN          string `json:"roleArn"`
		SourceIdentity   string `json:"sourceIdentity"`
	} `json:"credentialSet"`
	SubjectARN string `json:"subjectArn"`
}

func readSession(t testing.TB, r io.Reader) (s session) {
	t.Helper()
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		t.Fatal(err)
	}
	if len(s.CredentialSet) != 1 {
		t.Fatalf("got %d credential sets, want 1", len(s.CredentialSet))
	}
	return s
}
