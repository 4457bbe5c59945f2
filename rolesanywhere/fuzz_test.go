package rolesanywhere

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
)

// FuzzAnswer reads an answer of any status, headers and body: it is an error that is fit to be shown, or a session that
// is all that a session must be.
func FuzzAnswer(f *testing.F) {
	date := testTime.Format(http.TimeFormat)
	for _, s := range []struct {
		status  int
		headers string
		body    string
	}{
		{201, "Content-Type: application/json\nX-Amzn-RequestId: 5d0c\nDate: " + date, goodAnswer},
		{200, "Content-Type: application/x-amz-json-1.0\nDate: " + testTime.Add(time.Hour).Format(http.TimeFormat), goodAnswer},
		{201, "Content-Type: text/html\nServer: nginx\nVia: 1.1 squid", "<html>"},
		{302, "Location: https://example.com", ""},
		{403, "Content-Type: application/json\nX-Amzn-ErrorType: AccessDeniedException:http://internal/coral/\nX-Amzn-RequestId: 5d0c", accessDenied},
		{400, "", `{"__type":"com.amazonaws.rolesanywhere#ValidationException","Message":"1 validation error detected"}`},
		{404, "", `{"code":"ResourceNotFoundException"}`},
		{429, "Retry-After: 3", `{"message":"Rate exceeded"}`},
		{503, "Retry-After: " + date, `{"message":"x","retryAfterSeconds":4}`},
		{201, "", strings.Replace(goodAnswer, "2026-11-22T21:00:00Z", "2026-11-22T23:00:00.5+02:00", 1)},
		{201, "", strings.Replace(goodAnswer, `"packedPolicySize":12`, `"x":[{"a":null},1e9,true]`, 1)},
	} {
		f.Add(s.status, s.headers, []byte(s.body))
	}
	const signature = "3045022100aabbccddeeff00112233445566778899aabbccddeeff"
	call := newCall(f)
	call.signatures = []string{signature}
	f.Fuzz(func(t *testing.T, status int, headers string, body []byte) {
		r := response(status, "")
		for line := range strings.Lines(headers) {
			name, value, _ := strings.Cut(line, ":")
			r.Header.Add(name, strings.TrimSpace(value))
		}
		session, err := call.read(&answer{response: r, body: body, received: testTime})
		if (session == nil) == (err == nil) {
			t.Fatalf("got session %v and error %v", session, err)
		}
		if err != nil {
			checkShown(t, err, signature)
			return
		}
		checkSession(t, session, status, call.request)
	})
}

// checkShown demands a text for people.
func checkShown(t *testing.T, err error, signature string) {
	var hint string
	refused, failed := new(Error), new(ConnectionError)
	switch {
	case errors.As(err, &refused):
		hint = refused.Hint()
		if refused.RetryAfter < 0 || refused.RetryAfter > 24*time.Hour {
			t.Fatalf("got a wait of %s", refused.RetryAfter)
		}
		if refused.Code == "" || refused.Status < 400 {
			t.Fatalf("got %#v", refused)
		}
	case errors.As(err, &failed):
		hint = failed.Hint()
	default:
		t.Fatalf("got %T", err)
	}
	text := err.Error() + hint
	if len(text) > 4000 || strings.Contains(text, signature[:16]) || strings.ContainsFunc(text, unicode.IsControl) {
		t.Fatalf("got %q", text)
	}
}

// checkSession demands what is promised of every session.
func checkSession(t *testing.T, s *Session, status int, r Request) {
	k := s.Credentials
	now := testTime
	if s.ClockOffset.Abs() <= maxOffset {
		now = now.Add(s.ClockOffset)
	}
	left := k.Expires.Sub(now)
	switch {
	case status != 200 && status != 201:
		t.Fatalf("got a session with status %d", status)
	case len(k.AccessKeyID) < 16 || k.SecretAccessKey == "" || k.SessionToken == "" || !k.CanExpire || k.Source != Source:
		t.Fatalf("got %q", k.AccessKeyID)
	case k.AccountID != "123456789012" || left <= 0 || left > 12*time.Hour+5*time.Minute:
		t.Fatalf("got account %s and %s left", k.AccountID, left)
	case s.AssumedRoleARN != "" && !strings.HasPrefix(s.AssumedRoleARN, "arn:aws:sts::123456789012:assumed-role/backup/"):
		t.Fatalf("got %q of %s", s.AssumedRoleARN, r.RoleARN)
	}
	secret := func(r rune) bool { return r <= ' ' || r > '~' }
	if strings.ContainsFunc(k.AccessKeyID+k.SecretAccessKey+k.SessionToken, secret) {
		t.Fatal("a credential has other characters than printable ASCII")
	}
	if strings.ContainsFunc(s.AssumedRoleARN+s.SubjectARN+s.SourceIdentity+s.RequestID, unicode.IsControl) {
		t.Fatalf("got %+q", s.SourceIdentity)
	}
}

func BenchmarkReadAnswer(b *testing.B) {
	call := newCall(b)
	a := &answer{response: response(201, ""), body: []byte(goodAnswer), received: testTime}
	for b.Loop() {
		if _, err := call.read(a); err != nil {
			b.Fatal(err)
		}
	}
}
