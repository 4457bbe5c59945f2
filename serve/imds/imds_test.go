package imds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

var ends = time.Date(2046, 11, 27, 12, 0, 0, 999, time.FixedZone("", 3600))

func newHandler(err error) *Handler {
	return &Handler{
		Role: "backup",
		Provider: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret", SessionToken: "token", CanExpire: true, Expires: ends}, err
		}),
		Subject: func(r *http.Request) (string, error) {
			if who := r.Header.Get("X-Test-User"); who != "" {
				return who, nil
			}
			return "", errors.New("nobody")
		},
	}
}

func ask(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("X-Test-User", "alice")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func newToken(t *testing.T, h http.Handler, headers ...string) string {
	t.Helper()
	w := ask(h, "PUT", "/latest/api/token", append([]string{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}, headers...)...)
	if w.Code != http.StatusOK || w.Header().Get("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") != "21600" || w.Body.Len() != 52 {
		t.Fatalf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	return w.Body.String()
}

func TestTokenRoleCredentials(t *testing.T) {
	h := newHandler(nil)
	value := newToken(t, h)
	for _, path := range []string{"/latest/meta-data/iam/security-credentials/", "/latest/meta-data/iam/security-credentials"} {
		if w := ask(h, "GET", path, tokenHeader, value); w.Code != http.StatusOK || w.Body.String() != "backup" {
			t.Errorf("%s: got %d %s", path, w.Code, w.Body)
		}
	}
	w := ask(h, "GET", "/latest/meta-data/iam/security-credentials/backup", tokenHeader, value)
	var got map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
		t.Fatalf("got %d %s, %v", w.Code, w.Body, err)
	}
	for key, want := range map[string]string{
		"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "SecretAccessKey": "secret", "Token": "token",
		"Expiration": "2046-11-27T11:00:00Z",
	} {
		if got[key] != want {
			t.Errorf("%s: got %q, want %q", key, got[key], want)
		}
	}
	if _, err := time.Parse(timeForm, got["LastUpdated"]); err != nil {
		t.Error(err)
	}
}

// Whatever is asked without a token that is good for who asks, of version 1 all, is 401; nothing else is there.
func TestWhatIsRefused(t *testing.T) {
	h := newHandler(nil)
	good := newToken(t, h)
	of := newToken(t, h, "X-Test-User", "bob")
	const credentials = "/latest/meta-data/iam/security-credentials/backup"
	for _, c := range []struct {
		name, method, path string
		headers            []string
		want               int
	}{
		{"version 1", "GET", credentials, nil, 401},
		{"version 1, the role", "GET", "/latest/meta-data/iam/security-credentials/", nil, 401},
		{"version 1, anything", "GET", "/latest/dynamic/instance-identity/document", nil, 401},
		{"an empty token", "GET", credentials, []string{tokenHeader, ""}, 401},
		{"another token", "GET", credentials, []string{tokenHeader, good + "x"}, 401},
		{"somebody else's token", "GET", credentials, []string{tokenHeader, of}, 401},
		{"one's own token, somebody else", "GET", credentials, []string{tokenHeader, good, "X-Test-User", "bob"}, 401},
		{"nobody", "GET", credentials, []string{tokenHeader, good, "X-Test-User", ""}, 403},
		{"nobody wants a token", "PUT", tokenPath, []string{ttlHeader, "60", "X-Test-User", ""}, 403},
		{"no life", "PUT", tokenPath, nil, 400},
		{"a life of nothing", "PUT", tokenPath, []string{ttlHeader, "0"}, 400},
		{"a life of more than six hours", "PUT", tokenPath, []string{ttlHeader, "21601"}, 400},
		{"a negative life", "PUT", tokenPath, []string{ttlHeader, "-1"}, 400},
		{"a life that is no number", "PUT", tokenPath, []string{ttlHeader, "6e3"}, 400},
		{"a token by GET", "GET", tokenPath, []string{ttlHeader, "60"}, 405},
		{"a token by POST", "POST", tokenPath, []string{ttlHeader, "60"}, 405},
		{"credentials by PUT", "PUT", credentials, []string{tokenHeader, good}, 405},
		{"another role", "GET", "/latest/meta-data/iam/security-credentials/other", []string{tokenHeader, good}, 404},
		{"the extended path", "GET", "/latest/meta-data/iam/security-credentials-extended/", []string{tokenHeader, good}, 404},
		{"another version of the data", "GET", "/2021-03-23/meta-data/iam/security-credentials/backup", []string{tokenHeader, good}, 404},
		{"a way around", "GET", "/latest/meta-data/iam/../iam/security-credentials/backup", []string{tokenHeader, good}, 404},
	} {
		w := ask(h, c.method, c.path, c.headers...)
		if w.Code != c.want || strings.Contains(w.Body.String(), "secret\"") || strings.Contains(w.Body.String(), "ASIA") {
			t.Errorf("%s: got %d %s, want %d", c.name, w.Code, w.Body, c.want)
		}
	}
}

func TestATokenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(nil)
		w := ask(h, "PUT", tokenPath, ttlHeader, "60")
		time.Sleep(time.Minute - 1)
		if got := ask(h, "GET", rolePath, tokenHeader, w.Body.String()); got.Code != http.StatusOK {
			t.Errorf("before its end: got %d", got.Code)
		}
		time.Sleep(time.Nanosecond)
		if got := ask(h, "GET", rolePath, tokenHeader, w.Body.String()); got.Code != http.StatusUnauthorized {
			t.Errorf("at its end: got %d", got.Code)
		}
	})
}

// Whoever asks for tokens without end takes none from others.
func TestTokensAreBounded(t *testing.T) {
	h := newHandler(nil)
	mine := newToken(t, h, "X-Test-User", "alice")
	var last string
	for range 20_000 {
		last = newToken(t, h, "X-Test-User", "mallory")
	}
	if n := len(h.tokens.byHash); n > mostTokens {
		t.Errorf("got %d tokens", n)
	}
	for who, value := range map[string]string{"alice": mine, "mallory": last} {
		if got := ask(h, "GET", rolePath, tokenHeader, value, "X-Test-User", who); got.Code != http.StatusOK {
			t.Errorf("%s: got %d", who, got.Code)
		}
	}
	// Many subjects share what there is.
	for i := range 2 * mostTokens {
		newToken(t, h, "X-Test-User", fmt.Sprint("user ", i))
	}
	if n := len(h.tokens.byHash); n > mostTokens {
		t.Errorf("got %d tokens", n)
	}
}

func TestEndedTokensMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(nil)
		for range mostTokens {
			ask(h, "PUT", tokenPath, ttlHeader, "1")
		}
		time.Sleep(2 * time.Second)
		newToken(t, h)
		if n := len(h.tokens.byHash); n != 1 {
			t.Errorf("got %d tokens, want the new one alone", n)
		}
	})
}

func TestWithoutCredentialsThereIsNoSuccess(t *testing.T) {
	h := newHandler(errors.New("create session: details"))
	var told []string
	h.Decided = func(_ *http.Request, why string, _ aws.Credentials) { told = append(told, why) }
	w := ask(h, "GET", rolePath+"/backup", tokenHeader, newToken(t, h))
	if w.Code != http.StatusServiceUnavailable || strings.Contains(w.Body.String(), "details") || len(told) != 2 || told[0] != "" || told[1] == "" {
		t.Errorf("got %d %s, told %q", w.Code, w.Body, told)
	}
}

func TestAnAnswerIsNeverLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHandler(nil)
		h.Provider = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			<-ctx.Done()
			return aws.Credentials{}, ctx.Err()
		})
		value := newToken(t, h)
		start := time.Now()
		w := ask(h, "GET", rolePath+"/backup", tokenHeader, value)
		if took := time.Since(start); w.Code != http.StatusServiceUnavailable || took != 700*time.Millisecond {
			t.Errorf("got %d after %s", w.Code, took)
		}
	})
}

// The form of the answer has whole seconds: nothing is given in the part of a second after the end that it tells.
func TestNothingIsGivenAfterTheEndThatIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().Truncate(time.Second)
		h := newHandler(nil)
		h.Provider = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret", CanExpire: true, Expires: start.Add(2900 * time.Millisecond)}, nil
		})
		value := newToken(t, h)
		for _, moment := range []struct {
			after time.Duration
			want  int
		}{{1900 * time.Millisecond, http.StatusOK}, {2100 * time.Millisecond, http.StatusServiceUnavailable}} {
			time.Sleep(time.Until(start.Add(moment.after)))
			if w := ask(h, "GET", "/latest/meta-data/iam/security-credentials/backup", tokenHeader, value); w.Code != moment.want {
				t.Errorf("after %s: got %d %s, want %d", moment.after, w.Code, w.Body, moment.want)
			}
		}
	})
}
