package process

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

func TestCredentialsAreWrittenAsCredentialProcessReadsThem(t *testing.T) {
	expires := time.Date(2026, 11, 23, 15, 4, 5, 999, time.FixedZone("CET", 3600))
	now := expires.Add(-time.Hour)
	for _, test := range []struct {
		name string
		in   aws.Credentials
		want string
	}{
		{
			"a static key has no token and no expiry",
			aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalr/K7+=", Expires: expires},
			`{"Version":1,"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","SecretAccessKey":"wJalr/K7+="}`,
		},
		{
			"a session has both, in UTC, a minute before the end and cut to the second",
			aws.Credentials{AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "s", SessionToken: "t", CanExpire: true, Expires: expires},
			`{"Version":1,"AccessKeyId":"ASIAIOSFODNN7EXAMPLE","SecretAccessKey":"s","SessionToken":"t","Expiration":"2026-11-23T14:03:05Z"}`,
		},
		{
			"an account that is known is said",
			aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "s", AccountID: "123456789012"},
			`{"Version":1,"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","SecretAccessKey":"s","AccountId":"123456789012"}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := string(marshal(test.in, now)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestExpirationComesBeforeTheEnd(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name string
		left time.Duration
		want string
	}{
		{"by a minute, when much is left", 12 * time.Hour, "2026-11-24T01:59:00Z"},
		{"by a quarter of what is left otherwise", 2 * time.Minute, "2026-11-23T14:01:30Z"},
		{"to a thousandth of a second in the last minute", 4 * time.Second, "2026-11-23T14:00:03.000Z"},
		{"and is still to come in the last moment", 10 * time.Millisecond, "2026-11-23T14:00:00.007Z"},
		{"unless they have ended", -time.Second, "2026-11-23T13:59:59Z"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := expiration(now.Add(test.left), now); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func FuzzMarshal(f *testing.F) {
	f.Add("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "IQoJb3JpZ2luX2Vj//8=")
	f.Add("", `"\`+"\n", "<&>\u2028")
	f.Fuzz(func(t *testing.T, id, key, token string) {
		out := Marshal(aws.Credentials{AccessKeyID: id, SecretAccessKey: key, SessionToken: token})
		if strings.ContainsAny(string(out), "\r\n") {
			t.Fatal("more than one line")
		}
		var back struct{ AccessKeyID, SecretAccessKey, SessionToken string }
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatal(err)
		}
		for got, want := range map[string]string{back.AccessKeyID: id, back.SecretAccessKey: key, back.SessionToken: token} {
			if got != strings.ToValidUTF8(want, "\ufffd") && strings.ToValidUTF8(want, "") == want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	})
}
