package cli

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func onTerminal(s *IO) { s.OutIsTerminal, s.ErrIsTerminal = true, true }

// adminArguments are those of the world's administrator, whose secret is $SECRET.
const adminArguments = "get static --endpoint-url $ENDPOINT --access-key-id $ADMIN --secret-access-key env:SECRET"

func (w *world) admin() (environment string) {
	w.names["ADMIN"] = w.local.Admin.AccessKeyID
	return "SECRET=" + w.local.Admin.SecretAccessKey.Reveal()
}

func TestAPersonIsToldWhoAndUntilWhenAndNoSecret(t *testing.T) {
	w := newWorld(t)
	got := w.run(t.Context(), "get $SESSION --session-name nightly", onTerminal)
	want := `session  arn:aws:sts::123456789012:assumed-role/local/nightly
through certificate CN=client → role local in 123456789012
EMULATOR: these credentials are from $ENDPOINT, not from AWS
expires in 60 min (TIME UTC)
Use it:  awsauth get session … --format env|fish|ini|json|powershell|process
Look:    awsauth get session … --show-secrets
`
	if said := timeOfDay(got.stdout); said != w.expand(want) || got.stderr != "" || got.code != ExitDone {
		t.Errorf("got %d\n%s%s\nwant\n%s", got.code, said, got.stderr, w.expand(want))
	}
}

// timeOfDay replaces the time in "(14:05 UTC)".
func timeOfDay(s string) string {
	before, after, _ := strings.Cut(s, " (")
	_, after, _ = strings.Cut(after, " UTC")
	return before + " (TIME UTC" + after
}

func TestSTSIsAskedWhoAStaticKeyIs(t *testing.T) {
	w := newWorld(t)
	got := w.run(t.Context(), adminArguments, onTerminal, w.admin())
	want := `static  arn:aws:iam::123456789012:user/admin
EMULATOR: $ENDPOINT has said who this is, not AWS
no expiry
Use it:  awsauth get static … --format env|fish|ini|json|powershell|process
Look:    awsauth get static … --show-secrets
`
	if want = w.expand(want); got.stdout != want || got.stderr != "" || got.code != ExitDone {
		t.Errorf("got %d\n%s%s\nwant\n%s", got.code, got.stdout, got.stderr, want)
	}
}

func TestAnSTSThatCannotBeReachedIsOnlyNoted(t *testing.T) {
	w := newWorld(t)
	w.closed(t, "CLOSED")
	got := w.run(t.Context(), adminArguments+" --endpoint-url $CLOSED", onTerminal, w.admin())
	want := w.expand("static  $ADMIN\nnot verified: STS cannot be reached at $CLOSED/: connection refused\nno expiry\n")
	left := got.stderr[strings.LastIndex(got.stderr, "\r")+1:] // of what was shown while STS was asked
	if !strings.HasPrefix(got.stdout, want) || left != "" || got.code != ExitDone {
		t.Errorf("got %d\n%s%s\nwant\n%s…", got.code, got.stdout, got.stderr, want)
	}
}

func TestARefusalBySTSFails(t *testing.T) {
	w := newWorld(t)
	w.admin()
	got := w.run(t.Context(), adminArguments, onTerminal, "SECRET=another")
	if got.code != ExitRefused || got.stdout != "" {
		t.Errorf("exit code %d, standard output %q; want %d and nothing", got.code, got.stdout, ExitRefused)
	}
}

func TestAPersonSeesSecretsOnlyWhenAsking(t *testing.T) {
	w := newWorld(t)
	secret := w.local.Admin.SecretAccessKey.Reveal()
	for _, test := range []struct {
		name, flags string
		shown       bool
	}{
		{"by default it is not shown", "", false},
		{"--show-secrets shows it", " --show-secrets", true},
		{"--format shows it", " --format env", true},
		{"--verify alone does not show it", " --verify", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := w.run(t.Context(), adminArguments+test.flags, onTerminal, w.admin())
			if got.code != ExitDone {
				t.Fatal(got.stderr)
			}
			if shown := strings.Contains(got.stdout, secret); shown != test.shown {
				t.Errorf("shown: %t, want %t", shown, test.shown)
			}
		})
	}
}

func TestCredentialsAreDescribedForAPerson(t *testing.T) {
	now := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	credentials := aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "s", SessionToken: "t", CanExpire: true, Expires: now.Add(59 * time.Minute)}
	got := describeCredentials(obtained{kind: "session", credentials: credentials}, true, now)
	want := `session  ASIAEXAMPLE
expires in 59 min (13:59 UTC)
access key ID      ASIAEXAMPLE
secret access key  s
session token      t
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestATimeSpanHasTheUnitThatMatters(t *testing.T) {
	for d, want := range map[time.Duration]string{
		20 * time.Second:                "20 s",
		119 * time.Second:               "119 s",
		2 * time.Minute:                 "2 min",
		59*time.Minute + 31*time.Second: "60 min",
		90 * time.Minute:                "90 min",
		12 * time.Hour:                  "12 h 0 min",
	} {
		if got := until(d); got != want {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
}

// lockedBuffer may be written to and looked at at the same time.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestWhatIsAwaitedIsShownAfterAWhileAndGoneAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shown lockedBuffer
		done := waiting(IO{Err: &shown, ErrIsTerminal: true}, "asking STS")
		time.Sleep(patience - time.Millisecond)
		synctest.Wait()
		if shown.String() != "" {
			t.Errorf("%q is shown too early", shown.String())
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if got, want := shown.String(), "asking STS …"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		done()
		if got, want := shown.String(), "asking STS …\r            \r"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestAShortWaitIsNotShownAndNeitherIsOneWithoutATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shown lockedBuffer
		done := waiting(IO{Err: &shown, ErrIsTerminal: true}, "asking STS")
		time.Sleep(patience / 2)
		done()
		done = waiting(IO{Err: &shown}, "asking STS")
		time.Sleep(2 * patience)
		done()
		if shown.String() != "" {
			t.Errorf("%q is shown", shown.String())
		}
	})
}
