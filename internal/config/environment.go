// Package config reads what surrounds the command: the environment. It is the only package that does.
//
// AWS's own variables keep their AWS meaning; every flag of the command can also be given as AWSAUTH_ and the flag's
// name in capitals.
package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/awsauth-go/awsauth/internal/safefile"
)

// Environment looks variables up.
type Environment struct {
	Lookup func(string) (string, bool)
}

// OS is the process's environment.
func OS() Environment { return Environment{os.LookupEnv} }

func (e Environment) get(name string) string {
	value, _ := e.Lookup(name)
	return value
}

// Flag answers the value that the environment gives a flag, and the variable's name: AWSAUTH_ROLE_ARN for role-arn. An
// empty variable is none.
func (e Environment) Flag(name string) (variable, value string) {
	variable = FlagVariable(name)
	return variable, e.get(variable)
}

// FlagVariable is the name of a flag's variable.
func FlagVariable(name string) string {
	return "AWSAUTH_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// EndpointURL answers the endpoint configured for a service, such as ROLESANYWHERE or STS, and the variable that has it:
// the service's own, then AWS_ENDPOINT_URL, unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true (AWS SDKs and Tools
// Reference Guide, "Service-specific endpoints").
func (e Environment) EndpointURL(service string) (variable, value string) {
	if strings.EqualFold(e.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"), "true") {
		return "", ""
	}
	for _, variable := range []string{"AWS_ENDPOINT_URL_" + service, "AWS_ENDPOINT_URL"} {
		if value := e.get(variable); value != "" {
			return variable, value
		}
	}
	return "", ""
}

// Region answers the region configured for AWS's clients, and the variable that has it: AWS_REGION, then
// AWS_DEFAULT_REGION, which the AWS CLI reads.
func (e Environment) Region() (variable, value string) {
	for _, variable := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if value := e.get(variable); value != "" {
			return variable, value
		}
	}
	return "", ""
}

// FIPS reports AWS_USE_FIPS_ENDPOINT.
func (e Environment) FIPS() bool { return strings.EqualFold(e.get("AWS_USE_FIPS_ENDPOINT"), "true") }

// DualStack reports AWS_USE_DUALSTACK_ENDPOINT.
func (e Environment) DualStack() bool {
	return strings.EqualFold(e.get("AWS_USE_DUALSTACK_ENDPOINT"), "true")
}

// Proxy answers the proxy of a request: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, as they stand now.
func (e Environment) Proxy() func(*http.Request) (*url.URL, error) {
	either := func(name string) string {
		if value := e.get(name); value != "" {
			return value
		}
		return e.get(strings.ToLower(name))
	}
	proxy := (&httpproxy.Config{
		HTTPProxy:  either("HTTP_PROXY"),
		HTTPSProxy: either("HTTPS_PROXY"),
		NoProxy:    either("NO_PROXY"),
		CGI:        e.get("REQUEST_METHOD") != "",
	}).ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return proxy(r.URL) }
}

// maxCABundle bounds AWS_CA_BUNDLE, in bytes; a distribution's bundle has about 220 000.
const maxCABundle = 8 << 20

// ErrCABundle reports an AWS_CA_BUNDLE that cannot be used.
var ErrCABundle = errors.New("AWS_CA_BUNDLE")

// RootCAs answers the certificates of AWS_CA_BUNDLE, or nil for the system's.
func (e Environment) RootCAs() (*x509.CertPool, error) {
	path := e.get("AWS_CA_BUNDLE")
	if path == "" {
		return nil, nil
	}
	bundle, err := safefile.Read(path, maxCABundle)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCABundle, path, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(bundle) {
		return nil, fmt.Errorf("%w: %s: no certificate in PEM", ErrCABundle, path)
	}
	return pool, nil
}
