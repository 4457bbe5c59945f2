package named

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/stsclient"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// NewTransport makes a transport with the proxy and the certificate authorities of an environment.
func NewTransport(e config.Environment) (http.RoundTripper, error) {
	roots, err := e.RootCAs()
	if err != nil {
		return nil, err
	}
	return rolesanywhere.NewTransport(rolesanywhere.TransportConfig{Proxy: e.Proxy(), RootCAs: roots}), nil
}

// Region is the region that it is for, as far as its configuration says; "" where it does not.
func (c *Credential) Region() string { return c.config.HomeRegion() }

// anyRegion serves to check an endpoint whose URL is given: its region does not matter.
const anyRegion = "us-east-1"

func (c *Credential) prepareSession() error {
	session := c.config.Session()
	session.Transport, session.UserAgent = c.transport, c.s.UserAgent
	session.Endpoint.FIPS = session.Endpoint.FIPS || c.s.Environment.FIPS()
	session.Endpoint.DualStack = session.Endpoint.DualStack || c.s.Environment.DualStack()
	if session.Endpoint.URL == "" {
		var variable string
		variable, session.Endpoint.URL = c.s.Environment.EndpointURL("ROLESANYWHERE")
		if _, err := session.Endpoint.Resolve(anyRegion); session.Endpoint.URL != "" && err != nil {
			return &SettingError{Variable: variable, Err: err}
		}
	}
	if c.config.Certificate != "" {
		source, err := c.identity()
		if err != nil {
			return err
		}
		session.Identity = source
	}
	c.session = session
	return nil
}

// prepareSTS finds the STS that belongs to where the credential is asked for.
func (c *Credential) prepareSTS() error {
	r := c.config
	c.sts = stsclient.Client{Transport: c.transport}
	if err := c.prepareRegion(); err != nil {
		return err
	}
	if r.Type != config.TypeSession {
		c.sts.Endpoint = r.EndpointURL
	}
	if c.sts.Endpoint == "" {
		variable, configured := c.s.Environment.EndpointURL("STS")
		switch {
		case c.emulated(variable):
			c.sts.Endpoint = r.EndpointURL
		case configured != "":
			if _, err := (rolesanywhere.Endpoint{URL: configured}).Resolve(c.sts.Region); err != nil {
				return &SettingError{Variable: variable, Err: err}
			}
			c.sts.Endpoint = configured
		case r.Type == config.TypeAssumeRole:
			c.sts.Endpoint = c.source.sts.Endpoint
		}
	}
	if c.sts.Endpoint != "" {
		u, err := (rolesanywhere.Endpoint{URL: c.sts.Endpoint}).Resolve(c.sts.Region)
		if err != nil {
			if r.Type == config.TypeSession {
				return nil // the session finds it, with all other mistakes
			}
			return &SettingError{Key: "endpoint_url", Err: err}
		}
		c.sts.Endpoint = u.String()
		return nil
	}
	c.sts.FIPS = r.UseFIPSEndpoint || c.s.Environment.FIPS()
	c.sts.DualStack = r.UseDualStackEndpoint || c.s.Environment.DualStack()
	return nil
}

// emulated reports whether the endpoint of a session serves for STS, too: an emulator is all of AWS. A variable for STS alone
// says otherwise.
func (c *Credential) emulated(variable string) bool {
	return c.config.Type == config.TypeSession && rolesanywhere.IsLoopbackURL(c.config.EndpointURL) && variable != "AWS_ENDPOINT_URL_STS"
}

// defaultSTSRegion is asked when nothing says another: every account of partition aws has it.
const defaultSTSRegion = "us-east-1"

func (c *Credential) prepareRegion() error {
	r := c.config
	region := r.Region
	switch {
	case region != "":
	case r.Type == config.TypeSession:
		if anchor, err := arn.Parse(r.TrustAnchorARN); err == nil {
			region = anchor.Region
		}
	case r.Type == config.TypeAssumeRole:
		region = c.source.sts.Region
	default:
		var variable string
		variable, region = c.s.Environment.Region()
		if _, err := rolesanywhere.PartitionOf(region); region != "" && err != nil {
			return &SettingError{Variable: variable, Err: err}
		}
	}
	c.sts.Region = cmp.Or(region, defaultSTSRegion)
	if _, err := rolesanywhere.PartitionOf(c.sts.Region); err != nil && r.Type != config.TypeSession {
		return &SettingError{Key: "region", Err: err}
	}
	return nil
}

// Quota names what the calls of the pipeline are counted against: that of the session at its beginning. Where there is none it begins
// with awsauth.Unmetered; it is "" when no call is made.
func (c *Credential) Quota() string {
	switch {
	case c.source != nil:
		return cmp.Or(c.source.Quota(), awsauth.Unmetered+cmp.Or(c.sts.Endpoint, c.sts.Region))
	case c.config.Type == config.TypeSession:
		return c.session.Quota()
	}
	return ""
}

// emulatorOf answers an endpoint with plain HTTP, which is for loopback alone.
func emulatorOf(endpoint string) string {
	if strings.HasPrefix(endpoint, "http:") {
		return strings.TrimSuffix(endpoint, "/")
	}
	return ""
}

// explainEndpoint names the variable when an endpoint from the environment does not answer.
func (c *Credential) explainEndpoint(err error) error {
	failed := new(rolesanywhere.ConnectionError)
	if c.config.EndpointURL != "" || !errors.As(err, &failed) {
		return err
	}
	if variable, configured := c.s.Environment.EndpointURL("ROLESANYWHERE"); configured != "" {
		failed.Advice = variable + " points there: start what it names, or unset it"
	}
	return err
}

// Emulator is the endpoint on loopback, not AWS's, that answers Caller; "" for AWS.
func (c *Credential) Emulator() string { return emulatorOf(c.sts.Endpoint) }
