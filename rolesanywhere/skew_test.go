package rolesanywhere

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// skewed answers as AWS does to a clock: it refuses requests that are five minutes off.
func skewed(t *testing.T, ahead time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		now := testTime.Add(ahead)
		signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
		if err != nil {
			t.Error(err)
		}
		date := now.Format(http.TimeFormat)
		if now.Sub(signed).Abs() >= 5*time.Minute {
			sends(403, `{"message":"Signature expired"}`, "Date", date, errorType, "AccessDeniedException")(w, r)
			return
		}
		body := strings.Replace(goodAnswer, "2026-11-22T21:00:00Z", now.Add(time.Hour).Format(time.RFC3339), 1)
		sends(201, body, "Date", date)(w, r)
	}
}

func TestSkewIsCorrected(t *testing.T) {
	id := newIdentity(t)
	const day = 24 * time.Hour
	for _, ahead := range []time.Duration{5 * time.Minute, -5 * time.Minute, time.Hour, -time.Hour, day, -day} {
		for _, over := range []string{"TLS", "loopback"} {
			t.Run(over+"/"+ahead.String(), func(t *testing.T) {
				var h *hostile
				if over == "TLS" {
					h = newTLS(t, skewed(t, ahead))
				} else {
					h = newHostile(t, nil, nil, skewed(t, ahead))
				}
				session, err := h.client.CreateSession(t.Context(), id, testRequest)
				if err != nil {
					t.Fatal(err)
				}
				if want := testTime.Add(ahead + time.Hour); !session.Credentials.Expires.Equal(want) || session.ClockOffset != ahead {
					t.Errorf("got expiration %s and offset %s, want %s and %s", session.Credentials.Expires, session.ClockOffset, want, ahead)
				}
				const form = "20060102T150405Z"
				if want := []string{testTime.Format(form), testTime.Add(ahead).Format(form)}; !slices.Equal(h.dates, want) {
					t.Errorf("got requests at %v, want %v", h.dates, want)
				}
			})
		}
	}
}

func TestSkewIsNotCorrected(t *testing.T) {
	id := newIdentity(t)
	date := func(ahead time.Duration) string { return testTime.Add(ahead).Format(http.TimeFormat) }
	plain := func(r *http.Response) *http.Response {
		r.TLS = nil
		return r
	}
	for _, c := range []struct {
		name   string
		answer func() *http.Response
		known  time.Duration // offset told
	}{
		{"by an answer that came neither through TLS nor from loopback", func() *http.Response {
			return plain(response(403, accessDenied, "Date", date(time.Hour)))
		}, 0},
		{"by an answer out of a cache", func() *http.Response {
			return response(403, accessDenied, "Date", date(time.Hour), "Age", "0")
		}, 0},
		{"by an answer without a date", func() *http.Response { return response(403, accessDenied) }, 0},
		{"by a date that is none", func() *http.Response { return response(403, accessDenied, "Date", "today") }, 0},
		{"when the clock is right", func() *http.Response { return response(403, accessDenied, "Date", date(time.Second)) }, 0},
		{"when the clock is four minutes off", func() *http.Response {
			return response(403, accessDenied, "Date", date(4*time.Minute))
		}, 4 * time.Minute},
		{"when the clock is four minutes off the other way", func() *http.Response {
			return response(403, accessDenied, "Date", date(-4*time.Minute))
		}, -4 * time.Minute},
		{"when the clock is absurdly off", func() *http.Response {
			return response(403, accessDenied, "Date", date(49*time.Hour))
		}, 49 * time.Hour},
		{"by something that is not found", func() *http.Response {
			return response(404, `{"code":"ResourceNotFoundException"}`, "Date", date(time.Hour))
		}, time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fakeAWS{t: t, answer: func(int, *http.Request) (*http.Response, error) { return c.answer(), nil }}
			client := Client{Region: "eu-west-1", Transport: f, Now: func() time.Time { return testTime }}
			_, err := client.CreateSession(t.Context(), id, testRequest)
			refused := new(Error)
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want *Error", err)
			}
			if refused.ClockOffset != c.known {
				t.Errorf("got offset %s, want %s", refused.ClockOffset, c.known)
			}
			if len(f.at) != 1 {
				t.Errorf("got %d attempts, want 1", len(f.at))
			}
		})
	}
}

func TestSkewJustOverFourMinutesIsCorrectedOnce(t *testing.T) {
	id := newIdentity(t)
	f := &fakeAWS{t: t, answer: always(403, accessDenied, "Date", testTime.Add(4*time.Minute+time.Second).Format(http.TimeFormat))}
	client := Client{Region: "eu-west-1", Transport: f, Now: func() time.Time { return testTime }}
	_, err := client.CreateSession(t.Context(), id, testRequest)
	refused := new(Error)
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want *Error", err)
	}
	if want := []string{"20261122T200000Z", "20261122T200401Z"}; !slices.Equal(f.dates, want) {
		t.Errorf("got requests at %v, want %v", f.dates, want)
	}
	const want = "this host's clock is 4m1s behind AWS's; set it right, and keep it so with NTP"
	if got := refused.Hint(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestCorrectionIsKeptForLaterAttempts(t *testing.T) {
	id := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		f := &fakeAWS{t: t}
		f.answer = func(n int, _ *http.Request) (*http.Response, error) {
			date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
			switch n {
			case 1:
				return response(403, accessDenied, "Date", date), nil
			case 2, 3:
				return response(503, `{}`, "Date", date, "Retry-After", "1"), nil
			}
			return nil, errors.New("a fourth attempt")
		}
		_, err := f.call(t.Context(), id)
		if refused := new(Error); !errors.As(err, &refused) || refused.Status != 503 {
			t.Errorf("got %v, want the refusal with 503", err)
		}
		if want := []string{"20000101T000000Z", "20000101T010000Z", "20000101T010001Z"}; !slices.Equal(f.dates, want) {
			t.Errorf("got requests at %v, want %v", f.dates, want)
		}
	})
}
