package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// hostileSecret has everything that some shell reads as its own.
const hostileSecret = `a'b"c\d$e` + "`f`" + `!g%h;i&j|k<l>m(n)o{p}q*r?s~t#u v`

var sample = obtained{
	kind: "session",
	arn:  "arn:aws:sts::123456789012:assumed-role/backup/nightly",
	credentials: aws.Credentials{
		AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: hostileSecret, SessionToken: "tok+en/=", AccountID: "123456789012",
		CanExpire: true, Expires: time.Date(2026, 11, 23, 14, 5, 6, 789, time.FixedZone("", 3600)),
	},
}

func TestShellsAreGivenQuotedValues(t *testing.T) {
	for format, want := range map[string]string{
		"env": `export AWS_SECRET_ACCESS_KEY='a'\''b"c\d$e` + "`f`" + `!g%h;i&j|k<l>m(n)o{p}q*r?s~t#u v'`,
		// https://fishshell.com/docs/current/language.html#quotes: in single quotes only \' and \\ are escapes.
		"fish": `set -gx AWS_SECRET_ACCESS_KEY 'a\'b"c\\d$e` + "`f`" + `!g%h;i&j|k<l>m(n)o{p}q*r?s~t#u v'`,
		// about_Quoting_Rules: in single quotes only '' is an escape.
		"powershell": `$Env:AWS_SECRET_ACCESS_KEY = 'a''b"c\d$e` + "`f`" + `!g%h;i&j|k<l>m(n)o{p}q*r?s~t#u v'`,
	} {
		lines := strings.Split(string(formats[format](sample)), "\n")
		if !slices.Contains(lines, want) {
			t.Errorf("%s: got %q, want a line %q", format, lines, want)
		}
	}
}

func TestShellsForgetWhatThereIsNot(t *testing.T) {
	static := obtained{kind: "static", credentials: aws.Credentials{AccessKeyID: "AKIAEXAMPLE", SecretAccessKey: "x"}}
	for format, want := range map[string]string{
		"env": "unset AWS_SESSION_TOKEN", "fish": "set -e AWS_SESSION_TOKEN", "powershell": "$Env:AWS_SESSION_TOKEN = $null",
	} {
		if got := string(formats[format](static)); !strings.Contains(got, want+"\n") {
			t.Errorf("%s: got %q, want a line %q", format, got, want)
		}
	}
}

func TestTimesAreInUTC(t *testing.T) {
	for _, name := range []string{"json", "env", "fish", "powershell"} {
		if got := string(formats[name](sample)); !strings.Contains(got, "2026-11-23T13:05:06Z") {
			t.Errorf("%s has no time in UTC: %s", name, got)
		}
	}
}

func TestJSONHasEverything(t *testing.T) {
	var got map[string]string
	if err := json.Unmarshal(formats["json"](sample), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"type": "session", "access_key_id": "ASIAEXAMPLE", "secret_access_key": hostileSecret, "session_token": "tok+en/=",
		"expiration": "2026-11-23T13:05:06Z", "account_id": "123456789012", "arn": sample.arn,
	} {
		if got[key] != want {
			t.Errorf("%s: got %q, want %q", key, got[key], want)
		}
	}
}
