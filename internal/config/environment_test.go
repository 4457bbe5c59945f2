package config

import (
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/pki"
)

// of is an environment of assignments.
func of(assignments ...string) Environment {
	return Environment{func(name string) (string, bool) {
		for _, a := range assignments {
			if value, ok := strings.CutPrefix(a, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}}
}

func TestAFlagHasAVariable(t *testing.T) {
	variable, value := of("AWSAUTH_ROLE_ARN=arn").Flag("role-arn")
	if variable != "AWSAUTH_ROLE_ARN" || value != "arn" {
		t.Errorf("got %s=%s", variable, value)
	}
	if _, value := of("AWSAUTH_ROLE_ARN=").Flag("role-arn"); value != "" {
		t.Errorf("an empty variable gave %q", value)
	}
}

func TestEndpointsAreFoundAsTheSDKsFindThem(t *testing.T) {
	const own, all = "AWS_ENDPOINT_URL_STS=http://own", "AWS_ENDPOINT_URL=http://all"
	for _, test := range []struct {
		name            string
		environment     []string
		variable, value string
	}{
		{"none is set", nil, "", ""},
		{"the general one", []string{all}, "AWS_ENDPOINT_URL", "http://all"},
		{"the service's own comes first", []string{all, own}, "AWS_ENDPOINT_URL_STS", "http://own"},
		{"an empty one is none", []string{all, "AWS_ENDPOINT_URL_STS="}, "AWS_ENDPOINT_URL", "http://all"},
		{"another service's does not count", []string{"AWS_ENDPOINT_URL_S3=http://s3"}, "", ""},
		{"all are ignored", []string{all, own, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"}, "", ""},
		{"in capitals, too", []string{all, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=TRUE"}, "", ""},
		{"false ignores nothing", []string{all, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false"}, "AWS_ENDPOINT_URL", "http://all"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if variable, value := of(test.environment...).EndpointURL("STS"); variable != test.variable || value != test.value {
				t.Errorf("got %q=%q, want %q=%q", variable, value, test.variable, test.value)
			}
		})
	}
}

func TestTheRegionIsFoundAsAWSClientsFindIt(t *testing.T) {
	if variable, value := of("AWS_DEFAULT_REGION=eu-west-1", "AWS_REGION=eu-west-2").Region(); variable != "AWS_REGION" || value != "eu-west-2" {
		t.Errorf("got %s=%s", variable, value)
	}
	if variable, value := of("AWS_DEFAULT_REGION=eu-west-1").Region(); variable != "AWS_DEFAULT_REGION" || value != "eu-west-1" {
		t.Errorf("got %s=%s", variable, value)
	}
	if variable, value := of().Region(); variable != "" || value != "" {
		t.Errorf("got %s=%s", variable, value)
	}
}

func TestEndpointVariantsAreSwitchedOnByTrue(t *testing.T) {
	for value, want := range map[string]bool{"true": true, "True": true, "false": false, "1": false, "": false} {
		e := of("AWS_USE_FIPS_ENDPOINT="+value, "AWS_USE_DUALSTACK_ENDPOINT="+value)
		if e.FIPS() != want || e.DualStack() != want {
			t.Errorf("%q: got %t and %t, want %t", value, e.FIPS(), e.DualStack(), want)
		}
	}
}

func TestProxiesAreFoundAsNetHTTPFindsThem(t *testing.T) {
	for _, test := range []struct {
		name        string
		environment []string
		url, want   string
	}{
		{"none", nil, "https://sts.eu-west-1.amazonaws.com/", ""},
		{"https goes through HTTPS_PROXY", []string{"HTTPS_PROXY=http://proxy:3128"}, "https://sts.eu-west-1.amazonaws.com/", "http://proxy:3128"},
		{"small letters will do", []string{"https_proxy=http://proxy:3128"}, "https://sts.eu-west-1.amazonaws.com/", "http://proxy:3128"},
		{"HTTP_PROXY is for http", []string{"HTTP_PROXY=http://proxy:3128"}, "https://sts.eu-west-1.amazonaws.com/", ""},
		{"NO_PROXY lists exceptions", []string{"HTTPS_PROXY=http://proxy:3128", "NO_PROXY=.amazonaws.com"}, "https://sts.eu-west-1.amazonaws.com/", ""},
		{"loopback is always direct", []string{"HTTP_PROXY=http://proxy:3128"}, "http://127.0.0.1:9920/", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, test.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := of(test.environment...).Proxy()(r)
			if err != nil {
				t.Fatal(err)
			}
			if got == nil {
				got = new(url.URL)
			}
			if got.String() != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestACABundleReplacesTheSystemsCertificates(t *testing.T) {
	dir := t.TempDir()
	ca, err := pki.NewCA("inspecting proxy", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	bundle, nothing := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "empty.pem")
	for path, content := range map[string][]byte{bundle: pki.CertificatesPEM(ca.Certificate), nothing: nil} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool, err := of("AWS_CA_BUNDLE=" + bundle).RootCAs()
	if err != nil {
		t.Fatal(err)
	}
	want := x509.NewCertPool()
	want.AddCert(ca.Certificate)
	if !pool.Equal(want) {
		t.Error("the pool is not the bundle's certificate alone")
	}
	if pool, err := of().RootCAs(); pool != nil || err != nil {
		t.Errorf("without a bundle: got %v, %v; want nil for the system's", pool, err)
	}
	for path, text := range map[string]string{
		nothing:        "AWS_CA_BUNDLE: " + nothing + ": no certificate in PEM",
		dir:            "AWS_CA_BUNDLE: " + dir + ": not a regular file",
		"/dev/zero":    "AWS_CA_BUNDLE: /dev/zero: not a regular file",
		dir + "/there": "AWS_CA_BUNDLE: " + dir + "/there: no such file or directory",
	} {
		if _, err := of("AWS_CA_BUNDLE=" + path).RootCAs(); !errors.Is(err, ErrCABundle) || err.Error() != text {
			t.Errorf("got %v, want %s", err, text)
		}
	}
}
