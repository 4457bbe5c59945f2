package container_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/serve/container"
)

func ask(h http.Handler, token string) (int, http.Header, map[string]string) {
	r := httptest.NewRequest(http.MethodGet, "/credentials", nil)
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var answer map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		return w.Code, w.Header(), map[string]string{"body": w.Body.String()}
	}
	return w.Code, w.Header(), answer
}

func giving(c aws.Credentials, err error) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, err })
}

var (
	ends      = time.Date(2046, 11, 27, 12, 0, 0, 999, time.FixedZone("", 3600))
	temporary = aws.Credentials{
		AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "secret", SessionToken: "token", CanExpire: true, Expires: ends, AccountID: "123456789012",
	}
)

func TestEachTokenGetsItsOwnCredentials(t *testing.T) {
	other := temporary
	other.AccessKeyID = "ASIAOTHER"
	h := &container.Handler{Grants: []container.Grant{
		{Token: container.Hash("one"), Provider: giving(temporary, nil)}, {Token: container.Hash("two"), Provider: giving(other, nil)},
	}}
	code, header, got := ask(h, "one")
	for key, want := range map[string]string{
		"AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "SecretAccessKey": "secret", "Token": "token", "Expiration": "2046-11-27T11:00:00Z", "AccountId": "123456789012",
	} {
		if got[key] != want {
			t.Errorf("%s: got %q, want %q", key, got[key], want)
		}
	}
	if code != http.StatusOK || header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d, %v", code, header)
	}
	if _, _, got := ask(h, "two"); got["AccessKeyId"] != "ASIAOTHER" {
		t.Errorf("got %v", got)
	}
}

func TestNoOtherTokenGetsAnything(t *testing.T) {
	h := &container.Handler{Grants: []container.Grant{{Token: container.Hash("one"), Provider: giving(temporary, nil)}}}
	for _, token := range []string{"", "on", "One", "one ", "Bearer one", "oneone", strings.Repeat("x", 10000)} {
		code, _, got := ask(h, token)
		if code != http.StatusForbidden || got["code"] != "AccessDenied" || got["AccessKeyId"] != "" || got["message"] == "" {
			t.Errorf("%.20q: got %d %v", token, code, got)
		}
	}
	if code, _, _ := ask(&container.Handler{}, ""); code != http.StatusForbidden {
		t.Errorf("without grants: got %d", code)
	}
}

// A failure is 503 with a time to ask again, never 200 with nothing, and says nothing of its cause to whoever asks.
func TestWithoutCredentialsThereIsNoSuccess(t *testing.T) {
	cause := errors.New("create session: secret details")
	var told error
	h := &container.Handler{
		Grants: []container.Grant{{Token: container.Hash("one"), Provider: giving(aws.Credentials{}, cause), Name: "backup"}},
		Failed: func(g container.Grant, err error) {
			if g.Name == "backup" {
				told = err
			}
		},
	}
	code, header, got := ask(h, "one")
	if code != http.StatusServiceUnavailable || header.Get("Retry-After") != "1" || got["code"] != "CredentialsUnavailable" || strings.Contains(got["message"], "details") {
		t.Errorf("got %d %v %v", code, header, got)
	}
	if !errors.Is(told, cause) {
		t.Errorf("told %v", told)
	}
}

// Clients wait for a second at least: they get an answer before.
func TestAnAnswerIsNeverLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &container.Handler{Grants: []container.Grant{{Token: container.Hash("one"), Provider: aws.CredentialsProviderFunc(
			func(ctx context.Context) (aws.Credentials, error) {
				<-ctx.Done()
				return aws.Credentials{}, ctx.Err()
			})}}}
		start := time.Now()
		code, _, _ := ask(h, "one")
		if took := time.Since(start); code != http.StatusServiceUnavailable || took != 700*time.Millisecond {
			t.Errorf("got %d after %s, want 503 after 700ms", code, took)
		}
	})
}

func TestTheLastMinuteIsToldExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for left, want := range map[time.Duration]string{
			time.Minute + 999*time.Millisecond: "2000-01-01T00:01:00Z", 1500 * time.Millisecond: "2000-01-01T00:00:01.500Z",
		} {
			c := temporary
			c.Expires = time.Now().Add(left)
			h := &container.Handler{Grants: []container.Grant{{Token: container.Hash("one"), Provider: giving(c, nil)}}}
			if _, _, got := ask(h, "one"); got["Expiration"] != want {
				t.Errorf("got %s, want %s", got["Expiration"], want)
			}
		}
	})
}

// Clients demand an end and a token, so that what has neither gets an end in an hour.
func TestCredentialsWithoutAnEnd(t *testing.T) {
	h := &container.Handler{Grants: []container.Grant{{Token: container.Hash("one"), Provider: giving(aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "s"}, nil)}}}
	_, _, got := ask(h, "one")
	until, err := time.Parse(time.RFC3339, got["Expiration"])
	if err != nil || time.Until(until) < 59*time.Minute || time.Until(until) > time.Hour {
		t.Errorf("got %v, %v", got, err)
	}
	if token, there := got["Token"]; token != "" || !there {
		t.Errorf("got token %q, there: %t", token, there)
	}
}
