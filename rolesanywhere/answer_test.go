package rolesanywhere

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
)

func TestWhatIsAccepted(t *testing.T) {
	id := newIdentity(t)
	want := &Session{
		Credentials: aws.Credentials{
			AccessKeyID: "ASIAEXAMPLEEXAMPLE", SecretAccessKey: secretCanary, SessionToken: tokenCanary, Source: "RolesAnywhere",
			CanExpire: true, Expires: testTime.Add(time.Hour), AccountID: "123456789012",
		},
		AssumedRoleARN: "arn:aws:sts::123456789012:assumed-role/backup/1a2b3c",
		SubjectARN:     "arn:aws:rolesanywhere:eu-west-1:123456789012:subject/0f2a4ab1-3c9e-4b0c-9f7a-1d6f5a1c7e10",
		SourceIdentity: "CN=host-1", PackedPolicySize: 12, RequestID: "5d0c",
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		change func(*Session)
	}{
		{"status 201", sends(201, goodAnswer), nil},
		{"status 200", sends(200, goodAnswer), nil},
		{"another JSON type", sends(201, goodAnswer, "Content-Type", "application/x-amz-json-1.0"), nil},
		{"no JSON type", sends(201, " \n"+goodAnswer, "Content-Type", "text/plain"), nil},
		{"a member not known", sends(201, replaced(t, `"subjectArn"`, `"enrollmentArn":[{}],"subjectArn"`)), nil},
		{"headers of 60 KiB", sends(201, goodAnswer, "X-A", strings.Repeat("a", 60<<10)), nil},
		{"exactly 1 MiB", sends(201, goodAnswer+strings.Repeat(" ", 1<<20-len(goodAnswer))), nil},
		{
			"an expiration with an offset and a fraction", sends(201, replaced(t, "2026-11-22T21:00:00Z", "2026-11-22T23:00:00.5+02:00")),
			func(s *Session) { s.Credentials.Expires = testTime.Add(time.Hour + time.Second/2) },
		},
		{
			"an expiration of 5 min more than was asked for", sends(201, replaced(t, "2026-11-22T21:00:00Z", "2026-11-22T21:05:00Z")),
			func(s *Session) { s.Credentials.Expires = testTime.Add(time.Hour + 5*time.Minute) },
		},
		{
			"an expiration of exactly a minute", sends(201, replaced(t, "2026-11-22T21:00:00Z", "2026-11-22T20:01:00Z")),
			func(s *Session) { s.Credentials.Expires = testTime.Add(time.Minute) },
		},
		{
			"the role's ARN alone", sends(201, replaced(t, `"assumedRoleUser"`, `"other"`)),
			func(s *Session) { s.AssumedRoleARN = "" },
		},
		{"the assumed role's ARN alone", sends(201, replaced(t, `"roleArn"`, `"other"`)), nil},
		{
			"names with control characters, made harmless",
			sends(201, replaced(t, "CN=host-1", `CN=\u001b]0;x\u0007\u202e`), requestID, "5d0c"),
			func(s *Session) { s.SourceIdentity = "CN= ]0;x  " },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want := *want
			if c.change != nil {
				c.change(&want)
			}
			h := newTLS(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Amzn-RequestId", "5d0c")
				c.answer(w, r)
			})
			got, err := h.client.CreateSession(t.Context(), id, testRequest)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if h.requests() != 1 {
				t.Errorf("got %d attempts, want 1", h.requests())
			}
		})
	}
}

func TestSessionsOfSecondsAreForEmulatorsAlone(t *testing.T) {
	id := newIdentity(t)
	short := sends(201, replaced(t, "2026-11-22T21:00:00Z", "2026-11-22T20:00:30Z"))
	t.Run("AWS", func(t *testing.T) {
		h := newTLS(t, short)
		_, err := h.client.CreateSession(t.Context(), id, testRequest)
		const want = "create session: " + awsHost + ": the answer (status 201) is refused: its credentials end within a minute"
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
	t.Run("loopback", func(t *testing.T) {
		h := newHostile(t, nil, nil, short)
		if _, err := h.client.CreateSession(t.Context(), id, testRequest); err != nil {
			t.Error(err)
		}
	})
}

// A clock is believed only so far, or a server could make credentials last as long as it likes.
func TestExpirationIsHeldAgainstTheServersClock(t *testing.T) {
	for _, c := range []struct {
		name    string
		ahead   time.Duration
		expires time.Duration // by our clock
		problem string
	}{
		{"a server a day ahead", 24 * time.Hour, 25 * time.Hour, ""},
		{"a server a day behind", -24 * time.Hour, -23 * time.Hour, ""},
		{"a server two days ahead", 48 * time.Hour, 49 * time.Hour, ""},
		{"a server a day ahead, expired by its clock", 24 * time.Hour, 23 * time.Hour, "its credentials have expired already"},
		{"a server a year ahead", 365 * 24 * time.Hour, 365*24*time.Hour + time.Hour, "its credentials end later than any session may"},
		{"a server a year behind", -365 * 24 * time.Hour, -365*24*time.Hour + time.Hour, "its credentials have expired already"},
	} {
		t.Run(c.name, func(t *testing.T) {
			call := newCall(t)
			body := replaced(t, "2026-11-22T21:00:00Z", testTime.Add(c.expires).Format(time.RFC3339))
			session, err := call.read(&answer{
				response: response(201, "", "Date", testTime.Add(c.ahead).Format(http.TimeFormat)),
				body:     []byte(body), received: testTime,
			})
			if c.problem == "" {
				if err != nil {
					t.Fatal(err)
				}
				if session.ClockOffset != c.ahead {
					t.Errorf("got offset %s, want %s", session.ClockOffset, c.ahead)
				}
				return
			}
			if err == nil || !strings.HasSuffix(err.Error(), c.problem) {
				t.Errorf("got %v, want %s", err, c.problem)
			}
		})
	}
}

// newCall makes a call of testRequest to AWS, for reading answers without a connection.
func newCall(t testing.TB) *call {
	t.Helper()
	c := &Client{Region: "eu-west-1", Now: func() time.Time { return testTime }}
	endpoint, err := c.Endpoint.Resolve(c.Region)
	if err != nil {
		t.Fatal(err)
	}
	return &call{client: c, endpoint: endpoint, request: testRequest}
}

func TestUnusableRoleIsReported(t *testing.T) {
	call := newCall(t)
	call.request.RoleARN = "backup"
	_, err := call.read(&answer{response: response(201, ""), body: []byte(goodAnswer), received: testTime})
	const want = "create session: " + awsHost + ": the answer (status 201) is refused: the role asked for is not an ARN"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestCutAnswerIsNoSession(t *testing.T) {
	call := newCall(t)
	for n := range len(goodAnswer) {
		session, err := call.read(&answer{response: response(201, ""), body: []byte(goodAnswer[:n]), received: testTime})
		if session != nil || err == nil {
			t.Fatalf("an answer cut after %d bytes was accepted", n)
		}
	}
}
