package wire

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
)

var throttled = &Refusal{Status: 503, Code: "SlowDown", Message: `a "b" <c>`, Reason: "too much", RetryAfter: 7}

func TestRefusalsByProtocol(t *testing.T) {
	service := QueryService{Version: "2011-06-15", Namespace: "https://sts.amazonaws.com/doc/2011-06-15/"}
	for _, test := range []struct {
		name  string
		write func(*httptest.ResponseRecorder)
		kind  string
		body  string
	}{
		{
			"restJson1", func(w *httptest.ResponseRecorder) { JSONRefusal(w, throttled) }, "application/json",
			`{"message":"a \"b\" <c>","retryAfterSeconds":7}`,
		},
		{
			"the Query protocol", func(w *httptest.ResponseRecorder) { service.XMLRefusal(w, "id", throttled) }, "text/xml",
			`<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Receiver</Type><Code>SlowDown</Code>` +
				`<Message>a &#34;b&#34; &lt;c&gt;</Message></Error><RequestId>id</RequestId></ErrorResponse>`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			test.write(w)
			if w.Code != 503 || w.Header().Get("Content-Type") != test.kind || w.Header().Get("Retry-After") != "7" {
				t.Errorf("got %d %v", w.Code, w.Header())
			}
			if got := w.Body.String(); got != test.body {
				t.Errorf("got %s, want %s", got, test.body)
			}
		})
	}
}

func TestAnswersOfTheQueryProtocol(t *testing.T) {
	service := QueryService{Namespace: "n"}
	for name, test := range map[string]struct {
		result any
		want   string
	}{
		"a result": {
			struct{ Account string }{"1"},
			`<OpResponse xmlns="n"><OpResult><Account>1</Account></OpResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></OpResponse>`,
		},
		"none": {nil, `<OpResponse xmlns="n"><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></OpResponse>`},
	} {
		w := httptest.NewRecorder()
		service.XML(w, "Op", "id", test.result)
		if got := w.Body.String(); w.Code != 200 || got != test.want {
			t.Errorf("%s: got %d %s, want %s", name, w.Code, got, test.want)
		}
	}
}

func TestTimestamps(t *testing.T) {
	at := time.Date(2026, 11, 22, 13, 0, 0, 129_722_999, time.FixedZone("", 3600))
	if got, err := Time(at).MarshalText(); err != nil || string(got) != "2026-11-22T12:00:00.129722Z" {
		t.Errorf("got %s, %v, want UTC with microseconds", got, err)
	}
	if got, err := Seconds(at).MarshalText(); err != nil || string(got) != "2026-11-22T12:00:00Z" {
		t.Errorf("got %s, %v, want UTC with seconds", got, err)
	}
}

func TestAuthorizeSpeaksTheProtocol(t *testing.T) {
	caller := &account.Caller{ARN: "arn:aws:iam::111122223333:user/a", User: &account.User{Name: "a"}}
	for code, call := range map[string]*Call{"AccessDenied": {Caller: caller, Form: map[string][]string{}}, "AccessDeniedException": {Caller: caller}} {
		refusal, ok := call.Authorize(time.Now(), "sts:AssumeRole", "r", nil).(*Refusal)
		const want = "User: arn:aws:iam::111122223333:user/a is not authorized to perform: sts:AssumeRole on resource: r"
		if !ok || refusal.Status != 403 || refusal.Code != code || refusal.Message != want || refusal.Reason == "" {
			t.Errorf("got %+v, want 403 %s %q", refusal, code, want)
		}
	}
}
