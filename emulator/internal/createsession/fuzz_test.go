package createsession

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

// Where and when AWS's client was recorded, and what it asked for.
const (
	vectors    = "../../testdata/vectors"
	anchorARN  = "arn:aws:rolesanywhere:us-east-1:111122223333:trust-anchor/a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"
	profileARN = "arn:aws:rolesanywhere:us-east-1:111122223333:profile/a1b2c3d4-5678-90ab-cdef-EXAMPLE22222"
	roleARN    = "arn:aws:iam::111122223333:role/path/to/demo"
)

var recordedAt = time.Date(2026, 11, 22, 19, 40, 20, 0, time.UTC)

const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"rolesanywhere.amazonaws.com"},"Action":"sts:*"}]}`

// newService is the account that the vectors are for. It trusts root beside the vectors' own CA.
func newService(tb testing.TB, root *pki.CA) *Service {
	tb.Helper()
	a, err := account.New(account.Config{ID: "111122223333", Region: "us-east-1", Now: func() time.Time { return recordedAt }})
	if err != nil {
		tb.Fatal(err)
	}
	bundle := read(tb, "root.pem")
	err = a.Write(func(s *account.State) error {
		s.TrustAnchors[resourceID(anchorARN)] = &account.TrustAnchor{
			ARN: anchorARN, Bundle: string(bundle) + string(pki.CertificatesPEM(root.Certificate)), Enabled: true,
		}
		s.Profiles[resourceID(profileARN)] = &account.Profile{
			ARN: profileARN, RoleARNs: []string{roleARN}, DurationSeconds: 3600, Enabled: true, AcceptRoleSessionName: true,
			AttributeMappings: account.DefaultAttributeMappings(),
		}
		s.Roles["demo"] = &account.Role{Name: "demo", ARN: roleARN, MaxSessionDuration: 3600, TrustPolicy: trust}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return &Service{Account: a, Skew: 5 * time.Minute}
}

func read(tb testing.TB, name string) []byte {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join(vectors, name))
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// answer handles a request as it came over the wire; granted says that there is a session.
func answer(s *Service, raw []byte) (r *http.Request, body []byte, granted bool, err error) {
	r, err = http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, nil, false, nil
	}
	body, err = io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return nil, nil, false, nil
	}
	_, err = s.Handle(r, body)
	return r, body, err == nil, err
}

// FuzzCreateSession feeds raw requests. Whatever they are, they neither break the service nor get a session without a
// signature that verifies.
func FuzzCreateSession(f *testing.F) {
	root, err := pki.NewCA("fresh", recordedAt)
	if err != nil {
		f.Fatal(err)
	}
	service := newService(f, root)
	// Not the slow curves: they take a hundred times as long and go through no other code of ours.
	for _, name := range []string{"rsa2048", "p256", "rsa2048-intermediate", "p256-intermediate", "role-session-name"} {
		raw := read(f, name+".request")
		if _, _, granted, err := answer(service, raw); !granted {
			f.Fatalf("%s: %v", name, err)
		}
		f.Add(raw)
	}
	f.Add(read(f, "mldsa65.request"))
	for _, raw := range freshRequests(f, root) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, body, granted, err := answer(service, raw)
		if granted {
			if _, err := sigv4x509.Verify(r, body); err != nil {
				t.Errorf("a session was granted, and the signature: %v", err)
			}
			return
		}
		refusal := new(wire.Refusal)
		if err != nil && (!errors.As(err, &refusal) || refusal.Status >= 500 || refusal.Message == "") {
			t.Errorf("got %v, want a refusal", err)
		}
	})
}

// freshRequests are requests of clients of root, of which some are refused.
func freshRequests(f *testing.F, root *pki.CA) (all [][]byte) {
	f.Helper()
	intermediate, err := root.Intermediate("intermediate")
	if err != nil {
		f.Fatal(err)
	}
	query := url.Values{"profileArn": {profileARN}, "roleArn": {roleARN}, "trustAnchorArn": {anchorARN}}.Encode()
	inBody := `{"profileArn":"` + profileARN + `","roleArn":"` + roleARN + `","trustAnchorArn":"` + anchorARN + `"}`
	for _, request := range []struct {
		ca          *pki.CA
		query, body string
		late        time.Duration
	}{
		{root, query, "", 0},
		{root, query, `{"durationSeconds":3600.0,"roleSessionName":"nightly","instanceProperties":{"a":"b"}}`, 0},
		{root, query, `{"durationSeconds":1e9}`, 0},
		{intermediate, "", inBody, 0},
		{intermediate, query, inBody, time.Hour},
	} {
		id, err := request.ca.Issue(pki.Leaf{CommonName: "client"})
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, signed(f, id, request.query, request.body, recordedAt.Add(-request.late)))
	}
	return all
}

// signed writes a request as it goes over the wire.
func signed(tb testing.TB, id *identity.Identity, query, body string, at time.Time) []byte {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, "http://localhost/sessions?"+query, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := sigv4x509.NewSigner(id.Certificate, id.Chain, id.Key)
	if err != nil {
		tb.Fatal(err)
	}
	if err := signer.Sign(r, []byte(body), "us-east-1", at); err != nil {
		tb.Fatal(err)
	}
	var raw bytes.Buffer
	if err := r.Write(&raw); err != nil {
		tb.Fatal(err)
	}
	return raw.Bytes()
}
