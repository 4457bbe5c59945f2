package sigv4_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/internal/canonical"
	verify "github.com/awsauth-go/awsauth/internal/sigv4"
	"github.com/awsauth-go/awsauth/sigv4"
)

var at = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// static and session are the documentation's keys.
var (
	static  = aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	session = aws.Credentials{
		AccessKeyID: "ASIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", SessionToken: "token+/=",
		CanExpire: true, Expires: at.Add(10 * time.Minute),
	}
)

// received is a signed request as a server gets it.
func received(s *sigv4.Signed, body string) *http.Request {
	r := httptest.NewRequest(s.Method, s.URL, strings.NewReader(body))
	r.Host = s.Host
	for name, values := range s.Header {
		r.Header[name] = values
	}
	return r
}

// accepts reports why a verifier that is not the signer's refuses a request; nil when it accepts it.
func accepts(s *sigv4.Signed, body string, now time.Time) error {
	r := received(s, body)
	a, err := verify.Parse(r)
	if err != nil {
		return err
	}
	check := verify.Check{SecretAccessKey: static.SecretAccessKey, Region: s.Region, Service: s.Service, Now: now, Skew: 5 * time.Minute}
	if s.Service == "s3" {
		check.UnsignedPayload, check.PathForm = true, canonical.S3
	}
	return a.Verify(r, []byte(body), check)
}

func TestWhatIsSignedIsAccepted(t *testing.T) {
	for name, test := range map[string]struct {
		request         sigv4.Request
		service, region string
	}{
		"SQS by query":              {sigv4.Request{URL: "https://sqs.eu-west-1.amazonaws.com/?Action=ListQueues&Version=2012-11-05"}, "sqs", "eu-west-1"},
		"Rekognition by JSON":       {sigv4.Request{Method: "POST", URL: "https://rekognition.eu-west-1.amazonaws.com", Body: []byte(`{"MaxLabels":3}`), Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"RekognitionService.DetectLabels"}}}, "rekognition", "eu-west-1"},
		"S3 with a strange key":     {sigv4.Request{Method: "PUT", URL: "https://photos.s3.eu-west-1.amazonaws.com/a%20b/c+d~é%2Fe.jpg", Body: []byte("jpeg")}, "s3", "eu-west-1"},
		"S3 without the body":       {sigv4.Request{Method: "PUT", URL: "https://photos.s3.eu-west-1.amazonaws.com/a", PayloadHash: sigv4.UnsignedPayload}, "s3", "eu-west-1"},
		"another host":              {sigv4.Request{URL: "http://127.0.0.1:9000/b?list-type=2&prefix=a b", Service: "s3", Region: "eu-north-1"}, "s3", "eu-north-1"},
		"a path that is not S3's":   {sigv4.Request{URL: "https://abc.execute-api.eu-west-1.amazonaws.com/prod/a%20b"}, "execute-api", "eu-west-1"},
		"a method in small letters": {sigv4.Request{Method: "post", URL: "https://sqs.eu-west-1.amazonaws.com/", Body: []byte("{}")}, "sqs", "eu-west-1"},
		"a region in place":         {sigv4.Request{URL: "https://s3.amazonaws.com/", Region: "eu-north-1"}, "s3", "eu-north-1"},
	} {
		t.Run(name, func(t *testing.T) {
			test.request.URL = strings.ReplaceAll(test.request.URL, " ", "%20")
			for _, c := range []aws.Credentials{static, session} {
				signed, err := sigv4.Sign(t.Context(), c, test.request, at)
				if err != nil {
					t.Fatal(err)
				}
				if signed.Service != test.service || signed.Region != test.region {
					t.Errorf("signed for %s in %s, want %s in %s", signed.Service, signed.Region, test.service, test.region)
				}
				if signed.Method != strings.ToUpper(signed.Method) {
					t.Errorf("the method is %s", signed.Method)
				}
				if got := signed.Header.Get("X-Amz-Security-Token"); got != c.SessionToken {
					t.Errorf("the token is %q, want %q", got, c.SessionToken)
				}
				if err := accepts(signed, string(test.request.Body), at); err != nil {
					t.Error(err)
				}
				if err := accepts(signed, string(test.request.Body)+"x", at); err == nil && test.request.PayloadHash == "" {
					t.Error("another body is accepted")
				}
				signed.URL += "x"
				if err := accepts(signed, string(test.request.Body), at); err == nil {
					t.Error("another URL is accepted")
				}
			}
		})
	}
}

// A signature is good for 15 minutes, a URL as long as it says, and neither for longer than the credentials.
func TestWhenASignatureEnds(t *testing.T) {
	request := sigv4.Request{URL: "https://photos.s3.eu-west-1.amazonaws.com/cat.jpg"}
	for _, test := range []struct {
		c    aws.Credentials
		sign func(context.Context, aws.Credentials, sigv4.Request, time.Time) (*sigv4.Signed, error)
		want time.Duration
	}{
		{static, sigv4.Sign, 15 * time.Minute},
		{session, sigv4.Sign, 10 * time.Minute},
		{static, presign(time.Hour), time.Hour},
		{session, presign(time.Hour), 10 * time.Minute},
		{session, presign(time.Minute), time.Minute},
		{static, presign(7 * 24 * time.Hour), 7 * 24 * time.Hour},
	} {
		signed, err := test.sign(t.Context(), test.c, request, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := signed.Ends.Sub(at); got != test.want {
			t.Errorf("ends after %s, want %s", got, test.want)
		}
	}
}

func presign(valid time.Duration) func(context.Context, aws.Credentials, sigv4.Request, time.Time) (*sigv4.Signed, error) {
	return func(ctx context.Context, c aws.Credentials, r sigv4.Request, at time.Time) (*sigv4.Signed, error) {
		return sigv4.Presign(ctx, c, r, at, valid)
	}
}

func TestAPresignedURLIsAcceptedUntilItEnds(t *testing.T) {
	for name, request := range map[string]sigv4.Request{
		"S3":       {URL: "https://photos.s3.eu-west-1.amazonaws.com/cat%20.jpg?versionId=1"},
		"S3, PUT":  {Method: "PUT", URL: "https://photos.s3.eu-west-1.amazonaws.com/cat.jpg"},
		"STS":      {URL: "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"},
		"a header": {URL: "https://photos.s3.eu-west-1.amazonaws.com/cat.jpg", Header: http.Header{"Range": {"bytes=0-9"}}},
	} {
		t.Run(name, func(t *testing.T) {
			signed, err := sigv4.Presign(t.Context(), session, request, at, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(signed.URL)
			if err != nil {
				t.Fatal(err)
			}
			if q := u.Query(); q.Get("X-Amz-Security-Token") != session.SessionToken || q.Get("X-Amz-Expires") != "60" {
				t.Errorf("the URL has token %q and ends after %q", q.Get("X-Amz-Security-Token"), q.Get("X-Amz-Expires"))
			}
			for name := range signed.Header {
				if name != "Range" {
					t.Errorf("%s must be sent along", name)
				}
			}
			if err := accepts(signed, "", at.Add(59*time.Second)); err != nil {
				t.Error(err)
			}
			if err := accepts(signed, "", at.Add(61*time.Second)); err == nil {
				t.Error("it is good for longer than it says")
			}
		})
	}
}

func TestWhatCannotBeSignedIsTold(t *testing.T) {
	const sqs = "https://sqs.eu-west-1.amazonaws.com/"
	for _, test := range []struct {
		request sigv4.Request
		want    string
	}{
		{sigv4.Request{}, "URL is no address that begins with https:// or http:// and a host"},
		{sigv4.Request{URL: "sqs.eu-west-1.amazonaws.com"}, "URL is no address that begins with https:// or http:// and a host"},
		{sigv4.Request{URL: "https://a b/"}, "URL is no URL, as https://sqs.eu-west-1.amazonaws.com/"},
		{sigv4.Request{URL: "ftp://sqs.eu-west-1.amazonaws.com/"}, "URL is no address that begins with https:// or http:// and a host"},
		{sigv4.Request{URL: "https://sqs.eu-west-1.amazonaws.com:65536/"}, "URL has a port that is none"},
		{sigv4.Request{URL: "https://bücher.example/", Service: "s3", Region: "eu-west-1"}, "URL has a host that is not ASCII: write it as it is sent (xn--…)"},
		{sigv4.Request{URL: "https://user:pw@sqs.eu-west-1.amazonaws.com/"}, "URL has a user or a password, which no service takes"},
		{sigv4.Request{URL: sqs + "#a"}, "URL has a fragment (#…), which is not sent: write # as %23"},
		{sigv4.Request{URL: sqs + "?a=%zz"}, "URL has a query that cannot be read: write % as %25 and ; as %3B"},
		{sigv4.Request{URL: sqs + "?a=1;b=2"}, "URL has a query that cannot be read: write % as %25 and ; as %3B"},
		{sigv4.Request{URL: sqs + "?X-Amz-Signature=00"}, "URL has a signature of its own (X-Amz-Signature): give it without"},
		{sigv4.Request{URL: sqs, Method: "GET /"}, "Method is no HTTP method, as GET"},
		{sigv4.Request{URL: "https://example.com/"}, "Service is required, as sqs: the host does not say it"},
		{sigv4.Request{URL: "https://example.com/", Service: "sqs"}, "Region is required, as eu-west-1: the host does not say it"},
		{sigv4.Request{URL: sqs, Service: "Amazon SQS"}, "Service is no name of a service, as sqs"},
		{sigv4.Request{URL: sqs, Region: "Ireland"}, "Region is no region, as eu-west-1"},
		{sigv4.Request{URL: sqs, Region: "any where"}, "Region is no region, as eu-west-1"},
		{sigv4.Request{URL: sqs, Region: "eu-north-1"}, "Region is eu-north-1, and the host is of eu-west-1"},
		{sigv4.Request{URL: "https://s3.amazonaws.com/", Region: "ap-sotheast-2"}, "Region is no region of AWS, as eu-west-1: did you mean ap-southeast-2?"},
		{sigv4.Request{URL: "https://s3.amazonaws.com/", Region: "mars"}, "Region is no region of AWS, as eu-west-1"},
		{sigv4.Request{URL: "https://eu-west-1.queue.amazonaws.com/", Region: "us-east-1"}, "Region is us-east-1, and the host is of eu-west-1"},
		{sigv4.Request{URL: "https://sqs.eu-wst-1.amazonaws.com/"}, "URL has a host of region eu-wst-1, which is none: did you mean eu-west-1?"},
		{sigv4.Request{URL: sqs, PayloadHash: "ABC"}, "PayloadHash is neither 64 hexadecimal digits in lower case nor UNSIGNED-PAYLOAD"},
		{sigv4.Request{URL: sqs, PayloadHash: sigv4.UnsignedPayload, Body: []byte("x")}, "PayloadHash is given with a body: give one of them"},
		{sigv4.Request{URL: sqs, Header: http.Header{"authorization": {"x"}}}, "Header has Authorization, which the signature or the client sets"},
		{sigv4.Request{URL: sqs, Header: http.Header{"X-Amz-Expires": {"604800"}}}, "Header has X-Amz-Expires, which the signature or the client sets"},
		{sigv4.Request{URL: sqs, Header: http.Header{"x-amz-credential": {"x"}}}, "Header has X-Amz-Credential, which the signature or the client sets"},
		{sigv4.Request{URL: sqs, Header: http.Header{"A b": {"x"}}}, "Header has a name that is none"},
		{sigv4.Request{URL: sqs, Header: http.Header{"A": {"x\r\nB: y"}}}, "Header has a value that cannot be sent: ASCII alone can"},
		{sigv4.Request{URL: sqs, Header: http.Header{"A": {"é"}}}, "Header has a value that cannot be sent: ASCII alone can"},
	} {
		_, err := sigv4.Sign(t.Context(), static, test.request, at)
		mistake := new(sigv4.Error)
		if !errors.As(err, &mistake) || err.Error() != test.want {
			t.Errorf("%+v: got %v, want %s", test.request, err, test.want)
		}
	}
	for _, valid := range []time.Duration{0, -time.Second, 500 * time.Millisecond, 8 * 24 * time.Hour} {
		if _, err := sigv4.Presign(t.Context(), static, sigv4.Request{URL: sqs}, at, valid); fmt.Sprint(err) != fmt.Sprintf("Valid is %s: use whole seconds from 1s to 168h", valid) {
			t.Errorf("%s: got %v", valid, err)
		}
	}
	ended := session
	ended.Expires = at
	for want, c := range map[string]aws.Credentials{"Credentials are empty": {}, "Credentials have ended: get new ones": ended} {
		if _, err := sigv4.Sign(t.Context(), c, sigv4.Request{URL: sqs}, at); fmt.Sprint(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// The hosts are those of AWS General Reference, "Service endpoints".
func TestHostsSayTheirServiceAndRegion(t *testing.T) {
	for host, want := range map[string]string{
		"sqs.eu-west-1.amazonaws.com":                  "sqs eu-west-1",
		"eu-west-1.queue.amazonaws.com":                "sqs eu-west-1",
		"queue.amazonaws.com":                          "sqs us-east-1",
		"search-a-x.eu-west-1.es.amazonaws.com":        "es eu-west-1",
		"vpce-0a-b.sqs.eu-west-1.vpce.amazonaws.com":   "sqs eu-west-1",
		"s3-fips-us-gov-west-1.amazonaws.com":          "s3 us-gov-west-1",
		"eu-west-1.s3.amazonaws.com":                   "s3 us-east-1", // a bucket of that name
		"sns.us-gov-west-1.amazonaws.com":              "sns us-gov-west-1",
		"sqs-fips.us-east-2.amazonaws.com":             "sqs us-east-2",
		"s3.amazonaws.com":                             "s3 us-east-1",
		"b.s3.amazonaws.com":                           "s3 us-east-1",
		"b.s3.eu-central-1.amazonaws.com":              "s3 eu-central-1",
		"a.b.s3.dualstack.eu-central-1.amazonaws.com":  "s3 eu-central-1",
		"s3-eu-west-1.amazonaws.com":                   "s3 eu-west-1",
		"b.s3-fips.us-east-1.amazonaws.com":            "s3 us-east-1",
		"sts.amazonaws.com":                            "sts us-east-1",
		"iam.amazonaws.com":                            "iam us-east-1",
		"email.eu-west-1.amazonaws.com":                "ses eu-west-1",
		"bedrock-runtime.eu-west-3.amazonaws.com":      "bedrock eu-west-3",
		"sqs.cn-north-1.amazonaws.com.cn":              "sqs cn-north-1",
		"sqs.eu-west-1.api.aws":                        "sqs eu-west-1",
		"abc.execute-api.ap-southeast-2.amazonaws.com": "execute-api ap-southeast-2",
		"SQS.EU-WEST-1.AMAZONAWS.COM":                  "sqs eu-west-1",
		"iam.us-gov.amazonaws.com":                     "",
		"eu-west-1.amazonaws.com":                      "",
		"evilamazonaws.com":                            "",
		"sqs.eu-west-1.amazonaws.com.evil.test":        "",
	} {
		signed, err := sigv4.Sign(t.Context(), static, sigv4.Request{URL: "https://" + host + "/"}, at)
		got := ""
		if err == nil {
			got = signed.Service + " " + signed.Region
		}
		if got != want {
			t.Errorf("%s: got %q, %v, want %q", host, got, err, want)
		}
	}
}

func FuzzSign(f *testing.F) {
	f.Add("GET", "https://sqs.eu-west-1.amazonaws.com/?Action=ListQueues", "X-A", "b", "body")
	f.Add("PUT", "https://photos.s3.eu-west-1.amazonaws.com/a%20b/c+d", "Content-Type", "image/jpeg", "")
	f.Add("POST", "http://127.0.0.1:80//a/../b?x=%2B+%20&x&=y", "x-amz-meta-a", " two  spaces ", "{}")
	f.Fuzz(func(t *testing.T, method, address, name, value, body string) {
		r := sigv4.Request{Method: method, URL: address, Header: http.Header{name: {value}}, Body: []byte(body), Service: "execute-api", Region: "eu-west-1"}
		signed, err := sigv4.Sign(t.Context(), session, r, at)
		if err != nil {
			mistake := new(sigv4.Error)
			if !errors.As(err, &mistake) || strings.Contains(err.Error(), session.SecretAccessKey) {
				t.Fatalf("got %v", err)
			}
			return
		}
		if err := accepts(signed, body, at); err != nil {
			t.Fatalf("%q is signed so that it is refused: %v", signed.URL, err)
		}
	})
}

// What clients write otherwise than they were told is signed as they send it.
func TestWhatClientsSendIsWhatIsSigned(t *testing.T) {
	for given, want := range map[string]string{
		"https://sqs.eu-west-1.amazonaws.com:443/":  "sqs.eu-west-1.amazonaws.com",
		"https://sqs.eu-west-1.amazonaws.com:0443/": "sqs.eu-west-1.amazonaws.com",
		"https://sqs.eu-west-1.amazonaws.com:/":     "sqs.eu-west-1.amazonaws.com",
		"https://sqs.eu-west-1.amazonaws.com:08443": "sqs.eu-west-1.amazonaws.com:8443",
		"http://[::1]:9000/":                        "[::1]:9000",
		"http://[::1]:80/":                          "[::1]",
	} {
		signed, err := sigv4.Sign(t.Context(), static, sigv4.Request{URL: given, Service: "sqs", Region: "eu-west-1"}, at)
		if err != nil || signed.Host != want {
			t.Errorf("%s: got %v, %v, want %s", given, signed, err, want)
		}
	}
	several := http.Header{"X-Foo": {"a  b", "c"}, "X-Empty": {""}}
	signed, err := sigv4.Sign(t.Context(), static, sigv4.Request{URL: "https://sqs.eu-west-1.amazonaws.com/", Header: several}, at)
	if err != nil {
		t.Fatal(err)
	}
	if got := signed.Header.Values("X-Foo"); len(got) != 1 || got[0] != "a b,c" {
		t.Errorf("got %q", got)
	}
	if err := accepts(signed, "", at); err != nil {
		t.Error(err)
	}
}
