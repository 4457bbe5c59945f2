package cli

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// identityAnswer is STS's answer to GetCallerIdentity.
func identityAnswer(arn string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`+
			`<GetCallerIdentityResult><Arn>`+arn+`</Arn><UserId>x</UserId><Account>123456789012</Account></GetCallerIdentityResult>`+
			`</GetCallerIdentityResponse>`)
	}
}

// STS never redirects, and a session token must not go where something in its place points.
func TestARedirectOfSTSIsNotFollowed(t *testing.T) {
	w := newWorld(t)
	asked := false
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(target.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		w.serve(t, "REDIRECTING", func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, target.URL, status) })
		got := w.run(t.Context(), "get $SESSION --verify", nil, "AWS_ENDPOINT_URL_STS="+w.names["REDIRECTING"])
		if got.code != ExitUnreachable || got.stdout != "" {
			t.Errorf("%d: got exit code %d and %d bytes of credentials, want %d and none", status, got.code, len(got.stdout), ExitUnreachable)
		}
	}
	if asked {
		t.Error("the redirect was followed")
	}
}

func TestAnAnswerAboutSomebodyElseIsNotSTSs(t *testing.T) {
	w := newWorld(t)
	for name, arn := range map[string]string{
		"another session":         "arn:aws:sts::123456789012:assumed-role/local/somebody",
		"a line of ours":          "arn:aws:sts::123456789012:assumed-role/x&#10;awsauth: hint: run this",
		"a terminal's escape":     "arn:aws:sts::123456789012:assumed-role/x/&#x9b;2J",
		"nothing that is an ARN":  "somebody",
		"an ARN of another thing": "arn:aws:s3:::bucket",
	} {
		w.serve(t, "STS", identityAnswer(arn))
		got := w.run(t.Context(), "get $SESSION --verify", nil, "AWS_ENDPOINT_URL_STS="+w.names["STS"])
		if got.code != ExitUnreachable || got.stdout != "" || strings.Count(got.stderr, "\n") != 2 {
			t.Errorf("%s: got exit code %d, %d bytes on standard output, and\n%s", name, got.code, len(got.stdout), got.stderr)
		}
	}
}

// The variables that pick the endpoint of Roles Anywhere pick that of STS, too.
func TestEndpointVariantsCountForSTS(t *testing.T) {
	w := newWorld(t)
	for variable, want := range map[string]string{
		"AWS_USE_FIPS_ENDPOINT":      "sts-fips.us-east-1.amazonaws.com",
		"AWS_USE_DUALSTACK_ENDPOINT": "sts.us-east-1.api.aws",
	} {
		asked := make(chan string, 8)
		proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			asked <- r.Host
			http.Error(rw, "no", http.StatusForbidden)
		}))
		t.Cleanup(proxy.Close)
		u, err := url.Parse(proxy.URL)
		if err != nil {
			t.Fatal(err)
		}
		w.run(t.Context(), "get static --verify --access-key-id AKIAIOSFODNN7EXAMPLE --secret-access-key env:SECRET", nil,
			variable+"=true", "SECRET=wJalrXUtnFEMI", "HTTPS_PROXY="+u.String())
		select {
		case host := <-asked:
			if got := strings.TrimSuffix(host, ":443"); got != want {
				t.Errorf("%s: got %s, want %s", variable, got, want)
			}
		default:
			t.Errorf("%s: nobody was asked", variable)
		}
	}
}
