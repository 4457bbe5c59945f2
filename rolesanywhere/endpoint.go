package rolesanywhere

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Endpoint says which host to call. The zero value is the region's standard endpoint.
type Endpoint struct {
	// URL overrides the endpoint: https, or http on a loopback address for an emulator. It has no path.
	URL string
	// FIPS and DualStack pick another endpoint of the region; neither goes with URL.
	FIPS      bool
	DualStack bool
}

// Partition is a group of AWS regions with its own DNS names.
type Partition struct {
	Name            string // the second field of its ARNs
	DNSSuffix       string
	DualStackSuffix string

	regions *regexp.Regexp
}

// partitions are those of botocore's endpoint rules; the first also stands for regions that none of them matches.
var partitions = []Partition{
	{"aws", "amazonaws.com", "api.aws", regexp.MustCompile(`^(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+$`)},
	{"aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn", regexp.MustCompile(`^cn-\w+-\d+$`)},
	{"aws-us-gov", "amazonaws.com", "api.aws", regexp.MustCompile(`^us-gov-\w+-\d+$`)},
	{"aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu", regexp.MustCompile(`^eusc-(de)-\w+-\d+$`)},
	{"aws-iso", "c2s.ic.gov", "api.aws.ic.gov", regexp.MustCompile(`^us-iso-\w+-\d+$`)},
	{"aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud", regexp.MustCompile(`^us-isob-\w+-\d+$`)},
	{"aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", regexp.MustCompile(`^eu-isoe-\w+-\d+$`)},
	{"aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov", regexp.MustCompile(`^us-isof-\w+-\d+$`)},
}

var regionForm = regexp.MustCompile(`^[a-z]{2,5}(-[a-z]+)+-\d{1,2}$`)

// ErrRegion reports a text that is not the name of a region.
var ErrRegion = errors.New("not a region: a region looks like eu-west-1")

// PartitionOf answers the partition of a region. A region that no known partition claims is taken to be a new one of
// partition aws, as AWS's own clients do.
func PartitionOf(region string) (Partition, error) {
	if !regionForm.MatchString(region) {
		return Partition{}, ErrRegion
	}
	for _, p := range partitions {
		if p.regions.MatchString(region) {
			return p, nil
		}
	}
	return partitions[0], nil
}

// Resolve answers the URL of the endpoint in a region, without a path.
func (e Endpoint) Resolve(region string) (*url.URL, error) {
	p, err := PartitionOf(region)
	if err != nil {
		return nil, err
	}
	if e.URL != "" {
		return e.override()
	}
	host, suffix := "rolesanywhere", p.DNSSuffix
	if e.FIPS {
		host += "-fips"
	}
	if e.DualStack {
		suffix = p.DualStackSuffix
	}
	return &url.URL{Scheme: "https", Host: host + "." + region + "." + suffix}, nil
}

// EndpointError reports an endpoint that is not called.
type EndpointError struct {
	Problem string // what is wrong and what would be right
}

func (e *EndpointError) Error() string { return "endpoint: " + e.Problem }

func (e Endpoint) override() (*url.URL, error) {
	if e.FIPS || e.DualStack {
		return nil, &EndpointError{"a URL of one's own does not go with FIPS or dual-stack, which pick AWS's"}
	}
	u, err := url.Parse(e.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return nil, &EndpointError{"not a URL: use https://HOST[:PORT], or http://127.0.0.1:PORT for an emulator"}
	case u.User != nil:
		return nil, &EndpointError{"has a user name or password, which is not sent"}
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, &EndpointError{"has a path or a query: give the scheme, host and port alone"}
	case !hostForm.MatchString(u.Hostname()):
		return nil, &EndpointError{"its host is neither a name of letters, digits, dots and hyphens nor an IP address"}
	case !isPort(u.Port()):
		return nil, &EndpointError{"its port is not a number from 1 to 65535"}
	case u.Scheme == "https":
	case u.Scheme != "http":
		return nil, &EndpointError{"its scheme is neither https nor http"}
	case !IsLoopback(u.Hostname()):
		return nil, &EndpointError{fmt.Sprintf("http is for loopback alone, and %s is not loopback: use https", u.Hostname())}
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// hostForm leaves out what a request's Host header would have in another form than the URL: a zone, letters beyond ASCII.
var hostForm = regexp.MustCompile(`^([0-9A-Za-z_.-]+|[0-9A-Fa-f:.]+)$`)

// isPort reports whether a URL may have a port, which may be left out.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return s == "" || err == nil && n > 0
}

// IsLoopback reports whether a host name is localhost or a loopback address literal. No name is looked up.
func IsLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// IsLoopbackURL reports whether a URL's host is one of loopback. No name is looked up.
func IsLoopbackURL(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return endpoint != "" && err == nil && IsLoopback(u.Hostname())
}
