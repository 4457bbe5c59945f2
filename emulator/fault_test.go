package emulator

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"

	"github.com/awsauth-go/awsauth/sigv4x509"
)

// statuses sends n calls and answers their statuses.
func (w *world) statuses(n int) (all []int) {
	for range n {
		all = append(all, w.do(w.call()).Code)
	}
	return all
}

func equal(a []int, b ...int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestFaultsThatAnswer(t *testing.T) {
	w := newWorld(t)
	w.Fail(Throttle(2))
	answer := w.do(w.call())
	if answer.Code != 429 || answer.Header().Get("X-Amzn-Errortype") != "ThrottlingException" || answer.Body.String() != `{"message":"Rate exceeded"}` {
		t.Errorf("throttle: got %d %s %s", answer.Code, answer.Header().Get("X-Amzn-Errortype"), answer.Body)
	}
	if got := answer.Header().Get(HeaderReason); got != "a fault that was asked for" {
		t.Errorf("throttle: got reason %q", got)
	}
	if got := w.statuses(3); !equal(got, 429, 201, 201) {
		t.Errorf("throttle: got %v, want 429 201 201", got)
	}
	w.Fail(Errors(2))
	if got := w.statuses(3); !equal(got, 500, 500, 201) {
		t.Errorf("errors: got %v, want 500 500 201", got)
	}
	w.Fail(Errors(1), Throttle(2))
	if got := w.statuses(3); !equal(got, 429, 429, 201) {
		t.Errorf("errors and throttle: got %v, want 429 429 201", got)
	}
	w.Fail(Errors(100))
	w.Fail()
	if got := w.statuses(2); !equal(got, 201, 201) {
		t.Errorf("well again: got %v, want 201 201", got)
	}
	if strings.Count(w.log.String(), "\n") < 12 {
		t.Error("a fault has no line in the log")
	}
}

func TestFaultsSpeakTheProtocolOfTheService(t *testing.T) {
	w := newWorldOf(t, Config{Now: time.Now})
	client := w.stsClient(w.start(), w.administrator())
	for _, test := range []struct {
		fault  Fault
		code   string
		server bool
	}{{Throttle(1), "Throttling", false}, {Errors(1), "InternalFailure", true}} {
		w.Fail(test.fault)
		_, err := client.GetCallerIdentity(t.Context(), nil)
		var refused smithy.APIError
		if !errors.As(err, &refused) || refused.ErrorCode() != test.code {
			t.Errorf("got %v, want %s", err, test.code)
		}
		if _, err := client.GetCallerIdentity(t.Context(), nil); err != nil {
			t.Errorf("after it: %v", err)
		}
	}
}

func TestAShareOfRequestsFails(t *testing.T) {
	w := newWorld(t)
	fault, err := ParseFault("errors=50%")
	if err != nil {
		t.Fatal(err)
	}
	w.Fail(fault)
	failed := 0
	for range 400 {
		if w.serve(w.request(&call{identity: w.client, at: noon, region: "a", path: "/sessions"})).Code == 500 {
			failed++
		}
	}
	if failed < 120 || failed > 280 { // eight standard deviations
		t.Errorf("got %d of 400, want about 200", failed)
	}
	for text, want := range map[string]int{"errors=0%": 201, "errors=100%": 500} {
		fault, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		w.Fail(fault)
		if got := w.do(w.call()).Code; got != want {
			t.Errorf("%s: got %d, want %d", text, got, want)
		}
	}
}

func TestLatencyDelaysTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, Config{Now: time.Now})
		w.Fail(Latency(time.Minute))
		start := time.Now()
		w.granted(w.call())
		if got := time.Since(start); got != time.Minute {
			t.Errorf("got an answer after %s, want a minute", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		answer := w.serve(w.request(w.call()).WithContext(ctx))
		if answer.Body.Len() > 0 || time.Since(start) != time.Minute+time.Second {
			t.Errorf("a client that gives up: got %s after %s", answer.Body, time.Since(start))
		}
	})
}

func TestHangLetsGoWhenTheClientGivesUp(t *testing.T) {
	w := newWorldOf(t, Config{Log: quiet()})
	url := w.start() // whose Close would wait for ever otherwise
	w.Fail(Hang(1))
	c := w.call()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r := must(http.NewRequestWithContext(ctx, http.MethodPost, url+"/sessions?"+c.query.Encode(), strings.NewReader(c.body)))(t)
	signer := must(sigv4x509.NewSigner(c.identity.Certificate, c.identity.Chain, c.identity.Key))(t)
	if err := signer.Sign(r, []byte(c.body), c.region, c.at); err != nil {
		t.Fatal(err)
	}
	if _, err := http.DefaultClient.Do(r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want context.DeadlineExceeded", err)
	}
	if got := w.statuses(1); !equal(got, 201) {
		t.Errorf("after it: got %v, want 201", got)
	}
}

func TestCutAnswersEndInTheMiddle(t *testing.T) {
	w := newWorldOf(t, Config{Log: quiet()})
	url := w.start()
	w.Fail(Cut(1))
	c := w.call()
	r := must(http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/sessions?"+c.query.Encode(), strings.NewReader(c.body)))(t)
	signer := must(sigv4x509.NewSigner(c.identity.Certificate, c.identity.Chain, c.identity.Key))(t)
	if err := signer.Sign(r, []byte(c.body), c.region, c.at); err != nil {
		t.Fatal(err)
	}
	response := must(http.DefaultClient.Do(r))(t)
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if response.StatusCode != 201 || !errors.Is(err, io.ErrUnexpectedEOF) || int64(len(got)) != response.ContentLength/2 {
		t.Errorf("got %d, %d of %d bytes, %v; want 201 and half of them", response.StatusCode, len(got), response.ContentLength, err)
	}
	if got := w.statuses(1); !equal(got, 201) {
		t.Errorf("after it: got %v, want 201", got)
	}
}

func TestSkewMovesTheEmulatorsClock(t *testing.T) {
	w := newWorld(t)
	w.Fail(Skew(10 * time.Minute))
	answer := w.do(w.call())
	if want := "the request was signed too long ago: 2026-11-22 12:00:00 UTC, and it is 2026-11-22 12:10:00 UTC"; answer.Code != 403 || answer.Header().Get(HeaderReason) != want {
		t.Errorf("got %d %q, want 403 %q", answer.Code, answer.Header().Get(HeaderReason), want)
	}
	if got := answer.Header().Get("Date"); got != "Sun, 22 Nov 2026 12:10:00 GMT" {
		t.Errorf("got Date %s, want the emulator's clock", got)
	}
	late := w.call()
	late.at = noon.Add(10 * time.Minute)
	if got := w.granted(late).CredentialSet[0].Credentials.Expiration; got != "2026-11-22T13:10:00Z" {
		t.Errorf("got expiration %s, want it by the emulator's clock", got)
	}
	w.Fail()
	w.granted(w.call())
}

func TestParseFault(t *testing.T) {
	for text, want := range map[string]Fault{
		"latency=200ms": Latency(200 * time.Millisecond),
		"skew=-10m":     Skew(-10 * time.Minute),
		"errors=3":      Errors(3),
		"throttle=1":    Throttle(1),
		"cut=2":         Cut(2),
		"hang=1":        Hang(1),
		"errors=10%":    {kind: "errors", rate: 0.1},
		"cut=0%":        {kind: "cut"},
		"hang=100%":     {kind: "hang", rate: 1},
		"throttle=2.5%": {kind: "throttle", rate: 0.025},
	} {
		if got, err := ParseFault(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "=", "latency", "latency=", "latency=200", "latency=-1s", "latency=10%", "skew=a", "errors=0", "errors=-1", "errors=1.5",
		"errors=%", "errors=101%", "errors=-1%", "errors=NaN%", "throttle=a", "fire=1", "Errors=1", " errors=1",
	} {
		if got, err := ParseFault(text); !errors.Is(err, ErrFault) {
			t.Errorf("%q: got %+v, %v, want ErrFault", text, got, err)
		}
	}
	for text := range strings.SplitSeq(Faults, ", ") {
		if _, err := ParseFault(text); err != nil {
			t.Errorf("the help says %s: %v", text, err)
		}
	}
}

func FuzzParseFault(f *testing.F) {
	for text := range strings.SplitSeq(Faults, ", ") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := ParseFault(text)
		if err != nil {
			return
		}
		if !(fault.rate >= 0 && fault.rate <= 1) || fault.count < 0 || fault.kind == "latency" && fault.delay < 0 {
			t.Errorf("%q: got %+v", text, fault)
		}
	})
}
