package cli

import (
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/agent"
)

func TestLinesAreCutToTheTerminal(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"abcdef\nab\n", 4, "abc…\nab\n"},
		{"→→→→\n", 4, "→→→→\n"},
		{"→→→→→\n", 4, "→→→…\n"},
		{"abcdef\n", 0, "abcdef\n"},
	} {
		if got := cutLines(c.text, c.width); got != c.want {
			t.Errorf("%q to %d: got %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestWhatAnAgentSaysOfEachCredential(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	got := describeAgent(agent.Status{
		Since: now.Add(-12 * 24 * time.Hour), Socket: "/run/awsauth/agent.sock", Refusals: 1,
		Credentials: []agent.Credential{
			{Name: "backup", Type: "session", ARN: "arn:aws:sts::123456789012:assumed-role/backup/nightly", AccessKeyID: "ASIA", Obtained: now.Add(-13 * time.Minute), Expires: now.Add(47 * time.Minute), Next: now.Add(17 * time.Minute), Served: 18204},
			{Name: "gone", Type: "session", AccessKeyID: "ASIA", Expires: now.Add(-time.Minute), Error: "create session: no\x1banswer", Hint: "ask\x1bagain", Failed: now.Add(-9 * time.Second), Failures: 3},
			{Name: "hangs", Type: "session", Error: "create session: cut", Failed: now.Add(-9 * time.Second), Asking: now.Add(-4 * time.Second)},
			{Name: "legacy", Type: "static", AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Obtained: now.Add(-time.Hour), Next: now.Add(4 * time.Minute), Served: 77},
			{Name: "new", Type: "session", Asking: now.Add(-time.Second)},
			{Name: "slow", Type: "session", Asking: now.Add(-2 * time.Second)},
		},
		Certificates: []agent.Certificate{{Name: "web", Subject: "CN=web", Expires: now.Add(72*time.Hour + time.Minute), UsedBy: []string{"backup", "gone"}}},
		Updates: []agent.Update{
			{Profile: "nightly", File: "/home/erp/.aws/credentials", Credential: "backup", Written: now.Add(-13 * time.Minute)},
			{Profile: "p", File: "/f", Credential: "gone", Error: "change /f: disk full"},
			{Profile: "q", File: "/f", Credential: "new"},
		},
		Tokens: "no space", Reload: "config.yaml:3:1: no",
		Container: "127.0.0.1:9912", Actions: "127.0.0.1:9913", Health: "127.0.0.1:9914",
	}, now)
	want := `agent  running 12 days   6 credentials   1 certificate   1 refusal   starting: 4 of 6 asked for
NAME    KIND     IDENTITY                     EXPIRES    RENEWS     SERVED  LAST
backup  session  assumed-role/backup/nightly  in 47 min  in 17 min  18204   renewed 13 min ago
gone    session  ASIA                         ended      now        0       create session: no answer, 9 s ago
hangs   session  (none)                       –          now        0       create session: cut, 9 s ago; no answer for 4 s
legacy  static   AKIAIOSFODNN7EXAMPLE         never      in 4 min   77      renewed 60 min ago
new     session  (none)                       –          now        0       asking
slow    session  (none)                       –          now        0       asking; no answer for 2 s
hint  gone: ask again
CERTIFICATE  SUBJECT  EXPIRES    USED BY
web          CN=web   in 3 days  backup, gone
PROFILE  FILE                        CREDENTIAL  LAST
nightly  /home/erp/.aws/credentials  backup      written 13 min ago
p        /f                          gone        change /f: disk full
q        /f                          new         not written yet
the files of tokens are not what they should be: no space
the last reload has changed nothing: config.yaml:3:1: no
doors  unix /run/awsauth/agent.sock   container 127.0.0.1:9912   imds off   actions 127.0.0.1:9913   health 127.0.0.1:9914
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
