package actions_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/serve/actions"
)

const (
	password = "correct-horse-battery-staple"
	canary   = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYCANARY"
)

// vault gives these credentials to whoever asks, and what it was asked for.
type vault struct {
	credentials actions.Credentials
	problem     *actions.Error
	caller      *actions.Error
	asked       []actions.Request
}

func (v *vault) Credentials(_ context.Context, _ string, a actions.Action, r *actions.Request) (actions.Credentials, *actions.Error) {
	v.asked = append(v.asked, *r)
	if _, problem := r.Kind(a); problem != nil {
		return actions.Credentials{}, problem
	}
	return v.credentials, v.problem
}

func (v *vault) Caller(context.Context, *actions.Request, actions.Credentials) (actions.Caller, *actions.Error) {
	return actions.Caller{Account: "123456789012", ARN: "arn:aws:sts::123456789012:assumed-role/r/s", UserID: "AROA:s"}, v.caller
}

func newHandler(v *vault, decided func(*http.Request, actions.Decision)) http.Handler {
	h := &actions.Handler{Backend: v, Decided: decided, Authenticate: func(user, given string) (string, bool) {
		return "erp", given == password && (user == "" || user == "erp")
	}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
		h.ServeHTTP(w, r)
	})
}

func held() *vault {
	return &vault{credentials: actions.Credentials{Type: "session", Region: "eu-west-1", ARN: "arn:aws:sts::123456789012:assumed-role/r/s", Credentials: aws.Credentials{
		AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: canary, SessionToken: "token", CanExpire: true, Expires: time.Now().Add(time.Hour),
	}}}
}

// call calls an action as a caller that is known.
func call(h http.Handler, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("erp", password)
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		if value == "" {
			r.Header.Del(name)
			return
		}
		r.Header.Set(name, value)
	}
}

func object(t *testing.T, w *httptest.ResponseRecorder) (o map[string]any) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return o
}

// Every way in which a request can be wrong has its status, its code and its text, and never a credential.
func TestWhatIsWrongIsTold(t *testing.T) {
	const (
		session = "/v1/credentials/session"
		sign    = "/v1/sign"
	)
	for _, test := range []struct {
		name, path, body string
		change           func(*http.Request)
		status           int
		code, detail     string
	}{
		{"no such path", "/v1/credentials", "{}", nil, 404, "NotFound", "there is no such action"},
		{"a path with more", session + "/", "{}", nil, 404, "NotFound", "there is no such action"},
		{"a slash at the end", sign + "/", "{}", nil, 404, "NotFound", "there is no such action"},
		{"another spelling, nearly", session, `{"rolArn": "x"}`, nil, 400, "InvalidRequest", "there is a key that the action does not have: did you mean roleArn?"},
		{"GET", session, "", func(r *http.Request) { r.Method = http.MethodGet }, 405, "WrongMethod", "the method is not POST"},
		{"POST of the document", actions.DocumentPath, "{}", nil, 405, "WrongMethod", "the method is not GET"},
		{"nobody", session, "{}", header("Authorization", ""), 401, "NotAuthenticated", "the caller's name and password are not known here"},
		{"another user", session, "{}", func(r *http.Request) { r.SetBasicAuth("crm", password) }, 401, "NotAuthenticated", "the caller's name and password are not known here"},
		{"another password", session, "{}", func(r *http.Request) { r.SetBasicAuth("erp", canary) }, 401, "NotAuthenticated", "the caller's name and password are not known here"},
		{"no user", session, "{}", func(r *http.Request) { r.SetBasicAuth("", password) }, 401, "NotAuthenticated", "the caller's name and password are not known here"},
		{"another scheme", session, "{}", header("Authorization", "Digest "+password), 401, "NotAuthenticated", "the caller's name and password are not known here"},
		{"two ways at once", session, "{}", header("X-Api-Key", password), 401, "NotAuthenticated", "Authorization and X-Api-Key are given more than once, or both: give one of them, once"},
		{"one way twice", session, "{}", func(r *http.Request) { r.Header.Add("Authorization", "Bearer "+password) }, 401, "NotAuthenticated", "Authorization and X-Api-Key are given more than once, or both: give one of them, once"},
		{"an empty key alone", session, "{}", func(r *http.Request) { r.Header.Del("Authorization"); r.Header.Set("X-Api-Key", "") }, 401, "NotAuthenticated", "the caller's name and password are not known here"},
		{"an empty token", session, "{}", header("Authorization", "Bearer "), 401, "NotAuthenticated", "the caller's name and password are not known here"},
		{"no JSON", session, "name=backup", nil, 400, "InvalidRequest", `the body is not a JSON object, as {"name": "backup"}`},
		{"an array", session, "[]", nil, 400, "InvalidRequest", `the body is not a JSON object, as {"name": "backup"}`},
		{"broken JSON", session, `{"name": "backup"`, nil, 400, "InvalidRequest", "the body is broken JSON, at byte 17"},
		{"broken in the middle", session, `{"name" "x"}`, nil, 400, "InvalidRequest", "the body is broken JSON, at byte 8"},
		{"more than an object", session, `{"name": "backup"} {}`, nil, 400, "InvalidRequest", "something follows the JSON object"},
		{"a key twice", session, `{"name": "backup", "name": "archive"}`, nil, 400, "InvalidRequest", "a key stands there twice"},
		{"an unknown key", session, `{"` + canary + `": 1}`, nil, 400, "InvalidRequest", "there is a key that the action does not have: it has name, region, roleArn, profileArn, trustAnchorArn, clientCertificateIdentifier, duration, sessionName, errorInBody"},
		{"another spelling", session, `{"role_arn": "x"}`, nil, 400, "InvalidRequest", "there is a key that the action does not have: did you mean roleArn?"},
		{"another action's key", session, `{"accessKeyId": "AKIA"}`, nil, 400, "InvalidRequest", "accessKeyId does not belong to this action"},
		{"a number for a text", session, `{"name": 5}`, nil, 400, "InvalidRequest", "name is not a text"},
		{"a text for a number", session, `{"duration": "1h"}`, nil, 400, "InvalidRequest", "duration is not a whole number of seconds, as 3600"},
		{"a fraction", session, `{"duration": 900.5}`, nil, 400, "InvalidRequest", "duration is not a whole number of seconds, as 3600"},
		{"a text for a truth", session, `{"name": "backup", "errorInBody": "yes"}`, nil, 400, "InvalidRequest", "errorInBody is not true or false"},
		{"name and parameters", session, `{"name": "backup", "roleArn": "x"}`, nil, 400, "InvalidRequest", "name and roleArn do not go together: give the name of what is configured, or the parameters themselves"},
		{"name and region", session, `{"name": "backup", "region": "eu-west-1"}`, nil, 400, "InvalidRequest", "name and region do not go together: the configuration says the region"},
		{"both kinds", "/v1/validate", `{"accessKeyId": "A", "roleArn": "x"}`, nil, 400, "InvalidRequest", "an access key and the parameters of a session do not go together"},
		{"a key and a session's name", "/v1/validate", `{"accessKeyId": "A", "sessionName": "x"}`, nil, 400, "InvalidRequest", "an access key and the parameters of a session do not go together"},
		{"none of either", "/v1/validate", `{}`, nil, 400, "InvalidRequest", "name is required, or an access key, or the parameters of a session"},
		{"not UTF-8", session, "{\"name\": \"\xff\"}", nil, 400, "InvalidRequest", "the body is not UTF-8"},
		{"too large", session, `{"name": "` + strings.Repeat("x", 2000) + `"}`, nil, 413, "TooLarge", "the body has more than 1024 bytes"},
		{"a form", session, `{}`, header("Content-Type", "application/x-www-form-urlencoded"), 415, "WrongContentType", "the body is not said to be JSON in UTF-8"},
		{"no content type", session, `{}`, header("Content-Type", ""), 415, "WrongContentType", "the body is not said to be JSON in UTF-8"},
		{"another charset", session, `{}`, header("Content-Type", "application/json; charset=utf-16"), 415, "WrongContentType", "the body is not said to be JSON in UTF-8"},
		{"compressed", session, `{}`, header("Content-Encoding", "gzip"), 415, "WrongContentEncoding", "the body is compressed"},
		{"nothing to sign", sign, `{"name": "backup"}`, nil, 400, "InvalidRequest", "url is required, as https://sqs.eu-west-1.amazonaws.com/"},
		{"no service", sign, `{"name": "backup", "url": "https://example.com/"}`, nil, 400, "InvalidRequest", "service is required, as sqs: the host does not say it"},
		{"a broken header", sign, `{"name": "backup", "url": "https://sqs.eu-west-1.amazonaws.com/", "headers": "X-A"}`, nil, 400, "InvalidRequest", "headers has a line that is not Name: value"},
		{"a header twice", sign, `{"name": "backup", "url": "https://sqs.eu-west-1.amazonaws.com/", "headers": "content-type: a", "contentType": "b"}`, nil, 400, "InvalidRequest", "headers has Content-Type, which has a parameter of its own: give it once"},
		{"body and hash", sign, `{"name": "backup", "url": "https://sqs.eu-west-1.amazonaws.com/", "body": "a", "payloadHash": "b"}`, nil, 400, "InvalidRequest", "body and payloadHash do not go together: give one of them"},
		{"presigned for too long", sign, `{"name": "backup", "url": "https://sqs.eu-west-1.amazonaws.com/", "presignSeconds": 604801}`, nil, 400, "InvalidRequest", "presignSeconds is 604801: use seconds from 1 to 604800, or 0 for headers"},
		{"presigned for longer than can be counted", sign, `{"name": "backup", "url": "https://sqs.eu-west-1.amazonaws.com/", "presignSeconds": 36028797018964028}`, nil, 400, "InvalidRequest", "presignSeconds is 36028797018964028: use seconds from 1 to 604800, or 0 for headers"},
		{"presigned in the past", sign, `{"name": "backup", "url": "https://sqs.eu-west-1.amazonaws.com/", "presignSeconds": -1}`, nil, 400, "InvalidRequest", "presignSeconds is -1: use seconds from 1 to 604800, or 0 for headers"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var decisions []actions.Decision
			h := newHandler(held(), func(_ *http.Request, d actions.Decision) { decisions = append(decisions, d) })
			change := test.change
			if change == nil {
				change = func(*http.Request) {}
			}
			w := call(h, test.path, test.body, change)
			o := object(t, w)
			if w.Code != test.status || o["code"] != test.code || o["detail"] != test.detail {
				t.Errorf("got %d %v %q, want %d %s %q", w.Code, o["code"], o["detail"], test.status, test.code, test.detail)
			}
			if got := w.Header().Get("Content-Type"); got != "application/problem+json" || o["hint"] == "" {
				t.Errorf("it is %s, and the hint is %q", got, o["hint"])
			}
			if want := map[string]string{"GET": "POST", "POST of the document": "GET"}[test.name]; w.Header().Get("Allow") != want {
				t.Errorf("it allows %q, want %q", w.Header().Get("Allow"), want)
			}
			if strings.Contains(w.Body.String(), canary) {
				t.Errorf("it repeats what was sent or held: %s", w.Body)
			}
			if test.path == actions.DocumentPath {
				return // which is no decision
			}
			if len(decisions) != 1 || decisions[0].Refused != test.code || decisions[0].Credentials.AccessKeyID != "" && test.status != 400 {
				t.Errorf("decided %+v", decisions)
			}
		})
	}
}

func TestCallersAuthenticateThemselvesInThreeWays(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"Basic":   func(*http.Request) {},
		"Bearer":  header("Authorization", "bearer "+password),
		"API key": func(r *http.Request) { r.Header.Del("Authorization"); r.Header.Set("X-Api-Key", password) },

		"Basic and an empty API key":         func(r *http.Request) { r.Header.Set("X-Api-Key", "") },
		"API key and an empty Authorization": func(r *http.Request) { r.Header.Set("Authorization", ""); r.Header.Set("X-Api-Key", password) },
	} {
		if w := call(newHandler(held(), nil), "/v1/credentials/session", `{"name":"backup"}`, change); w.Code != http.StatusOK {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
}

// A decision says what was asked for, whatever came of it.
func TestADecisionSaysWhatItIsAbout(t *testing.T) {
	refused := held()
	refused.problem = &actions.Error{Status: http.StatusBadGateway, Code: "RefusedByAWS", Message: "no", Hint: "do"}
	own := actions.Decision{RoleARN: "arn:aws:iam::123456789012:role/backup", Certificate: "MY_S3"}
	const parameters = `"roleArn":"arn:aws:iam::123456789012:role/backup","clientCertificateIdentifier":"MY_S3"`
	for _, test := range []struct {
		name, body, refused string
		vault               *vault
		want                actions.Decision
	}{
		{"granted by name", `{"name":"backup"}`, "", held(), actions.Decision{Name: "backup"}},
		{"refused by name", `{"name":"backup"}`, "RefusedByAWS", refused, actions.Decision{Name: "backup"}},
		{"refused in the body", `{"name":"backup","errorInBody":true}`, "RefusedByAWS", refused, actions.Decision{Name: "backup"}},
		{"granted by parameters", `{` + parameters + `}`, "", held(), own},
		{"refused by parameters", `{` + parameters + `}`, "RefusedByAWS", refused, own},
		{"wrong beside", `{` + parameters + `,"duration":"1h"}`, "InvalidRequest", held(), own},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got actions.Decision
			call(newHandler(test.vault, func(_ *http.Request, d actions.Decision) { got = d }), "/v1/credentials/session", test.body)
			got.Credentials = aws.Credentials{}
			want := test.want
			want.Caller, want.Action, want.Refused = "erp", actions.Session, test.refused
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// Who is refused connects anew for the next guess; who is served, or served nothing for the moment, stays connected.
func TestARefusalEndsItsConnection(t *testing.T) {
	denied, away := held(), held()
	denied.problem = &actions.Error{Status: http.StatusForbidden, Code: "NotAllowed", Message: "no", Hint: "do"}
	away.problem = &actions.Error{Status: http.StatusServiceUnavailable, Code: "CredentialsUnavailable", Message: "no", Hint: "do", RetryAfter: 1}
	for _, test := range []struct {
		name, password, body string
		vault                *vault
		status               int
		ends                 bool
	}{
		{"granted", password, `{"name":"backup"}`, held(), 200, false},
		{"AWS is away", password, `{"name":"backup"}`, away, 503, false},
		{"a wrong password", "guess", `{"name":"backup"}`, held(), 401, true},
		{"not granted", password, `{"name":"backup"}`, denied, 403, true},
		{"not granted, in the body", password, `{"name":"backup","errorInBody":true}`, denied, 200, true},
		{"a mistake", password, `{"nonsense":1}`, held(), 400, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(newHandler(test.vault, nil))
			defer server.Close()
			c, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			answers := bufio.NewReader(c)
			ask := func() (*http.Response, error) {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/credentials/session", strings.NewReader(test.body))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", "application/json")
				r.SetBasicAuth("erp", test.password)
				_ = r.Write(c) // the other end may have closed, which reading tells
				answer, err := http.ReadResponse(answers, r)
				if err == nil {
					_, err = io.Copy(io.Discard, answer.Body)
				}
				return answer, err
			}
			first, err := ask()
			if err != nil || first.StatusCode != test.status {
				t.Fatalf("got %v, %v, want %d", first, err, test.status)
			}
			if _, err := ask(); (err != nil) != test.ends {
				t.Errorf("the second request on the connection: %v", err)
			}
		})
	}
}

// All keys are always there, whatever the answer is: a platform that has made its model of one knows them.
func TestAnswersHaveAllKeys(t *testing.T) {
	v := held()
	static := held()
	static.credentials = actions.Credentials{Type: "static", Credentials: aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: canary}}
	refused := held()
	refused.problem = &actions.Error{Status: http.StatusBadGateway, Code: "RefusedByAWS", Message: "no", Hint: "do"}
	for _, a := range actions.All {
		body := `{"name":"backup"}`
		if a == actions.Sign {
			body = `{"name":"backup","url":"https://sqs.eu-west-1.amazonaws.com/"}`
		}
		want := keysOf(object(t, call(actions.Example(), a.Path(), "")))
		for name, w := range map[string]*httptest.ResponseRecorder{
			"session":           call(newHandler(v, nil), a.Path(), body),
			"static":            call(newHandler(static, nil), a.Path(), body),
			"error in the body": call(newHandler(refused, nil), a.Path(), strings.Replace(body, "{", `{"errorInBody":true,`, 1)),
			"nonsense":          call(newHandler(v, nil), a.Path(), strings.Replace(body, "{", `{"errorInBody":true,"x":1,`, 1)),
		} {
			if w.Code != http.StatusOK {
				t.Errorf("%s, %s: got %d %s", a, name, w.Code, w.Body)
			}
			if got := keysOf(object(t, w)); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s: has %v, want %v", a, name, got, want)
			}
		}
		o := object(t, call(newHandler(refused, nil), a.Path(), strings.Replace(body, "{", `{"errorInBody":true,`, 1)))
		if o["ok"] != false || o["errorCode"] != "RefusedByAWS" || o["errorMessage"] != "no" || o["hint"] != "do" {
			t.Errorf("%s: got %v", a, o)
		}
		if w := call(newHandler(refused, nil), a.Path(), body); w.Code != http.StatusBadGateway {
			t.Errorf("%s: got %d without errorInBody", a, w.Code)
		}
	}
}

func keysOf(o map[string]any) map[string]bool {
	keys := map[string]bool{}
	for key := range o {
		keys[key] = true
	}
	return keys
}

func TestTheCredentialsObject(t *testing.T) {
	v := held()
	o := object(t, call(newHandler(v, nil), "/v1/credentials/session", `{"name":"backup","sessionName":null}`))
	want := map[string]any{
		"ok": true, "errorCode": "", "errorMessage": "", "hint": "", "type": "session", "accessKeyId": "ASIAIOSFODNN7EXAMPLE", "secretAccessKey": canary,
		"sessionToken": "token", "expiration": v.credentials.Expires.UTC().Truncate(time.Second).Format(time.RFC3339), "region": "eu-west-1",
		"assumedRoleArn": "arn:aws:sts::123456789012:assumed-role/r/s",
	}
	if !reflect.DeepEqual(o, want) {
		t.Errorf("got %v, want %v", o, want)
	}
}

// Credentials that AWS refuses are an answer of validate; that AWS cannot be reached is none.
func TestValidateTellsWhetherTheyAreValid(t *testing.T) {
	v := held()
	if o := object(t, call(newHandler(v, nil), "/v1/validate", `{"name":"backup"}`)); o["valid"] != true || o["account"] != "123456789012" || o["reason"] != "" {
		t.Errorf("got %v", o)
	}
	v.caller = &actions.Error{Status: http.StatusBadGateway, Code: actions.NotValid, Message: "STS refused the credentials"}
	if o := object(t, call(newHandler(v, nil), "/v1/validate", `{"name":"backup"}`)); o["valid"] != false || o["ok"] != true || o["reason"] != "STS refused the credentials" {
		t.Errorf("got %v", o)
	}
	v.caller = &actions.Error{Status: http.StatusServiceUnavailable, Code: "CredentialsUnavailable", Message: "STS cannot be reached", RetryAfter: 1}
	if w := call(newHandler(v, nil), "/v1/validate", `{"name":"backup"}`); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestSignGivesAllHeadersOrAURL(t *testing.T) {
	h := newHandler(held(), nil)
	o := object(t, call(h, "/v1/sign", `{"name":"backup","method":"POST","url":"https://rekognition.eu-west-1.amazonaws.com/","target":"RekognitionService.DetectLabels","contentType":"application/x-amz-json-1.1","body":"{}","headers":"X-Amz-Meta-A: b\r\n\r\n"}`))
	for key, want := range map[string]any{
		"method": "POST", "host": "rekognition.eu-west-1.amazonaws.com", "xAmzSecurityToken": "token", "xAmzTarget": "RekognitionService.DetectLabels",
		"contentType": "application/x-amz-json-1.1", "presignedUrl": "", "xAmzContentSha256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
	} {
		if o[key] != want {
			t.Errorf("%s is %v, want %v", key, o[key], want)
		}
	}
	if a, _ := o["authorization"].(string); !strings.Contains(a, "/eu-west-1/rekognition/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-a;x-amz-security-token;x-amz-target, ") {
		t.Errorf("authorization is %s", a)
	}
	o = object(t, call(h, "/v1/sign", `{"name":"backup","url":"http://127.0.0.1:9000/b/k","service":"s3","presignSeconds":60}`))
	if u, _ := o["presignedUrl"].(string); !strings.HasPrefix(u, "http://127.0.0.1:9000/b/k?") || !strings.Contains(u, "X-Amz-Security-Token=token") || !strings.Contains(u, "%2Feu-west-1%2Fs3%2F") {
		t.Errorf("presignedUrl is %s", u)
	}
}

// The examples have every key, and nothing that is null or empty, and ask for no authentication.
func TestExamplesLeaveNothingOut(t *testing.T) {
	for _, a := range actions.All {
		w := call(actions.Example(), a.Path(), "", header("Authorization", ""), header("Content-Type", ""))
		for key, value := range object(t, w) {
			if value == nil || value == "" || value == false {
				t.Errorf("%s: %s is %v", a, key, value)
			}
		}
		if w := call(actions.Example(), a.Path(), `{"nonsense": 1}`); w.Code != http.StatusBadRequest {
			t.Errorf("%s: nonsense is answered with %d", a, w.Code)
		}
	}
	if w := call(actions.Example(), "/v1/other", ""); w.Code != http.StatusNotFound {
		t.Errorf("got %d", w.Code)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("/v1/credentials/session", `{"name":"backup","errorInBody":true}`)
	f.Add("/v1/credentials/static", `{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","secretAccessKey":"x"}`)
	f.Add("/v1/sign", `{"name":"b","url":"https://sqs.eu-west-1.amazonaws.com/?a=b","headers":"A: b","presignSeconds":60}`)
	f.Add("/v1/validate", `{"roleArn":"arn:aws:iam::123456789012:role/r","duration":900}`)
	refused := &vault{problem: &actions.Error{Status: http.StatusForbidden, Code: "NotAllowed", Message: "no"}, credentials: held().credentials}
	f.Fuzz(func(t *testing.T, path, body string) {
		r := &http.Request{Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body))}
		r.URL = httptest.NewRequest(http.MethodPost, "/", nil).URL
		r.URL.Path = path
		r.SetBasicAuth("erp", password)
		w := httptest.NewRecorder()
		newHandler(refused, nil).ServeHTTP(w, r)
		var o map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &o); err != nil && path != actions.DocumentPath {
			t.Fatalf("%d %s: %v", w.Code, w.Body, err)
		}
		if strings.Contains(w.Body.String(), canary) {
			t.Fatal("a credential is given to whom it is refused")
		}
	})
}
