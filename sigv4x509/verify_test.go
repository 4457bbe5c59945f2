package sigv4x509_test

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

var signedAt = time.Date(2026, 11, 22, 19, 45, 6, 0, time.UTC)

const exampleBody = `{"durationSeconds":3600}`

// signed makes a request that verifies, with one intermediate.
func signed(t testing.TB) *http.Request {
	t.Helper()
	root, err := pki.NewCA("root", signedAt)
	if err != nil {
		t.Fatal(err)
	}
	below, err := root.Intermediate("below")
	if err != nil {
		t.Fatal(err)
	}
	id, err := below.Issue(pki.Leaf{CommonName: "client"})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sigv4x509.NewSigner(id.Certificate, id.Chain, id.Key)
	if err != nil {
		t.Fatal(err)
	}
	r := request(t)
	if err := signer.Sign(r, []byte(exampleBody), "eu-west-1", signedAt); err != nil {
		t.Fatal(err)
	}
	return r
}

func request(t testing.TB) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "https://rolesanywhere.eu-west-1.amazonaws.com/sessions?roleArn=a%3Ab&profileArn=c", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	return r
}

func TestOneChangeOfASignedRequestIsRefused(t *testing.T) {
	replace := func(header, old, new string) func(*http.Request) {
		return func(r *http.Request) {
			v := r.Header.Get(header)
			if !strings.Contains(v, old) {
				t.Fatalf("%s has no %q", header, old)
			}
			r.Header.Set(header, strings.Replace(v, old, new, 1))
		}
	}
	set := func(header, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(header, value) }
	}
	ed25519 := base64.StdEncoding.EncodeToString([]byte("not a certificate"))
	const form = "Authorization: is not of the form ALGORITHM Credential=…, SignedHeaders=…, Signature=…"
	for _, c := range []struct {
		change string
		do     func(*http.Request)
		want   string
	}{
		{"no Authorization", func(r *http.Request) { r.Header.Del("Authorization") }, "Authorization: is missing"},
		{"two Authorizations", func(r *http.Request) { r.Header.Add("Authorization", "x") }, "Authorization: is given more than once"},
		{"Authorization too long", set("Authorization", strings.Repeat("a", 200_000)), "Authorization: is longer than 131072 characters"},
		{"SigV4's algorithm", replace("Authorization", "AWS4-X509-ECDSA-SHA256", "AWS4-HMAC-SHA256"), "Authorization: does not begin with AWS4-X509-RSA-SHA256 or AWS4-X509-ECDSA-SHA256"},
		{"ML-DSA's algorithm", replace("Authorization", "AWS4-X509-ECDSA-SHA256", "AWS4-X509-MLDSA"), "Authorization: does not begin with AWS4-X509-RSA-SHA256 or AWS4-X509-ECDSA-SHA256"},
		{"the other algorithm", replace("Authorization", "ECDSA", "RSA"), "the algorithm does not fit the certificate's public key"},
		{"no Credential", replace("Authorization", "Credential=", "Credentials="), "Credential: is not of the form SERIAL/YYYYMMDD/REGION/rolesanywhere/aws4_request"},
		{"a part twice", replace("Authorization", "Signature=", "SignedHeaders="), form},
		{"a part too many", func(r *http.Request) { r.Header.Set("Authorization", r.Header.Get("Authorization")+", A=b") }, form},
		{"a part without =", replace("Authorization", "Signature=", "Signature"), form},
		{"hexadecimal serial", replace("Authorization", "Credential=", "Credential=0x"), "Credential: its serial number is not decimal"},
		{"empty serial", func(r *http.Request) {
			a := r.Header.Get("Authorization")
			i, j := strings.Index(a, "Credential=")+len("Credential="), strings.Index(a, "/")
			r.Header.Set("Authorization", a[:i]+a[j:])
		}, "Credential: its serial number is not decimal"},
		{"overlong serial", replace("Authorization", "Credential=", "Credential="+strings.Repeat("0", 49)), "Credential: its serial number is not decimal"},
		{"another serial", replace("Authorization", "Credential=", "Credential=1"), "Credential: its serial number, to be written in decimal, is not that of the certificate in X-Amz-X509"},
		{"another day in the scope", replace("Authorization", "20261122", "20261123"), "Credential: its date is not the day of X-Amz-Date"},
		{"another region in the scope", replace("Authorization", "eu-west-1", "eu-west-2"), "the signature does not verify with the certificate's public key"},
		{"no region in the scope", replace("Authorization", "eu-west-1", ""), "Credential: its region is empty"},
		{"another service", replace("Authorization", "/rolesanywhere/", "/sts/"), "Credential: its service is not rolesanywhere"},
		{"another terminator", replace("Authorization", "aws4_request", "aws3_request"), "Credential: does not end with aws4_request"},
		{"host not signed", replace("Authorization", "host;", ""), "SignedHeaders: lacks host"},
		{"date not signed", replace("Authorization", "x-amz-date;", ""), "SignedHeaders: lacks x-amz-date"},
		{"certificate not signed", replace("Authorization", "x-amz-x509;", ""), "SignedHeaders: lacks x-amz-x509"},
		{"chain not signed", replace("Authorization", ";x-amz-x509-chain", ""), "SignedHeaders: lacks x-amz-x509-chain"},
		{"signed headers out of order", replace("Authorization", "content-type;host", "host;content-type"), "SignedHeaders: is not sorted, or names a header twice"},
		{"signed headers twice", replace("Authorization", "host;", "host;host;"), "SignedHeaders: is not sorted, or names a header twice"},
		{"signed headers in capitals", replace("Authorization", "host;", "Host;"), "SignedHeaders: is not a list of names in lower case, separated by semicolons"},
		{"signed headers with commas", replace("Authorization", "content-type;", "content-type,"), form},
		{"authorization signed", replace("Authorization", "SignedHeaders=", "SignedHeaders=authorization;"), "SignedHeaders: names authorization, which cannot be signed"},
		{"a signed header that is not there", replace("Authorization", "host;", "host;range;"), "SignedHeaders: names a header that the request does not have"},
		{"signature in capitals", replace("Authorization", "Signature=30", "Signature=A0"), "Signature: is not lower-case hexadecimal"},
		{"signature with an odd number of digits", replace("Authorization", "Signature=3", "Signature="), "Signature: is not lower-case hexadecimal"},
		{"no signature", func(r *http.Request) {
			a, _, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", a+"Signature=")
		}, "Signature: is not lower-case hexadecimal"},
		{"signature changed", replace("Authorization", "Signature=30", "Signature=31"), "the signature does not verify with the certificate's public key"},
		{"content type changed", set("Content-Type", "text/plain"), "the signature does not verify with the certificate's public key"},
		{"content type left out", func(r *http.Request) { r.Header.Del("Content-Type") }, "SignedHeaders: names a header that the request does not have"},
		{"host changed", func(r *http.Request) { r.Host = "example.com" }, "the signature does not verify with the certificate's public key"},
		{"method changed", func(r *http.Request) { r.Method = http.MethodPut }, "the signature does not verify with the certificate's public key"},
		{"query changed", func(r *http.Request) { r.URL.RawQuery += "&x=y" }, "the signature does not verify with the certificate's public key"},
		{"no date", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, "X-Amz-Date: is missing"},
		{"date malformed", set("X-Amz-Date", "2026-11-22T19:45:06Z"), "X-Amz-Date: is not of the form YYYYMMDDTHHMMSSZ"},
		{"date with a fraction", set("X-Amz-Date", "20261122T194506.5Z"), "X-Amz-Date: is not of the form YYYYMMDDTHHMMSSZ"},
		{"a second later", set("X-Amz-Date", "20261122T194507Z"), "the signature does not verify with the certificate's public key"},
		{"no certificate", func(r *http.Request) { r.Header.Del("X-Amz-X509") }, "X-Amz-X509: is missing"},
		{"certificate not base64", set("X-Amz-X509", "-----BEGIN CERTIFICATE-----"), "X-Amz-X509: is not base64 of a certificate in DER"},
		{"certificate not DER", set("X-Amz-X509", ed25519), "X-Amz-X509: is not an X.509 certificate in DER"},
		{"chain empty", set("X-Amz-X509-Chain", ""), "X-Amz-X509-Chain: is missing"},
		{"chain not base64", set("X-Amz-X509-Chain", "a,b"), "X-Amz-X509-Chain: is not base64 of a certificate in DER"},
		{"chain of 17", set("X-Amz-X509-Chain", strings.Repeat("a,", 16)+"a"), "X-Amz-X509-Chain: has more than 16 certificates"},
		{"chain twice", func(r *http.Request) { r.Header.Add("X-Amz-X509-Chain", "a") }, "X-Amz-X509-Chain: is given more than once"},
		{"chain left out", func(r *http.Request) { r.Header.Del("X-Amz-X509-Chain") }, "SignedHeaders: names a header that the request does not have"},
	} {
		t.Run(c.change, func(t *testing.T) {
			r := signed(t)
			if _, err := sigv4x509.Verify(r, []byte(exampleBody)); err != nil {
				t.Fatalf("before the change: %v", err)
			}
			c.do(r)
			_, err := sigv4x509.Verify(r, []byte(exampleBody))
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if format := new(sigv4x509.FormatError); strings.Contains(c.want, ": ") && !errors.As(err, &format) {
				t.Errorf("got %T, want *FormatError", err)
			}
		})
	}
}

func TestABodyThatWasNotSignedIsRefused(t *testing.T) {
	if _, err := sigv4x509.Verify(signed(t), []byte(exampleBody+" ")); !errors.Is(err, sigv4x509.ErrSignature) {
		t.Errorf("got %v, want ErrSignature", err)
	}
}

func TestPartsOfAuthorizationMayFollowOneAnotherWithoutSpaces(t *testing.T) {
	r := signed(t)
	r.Header.Set("Authorization", strings.ReplaceAll(r.Header.Get("Authorization"), ", ", ","))
	if _, err := sigv4x509.Verify(r, []byte(exampleBody)); err != nil {
		t.Error(err)
	}
}

func TestAPrefixOfThePathIsNotSigned(t *testing.T) {
	r := signed(t)
	r.URL.Path = "/mounted/here/sessions"
	if _, err := sigv4x509.Verify(r, []byte(exampleBody)); err != nil {
		t.Error(err)
	}
}

func TestASignerNeedsACertificateAndItsKey(t *testing.T) {
	ca, err := pki.NewCA("root", signedAt)
	if err != nil {
		t.Fatal(err)
	}
	one, err := ca.Issue(pki.Leaf{CommonName: "one"})
	if err != nil {
		t.Fatal(err)
	}
	another, err := ca.Issue(pki.Leaf{CommonName: "another"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		leaf *x509.Certificate
		want string
	}{
		"no certificate":      {nil, "new signer: certificate and private key are both required"},
		"another's key":       {another.Certificate, "new signer: the private key does not belong to the certificate"},
		"its own certificate": {one.Certificate, ""},
	} {
		_, err := sigv4x509.NewSigner(c.leaf, nil, one.Key)
		if got := text(err); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	if _, err := sigv4x509.AlgorithmOf([]byte{}); text(err) != "no AWS4-X509 algorithm for a key of type []uint8: use RSA or ECDSA" {
		t.Errorf("got %v", err)
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// What a transport or a proxy sets or changes is not signed; what a caller sets is.
func TestHeadersOfTheTransportAreNotSigned(t *testing.T) {
	ca, err := pki.NewCA("root", signedAt)
	if err != nil {
		t.Fatal(err)
	}
	id, err := ca.Issue(pki.Leaf{CommonName: "client"})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sigv4x509.NewSigner(id.Certificate, nil, id.Key)
	if err != nil {
		t.Fatal(err)
	}
	r := request(t)
	for _, name := range []string{"User-Agent", "Accept-Encoding", "Content-Length", "X-Amzn-Trace-Id", "Connection", "X-Amz-X509-Chain", "X-Mine"} {
		r.Header.Set(name, "1")
	}
	if err := signer.Sign(r, nil, "eu-west-1", signedAt); err != nil {
		t.Fatal(err)
	}
	s, err := sigv4x509.Verify(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(s.SignedHeaders, ";"), "content-type;host;x-amz-date;x-amz-x509;x-mine"; got != want {
		t.Errorf("signed headers: got %s, want %s", got, want)
	}
	if got := r.Header.Get("X-Amz-X509-Chain"); got != "" {
		t.Errorf("a chain that is not the signer's was kept: %s", got)
	}
}
