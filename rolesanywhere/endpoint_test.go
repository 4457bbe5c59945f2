package rolesanywhere

import (
	"errors"
	"strings"
	"testing"
)

func TestEndpointsOfAllPartitions(t *testing.T) {
	for _, c := range []struct{ region, partition, standard, fips, dualStack, both string }{
		{
			"eu-west-1", "aws", "rolesanywhere.eu-west-1.amazonaws.com", "rolesanywhere-fips.eu-west-1.amazonaws.com",
			"rolesanywhere.eu-west-1.api.aws", "rolesanywhere-fips.eu-west-1.api.aws",
		},
		{
			"ap-southeast-7", "aws", "rolesanywhere.ap-southeast-7.amazonaws.com", "rolesanywhere-fips.ap-southeast-7.amazonaws.com",
			"rolesanywhere.ap-southeast-7.api.aws", "rolesanywhere-fips.ap-southeast-7.api.aws",
		},
		{
			"cn-northwest-1", "aws-cn", "rolesanywhere.cn-northwest-1.amazonaws.com.cn", "rolesanywhere-fips.cn-northwest-1.amazonaws.com.cn",
			"rolesanywhere.cn-northwest-1.api.amazonwebservices.com.cn", "rolesanywhere-fips.cn-northwest-1.api.amazonwebservices.com.cn",
		},
		{
			"us-gov-west-1", "aws-us-gov", "rolesanywhere.us-gov-west-1.amazonaws.com", "rolesanywhere-fips.us-gov-west-1.amazonaws.com",
			"rolesanywhere.us-gov-west-1.api.aws", "rolesanywhere-fips.us-gov-west-1.api.aws",
		},
		{
			"eusc-de-east-1", "aws-eusc", "rolesanywhere.eusc-de-east-1.amazonaws.eu", "rolesanywhere-fips.eusc-de-east-1.amazonaws.eu",
			"rolesanywhere.eusc-de-east-1.api.amazonwebservices.eu", "rolesanywhere-fips.eusc-de-east-1.api.amazonwebservices.eu",
		},
		{
			"us-iso-east-1", "aws-iso", "rolesanywhere.us-iso-east-1.c2s.ic.gov", "rolesanywhere-fips.us-iso-east-1.c2s.ic.gov",
			"rolesanywhere.us-iso-east-1.api.aws.ic.gov", "rolesanywhere-fips.us-iso-east-1.api.aws.ic.gov",
		},
		{
			"us-isob-east-1", "aws-iso-b", "rolesanywhere.us-isob-east-1.sc2s.sgov.gov", "rolesanywhere-fips.us-isob-east-1.sc2s.sgov.gov",
			"rolesanywhere.us-isob-east-1.api.aws.scloud", "rolesanywhere-fips.us-isob-east-1.api.aws.scloud",
		},
		{
			"eu-isoe-west-1", "aws-iso-e", "rolesanywhere.eu-isoe-west-1.cloud.adc-e.uk", "rolesanywhere-fips.eu-isoe-west-1.cloud.adc-e.uk",
			"rolesanywhere.eu-isoe-west-1.api.cloud-aws.adc-e.uk", "rolesanywhere-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
		},
		{
			"us-isof-south-1", "aws-iso-f", "rolesanywhere.us-isof-south-1.csp.hci.ic.gov", "rolesanywhere-fips.us-isof-south-1.csp.hci.ic.gov",
			"rolesanywhere.us-isof-south-1.api.aws.hci.ic.gov", "rolesanywhere-fips.us-isof-south-1.api.aws.hci.ic.gov",
		},
		// Regions that no partition claims are new ones of aws.
		{
			"xx-middle-12", "aws", "rolesanywhere.xx-middle-12.amazonaws.com", "rolesanywhere-fips.xx-middle-12.amazonaws.com",
			"rolesanywhere.xx-middle-12.api.aws", "rolesanywhere-fips.xx-middle-12.api.aws",
		},
	} {
		t.Run(c.region, func(t *testing.T) {
			p, err := PartitionOf(c.region)
			if err != nil {
				t.Fatal(err)
			}
			if p.Name != c.partition {
				t.Errorf("got partition %s, want %s", p.Name, c.partition)
			}
			for _, v := range []struct {
				Endpoint
				want string
			}{
				{Endpoint{}, c.standard},
				{Endpoint{FIPS: true}, c.fips},
				{Endpoint{DualStack: true}, c.dualStack},
				{Endpoint{FIPS: true, DualStack: true}, c.both},
			} {
				u, err := v.Resolve(c.region)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := u.String(), "https://"+v.want; got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
}

func TestWhatIsNoRegion(t *testing.T) {
	for _, region := range []string{
		"", "eu", "eu-west", "eu-west-", "-west-1", "eu-west-1.evil.example", "eu-west-1/", "EU-WEST-1", " eu-west-1", "eu-west-1\n",
		"eu-west-1#", "eu-wést-1", "eu-west-123", "eu-west-1a", "toolongpart-west-1", "eu--west-1", "eu_west_1",
	} {
		for _, e := range []Endpoint{{}, {FIPS: true}, {URL: "https://vpce.example"}} {
			if _, err := e.Resolve(region); !errors.Is(err, ErrRegion) {
				t.Errorf("%q: got %v, want ErrRegion", region, err)
			}
		}
	}
	if got, want := ErrRegion.Error(), "not a region: a region looks like eu-west-1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEndpointOverrides(t *testing.T) {
	for in, want := range map[string]string{
		"https://vpce-0a1b.rolesanywhere.eu-west-1.vpce.amazonaws.com": "https://vpce-0a1b.rolesanywhere.eu-west-1.vpce.amazonaws.com",
		"https://proxy.example:8443/":                                  "https://proxy.example:8443",
		"HTTPS://my_host":                                              "https://my_host",
		"https://192.0.2.7":                                            "https://192.0.2.7",
		"https://[2001:db8::1]:443":                                    "https://[2001:db8::1]:443",
		"http://127.0.0.1:9920":                                        "http://127.0.0.1:9920",
		"http://127.8.9.10":                                            "http://127.8.9.10",
		"http://[::1]:9920":                                            "http://[::1]:9920",
		"http://localhost:9920/":                                       "http://localhost:9920",
		"http://LocalHost:9920":                                        "http://LocalHost:9920",
	} {
		u, err := Endpoint{URL: in}.Resolve("eu-west-1")
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if u.String() != want {
			t.Errorf("%s: got %s, want %s", in, u, want)
		}
	}
}

func TestEndpointOverridesThatAreRefused(t *testing.T) {
	const (
		notURL = "endpoint: not a URL: use https://HOST[:PORT], or http://127.0.0.1:PORT for an emulator"
		user   = "endpoint: has a user name or password, which is not sent"
		path   = "endpoint: has a path or a query: give the scheme, host and port alone"
		scheme = "endpoint: its scheme is neither https nor http"
		host   = "endpoint: its host is neither a name of letters, digits, dots and hyphens nor an IP address"
		port   = "endpoint: its port is not a number from 1 to 65535"
		both   = "endpoint: a URL of one's own does not go with FIPS or dual-stack, which pick AWS's"
	)
	notLoopback := func(host string) string {
		return "endpoint: http is for loopback alone, and " + host + " is not loopback: use https"
	}
	for _, c := range []struct {
		Endpoint
		want string
	}{
		{Endpoint{URL: "127.0.0.1:9920"}, notURL},
		{Endpoint{URL: "vpce.example"}, notURL},
		{Endpoint{URL: "https:vpce.example"}, notURL},
		{Endpoint{URL: "https://"}, notURL},
		{Endpoint{URL: "https://:443"}, notURL},
		{Endpoint{URL: "https:///sessions"}, notURL},
		{Endpoint{URL: "https://vpce.example\x00"}, notURL},
		{Endpoint{URL: "https://vpce.example:port"}, notURL},
		{Endpoint{URL: "https://user:hunter2@vpce.example"}, user},
		{Endpoint{URL: "https://user@vpce.example"}, user},
		{Endpoint{URL: "https://vpce.example/sessions"}, path},
		{Endpoint{URL: "https://vpce.example?x=1"}, path},
		{Endpoint{URL: "https://vpce.example#x"}, path},
		{Endpoint{URL: "ftp://vpce.example"}, scheme},
		{Endpoint{URL: "unix://127.0.0.1"}, scheme},
		{Endpoint{URL: "https://bücher.example"}, host},
		{Endpoint{URL: "https://[fe80::1%25eth0]"}, host},
		{Endpoint{URL: "http://[::1%25lo]"}, host},
		{Endpoint{URL: "https://a!b"}, host},
		{Endpoint{URL: "https://vpce.example:0"}, port},
		{Endpoint{URL: "https://vpce.example:65536"}, port},
		{Endpoint{URL: "http://vpce.example"}, notLoopback("vpce.example")},
		{Endpoint{URL: "http://0.0.0.0:9920"}, notLoopback("0.0.0.0")},
		{Endpoint{URL: "http://192.168.1.1:9920"}, notLoopback("192.168.1.1")},
		{Endpoint{URL: "http://127.0.0.1.evil.example"}, notLoopback("127.0.0.1.evil.example")},
		{Endpoint{URL: "http://localhost.evil.example"}, notLoopback("localhost.evil.example")},
		{Endpoint{URL: "http://127.1"}, notLoopback("127.1")},
		{Endpoint{URL: "http://[::]"}, notLoopback("::")},
		{Endpoint{URL: "https://vpce.example", FIPS: true}, both},
		{Endpoint{URL: "https://vpce.example", DualStack: true}, both},
	} {
		u, err := c.Resolve("eu-west-1")
		refused := new(EndpointError)
		if !errors.As(err, &refused) {
			t.Errorf("%s: got %v, %v, want *EndpointError", c.URL, u, err)
			continue
		}
		if err.Error() != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.URL, err, c.want)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error quotes a password", c.URL)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.255.255.254": true, "::1": true, "localhost": true, "LOCALHOST": true, "::ffff:127.0.0.1": true,
		"": false, "0.0.0.0": false, "::": false, "128.0.0.1": false, "10.0.0.1": false, "localhost.": false, "localhost.localdomain": false,
		"127.0.0.1.nip.io": false, "0x7f.1": false, "2130706433": false, "::1%lo": false,
	} {
		if got := IsLoopback(host); got != want {
			t.Errorf("%q: got %t, want %t", host, got, want)
		}
	}
}
