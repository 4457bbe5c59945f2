package sigv4

import (
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/awsauth-go/awsauth/internal/canonical"
)

const (
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	emptyHash  = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var signedAt = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// signedRequest is a request without body for STS in eu-west-1, signed by aws-sdk-go-v2 at signedAt with the payload hash.
func signedRequest(t *testing.T, presigned bool, hash, query string, headers ...string) *http.Request {
	t.Helper()
	r := requestWith(query, headers...)
	r.URL.Scheme, r.URL.Host = "http", "localhost"
	creds := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: testSecret}
	if !presigned {
		if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, hash, "sts", "eu-west-1", signedAt); err != nil {
			t.Fatal(err)
		}
		return r
	}
	signed, _, err := v4.NewSigner().PresignHTTP(t.Context(), creds, r, hash, "sts", "eu-west-1", signedAt)
	if err != nil {
		t.Fatal(err)
	}
	if r.URL, err = url.Parse(signed); err != nil {
		t.Fatal(err)
	}
	return r
}

func goodCheck() Check {
	return Check{SecretAccessKey: testSecret, Region: "eu-west-1", Service: "sts", Now: signedAt, Skew: 5 * time.Minute}
}

// verifyWant verifies the request and compares the error's text; want "" means that the request verifies.
func verifyWant(t *testing.T, r *http.Request, body string, c Check, kind Kind, want string) {
	t.Helper()
	a, err := Parse(r)
	if err != nil {
		t.Fatal(err)
	}
	err = a.Verify(r, []byte(body), c)
	if want == "" {
		if err != nil {
			t.Errorf("got %v, want success", err)
		}
		return
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want %s", err, want)
	}
	if e.Kind != kind {
		t.Errorf("got kind %q, want %q", e.Kind, kind)
	}
	if want = "verify request: " + kind.String() + ": " + want; e.Error() != want {
		t.Errorf("got  %v\nwant %s", e, want)
	}
}

func TestVerifyChecksTheClock(t *testing.T) {
	const header, hour, endless = "header", "X-Amz-Expires=3600", "presigned without X-Amz-Expires"
	tests := map[string]struct {
		form string
		now  time.Duration // since the signature
		kind Kind
		want string
	}{
		"a header is good when just signed":                 {form: header},
		"a header is good for the skew":                     {form: header, now: 5 * time.Minute},
		"a header is good the skew before it is signed":     {form: header, now: -5 * time.Minute},
		"a header expires after the skew":                   {header, 5*time.Minute + time.Second, Expired, "20261123T080000Z is now earlier than 20261123T080001Z (20261123T080501Z - 5m0s)"},
		"a header is not good before the skew":              {header, -5*time.Minute - time.Second, NotYetCurrent, "20261123T080000Z is still later than 20261123T075959Z (20261123T075459Z + 5m0s)"},
		"a presigned request is good while it lives":        {form: hour, now: time.Hour},
		"a presigned request has no skew at its end":        {hour, time.Hour + time.Second, Expired, "presigned request was good until 20261123T090000Z and it is 20261123T090001Z"},
		"a presigned request is good the skew before":       {form: hour, now: -5 * time.Minute},
		"a presigned request is not good long before":       {hour, -time.Hour, NotYetCurrent, "20261123T080000Z is still later than 20261123T070500Z (20261123T070000Z + 5m0s)"},
		"a presigned request without expiry lives the skew": {form: endless, now: 5 * time.Minute},
		"a presigned request without expiry expires":        {endless, 6 * time.Minute, Expired, "20261123T080000Z is now earlier than 20261123T080100Z (20261123T080600Z - 5m0s)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			query := ""
			if tt.form == hour {
				query = hour
			}
			c := goodCheck()
			// A clock in another zone must not change the answer.
			c.Now = signedAt.Add(tt.now).In(time.FixedZone("", -9*3600))
			verifyWant(t, signedRequest(t, tt.form != header, emptyHash, query), "", c, tt.kind, tt.want)
		})
	}
}

func TestVerifyChecksTheScope(t *testing.T) {
	tests := map[string]struct {
		change func(*Check)
		want   string
	}{
		"region and service as expected are good": {func(*Check) {}, ""},
		"no expectation accepts any":              {func(c *Check) { c.Region, c.Service = "", "" }, ""},
		"another region is refused":               {func(c *Check) { c.Region = "us-east-1" }, "Credential is scoped to region eu-west-1, not us-east-1"},
		"another service is refused":              {func(c *Check) { c.Service = "iam" }, "Credential is scoped to service sts, not iam"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := goodCheck()
			tt.change(&c)
			verifyWant(t, signedRequest(t, false, emptyHash, ""), "", c, WrongScope, tt.want)
		})
	}
	t.Run("another date is refused", func(t *testing.T) {
		r := signedRequest(t, false, emptyHash, "")
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/20261123/", "/20261122/", 1))
		verifyWant(t, r, "", goodCheck(), WrongScope, "Credential is scoped to date 20261122, not 20261123 of X-Amz-Date")
	})
}

func TestVerifyWantsHostAndAmzHeadersSigned(t *testing.T) {
	unlist := func(r *http.Request, names string) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), names, "", 1))
	}
	tests := map[string]struct {
		change func(*http.Request)
		kind   Kind
		want   string
	}{
		"an added header of another name is good": {func(r *http.Request) { r.Header.Set("X-Amzn-Trace-Id", "1") }, 0, ""},
		"an unsigned content type is good":        {func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 0, ""},
		"an added x-amz header":                   {func(r *http.Request) { r.Header.Set("X-Amz-Target", "x") }, UnsignedHeader, "header x-amz-target is not in SignedHeaders"},
		"an added session token":                  {func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }, UnsignedHeader, "header x-amz-security-token is not in SignedHeaders"},
		"an unlisted host":                        {func(r *http.Request) { unlist(r, "host;") }, UnsignedHeader, "header host is not in SignedHeaders"},
		"an unlisted date":                        {func(r *http.Request) { unlist(r, ";x-amz-date") }, UnsignedHeader, "header x-amz-date is not in SignedHeaders"},
		"a removed signed header":                 {func(r *http.Request) { r.Header.Del("My-Header") }, SignatureMismatch, "signed header my-header is not in the request"},
		"a removed host":                          {func(r *http.Request) { r.Host = "" }, SignatureMismatch, "signed header host is not in the request"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := signedRequest(t, false, emptyHash, "", "My-Header", "1")
			tt.change(r)
			verifyWant(t, r, "", goodCheck(), tt.kind, tt.want)
		})
	}
}

func TestVerifyChecksThePayload(t *testing.T) {
	const notHash = "X-Amz-Content-Sha256 is not the SHA-256 of the body in lower-case hexadecimal"
	const wrongSignature = "the signature is not the one computed from the request and the secret access key"
	const name = "X-Amz-Content-Sha256"
	s3 := goodCheck()
	s3.UnsignedPayload, s3.PathForm = true, canonical.S3
	tests := map[string]struct {
		presigned bool
		hash      string // that is signed
		query     string
		headers   []string
		body      string
		check     Check
		kind      Kind
		want      string
	}{
		"the hash of the body is good":                   {hash: emptyHash, headers: []string{name, emptyHash}, check: goodCheck()},
		"no hash is good":                                {hash: emptyHash, check: goodCheck()},
		"a hash of another body":                         {hash: emptyHash, headers: []string{name, emptyHash}, body: "x", check: goodCheck(), kind: BodyMismatch, want: notHash},
		"no hash and another body":                       {hash: emptyHash, body: "x", check: goodCheck(), kind: SignatureMismatch, want: wrongSignature},
		"a hash in capitals":                             {hash: emptyHash, headers: []string{name, strings.ToUpper(emptyHash)}, check: goodCheck(), kind: BodyMismatch, want: notHash},
		"a repeated hash":                                {hash: emptyHash, headers: []string{name, emptyHash, name, emptyHash}, check: goodCheck(), kind: Malformed, want: name + " is repeated"},
		"an unsigned payload":                            {hash: unsignedPayload, headers: []string{name, unsignedPayload}, check: goodCheck(), kind: BodyMismatch, want: name + " is UNSIGNED-PAYLOAD, which this service does not accept"},
		"a chunked payload":                              {hash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", headers: []string{name, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}, check: s3, kind: BodyMismatch, want: notHash},
		"S3 takes an unsigned payload":                   {hash: unsignedPayload, headers: []string{name, unsignedPayload}, body: "x", check: s3},
		"S3 takes a signed payload":                      {hash: emptyHash, headers: []string{name, emptyHash}, check: s3},
		"S3 checks a signed payload":                     {hash: emptyHash, headers: []string{name, emptyHash}, body: "x", check: s3, kind: BodyMismatch, want: notHash},
		"S3 does not take the keyword unsaid":            {hash: unsignedPayload, check: s3, kind: SignatureMismatch, want: wrongSignature},
		"a presigned request covers the empty body":      {presigned: true, hash: emptyHash, check: goodCheck()},
		"a presigned request covers no other body":       {presigned: true, hash: emptyHash, body: "x", check: goodCheck(), kind: SignatureMismatch, want: wrongSignature},
		"a presigned request with the hash as parameter": {presigned: true, hash: emptyHash, query: name + "=" + emptyHash, check: goodCheck()},
		"a presigned request with a wrong parameter":     {presigned: true, hash: emptyHash, query: name + "=" + emptyHash, body: "x", check: goodCheck(), kind: BodyMismatch, want: notHash},
		"a presigned request with an empty parameter":    {presigned: true, hash: emptyHash, query: name + "=", check: goodCheck(), kind: BodyMismatch, want: notHash},
		"presigned for S3 leaves the payload unsigned":   {presigned: true, hash: unsignedPayload, body: "x", check: s3},
		"presigned for S3 with the keyword as parameter": {presigned: true, hash: unsignedPayload, query: name + "=" + unsignedPayload, body: "x", check: s3},
		"presigned with the keyword for another service": {presigned: true, hash: unsignedPayload, query: name + "=" + unsignedPayload, check: goodCheck(), kind: BodyMismatch, want: name + " is UNSIGNED-PAYLOAD, which this service does not accept"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			verifyWant(t, signedRequest(t, tt.presigned, tt.hash, tt.query, tt.headers...), tt.body, tt.check, tt.kind, tt.want)
		})
	}
}

func TestVerifyWithoutASecretRefuses(t *testing.T) {
	c := goodCheck()
	c.SecretAccessKey = ""
	r := signedRequest(t, false, emptyHash, "")
	// The holder of no secret signs with the empty one.
	creds := aws.Credentials{AccessKeyID: "AKIDEXAMPLE"}
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, r, emptyHash, "sts", "eu-west-1", signedAt); err != nil {
		t.Fatal(err)
	}
	verifyWant(t, r, "", c, SignatureMismatch, "there is no secret access key to compare with")
}

func TestVerifyTakesThePathFromTheWire(t *testing.T) {
	r := signedRequest(t, false, emptyHash, "")
	r.RequestURI = "/"
	r.URL.Path = "/changed/by/a/handler"
	verifyWant(t, r, "", goodCheck(), 0, "")
	r.RequestURI = "http://localhost/" // a request through a proxy
	r.URL.Path = "/"
	verifyWant(t, r, "", goodCheck(), 0, "")
}

// The key of AWS General Reference, "Examples of how to derive a signing key for Signature Version 4".
func TestSigningKeyIsThePublishedOne(t *testing.T) {
	got := hex.EncodeToString(SigningKey(testSecret, "20120215", "us-east-1", "iam"))
	if want := "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
