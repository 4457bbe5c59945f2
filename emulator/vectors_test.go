package emulator

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
)

// vectorsAt is when the vectors were recorded.
var vectorsAt = time.Date(2026, 11, 22, 19, 40, 20, 0, time.UTC)

// The resources that the vectors ask for; their IDs are no UUIDs, so that no call would have made them.
const (
	vectorAnchor  = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"
	vectorProfile = "a1b2c3d4-5678-90ab-cdef-EXAMPLE22222"
)

// newVectorWorld makes the account that the vectors were recorded for, to trust the certificates of a file.
func newVectorWorld(t testing.TB, trusted string) *world {
	t.Helper()
	w := newWorldOf(t, Config{AccountID: "111122223333", Region: "us-east-1", Now: func() time.Time { return vectorsAt }})
	role := must(w.Apply(Seed{Roles: []SeedRole{{Name: "demo", Path: "/path/to/"}}}))(t).Roles["demo"]
	bundle := must(os.ReadFile(filepath.Join("testdata", "vectors", trusted)))(t)
	w.write(func(s *account.State) {
		s.TrustAnchors[vectorAnchor] = &account.TrustAnchor{
			ID: vectorAnchor, ARN: w.account.ARN("rolesanywhere", "trust-anchor/"+vectorAnchor), Name: "vectors",
			Bundle: string(bundle), Enabled: true,
		}
		s.Profiles[vectorProfile] = &account.Profile{
			ID: vectorProfile, ARN: w.account.ARN("rolesanywhere", "profile/"+vectorProfile), Name: "vectors", RoleARNs: []string{role},
			DurationSeconds: 3600, Enabled: true, AcceptRoleSessionName: true, AttributeMappings: account.DefaultAttributeMappings(),
		}
	})
	return w
}

func readVector(t testing.TB, name string) []byte {
	t.Helper()
	return must(os.ReadFile(filepath.Join("testdata", "vectors", name+".request")))(t)
}

// parseRequest reads a request as it came over the wire.
func parseRequest(raw []byte) (*http.Request, error) {
	return http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
}

// replay answers the status and the body of the answer to raw bytes.
func (w *world) replay(raw []byte) *httptest.ResponseRecorder {
	w.t.Helper()
	return w.serve(must(parseRequest(raw))(w.t))
}

var vectors = []string{
	"rsa2048", "rsa4096", "p256", "p384", "p521", "rsa2048-intermediate", "p256-intermediate", "role-session-name",
}

func TestRequestsOfTheAWSClientAreGranted(t *testing.T) {
	w := newVectorWorld(t, "root.pem")
	for _, name := range vectors {
		t.Run(name, func(t *testing.T) {
			answer := w.replay(readVector(t, name))
			if answer.Code != http.StatusCreated {
				t.Fatalf("got %d %s, %s, want 201", answer.Code, answer.Body, answer.Header().Get(HeaderReason))
			}
			got := readSession(t, answer.Body).CredentialSet[0]
			if want := "arn:aws:iam::111122223333:role/path/to/demo"; got.RoleARN != want {
				t.Errorf("got role %s, want %s", got.RoleARN, want)
			}
			if want := "arn:aws:sts::111122223333:assumed-role/demo/"; !strings.HasPrefix(got.AssumedRoleUser.ARN, want) {
				t.Errorf("got user %s, want %s…", got.AssumedRoleUser.ARN, want)
			}
		})
	}
}

func TestAnIntermediateMayBeTheTrustAnchor(t *testing.T) {
	w := newVectorWorld(t, "int.pem")
	for name, want := range map[string]int{"p256-intermediate": 201, "rsa2048-intermediate": 201, "p256": 403, "rsa2048": 403} {
		if got := w.replay(readVector(t, name)).Code; got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
}

func TestMLDSAIsRefused(t *testing.T) {
	answer := newVectorWorld(t, "root.pem").replay(readVector(t, "mldsa65"))
	if want := `{"message":"Authorization: does not begin with AWS4-X509-RSA-SHA256 or AWS4-X509-ECDSA-SHA256"}`; answer.Code != 403 || answer.Body.String() != want {
		t.Errorf("got %d %s, want 403 %s", answer.Code, answer.Body, want)
	}
}

// What the signature does not cover, or reads without regard to spelling, may change.
var uncovered = []string{"User-Agent: ", "Accept-Encoding: "}

// TestEveryChangedByteIsRefused changes each byte of the query, of each covered header's value, and of the body.
func TestEveryChangedByteIsRefused(t *testing.T) {
	for _, name := range []string{"rsa2048", "p256-intermediate"} {
		t.Run(name, func(t *testing.T) {
			w := newVectorWorld(t, "root.pem")
			raw := readVector(t, name)
			tried := 0
			for _, span := range covered(raw) {
				for i := span[0]; i < span[1]; i++ {
					changed := bytes.Clone(raw)
					changed[i] ^= 1
					r, err := parseRequest(changed)
					if err != nil {
						continue // not a request any more
					}
					tried++
					if answer := w.serve(r); answer.Code < 400 || answer.Code >= 500 {
						t.Errorf("byte %d, %q to %q in %q: got %d, want a refusal", i, raw[i], changed[i],
							raw[max(span[0], i-20):min(span[1], i+20)], answer.Code)
					}
				}
			}
			if tried < 1500 {
				t.Errorf("tried %d bytes, want more", tried)
			}
		})
	}
}

// covered finds the spans of a request that its signature covers: the query, the values of headers and the body.
func covered(raw []byte) (spans [][2]int) {
	start := 0
	for i, line := range bytes.SplitAfter(raw, []byte("\n")) {
		from, to := start, start+len(bytes.TrimRight(line, "\r\n"))
		start += len(line)
		switch {
		case i == 0:
			from, to = bytes.IndexByte(raw, '?'), bytes.Index(raw, []byte(" HTTP/"))
		case isUncovered(line) || bytes.HasPrefix(line, []byte("Content-Length: ")):
			continue
		default:
			if colon := bytes.Index(line, []byte(": ")); colon > 0 {
				from += colon + 2
			}
		}
		spans = append(spans, [2]int{from, to})
	}
	return spans
}

func isUncovered(line []byte) bool {
	for _, prefix := range uncovered {
		if bytes.HasPrefix(line, []byte(prefix)) {
			return true
		}
	}
	return false
}

func TestWhatNobodySignsMayChange(t *testing.T) {
	w := newVectorWorld(t, "root.pem")
	raw := readVector(t, "p256")
	for _, name := range uncovered {
		changed := bytes.Replace(raw, []byte(name), fmt.Appendf(nil, "%schanged ", name), 1)
		if got := w.replay(changed).Code; got != http.StatusCreated {
			t.Errorf("%s: got %d, want 201", name, got)
		}
	}
}
