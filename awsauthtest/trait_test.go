package awsauthtest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/emulator"
)

type recorder struct {
	http.RoundTripper
	reason string
}

func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	a, err := r.RoundTripper.RoundTrip(q)
	if err == nil {
		r.reason = a.Header.Get(emulator.HeaderReason)
	}
	return a, err
}

func TestExplore(t *testing.T) {
	local := awsauthtest.Start(t)
	for _, trait := range append(awsauthtest.Kinds(), awsauthtest.Defects()...) {
		c := local.Client("backup", trait)
		client, req, err := local.Session(c).Request()
		if err != nil {
			t.Fatal(err)
		}
		rec := &recorder{RoundTripper: client.Transport}
		client.Transport = rec
		_, err = client.CreateSession(t.Context(), c.Identity, req)
		t.Logf("%s\n  check: %v\n  answer: %v\n  reason: %s", trait, c.Identity.Check(time.Now()), err, rec.reason)
	}
}
