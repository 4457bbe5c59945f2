package connectors

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/internal/foreign"
	"github.com/awsauth-go/awsauth/serve/actions"
	"github.com/awsauth-go/awsauth/sigv4"
)

// plain is a request as it is written by hand, and what is in its answer.
type plain struct {
	method, path, body string
	header             http.Header
	want               string
}

// plainly answers the one call of a service, for who has no SDK.
func plainly(t testing.TB, service string) plain {
	t.Helper()
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	switch service {
	case "s3":
		return plain{method: http.MethodGet, path: "/" + bucket + "?list-type=2", want: "<ListBucketResult"}
	case "sqs":
		return plain{method: http.MethodPost, path: "/", body: "{}", want: "{", header: http.Header{
			"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"AmazonSQS.ListQueues"},
		}}
	case "sns":
		return plain{method: http.MethodPost, path: "/", body: "Action=ListTopics&Version=2010-03-31", header: form, want: "<ListTopicsResult>"}
	case "sts":
		return plain{method: http.MethodPost, path: "/", body: "Action=GetCallerIdentity&Version=2011-06-15", header: form, want: "<Arn>arn:aws:"}
	}
	body, err := json.Marshal(map[string]any{"Image": map[string]any{"Bytes": picture(blue)}})
	check(t, err)
	return plain{method: http.MethodPost, path: "/", body: string(body), want: `"Labels"`, header: http.Header{
		"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"RekognitionService.DetectLabels"},
	}}
}

// withoutSDK has requests signed by package sigv4, by the HTTP action and by the command, and sent by net/http and curl.
func (c *checker) withoutSDK(t *testing.T, k kind) {
	p := plainly(t, c.service.name)
	region := c.config(nil).Region
	signed, err := sigv4.Sign(t.Context(), c.source.get(t, k, true), sigv4.Request{
		Method: p.method, URL: c.endpoint + p.path, Header: p.header, Body: []byte(p.body), Service: c.service.name, Region: region,
	}, time.Now())
	check(t, err)
	status, answer := send(t, signed, p.body)
	if status != http.StatusOK || !strings.Contains(answer, p.want) {
		t.Errorf("signed by the package: got %d %s, want %s", status, answer, p.want)
	}
	status, answer = send(t, c.signedByAction(t, k, p, region), p.body)
	if status != http.StatusOK || !strings.Contains(answer, p.want) {
		t.Errorf("signed by the HTTP action: got %d %s, want %s", status, answer, p.want)
	}
	if c.configuration == "" {
		return
	}
	dir := t.TempDir()
	args := []string{
		"sign-request", configured(k, true), "--config", c.configuration, "--url", c.endpoint + p.path, "--method", p.method,
		"--service", c.service.name, "--service-region", region, "--format", "curl", "--no-cache",
	}
	for name, values := range p.header {
		args = append(args, "--header", name+": "+values[0])
	}
	if p.body != "" {
		path := filepath.Join(dir, "body")
		write(t, path, p.body)
		args = append(args, "--body", path)
	}
	run := func(path string, args ...string) string {
		command := foreign.Command(t, path, args...)
		command.Env = append(command.Env, "HOME="+dir, "XDG_RUNTIME_DIR="+dir)
		return foreign.MustRun(t, command)
	}
	printed := run(command, args...)
	if answer := run("sh", "-c", strings.Replace(printed, "curl ", "curl --fail-with-body --silent --show-error ", 1)); !strings.Contains(answer, p.want) {
		t.Errorf("signed by the command: got %s, want %s", answer, p.want)
	}
}

// granting is a backend of the HTTP actions that gives the same credentials to everybody.
type granting struct{ given aws.Credentials }

func (g granting) Credentials(context.Context, string, actions.Action, *actions.Request) (actions.Credentials, *actions.Error) {
	return actions.Credentials{Credentials: g.given}, nil
}

func (g granting) Caller(context.Context, *actions.Request, actions.Credentials) (actions.Caller, *actions.Error) {
	return actions.Caller{}, &actions.Error{Status: http.StatusNotFound, Code: "NotHere"}
}

// signedByAction asks the HTTP action, as an app without an SDK does.
func (c *checker) signedByAction(t *testing.T, k kind, p plain, region string) *sigv4.Signed {
	t.Helper()
	question, err := json.Marshal(map[string]string{
		"name": "any", "method": p.method, "url": c.endpoint + p.path, "service": c.service.name, "serviceRegion": region, "body": p.body,
		"contentType": p.header.Get("Content-Type"), "target": p.header.Get("X-Amz-Target"),
	})
	check(t, err)
	h := &actions.Handler{
		Backend:      granting{c.source.get(t, k, true)},
		Authenticate: func(user, _ string) (string, bool) { return user, true },
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, actions.Sign.Path(), bytes.NewReader(question))
	r.SetBasicAuth("app", "any")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("the action answers %d %s", w.Code, w.Body)
	}
	var got map[string]any
	check(t, json.Unmarshal(w.Body.Bytes(), &got))
	signed := &sigv4.Signed{Method: p.method, URL: c.endpoint + p.path, Header: http.Header{}}
	for key, header := range map[string]string{
		"authorization": "Authorization", "xAmzDate": "X-Amz-Date", "xAmzContentSha256": "X-Amz-Content-Sha256",
		"xAmzSecurityToken": "X-Amz-Security-Token", "xAmzTarget": "X-Amz-Target", "contentType": "Content-Type",
	} {
		if value, ok := got[key].(string); !ok {
			t.Errorf("the action's answer has no %s", key)
		} else if value != "" {
			signed.Header.Set(header, value)
		}
	}
	return signed
}

func send(t *testing.T, signed *sigv4.Signed, body string) (status int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), signed.Method, signed.URL, bytes.NewReader([]byte(body)))
	check(t, err)
	r.Header, r.Host = signed.Header, signed.Host
	got, err := http.DefaultClient.Do(r)
	check(t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	check(t, err)
	return got.StatusCode, string(text)
}

// A presigned URL carries the session token, says when it really ends, and is refused from then on: by its own time, or by the session's.
func TestPresignedURLsEnd(t *testing.T) {
	t.Parallel()
	o := newOwnIAM(t)
	for name, test := range map[string]struct {
		kind  kind
		ends  time.Duration // of the session; zero for long after
		valid time.Duration
		code  string // versitygw's
	}{
		"with its own time":      {session, 0, 5 * time.Second, "AccessDenied"}, // Amazon S3: "Request has expired"
		"with its session":       {session, 10 * time.Second, time.Hour, "InvalidAccessKeyId"},
		"static, with their own": {static, 0, 5 * time.Second, "AccessDenied"},
	} {
		t.Run(name, func(t *testing.T) { // one after the other: versitygw is told of a session at a time
			given := o.get(t, test.kind, true)
			if test.ends > 0 {
				given = o.ending(t, test.kind, test.ends)
			}
			at := time.Now()
			signed, err := sigv4.Presign(t.Context(), given, sigv4.Request{
				URL: o.iam.S3 + "/" + bucket + "?list-type=2", Service: "s3", Region: foreign.Region,
			}, at, test.valid)
			check(t, err)
			if got := strings.Contains(signed.URL, "X-Amz-Security-Token="); got != (given.SessionToken != "") {
				t.Errorf("the URL has a session token: %t", got)
			}
			latest := at.Add(test.valid)
			if given.CanExpire && given.Expires.Before(latest) {
				latest = given.Expires
			}
			if signed.Ends.After(latest) {
				t.Errorf("it says that it ends at %s, which is after %s", signed.Ends, latest)
			}
			if _, err := fetch(t.Context(), signed.URL); err != nil {
				t.Errorf("before its end: %v", err)
			}
			time.Sleep(time.Until(signed.Ends) + 1100*time.Millisecond) // ends are in whole seconds
			if _, err := fetch(context.Background(), signed.URL); err == nil || !strings.Contains(err.Error(), "<Code>"+test.code+"</Code>") {
				t.Errorf("after its end: got %v, want %s", err, test.code)
			}
		})
	}
}
