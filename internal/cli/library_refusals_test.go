package cli

import (
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// The library says the same as the command, in the words of a Go program: fields in place of flags.
func TestTheLibraryRefusesWithTheSameFacts(t *testing.T) {
	w := newWorld(t)
	w.defective(t)
	w.hostile(t)
	for _, test := range []struct {
		name   string
		change func(*awsauth.Session)
		want   string
	}{
		{
			"a role is missing", func(s *awsauth.Session) { s.RoleARN = "" },
			"session credentials: RoleARN is required, as arn:aws:iam::123456789012:role/NAME",
		},
		{
			"two parameters are wrong", func(s *awsauth.Session) { s.Identity, s.SessionName = nil, "a/b" },
			"session credentials: Identity is required: a certificate and its private key; " +
				"SessionName has other characters than letters, digits and _+=,.@-",
		},
		{
			"a duration is too short", func(s *awsauth.Session) { s.Duration = awsauth.MinDuration - 1 },
			"session credentials: Duration is 14m59.999999999s: use whole seconds from 15m to 12h",
		},
		{
			"an endpoint is not loopback", func(s *awsauth.Session) { s.Endpoint.URL = "http://roles.example" },
			"session credentials: Endpoint http is for loopback alone, and roles.example is not loopback: use https",
		},
		{
			"nobody listens", func(s *awsauth.Session) { s.Endpoint.URL = w.names["CLOSED"] },
			"create session: $CLOSED_HOST: connection refused",
		},
		{
			"a captive portal answers", func(s *awsauth.Session) { s.Endpoint.URL = w.names["PORTAL"] },
			"create session: $PORTAL_HOST: the answer (status 200, text/html, Server: Portal/1.0) is not JSON",
		},
		{
			"a certificate file is missing", func(s *awsauth.Session) { s.Identity = identity.File{Certificate: w.dir + "/missing.pem"} },
			`identity: identity "$DIR/missing.pem": no such file or directory`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			session := w.local.Session(w.local.Client("client"))
			session.Transport = rolesanywhere.NewTransport(rolesanywhere.TransportConfig{})
			test.change(&session)
			_, err := session.Retrieve(t.Context())
			// The package of identities may say itself what it is about, or leave that to its caller.
			want := w.expand(test.want)
			if err == nil || strings.Replace(err.Error(), "identity: identity ", "identity ", 1) != strings.Replace(want, "identity: identity ", "identity ", 1) {
				t.Errorf("got %v, want %s", err, want)
			}
		})
	}
}
