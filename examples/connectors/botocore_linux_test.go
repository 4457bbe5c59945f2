package connectors

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/awsauth-go/awsauth/internal/foreign"
	"github.com/awsauth-go/awsauth/internal/sigv4"
)

// botocore computes the signature of requests that the emulator is about to check, with AWS's own code for Python, and holds the
// emulator's answer against it.
type botocore struct {
	t       testing.TB
	account *account
	next    http.Handler

	mu     sync.Mutex // guards all below
	in     io.Writer
	out    *bufio.Reader
	good   int // requests whose signature is right
	wrong  int
	differ []string // requests of which the emulator thinks otherwise
}

// newBotocore stands before an account's emulator, for requests that are signed in their headers for the connectors' services.
func newBotocore(t testing.TB, a *account, next http.Handler) *botocore {
	t.Helper()
	c := foreign.Command(t, foreign.Pythons(t)[0].Path, "testdata/verify.py")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	foreign.Start(t, c)
	return &botocore{t: t, account: a, next: next, in: in, out: bufio.NewReader(out)}
}

func (b *botocore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	given, err := sigv4.Parse(r)
	if err != nil || r.Header.Get("Authorization") == "" || !slices.Contains([]string{"sqs", "sns", "rekognition"}, given.Service) {
		b.next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Error(err)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	key, known := b.account.secret(given.AccessKeyID)
	if !known {
		b.next.ServeHTTP(w, r)
		return
	}
	headers := map[string]string{}
	for _, name := range given.SignedHeaders {
		if name != "host" {
			headers[name] = r.Header.Get(name)
		}
	}
	question, err := json.Marshal(map[string]any{
		"method": r.Method, "url": "http://" + r.Host + r.URL.RequestURI(), "headers": headers, "body": body, "date": r.Header.Get("X-Amz-Date"),
		"key": given.AccessKeyID, "secret": key.SecretAccessKey, "token": given.SessionToken, "service": given.Service, "region": given.Region,
	})
	if err != nil {
		b.t.Error(err)
		return
	}
	signature, err := b.ask(question)
	if err != nil {
		b.t.Errorf("botocore: %v", err)
		return
	}
	right := strings.HasSuffix(r.Header.Get("Authorization"), "Signature="+signature)
	recorder := httptest.NewRecorder()
	b.next.ServeHTTP(recorder, r)
	answer := recorder.Body.Bytes()
	refused := recorder.Code >= 400 && (bytes.Contains(answer, []byte("SignatureDoesNotMatch")) ||
		strings.Contains(recorder.Header().Get("X-Amzn-Errortype")+string(answer), "InvalidSignatureException"))
	b.mu.Lock()
	if right {
		b.good++
	} else {
		b.wrong++
	}
	if refused == right {
		b.differ = append(b.differ, fmt.Sprintf("%s %s: right %t, and the emulator answers %d %s", given.Service, r.URL.Path, right, recorder.Code, answer))
	}
	b.mu.Unlock()
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(answer) // the client may have gone
}

func (b *botocore) ask(question []byte) (signature string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.in.Write(append(question, '\n')); err != nil {
		return "", err
	}
	line, err := b.out.ReadString('\n')
	return strings.TrimSpace(line), err
}

// check fails where botocore and the emulator do not agree, or have not been asked.
func (b *botocore) check(t *testing.T) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	t.Logf("botocore: %d signatures are right, %d are wrong; the emulator thinks so too of all but %d", b.good, b.wrong, len(b.differ))
	if b.good == 0 || b.wrong == 0 || len(b.differ) > 0 {
		t.Errorf("of %d right and %d wrong signatures the emulator thinks otherwise: %s", b.good, b.wrong, strings.Join(b.differ, "; "))
	}
}
