package emulator

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/sigv4"
)

// behind is a service that asks nobody who they are: it answers what it was asked for.
type behind struct {
	*httptest.Server
	calls []string
	body  []byte
	last  *http.Request
	// compressed is what it answers for an object that is kept so; nil for another answer.
	compressed []byte
}

func newBehind(t *testing.T) *behind {
	b := &behind{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.calls = append(b.calls, r.Method+" "+r.RequestURI)
		b.last = r
		b.body, _ = io.ReadAll(r.Body)
		w.Header().Set("X-Backend", "yes")
		if b.compressed != nil {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(b.compressed)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "done")
	}))
	t.Cleanup(b.Close)
	return b
}

// gate is an emulator before such a service, with a user and a role's session that may do some things.
type gate struct {
	*Emulator
	behind        *behind
	now           time.Time
	user, session aws.Credentials
	other         aws.Credentials // of another session
}

const allowed = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::photos/*"},
	{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:eu-west-1:123456789012:jobs"},
	{"Effect":"Allow","Action":"sns:Publish","Resource":"arn:aws:sns:eu-west-1:123456789012:orders"},
	{"Effect":"Allow","Action":"rekognition:DetectLabels","Resource":"*"}]}`

func newGate(t *testing.T) *gate {
	g := &gate{behind: newBehind(t), now: noon}
	backend := must(url.Parse(g.behind.URL))(t)
	g.Emulator = must(New(Config{Explain: true, Now: func() time.Time { return g.now }, Gateway: map[string]*url.URL{"": backend}}))(t)
	created := must(g.Apply(Seed{
		Users: []SeedUser{{Name: "alice", Policies: map[string]Document{"p": allowed}}},
		Roles: []SeedRole{{Name: "backup", Policies: map[string]Document{"p": allowed}, TrustPolicy: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}}`}},
	}))(t)
	u := created.Users["alice"]
	g.user = aws.Credentials{AccessKeyID: u.AccessKeyID, SecretAccessKey: u.SecretAccessKey}
	issue := func(name string) aws.Credentials {
		s := account.Session{RoleName: "backup", SessionName: name}
		g.account.Read(func(state *account.State) { s.RoleID = state.Roles["backup"].ID })
		c := g.account.Issue(s, time.Hour)
		return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
	}
	g.session, g.other = issue("one"), issue("two")
	return g
}

// calls are one call to each service that is allowed, and one that is not.
var calls = map[string]struct {
	allowed, denied                                  sigv4.Request
	contentType                                      string
	wrongSecret, noToken, wrongToken, ended, unknown refusedAs
	notAllowed                                       refusedAs
}{
	"s3": {
		sigv4.Request{Method: "PUT", URL: "http://127.0.0.1:9920/photos/in/cat.jpg", Body: []byte("jpeg"), Service: "s3", Region: "eu-west-1"},
		sigv4.Request{Method: "DELETE", URL: "http://127.0.0.1:9920/photos/in/cat.jpg", Service: "s3", Region: "eu-west-1"},
		"application/xml",
		refusedAs{403, "SignatureDoesNotMatch"},
		refusedAs{403, "InvalidAccessKeyId"},
		refusedAs{403, "InvalidAccessKeyId"},
		refusedAs{400, "ExpiredToken"},
		refusedAs{403, "InvalidAccessKeyId"},
		refusedAs{403, "AccessDenied"},
	},
	"sqs": {
		jsonCall("sqs", "AmazonSQS.SendMessage", `{"QueueUrl":"http://127.0.0.1:9920/123456789012/jobs","MessageBody":"hello"}`),
		jsonCall("sqs", "AmazonSQS.DeleteQueue", `{"QueueUrl":"http://127.0.0.1:9920/123456789012/jobs"}`),
		"application/x-amz-json-1.0",
		refusedAs{400, "InvalidSignatureException"},
		refusedAs{400, "UnrecognizedClientException"},
		refusedAs{400, "UnrecognizedClientException"},
		refusedAs{400, "ExpiredTokenException"},
		refusedAs{400, "UnrecognizedClientException"},
		refusedAs{400, "AccessDeniedException"},
	},
	"rekognition": {
		jsonCall("rekognition", "RekognitionService.DetectLabels", `{"Image":{"Bytes":"AAAA"}}`),
		jsonCall("rekognition", "RekognitionService.DetectFaces", `{"Image":{"Bytes":"AAAA"}}`),
		"application/x-amz-json-1.0",
		refusedAs{400, "InvalidSignatureException"},
		refusedAs{400, "UnrecognizedClientException"},
		refusedAs{400, "UnrecognizedClientException"},
		refusedAs{400, "ExpiredTokenException"},
		refusedAs{400, "UnrecognizedClientException"},
		refusedAs{400, "AccessDeniedException"},
	},
	"sns": {
		formCall("sns", "Action=Publish&TopicArn=arn:aws:sns:eu-west-1:123456789012:orders&Message=hello"),
		formCall("sns", "Action=DeleteTopic&TopicArn=arn:aws:sns:eu-west-1:123456789012:orders"),
		"text/xml",
		refusedAs{403, "SignatureDoesNotMatch"},
		refusedAs{403, "InvalidClientTokenId"},
		refusedAs{403, "InvalidClientTokenId"},
		refusedAs{403, "ExpiredToken"},
		refusedAs{403, "InvalidClientTokenId"},
		refusedAs{403, "AuthorizationError"},
	},
}

// refusedAs is how a service refuses.
type refusedAs struct {
	status int
	code   string
}

func jsonCall(service, target, body string) sigv4.Request {
	return sigv4.Request{
		Method: "POST", URL: "http://127.0.0.1:9920/", Body: []byte(body), Service: service, Region: "eu-west-1",
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {target}},
	}
}

func formCall(service, body string) sigv4.Request {
	return sigv4.Request{
		Method: "POST", URL: "http://127.0.0.1:9920/", Body: []byte(body), Service: service, Region: "eu-west-1",
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	}
}

// send sends what was signed.
func (g *gate) send(t *testing.T, signed *sigv4.Signed, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(signed.Method, signed.URL, strings.NewReader(string(body)))
	r.RequestURI = r.URL.RequestURI()
	for name, values := range signed.Header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, r)
	return w
}

func (g *gate) call(t *testing.T, c aws.Credentials, r sigv4.Request) *httptest.ResponseRecorder {
	t.Helper()
	return g.send(t, must(sigv4.Sign(t.Context(), c, r, g.now))(t), r.Body)
}

// What is good is handed on as it was; everything else is refused in the service's own form, and the service behind sees nothing of it.
func TestTheGatewayLetsThroughWhatIsGood(t *testing.T) {
	for service, c := range calls {
		t.Run(service, func(t *testing.T) {
			g := newGate(t)
			for name, who := range map[string]aws.Credentials{"a user": g.user, "a session": g.session} {
				w := g.call(t, who, c.allowed)
				if w.Code != http.StatusAccepted || w.Body.String() != "done" || w.Header().Get("X-Backend") != "yes" || string(g.behind.body) != string(c.allowed.Body) {
					t.Errorf("%s: got %d %s, and the service behind got %q", name, w.Code, w.Body, g.behind.body)
				}
			}
			reached := len(g.behind.calls)
			refused := func(name string, want refusedAs, w *httptest.ResponseRecorder) {
				t.Helper()
				text := w.Body.String()
				if w.Code != want.status || !strings.Contains(text, want.code) || w.Header().Get("Content-Type") != c.contentType || w.Header().Get(HeaderReason) == "" {
					t.Errorf("%s: got %d %s %s, want %d %s", name, w.Code, w.Header().Get("Content-Type"), text, want.status, want.code)
				}
			}
			wrong := g.session
			wrong.SecretAccessKey = g.other.SecretAccessKey
			refused("a wrong secret", c.wrongSecret, g.call(t, wrong, c.allowed))
			wrong = g.session
			wrong.SessionToken = ""
			refused("no token", c.noToken, g.call(t, wrong, c.allowed))
			wrong = g.session
			wrong.SessionToken = g.other.SessionToken
			refused("another's token", c.wrongToken, g.call(t, wrong, c.allowed))
			wrong = g.user
			wrong.AccessKeyID = "AKIAEMUNOBODY0000000"
			refused("an unknown key", c.unknown, g.call(t, wrong, c.allowed))
			refused("no permission", c.notAllowed, g.call(t, g.session, c.denied))
			changed := c.allowed
			changed.Body = append([]byte("x"), changed.Body...)
			refused("another body", c.wrongSecret, g.send(t, must(sigv4.Sign(t.Context(), g.user, c.allowed, g.now))(t), changed.Body))
			g.now = g.now.Add(time.Hour)
			refused("an ended session", c.ended, g.call(t, g.session, c.allowed))
			if len(g.behind.calls) != reached {
				t.Errorf("the service behind was reached by %v", g.behind.calls[reached:])
			}
		})
	}
}

// A presigned URL is good until it ends.
func TestTheGatewayTakesPresignedURLs(t *testing.T) {
	g := newGate(t)
	signed := must(sigv4.Presign(t.Context(), g.session, sigv4.Request{URL: "http://127.0.0.1:9920/photos/in/cat%20.jpg", Service: "s3", Region: "eu-west-1"}, g.now, time.Minute))(t)
	if w := g.send(t, signed, nil); w.Code != http.StatusAccepted {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	g.now = g.now.Add(2 * time.Minute)
	if w := g.send(t, signed, nil); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "AccessDenied") && !strings.Contains(w.Body.String(), "SignatureDoesNotMatch") {
		t.Errorf("once it has ended: got %d %s", w.Code, w.Body)
	}
}

// The service behind is asked for what was asked for, whatever it makes of hosts, empty bodies and compression.
func TestTheGatewayHandsOnWhatItWasAsked(t *testing.T) {
	g := newGate(t)
	object := sigv4.Request{URL: "http://photos.s3.eu-west-1.amazonaws.com/in/a%20b", Service: "s3", Region: "eu-west-1"}
	if w := g.call(t, g.user, object); w.Code != http.StatusAccepted || g.behind.calls[0] != "GET /photos/in/a%20b" || "http://"+g.behind.last.Host != g.behind.URL {
		t.Errorf("got %d %s; the service behind was asked for %s of %s", w.Code, w.Body, g.behind.calls, g.behind.last.Host)
	}
	empty := sigv4.Request{Method: "PUT", URL: "http://127.0.0.1:9920/photos/empty", Service: "s3", Region: "eu-west-1"}
	if w := g.call(t, g.user, empty); w.Code != http.StatusAccepted || g.behind.last.ContentLength != 0 || len(g.behind.last.TransferEncoding) > 0 {
		t.Errorf("got %d %s; the service behind got %d bytes, %s", w.Code, w.Body, g.behind.last.ContentLength, g.behind.last.TransferEncoding)
	}
	g.behind.compressed = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0} // of nothing
	if w := g.call(t, g.user, object); w.Header().Get("Content-Encoding") != "gzip" || w.Body.String() != string(g.behind.compressed) {
		t.Errorf("got %v and %d bytes, want those that are kept", w.Header(), w.Body.Len())
	}
}

// A request that could mean two things is refused, says why, and reaches nobody.
func TestTheGatewayRefusesWhatCouldMeanSomethingElse(t *testing.T) {
	g := newGate(t)
	two := jsonCall("sqs", "AmazonSQS.SendMessage", `{"QueueName":"jobs","QueueUrl":"http://127.0.0.1:9920/123456789012/secret"}`)
	if w := g.call(t, g.user, two); w.Code != http.StatusBadRequest || w.Header().Get(HeaderReason) != "which permission it needs cannot be told: SendMessage has no parameter QueueName" {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	// Whoever holds a signed request adds a header that has the proxy leave out another.
	signed := must(sigv4.Sign(t.Context(), g.user, calls["s3"].allowed, g.now))(t)
	signed.Header.Set("Connection", "X-Amz-Content-Sha256")
	if w := g.send(t, signed, calls["s3"].allowed.Body); w.Code != http.StatusForbidden {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if len(g.behind.calls) > 0 {
		t.Errorf("the service behind was reached by %v", g.behind.calls)
	}
}

// The emulator's own services stay its own, and without a gateway others are nobody's.
func TestTheGatewayLeavesTheEmulatorsServices(t *testing.T) {
	g := newGate(t)
	who := formCall("sts", "Action=GetCallerIdentity&Version=2011-06-15")
	if w := g.call(t, g.user, who); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), ":user/alice</Arn>") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if len(g.behind.calls) > 0 {
		t.Errorf("the service behind was reached by %v", g.behind.calls)
	}
	g.behind.Close()
	if w := g.call(t, g.user, calls["s3"].allowed); w.Code != http.StatusBadGateway {
		t.Errorf("with nobody behind: got %d %s", w.Code, w.Body)
	}
}

func TestBackendsAreOnThisHost(t *testing.T) {
	for _, text := range []string{"http://example.com", "ftp://127.0.0.1", "http://127.0.0.1/path", "http://me@127.0.0.1", "http:"} {
		u := must(url.Parse(text))(t)
		if _, err := New(Config{Gateway: map[string]*url.URL{"s3": u}}); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
