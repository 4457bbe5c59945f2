package sigv4

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/awsauth-go/awsauth/internal/canonical"
)

// published is one of AWS's signing cases, see testdata/README.md.
type published struct {
	Name    string
	Context struct {
		Credentials struct {
			AccessKeyID     string `json:"access_key_id"`
			SecretAccessKey string `json:"secret_access_key"`
			Token           string
		}
		Expires   int `json:"expiration_in_seconds"`
		Normalize bool
		Region    string
		Service   string
		Timestamp time.Time
	}
	Header, Query publishedForm
}

type publishedForm struct {
	CanonicalRequest string `json:"canonical_request"`
	StringToSign     string `json:"string_to_sign"`
	SignedRequest    string `json:"signed_request"`
}

func loadPublished(t testing.TB) []published {
	t.Helper()
	text, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []published
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 30 {
		t.Fatalf("got %d published cases, want at least 30", len(cases))
	}
	return cases
}

// check is what the case's request is verified against at the moment it was signed.
func (p *published) check() Check {
	c := Check{
		SecretAccessKey: p.Context.Credentials.SecretAccessKey,
		Region:          p.Context.Region,
		Service:         p.Context.Service,
		Now:             p.Context.Timestamp,
		Skew:            5 * time.Minute,
	}
	if !p.Context.Normalize {
		c.PathForm = canonical.Literal
	}
	return c
}

func (p *published) forms() map[string]publishedForm {
	return map[string]publishedForm{"header": p.Header, "query": p.Query}
}

// message is a request as text in pieces, so that a test can change one of them.
type message struct {
	method  string
	path    string
	query   []string // pairs as sent
	headers []field
	body    string
}

type field struct{ name, value string }

// parseMessage takes the text of a request apart; a folded header keeps its line breaks.
func parseMessage(t testing.TB, text string) message {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	method, rest, _ := strings.Cut(lines[0], " ")
	target, ok := strings.CutSuffix(rest, " HTTP/1.1")
	if !ok {
		t.Fatalf("got request line %q, want HTTP/1.1 at its end", lines[0])
	}
	path, query, hasQuery := strings.Cut(target, "?")
	m := message{method: method, path: path, body: strings.TrimSuffix(body, "\n")}
	if hasQuery {
		m.query = strings.Split(query, "&")
	}
	for _, line := range lines[1:] {
		if line[0] == ' ' {
			m.headers[len(m.headers)-1].value += "\n" + line
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		m.headers = append(m.headers, field{name, value})
	}
	return m
}

// request is the message as net/http's server receives it. The request line is set afterwards because some published
// cases have a bare space in their path.
func (m *message) request() (*http.Request, error) {
	var b strings.Builder
	b.WriteString("POST / HTTP/1.1\r\n")
	for _, h := range m.headers {
		b.WriteString(h.name + ":" + strings.ReplaceAll(h.value, "\n", "\r\n") + "\r\n")
	}
	b.WriteString("\r\n")
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(b.String())))
	if err != nil {
		return nil, err
	}
	r.Method, r.RequestURI = m.method, m.path
	if m.query != nil {
		r.RequestURI += "?" + strings.Join(m.query, "&")
	}
	r.URL, err = url.ParseRequestURI(r.RequestURI)
	return r, err
}

func TestPublishedRequestsVerify(t *testing.T) {
	for _, p := range loadPublished(t) {
		for form, want := range p.forms() {
			t.Run(p.Name+"/"+form, func(t *testing.T) {
				m := parseMessage(t, want.SignedRequest)
				r, err := m.request()
				if err != nil {
					t.Fatal(err)
				}
				a, err := Parse(r)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := a.AccessKeyID, p.Context.Credentials.AccessKeyID; got != want {
					t.Errorf("got access key ID %s, want %s", got, want)
				}
				if got, want := a.SessionToken, p.Context.Credentials.Token; got != want {
					t.Errorf("got session token %q, want %q", got, want)
				}
				if !a.SignedAt.Equal(p.Context.Timestamp) {
					t.Errorf("got signing time %v, want %v", a.SignedAt, p.Context.Timestamp)
				}
				if a.Presigned != (form == "query") {
					t.Errorf("got presigned %t, want %t", a.Presigned, form == "query")
				}
				if expires := p.Context.Timestamp.Add(time.Duration(p.Context.Expires) * time.Second); a.Presigned && !a.Expires.Equal(expires) {
					t.Errorf("got expiry %v, want %v", a.Expires, expires)
				}
				if err := a.Verify(r, []byte(m.body), p.check()); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestMismatchTellsThePublishedCanonicalRequestAndStringToSign(t *testing.T) {
	for _, p := range loadPublished(t) {
		for form, want := range p.forms() {
			t.Run(p.Name+"/"+form, func(t *testing.T) {
				m := parseMessage(t, want.SignedRequest)
				r, err := m.request()
				if err != nil {
					t.Fatal(err)
				}
				a, err := Parse(r)
				if err != nil {
					t.Fatal(err)
				}
				c := p.check()
				c.SecretAccessKey = "another"
				var e *Error
				if err := a.Verify(r, []byte(m.body), c); !errors.As(err, &e) || e.Kind != SignatureMismatch {
					t.Fatalf("got %v, want a signature mismatch", err)
				}
				if diff := cmp.Diff(want.CanonicalRequest, e.CanonicalRequest); diff != "" {
					t.Errorf("canonical request (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(want.StringToSign, e.StringToSign); diff != "" {
					t.Errorf("string to sign (-want +got):\n%s", diff)
				}
			})
		}
	}
}
