package emulator

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
)

// newUpstream makes a second emulator whose STS is to issue the credentials of the first, and a user of it.
func newUpstream(t *testing.T) (upstream *world, url string, user aws.CredentialsProvider) {
	t.Helper()
	upstream = newWorldOf(t, Config{Now: time.Now})
	upstream.trust(trustOf(`{"AWS":"123456789012"}`, "sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"))
	return upstream, upstream.start(), upstream.administrator()
}

func TestAnotherSTSIssuesTheCredentials(t *testing.T) {
	upstream, url, user := newUpstream(t)
	var answered struct{ id, token string }
	spy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		upstream.ServeHTTP(recorder, r)
		answered.id, answered.token = between(recorder.Body.String(), "AccessKeyId"), between(recorder.Body.String(), "SessionToken")
		for name, values := range recorder.Header() {
			rw.Header()[name] = values
		}
		rw.WriteHeader(recorder.Code)
		rw.Write(recorder.Body.Bytes())
	}))
	t.Cleanup(spy.Close)
	w := newWorldOf(t, Config{Now: time.Now, STS: &UpstreamSTS{Endpoint: spy.URL, Credentials: user}})
	w.changeProfile(func(p *account.Profile) {
		p.SessionPolicy, p.ManagedPolicyARNs = string(allowS3), []string{administratorAccess}
	})
	c := w.call()
	c.body = `{"durationSeconds":900,"roleSessionName":"nightly"}`
	s := w.granted(c)
	got := s.CredentialSet[0]
	if got.Credentials.AccessKeyID != answered.id || got.Credentials.SessionToken != answered.token || answered.id == "" {
		t.Errorf("got %s, want the credentials of the other STS, %s, unchanged", got.Credentials.AccessKeyID, answered.id)
	}

	who, err := upstream.stsClient(url, s.provider()).GetCallerIdentity(t.Context(), nil)
	if err != nil || aws.ToString(who.Arn) != "arn:aws:sts::123456789012:assumed-role/backup/nightly" {
		t.Errorf("there: got %+v, %v", who, err)
	}
	if who, err := w.stsClient(w.start(), s.provider()).GetCallerIdentity(t.Context(), nil); err == nil {
		t.Errorf("here: got %s, want a refusal", *who.Arn)
	}
	session, _, err := upstream.account.OpenToken(got.Credentials.AccessKeyID, got.Credentials.SessionToken)
	if err != nil {
		t.Fatal(err)
	}
	if session.SourceIdentity != "CN=client" || session.Tags["x509Subject/CN"] != "client" || session.Tags["x509Issuer/CN"] != "intermediate" ||
		len(session.Policies) != 1 || len(session.ManagedPolicies) != 1 || session.Expiration.Sub(session.IssuedAt) != 15*time.Minute {
		t.Errorf("got %+v, want all that Roles Anywhere sends", session)
	}
	if want := session.Expiration.Format(time.RFC3339); got.Credentials.Expiration != want {
		t.Errorf("got expiration %s, want %s", got.Credentials.Expiration, want)
	}
}

func between(s, element string) string {
	_, s, _ = strings.Cut(s, "<"+element+">")
	s, _, _ = strings.Cut(s, "</"+element+">")
	return s
}

func TestFailuresOfAnotherSTS(t *testing.T) {
	upstream, url, user := newUpstream(t)
	down := httptest.NewServer(nil)
	down.Close()
	nobody := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIAEMUNOBODY", SecretAccessKey: "secret"}, nil
	})
	empty := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.Write([]byte(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult/></AssumeRoleResponse>`))
	}))
	t.Cleanup(empty.Close)
	const unable = `{"message":"Unable to assume role for arn:aws:iam::123456789012:role/jobs/backup."}`
	const failed = `{"message":"The assume-role step failed."}`
	for _, test := range []struct {
		name     string
		endpoint string
		as       aws.CredentialsProvider
		prepare  func()
		status   int
		body     string
		reason   string // its beginning
	}{
		{"a role that does not trust us", url, user, func() { upstream.trust(TrustPolicy("")) }, 403, unable, "the STS at {url} refused: AccessDenied: "},
		{"an unknown access key", url, nobody, func() {}, 403, unable, "the STS at {url} refused: InvalidClientTokenId: "},
		{"a server's error", url, user, func() { upstream.Fail(Errors(1)) }, 503, failed, "the STS at {url} is not well: InternalFailure: "},
		{"too many requests", url, user, func() { upstream.Fail(Throttle(1)) }, 503, failed, "the STS at {url} is not well: Throttling: "},
		{"a cut answer", url, user, func() {
			upstream.trust(trustOf(`{"AWS":"123456789012"}`, "sts:*"))
			upstream.Fail(Cut(1))
		}, 503, failed, "the STS at {url} did not answer: "},
		{"no credentials in the answer", empty.URL, user, func() {}, 503, failed, "the STS at {url} did not answer: its answer has no credentials"},
		{"nobody there", down.URL, user, func() {}, 503, failed, "the STS at {url} did not answer: "},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.prepare()
			w := newWorldOf(t, Config{Now: time.Now, STS: &UpstreamSTS{Endpoint: test.endpoint, Credentials: test.as}})
			answer := w.do(w.call())
			reason := strings.ReplaceAll(test.reason, "{url}", test.endpoint)
			if answer.Code != test.status || answer.Body.String() != test.body || !strings.HasPrefix(answer.Header().Get(HeaderReason), reason) {
				t.Errorf("got %d %s %q, want %d %s %q…", answer.Code, answer.Body, answer.Header().Get(HeaderReason), test.status, test.body, reason)
			}
		})
	}
}

func TestAnotherSTSIsNotAskedForWhatIsRefusedHere(t *testing.T) {
	asked := 0
	spy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	t.Cleanup(spy.Close)
	_, _, user := newUpstream(t)
	w := newWorldOf(t, Config{STS: &UpstreamSTS{Endpoint: spy.URL, Credentials: user}})
	w.trust(trustOf(`{"Service":"ec2.amazonaws.com"}`, "sts:*"))
	if got := w.do(w.call()).Code; got != 403 || asked != 0 {
		t.Errorf("got %d after %d calls, want 403 after none", got, asked)
	}
}
