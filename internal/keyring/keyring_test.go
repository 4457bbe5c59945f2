package keyring

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zalando/go-keyring"

	"github.com/awsauth-go/awsauth/internal/secret"
)

// onABus has an address, so that it asks; what it asks is the test's own.
var onABus = OS{SessionBus: "unix:path=/dev/null"}

func TestWhatTheKeyringAnswers(t *testing.T) {
	for _, c := range []struct {
		name  string
		value string
		err   error
		want  error
	}{
		{"an entry", "hunter2", nil, nil},
		{"no entry", "", keyring.ErrNotFound, secret.ErrNotInKeyring},
		{"no entry, said at length", "", fmt.Errorf("search: %w", keyring.ErrNotFound), secret.ErrNotInKeyring},
		{"a failure", "half of it", errors.New("the name org.freedesktop.secrets was not provided"), secret.ErrNoKeyring},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := onABus.ask(t.Context(), func() (string, error) { return c.value, c.err })
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if want := map[bool]string{true: c.value}[c.want == nil]; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestAFailureSaysWhatTheKeyringSaid(t *testing.T) {
	_, err := onABus.ask(t.Context(), func() (string, error) { return "", errors.New("the name is not provided") })
	if want := secret.ErrNoKeyring.Error() + ": the name is not provided"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// slow is a keyring that waits for somebody who is not there, until the test ends.
func slow(t *testing.T) func() (string, error) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	return func() (string, error) {
		<-release
		return "too late", nil
	}
}

func TestAKeyringThatDoesNotAnswerIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		got, err := onABus.ask(t.Context(), slow(t))
		if !errors.Is(err, secret.ErrNoKeyring) || !strings.HasSuffix(err.Error(), "is it locked?") {
			t.Errorf("got %v, want %v, and whether it is locked", err, secret.ErrNoKeyring)
		}
		if got != "" {
			t.Errorf("got %q, want nothing", got)
		}
		if took := time.Since(start); took != patience {
			t.Errorf("it took %s, want %s", took, patience)
		}
	})
}

func TestAKeyringThatAnswersInTimeIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, err := onABus.ask(t.Context(), func() (string, error) {
			time.Sleep(patience - time.Nanosecond)
			return "hunter2", nil
		})
		if got != "hunter2" || err != nil {
			t.Errorf("got %q, %v, want hunter2", got, err)
		}
	})
}

func TestWhoeverAsksMayGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := onABus.ask(ctx, slow(t))
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, secret.ErrNoKeyring) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %s, want 1s", took)
		}

		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := onABus.ask(canceled, slow(t)); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
}

func TestALibraryThatPanicsEndsNothing(t *testing.T) {
	_, err := onABus.ask(t.Context(), func() (string, error) { panic("hunter2") })
	if !errors.Is(err, secret.ErrNoKeyring) || strings.Contains(fmt.Sprint(err), "hunter2") {
		t.Errorf("got %v, want %v and nothing of what it panicked with", err, secret.ErrNoKeyring)
	}
}
