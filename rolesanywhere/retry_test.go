package rolesanywhere

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

func TestBackoff(t *testing.T) {
	highest := func(n int64) int64 { return n - 1 }
	lowest := func(int64) int64 { return 0 }
	for _, c := range []struct {
		name       string
		attempt    int
		retryAfter time.Duration
		random     func(int64) int64
		want       time.Duration
	}{
		{"at least nothing", 1, 0, lowest, 0},
		{"at most 200 ms after the first", 1, 0, highest, 200 * time.Millisecond},
		{"twice as much after the second", 2, 0, highest, 400 * time.Millisecond},
		{"and after the fourth", 4, 0, highest, 1600 * time.Millisecond},
		{"never over 2 s", 5, 0, highest, 2 * time.Second},
		{"never over 2 s, later either", 30, 0, highest, 2 * time.Second},
		{"as long as is asked for", 1, 3 * time.Second, highest, 3 * time.Second},
		{"longer than is asked for", 2, 300 * time.Millisecond, highest, 400 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := backoff(c.attempt, c.retryAfter, c.random); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// fakeAWS is a transport that verifies what it gets, notes when, and answers as a test says. It is for bubbles.
type fakeAWS struct {
	t      *testing.T
	answer func(n int, r *http.Request) (*http.Response, error) // n from 1

	start time.Time
	at    []time.Duration // of each attempt
	dates []string
	sums  []string // signatures
	idle  int      // calls of CloseIdleConnections
}

func (f *fakeAWS) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if _, err := sigv4x509.Verify(r, body); err != nil {
		f.t.Errorf("attempt %d: %v", len(f.at)+1, err)
	}
	f.at = append(f.at, time.Since(f.start))
	f.dates = append(f.dates, r.Header.Get("X-Amz-Date"))
	f.sums = append(f.sums, signatureOf(r))
	return f.answer(len(f.at), r)
}

func (f *fakeAWS) CloseIdleConnections() { f.idle++ }

// call starts the clock and calls CreateSession through f.
func (f *fakeAWS) call(ctx context.Context, id *identity.Identity) (*Session, error) {
	f.start = time.Now()
	return (&Client{Region: "eu-west-1", Transport: f}).CreateSession(ctx, id, testRequest)
}

// always answers the same.
func always(status int, body string, headers ...string) func(int, *http.Request) (*http.Response, error) {
	return func(int, *http.Request) (*http.Response, error) { return response(status, body, headers...), nil }
}

func failing(err error) func(int, *http.Request) (*http.Response, error) {
	return func(int, *http.Request) (*http.Response, error) { return nil, err }
}

// silence never answers.
func silence(_ int, r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// goodNow is goodAnswer by the clock of a bubble.
func goodNow() string {
	return strings.Replace(goodAnswer, "2026-11-22T21:00:00Z", time.Now().Add(time.Hour).UTC().Format(time.RFC3339), 1)
}

func TestHowOftenAnAttemptIsMade(t *testing.T) {
	id := newIdentity(t)
	for _, c := range []struct {
		name   string
		answer func(int, *http.Request) (*http.Response, error)
		want   int
	}{
		{"a refusal, once", always(403, accessDenied), 1},
		{"what is not found, once", always(404, `{"message":"no"}`), 1},
		{"a mistake, once", always(400, `{"code":"ValidationException"}`), 1},
		{"throttling by status, three times", always(429, `{}`), 3},
		{"throttling by code, three times", always(400, `{"code":"ThrottlingException"}`), 3},
		{"a failure of the service, three times", always(500, `{}`), 3},
		{"an unavailable service, three times", always(503, `<html>`), 3},
		{"a refused connection, three times", failing(syscall.ECONNREFUSED), 3},
		{"a cut connection, three times", failing(io.ErrUnexpectedEOF), 3},
		{"an answer that is distrusted, once", always(201, `{}`), 1},
		{"a captive portal, once", always(200, `<html>`, "Content-Type", "text/html"), 1},
		{"a proxy that wants a password, once", failing(proxyRefusal(407)), 1},
		{"a proxy that is overloaded, three times", failing(proxyRefusal(503)), 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeAWS{t: t, answer: c.answer}
				if _, err := f.call(t.Context(), id); err == nil {
					t.Error("got no error")
				}
				if len(f.at) != c.want {
					t.Errorf("got %d attempts, want %d", len(f.at), c.want)
				}
				for n, limit := range []time.Duration{0, 200 * time.Millisecond, 600 * time.Millisecond}[:len(f.at)] {
					if f.at[n] > limit {
						t.Errorf("attempt %d came after %s, want at most %s", n+1, f.at[n], limit)
					}
				}
				if f.idle != 0 {
					t.Error("idle connections were closed without a timeout")
				}
			})
		})
	}
}

func TestJitterSpreadsAttempts(t *testing.T) {
	id := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		seen := make(map[time.Duration]bool)
		for range 20 {
			f := &fakeAWS{t: t, answer: always(500, `{}`)}
			if _, err := f.call(t.Context(), id); err == nil {
				t.Fatal("got no error")
			}
			seen[f.at[1]] = true
		}
		if len(seen) < 15 {
			t.Errorf("got %d different waits of 20", len(seen))
		}
	})
}

func TestEachAttemptIsSignedAnew(t *testing.T) {
	id := newIdentity(t)
	synctest.Test(t, func(t *testing.T) {
		f := &fakeAWS{t: t, answer: func(n int, _ *http.Request) (*http.Response, error) {
			if n < 3 {
				return response(503, `{}`, "Retry-After", "2"), nil
			}
			return response(201, goodNow()), nil
		}}
		if _, err := f.call(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if want := []string{"20000101T000000Z", "20000101T000002Z", "20000101T000004Z"}; !slices.Equal(f.dates, want) {
			t.Errorf("got dates %v, want %v", f.dates, want)
		}
		slices.Sort(f.sums)
		if len(slices.Compact(f.sums)) != 3 {
			t.Error("a signature was sent twice")
		}
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	id := newIdentity(t)
	const s = time.Second
	for _, c := range []struct {
		name   string
		header string
		body   string
		want   []time.Duration // when the attempts came
		end    time.Duration
	}{
		{"a second", "1", `{}`, []time.Duration{0, s, 2 * s}, 2 * s},
		{"four seconds", "4", `{}`, []time.Duration{0, 4 * s, 8 * s}, 8 * s},
		{"six seconds, which is too long the second time", "6", `{}`, []time.Duration{0, 6 * s}, 6 * s},
		{"all the time that there is", "10", `{}`, []time.Duration{0}, 0},
		{"a minute", "60", `{}`, []time.Duration{0}, 0},
		{"for ever", "99999999999999999999", `{}`, []time.Duration{0}, 0},
		{"a date", "Sat, 01 Jan 2000 00:00:03 GMT", `{}`, []time.Duration{0, 3 * s}, 0},
		{"in the body", "", `{"retryAfterSeconds":2}`, []time.Duration{0, 2 * s, 4 * s}, 4 * s},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeAWS{t: t, answer: always(429, c.body, "Retry-After", c.header)}
				_, err := f.call(t.Context(), id)
				if refused := new(Error); !errors.As(err, &refused) || refused.Status != 429 {
					t.Errorf("got %v, want the refusal", err)
				}
				if !slices.Equal(f.at[:len(c.want)], c.want) {
					t.Errorf("got attempts at %v, want %v", f.at, c.want)
				}
				if end := time.Since(f.start); c.end != 0 && end != c.end || len(c.want) == 1 && end != 0 {
					t.Errorf("the call ended after %s, want %s", end, c.end)
				}
			})
		})
	}
}

func TestDeadlines(t *testing.T) {
	id := newIdentity(t)
	for _, c := range []struct {
		name      string
		deadline  time.Duration // of the caller; none when zero
		end       time.Duration
		attempts  int
		idle      int
		wantCause error
	}{
		{"five seconds an attempt and ten in all", 0, 10 * time.Second, 2, 2, context.DeadlineExceeded},
		{"the caller's, when it is sooner", 3 * time.Second, 3 * time.Second, 1, 1, context.DeadlineExceeded},
		{"the caller's, after an attempt", 7 * time.Second, 7 * time.Second, 2, 2, context.DeadlineExceeded},
		{"the call's, when the caller's is later", time.Hour, 10 * time.Second, 2, 2, context.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.deadline != 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.deadline)
					defer cancel()
				}
				f := &fakeAWS{t: t, answer: silence}
				_, err := f.call(ctx, id)
				if end := time.Since(f.start); end != c.end {
					t.Errorf("the call ended after %s, want %s", end, c.end)
				}
				if !errors.Is(err, c.wantCause) {
					t.Errorf("got %v, want %v", err, c.wantCause)
				}
				if want := "create session: " + awsHost + ": no answer in time"; err.Error() != want {
					t.Errorf("got %s, want %s", err, want)
				}
				if len(f.at) != c.attempts || f.idle != c.idle {
					t.Errorf("got %d attempts and idle connections closed %d times, want %d and %d", len(f.at), f.idle, c.attempts, c.idle)
				}
			})
		})
	}
}

func TestCancelling(t *testing.T) {
	id := newIdentity(t)
	for _, c := range []struct {
		name   string
		answer func(int, *http.Request) (*http.Response, error)
		after  time.Duration
	}{
		{"before the first attempt", silence, 0},
		{"while waiting for an answer", silence, time.Second},
		{"while waiting for the second attempt's answer", silence, 6 * time.Second},
		{"between attempts", always(503, `{}`, "Retry-After", "4"), time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				stop := errors.New("the program ends")
				if c.after == 0 {
					cancel(stop)
				} else {
					time.AfterFunc(c.after, func() { cancel(stop) })
				}
				f := &fakeAWS{t: t, answer: c.answer}
				_, err := f.call(ctx, id)
				if !errors.Is(err, context.Canceled) {
					t.Errorf("got %v, want context.Canceled", err)
				}
				if want := "create session: " + awsHost + ": the call was cancelled"; err.Error() != want {
					t.Errorf("got %s, want %s", err, want)
				}
				if end := time.Since(f.start); end != c.after {
					t.Errorf("the call ended after %s, want %s", end, c.after)
				}
			})
		})
	}
}

func TestCancellingRealConnections(t *testing.T) {
	id := newIdentity(t)
	ctx, cancel := context.WithCancel(t.Context())
	var cancelled atomic.Int64
	h := newTLS(t, func(_ http.ResponseWriter, r *http.Request) {
		cancelled.Store(time.Now().UnixNano())
		cancel()
		<-r.Context().Done()
	})
	_, err := h.client.CreateSession(ctx, id, testRequest)
	if took := time.Since(time.Unix(0, cancelled.Load())); took >= attemptTimeout {
		t.Errorf("the call ended %s after it was cancelled, as if by its own deadline", took)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// A connection that is closed by the caller can look as an answer that is cut off: it is the caller's doing all the same.
func TestAnAnswerThatTheCallerCutOffIsACancelledCall(t *testing.T) {
	id := newIdentity(t)
	ctx, cancel := context.WithCancel(t.Context())
	client := Client{Region: "eu-west-1", Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		cancel()
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	})}
	if _, err := client.CreateSession(ctx, id, testRequest); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
