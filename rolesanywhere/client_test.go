package rolesanywhere

import (
	"crypto/ed25519"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/awsauth-go/awsauth/identity"
)

func TestWhatIsSent(t *testing.T) {
	id := newIdentity(t)
	const query = "profileArn=arn%3Aaws%3Arolesanywhere%3Aeu-west-1%3A123456789012%3Aprofile%2F11111111-aaaa-4bbb-8ccc-000000000001" +
		"&roleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fnightly%2Fbackup" +
		"&trustAnchorArn=arn%3Aaws%3Arolesanywhere%3Aeu-west-1%3A123456789012%3Atrust-anchor%2F22222222-aaaa-4bbb-8ccc-000000000002"
	for _, c := range []struct {
		name   string
		change func(*Request)
		body   string
	}{
		{"the ARNs alone", func(r *Request) { r.Duration = 0 }, `{}`},
		{"a duration", func(r *Request) { r.Duration = 15 * time.Minute }, `{"durationSeconds":900}`},
		{"the longest duration", func(r *Request) { r.Duration = 12 * time.Hour }, `{"durationSeconds":43200}`},
		{"a session name", func(r *Request) { r.SessionName = "nightly" }, `{"durationSeconds":3600,"roleSessionName":"nightly"}`},
		{
			"instance properties", func(r *Request) { r.InstanceProperties = map[string]string{"rack": "12", "äö": `"<&`} },
			`{"durationSeconds":3600,"instanceProperties":{"rack":"12","äö":"\"\u003c\u0026"}}`,
		},
		{"no instance properties", func(r *Request) { r.InstanceProperties = map[string]string{} }, `{"durationSeconds":3600}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got *http.Request
			h := newTLS(t, func(w http.ResponseWriter, r *http.Request) {
				got = r.Clone(t.Context())
				sends(201, replaced(t, "2026-11-22T21:00:00Z", "2026-11-22T20:15:00Z"))(w, r)
			})
			request := testRequest
			c.change(&request)
			if _, err := h.client.CreateSession(t.Context(), id, request); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{c.body}, h.bodies); diff != "" {
				t.Errorf("body: -want +got:\n%s", diff)
			}
			if got.Method != "POST" || got.URL.Path != "/sessions" || got.URL.RawQuery != query || got.Host != awsHost {
				t.Errorf("got %s %s of %s", got.Method, got.URL, got.Host)
			}
			if got.ProtoMajor != 1 || got.TLS == nil || got.TLS.Version < 0x0303 {
				t.Errorf("got %s over %+v, want HTTP/1.1 over TLS 1.2 or newer", got.Proto, got.TLS)
			}
			if _, ok := got.Header["Accept-Encoding"]; ok {
				t.Error("compression was asked for")
			}
			if n := strings.Count(got.Header.Get("X-Amz-X509-Chain"), ","); n != 0 || got.Header.Get("X-Amz-X509-Chain") == "" {
				t.Error("the chain is not the intermediate alone")
			}
			for header, want := range map[string]string{
				"Content-Type": "application/json", "User-Agent": "awsauth", "X-Amz-Date": "20261122T200000Z",
			} {
				if got.Header.Get(header) != want {
					t.Errorf("%s: got %q, want %q", header, got.Header.Get(header), want)
				}
			}
			if !strings.Contains(got.Header.Get("Authorization"), "Credential=1715004/20261122/eu-west-1/rolesanywhere/aws4_request, ") {
				t.Errorf("got %s", got.Header.Get("Authorization"))
			}
		})
	}
}

func TestUserAgent(t *testing.T) {
	id := newIdentity(t)
	h := newTLS(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.UserAgent(); got != "backup/1.0" {
			t.Errorf("got %s", got)
		}
		sends(201, goodAnswer)(w, r)
	})
	h.client.UserAgent = "backup/1.0"
	if _, err := h.client.CreateSession(t.Context(), id, testRequest); err != nil {
		t.Fatal(err)
	}
}

func TestRefusalsAreExplained(t *testing.T) {
	id := newIdentity(t)
	h := newTLS(t, sends(403, `{"message":"Untrusted signing certificate"}`, errorType, "AccessDeniedException", requestID, "5d0c"))
	_, err := h.client.CreateSession(t.Context(), id, testRequest)
	refused := new(Error)
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want *Error", err)
	}
	want := &Error{
		Status: 403, Code: "AccessDeniedException", Message: "Untrusted signing certificate", RequestID: "5d0c",
		Findings: []Finding{{
			Fact: `no path leads from the certificate to the trust anchor; what was sent ends at an issuer "CN=Acme Root"`,
			Hint: "use the trust anchor that holds this CA, or add the intermediates that are missing",

			Topic: "Untrusted signing certificate",
		}},
	}
	if diff := cmp.Diff(want, refused); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if h.requests() != 1 {
		t.Errorf("got %d attempts, want 1", h.requests())
	}
	h.keepsSecret(t, err)
}

func TestConfigurationThatCannotBeUsed(t *testing.T) {
	good := newIdentity(t)
	_, ed, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	unreached := roundTripper(func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, io.EOF
	})
	for _, c := range []struct {
		name string
		Client
		id   *identity.Identity
		want string
	}{
		{"a region that is none", Client{Region: "europe"}, good, "not a region: a region looks like eu-west-1"},
		{
			"an endpoint in the clear",
			Client{Region: "eu-west-1", Endpoint: Endpoint{URL: "http://192.0.2.1"}},
			good,
			"endpoint: http is for loopback alone, and 192.0.2.1 is not loopback: use https",
		},
		{
			"another's key",
			Client{Region: "eu-west-1"},
			&identity.Identity{Certificate: good.Certificate, Key: newIdentity(t).Key},
			"new signer: the private key does not belong to the certificate",
		},
		{
			"a key of another kind",
			Client{Region: "eu-west-1"},
			&identity.Identity{Certificate: good.Certificate, Key: ed},
			"new signer: no AWS4-X509 algorithm for a key of type ed25519.PublicKey: use RSA or ECDSA",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.Transport = unreached
			if _, err := c.CreateSession(t.Context(), c.id, testRequest); err == nil || err.Error() != c.want {
				t.Errorf("CreateSession: got %v, want %s", err, c.want)
			}
			if _, err := c.Trace(c.id, testRequest, testTime); err == nil || err.Error() != c.want {
				t.Errorf("Trace: got %v, want %s", err, c.want)
			}
		})
	}
}

func TestKeyThatCannotSign(t *testing.T) {
	id := newIdentity(t)
	id.Key = lostKey{id.Key}
	client := Client{Region: "eu-west-1", Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		t.Error("a request was sent")
		return nil, io.EOF
	})}
	_, err := client.CreateSession(t.Context(), id, testRequest)
	if want := "create session: sign: the token was removed"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if !errors.Is(err, errLost) {
		t.Error("the cause is lost")
	}
}

func TestTrace(t *testing.T) {
	id := newIdentity(t)
	id.Key = lostKey{id.Key} // which would fail if it were used
	trace, err := (&Client{Region: "eu-west-1"}).Trace(id, testRequest, testTime)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(trace.CanonicalRequest, "POST\n/sessions\nprofileArn=") ||
		!strings.Contains(trace.CanonicalRequest, "\ncontent-type:application/json\nhost:"+awsHost+"\nx-amz-date:20261122T200000Z\n") {
		t.Errorf("got %s", trace.CanonicalRequest)
	}
	if !strings.HasPrefix(trace.StringToSign, "AWS4-X509-ECDSA-SHA256\n20261122T200000Z\n20261122/eu-west-1/rolesanywhere/aws4_request\n") {
		t.Errorf("got %s", trace.StringToSign)
	}
}

func TestOneClientServesManyAtOnce(t *testing.T) {
	id := newIdentity(t)
	h := newTLS(t, sends(201, goodAnswer))
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if _, err := h.client.CreateSession(t.Context(), id, testRequest); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if h.requests() != 16 {
		t.Errorf("got %d requests, want 16", h.requests())
	}
}

func BenchmarkCreateSession(b *testing.B) {
	id := newIdentity(b)
	client := Client{
		Region: "eu-west-1",
		Now:    func() time.Time { return testTime },
		Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			return response(201, goodAnswer), nil
		}),
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.CreateSession(b.Context(), id, testRequest); err != nil {
			b.Fatal(err)
		}
	}
}
