package emulator

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/internal/pki"
)

// refused is a CreateSession spoilt in one respect, and AWS's and our words for it. Texts may hold {role}, {anchor},
// {profile} and {serial}.
type refused struct {
	name    string
	spoil   func(w *world, c *call)
	status  int
	code    string
	message string
	reason  string // of HeaderReason; "" when the message says it all
}

func (test refused) run(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.granted(w.call()) // what is spoilt now is all that is wrong
	c := w.call()
	test.spoil(w, c)
	answer := w.do(c)
	var body struct{ Message string }
	if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
		t.Fatalf("body %s: %v", answer.Body, err)
	}
	for _, check := range []struct{ what, got, want string }{
		{"status", fmt.Sprint(answer.Code), fmt.Sprint(test.status)},
		{"code", answer.Header().Get("X-Amzn-Errortype"), test.code},
		{"message", body.Message, w.fill(test.message)},
		{"reason", answer.Header().Get(HeaderReason), w.fill(test.reason)},
	} {
		if check.got != check.want {
			t.Errorf("%s: got %q, want %q", check.what, check.got, check.want)
		}
	}
	if answer.Header().Get(HeaderRemedy) == "" {
		t.Error("got no remedy")
	}
}

const (
	accessDenied = "AccessDeniedException"
	notFound     = "ResourceNotFoundException"
	validation   = "ValidationException"
)

// leaf spoils the client's certificate.
func leaf(change func(*x509.Certificate)) func(*world, *call) {
	return func(w *world, c *call) { c.identity = w.issue(change) }
}

// spoilt changes the request after it was signed.
func spoilt(change func(*http.Request)) func(*world, *call) {
	return func(_ *world, c *call) { c.signed = change }
}

// body sends another body.
func body(text string) func(*world, *call) {
	return func(w *world, c *call) { c.body = w.fill(text) }
}

// below issues the client through an intermediate that is spoilt.
func below(change func(*x509.Certificate)) func(*world, *call) {
	return func(w *world, c *call) {
		ca := must(w.root.IntermediateWith("spoilt", change))(w.t)
		c.identity = must(ca.Issue(pki.Leaf{CommonName: "client"}))(w.t)
	}
}

func TestCreateSessionRefusesWhatIsNotARequest(t *testing.T) {
	null := func(name string) string {
		return "1 validation error detected: Value at '" + name + "' failed to satisfy constraint: Member must not be null"
	}
	pattern := func(name, value, form string) string {
		return "1 validation error detected: Value '" + value + "' at '" + name +
			"' failed to satisfy constraint: Member must satisfy regular expression pattern: " + form
	}
	length := func(value, rule string) string {
		return "1 validation error detected: Value '" + value + "' at 'roleSessionName' failed to satisfy constraint: Member must have length " + rule
	}
	duration := func(value, rule string) string {
		return "1 validation error detected: Value '" + value + "' at 'durationSeconds' failed to satisfy constraint: Member must have value " + rule
	}
	const properties = "instanceProperties has more than 50 entries, or a key or value that does not have 1 to 200 characters"
	for _, test := range []refused{
		{"without a profile", func(_ *world, c *call) { c.query.Del("profileArn") }, 400, validation, null("profileArn"), ""},
		{"without a role", func(_ *world, c *call) { c.query.Del("roleArn") }, 400, validation, null("roleArn"), ""},
		{"without a trust anchor", func(_ *world, c *call) { c.query.Del("trustAnchorArn") }, 400, validation, null("trustAnchorArn"), ""},
		{
			"a role where the profile belongs", func(w *world, c *call) { c.query.Set("profileArn", w.roleARN) }, 400, validation,
			pattern("profileArn", "{role}", `^arn:aws(-[^:]+)?:rolesanywhere(:.*){2}(:profile.*)$`), "",
		},
		{
			"a user where the role belongs", func(_ *world, c *call) { c.query.Set("roleArn", "arn:aws:iam::123456789012:user/a") }, 400, validation,
			pattern("roleArn", "arn:aws:iam::123456789012:user/a", `^arn:aws(-[^:]+)?:iam(:.*){2}(:role.*)$`), "",
		},
		{
			"an ARN with a line break", func(w *world, c *call) { c.query.Set("trustAnchorArn", w.anchorARN+"\n") }, 400, validation,
			pattern("trustAnchorArn", "{anchor}\n", `^arn:aws(-[^:]+)?:rolesanywhere(:.*){2}(:trust-anchor.*)$`), "",
		},
		{
			"an ARN of more than 1011 characters", func(w *world, c *call) { c.query.Set("roleArn", w.roleARN+strings.Repeat("a", 1000)) }, 400, validation,
			pattern("roleArn", "{role}"+strings.Repeat("a", 1000), `^arn:aws(-[^:]+)?:iam(:.*){2}(:role.*)$`), "",
		},
		{
			"the role twice in the query", func(w *world, c *call) { c.query.Add("roleArn", w.roleARN) }, 400, validation,
			"roleArn is given more than once in the query", "",
		},
		{
			"another role in the body than in the query", body(`{"roleArn":"{role}er"}`), 400, validation,
			"roleArn in the query is another than in the body", "",
		},
		{
			"a query that lost an escape on the way", spoilt(func(r *http.Request) {
				r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "%3A", ";", 1)
			}), 400, validation, "The query string is malformed.",
			"a percent sign is not followed by two hexadecimal digits, or a semicolon is not escaped",
		},
		{"a body that is no JSON", body(`{`), 400, validation, "the body is not a JSON object", ""},
		{"a body that is a list", body(`[]`), 400, validation, "the body is not a JSON object", ""},
		{"a duration in words", body(`{"durationSeconds":"3600"}`), 400, validation, "the body's durationSeconds is of the wrong type", ""},
		{"899 seconds", body(`{"durationSeconds":899}`), 400, validation, duration("899", "greater than or equal to 900"), ""},
		{"no seconds", body(`{"durationSeconds":0}`), 400, validation, duration("0", "greater than or equal to 900"), ""},
		{"a day less than no seconds", body(`{"durationSeconds":-86400}`), 400, validation, duration("-86400", "greater than or equal to 900"), ""},
		{"43201 seconds", body(`{"durationSeconds":43201}`), 400, validation, duration("43201", "less than or equal to 43200"), ""},
		{
			"a duration beyond all integers", body(`{"durationSeconds":1e30}`), 400, validation,
			duration("1000000000000000000000000000000", "less than or equal to 43200"), "",
		},
		{"a fraction of a second", body(`{"durationSeconds":3600.5}`), 400, validation, "durationSeconds is not a whole number", ""},
		{"a session name of one letter", body(`{"roleSessionName":"a"}`), 400, validation, length("a", "greater than or equal to 2"), ""},
		{"an empty session name", body(`{"roleSessionName":""}`), 400, validation, length("", "greater than or equal to 2"), ""},
		{
			"a session name of 65 letters", body(`{"roleSessionName":"` + strings.Repeat("a", 65) + `"}`), 400, validation,
			length(strings.Repeat("a", 65), "less than or equal to 64"), "",
		},
		{"a session name with a blank", body(`{"roleSessionName":"a b"}`), 400, validation, pattern("roleSessionName", "a b", `[\w+=,.@-]*`), ""},
		{"a session name with a line break", body(`{"roleSessionName":"ab\n"}`), 400, validation, pattern("roleSessionName", "ab\n", `[\w+=,.@-]*`), ""},
		{"an instance property without a value", body(`{"instanceProperties":{"a":""}}`), 400, validation, properties, ""},
		{"an instance property of 201 characters", body(`{"instanceProperties":{"a":"` + strings.Repeat("ü", 201) + `"}}`), 400, validation, properties, ""},
		{
			"instance properties that are no strings", body(`{"instanceProperties":{"a":1}}`), 400, validation,
			"the body's instanceProperties is of the wrong type", "",
		},
	} {
		t.Run(test.name, test.run)
	}
}

func TestCreateSessionRefusesWhatIsNotSigned(t *testing.T) {
	const bad = "Invalid signature"
	const unverified = "the signature does not verify with the certificate's public key"
	for _, test := range []refused{
		{"no Authorization", spoilt(header("Authorization", "")), 403, accessDenied, "Authorization: is missing", ""},
		{
			"a signature with an access key", spoilt(header("Authorization", "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=00")),
			403, accessDenied, "Authorization: does not begin with AWS4-X509-RSA-SHA256 or AWS4-X509-ECDSA-SHA256", "",
		},
		{
			"an Authorization without its parts", spoilt(header("Authorization", "AWS4-X509-ECDSA-SHA256 nothing")), 403, accessDenied,
			"Authorization: is not of the form ALGORITHM Credential=…, SignedHeaders=…, Signature=…", "",
		},
		{"no date", spoilt(header("X-Amz-Date", "")), 403, accessDenied, "X-Amz-Date: is missing", ""},
		{"a date in another form", spoilt(header("X-Amz-Date", "2026-11-22T12:00:00Z")), 403, accessDenied, "X-Amz-Date: is not of the form YYYYMMDDTHHMMSSZ", ""},
		{"no certificate", spoilt(header("X-Amz-X509", "")), 400, validation, "X-Amz-X509: is missing", ""},
		{
			"a certificate that is no base64", spoilt(header("X-Amz-X509", "-----BEGIN CERTIFICATE-----")), 400, validation,
			"X-Amz-X509: is not base64 of a certificate in DER", "",
		},
		{"a certificate that is none", spoilt(header("X-Amz-X509", "AAAA")), 400, validation, "X-Amz-X509: is not an X.509 certificate in DER", ""},
		{
			"a chain that is no base64", spoilt(header("X-Amz-X509-Chain", "AAAA,")), 400, validation,
			"X-Amz-X509-Chain: is not an X.509 certificate in DER", "",
		},
		{
			"another serial number", spoilt(authorization("Credential=", "Credential=1")), 403, accessDenied,
			"Credential: its serial number, to be written in decimal, is not that of the certificate in X-Amz-X509", "",
		},
		{"a serial number in hexadecimal", func(w *world, c *call) {
			c.signed = authorization(w.client.Certificate.SerialNumber.String(), "abc"+w.client.Certificate.SerialNumber.Text(16))
		}, 403, accessDenied, "Credential: its serial number is not decimal", ""},
		{
			"a scope of another day", spoilt(authorization("/20261122/", "/20261121/")), 403, accessDenied,
			"Credential: its date is not the day of X-Amz-Date", "",
		},
		{
			"a scope of another service", spoilt(authorization("/rolesanywhere/", "/sts/")), 403, accessDenied,
			"Credential: its service is not rolesanywhere", "",
		},
		{
			"a scope with another end", spoilt(authorization("aws4_request", "aws5_request")), 403, accessDenied,
			"Credential: does not end with aws4_request", "",
		},
		{"the host unsigned", spoilt(authorization("host;", "")), 403, accessDenied, "SignedHeaders: lacks host", ""},
		{"the date unsigned", spoilt(authorization("x-amz-date;", "")), 403, accessDenied, "SignedHeaders: lacks x-amz-date", ""},
		{"the certificate unsigned", spoilt(authorization("x-amz-x509;", "")), 403, accessDenied, "SignedHeaders: lacks x-amz-x509", ""},
		{"the chain unsigned", spoilt(authorization(";x-amz-x509-chain", "")), 403, accessDenied, "SignedHeaders: lacks x-amz-x509-chain", ""},
		{
			"a signed header that is not there", spoilt(header("Content-Type", "")), 403, accessDenied,
			"SignedHeaders: names a header that the request does not have", "",
		},
		{"a signature in capitals", spoilt(authorization("Signature=30", "Signature=3A")), 403, accessDenied, "Signature: is not lower-case hexadecimal", ""},

		{
			"signed 5 minutes and a second ago", func(_ *world, c *call) { c.at = noon.Add(-5*time.Minute - time.Second) }, 403, accessDenied,
			"Signature expired", "the request was signed too long ago: 2026-11-22 11:54:59 UTC, and it is 2026-11-22 12:00:00 UTC",
		},
		{
			"signed in 5 minutes and a second", func(_ *world, c *call) { c.at = noon.Add(5*time.Minute + time.Second) }, 403, accessDenied,
			"Signature expired", "the request was signed in the future: 2026-11-22 12:05:01 UTC, and it is 2026-11-22 12:00:00 UTC",
		},
		{
			"signed for another region", func(_ *world, c *call) { c.region = "eu-west-2" }, 403, accessDenied, bad,
			"the request is signed for region eu-west-2, and this is eu-west-1",
		},

		{"signed with another key", func(w *world, c *call) {
			c.identity = withKey(w.client, impostor{ecKey(elliptic.P256()), w.client.Key.Public()})
		}, 403, accessDenied, bad, unverified},
		{"a signature in raw form", func(w *world, c *call) { c.identity = withKey(w.client, rawForm{w.client.Key}) }, 403, accessDenied, bad, unverified},
		{"a hash of the curve's size", func(w *world, c *call) {
			c.identity = w.issueKey(ecKey(elliptic.P384()))
			w.resign(c, curveSized(c.identity.Key))
		}, 403, accessDenied, bad, unverified},
		{
			"the algorithm of another kind of key", spoilt(authorization("AWS4-X509-ECDSA-SHA256", "AWS4-X509-RSA-SHA256")), 403, accessDenied, bad,
			"AWS4-X509-RSA-SHA256 does not go with the certificate's key",
		},
		{"another body", spoilt(func(r *http.Request) { r.Body = http.NoBody }), 403, accessDenied, bad, unverified},
		{"another query", spoilt(func(r *http.Request) { r.URL.RawQuery += "&a=b" }), 403, accessDenied, bad, unverified},
		{"another host", spoilt(func(r *http.Request) { r.Host = "elsewhere" }), 403, accessDenied, bad, unverified},
		{"another content type", spoilt(header("Content-Type", "text/plain")), 403, accessDenied, bad, unverified},
		{"a chain in another order", func(w *world, c *call) {
			c.identity = withChain(w.client, w.ca.Certificate, w.root.Certificate)
			c.signed = func(r *http.Request) {
				first, second, _ := strings.Cut(r.Header.Get("X-Amz-X509-Chain"), ",")
				r.Header.Set("X-Amz-X509-Chain", second+","+first)
			}
		}, 403, accessDenied, bad, unverified},
	} {
		t.Run(test.name, test.run)
	}
}

func TestCreateSessionRefusesCertificatesThatAreInsufficient(t *testing.T) {
	const text = "Untrusted certificate. Insufficient certificate"
	for _, test := range []refused{
		{
			"X.509 version 1", func(w *world, c *call) { c.signed = present(w.version1()) }, 403, accessDenied, text,
			"the certificate is X.509 version 1, not 3",
		},
		{
			"a CA", leaf(func(c *x509.Certificate) { c.IsCA = true }), 403, accessDenied, text,
			"the certificate is a certificate authority: its basicConstraints have CA:TRUE",
		},
		{
			"a key for other uses", leaf(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), 403, accessDenied, text,
			"the certificate's keyUsage lacks digitalSignature",
		},
		{
			"no keyUsage", leaf(func(c *x509.Certificate) { c.KeyUsage = 0 }), 403, accessDenied, text,
			"the certificate's keyUsage lacks digitalSignature",
		},
		{
			"SHA-1", leaf(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }), 403, accessDenied, text,
			"the certificate is signed with ECDSA-SHA1, not with SHA-256 or stronger",
		},
		{
			"no subject", leaf(func(c *x509.Certificate) { c.Subject = pkix.Name{} }), 403, accessDenied, text,
			"the certificate's subject is empty",
		},
		{
			"serial number 0", leaf(func(c *x509.Certificate) { c.SerialNumber = new(big.Int) }), 403, accessDenied, text,
			"the certificate's serial number is not positive",
		},
		{
			"RSA of 1024 bits", func(w *world, c *call) { c.identity = w.issueKey(rsa1024()) }, 403, accessDenied, text,
			"the certificate's key is neither RSA of 2048 bits or more nor ECDSA on P-256, P-384 or P-521",
		},
		{
			"P-224", func(w *world, c *call) { c.identity = w.issueKey(ecKey(elliptic.P224())) }, 403, accessDenied, text,
			"the certificate's key is neither RSA of 2048 bits or more nor ECDSA on P-256, P-384 or P-521",
		},
		{
			"Ed25519", func(w *world, c *call) { c.signed = present(w.ed25519Leaf()) }, 403, accessDenied, text,
			"the certificate's key is neither RSA of 2048 bits or more nor ECDSA on P-256, P-384 or P-521",
		},
	} {
		t.Run(test.name, test.run)
	}
}

func TestCreateSessionRefusesCertificatesThatDoNotLeadToTheAnchor(t *testing.T) {
	const text = "Untrusted signing certificate"
	const noPath = "no path leads from the certificate to the trust anchor anchor: "
	for _, test := range []refused{
		{
			"expired", leaf(func(c *x509.Certificate) { c.NotBefore, c.NotAfter = noon.Add(-2*time.Hour), noon.Add(-time.Hour) }), 403, accessDenied, text,
			"the certificate expired at 2026-11-22 11:00:00 UTC",
		},
		{
			"not yet valid", leaf(func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Hour) }), 403, accessDenied, text,
			"the certificate is not valid before 2026-11-22 13:00:00 UTC",
		},
		{
			"the intermediate left out", func(w *world, c *call) { c.identity = withChain(w.client) }, 403, accessDenied, text,
			noPath + `"CN=client" is issued by "CN=intermediate", which is neither in X-Amz-X509-Chain nor the trust anchor, "CN=root"`,
		},
		{"six certificates in the chain", func(w *world, c *call) {
			i := w.ca.Certificate
			c.identity = withChain(w.client, i, i, i, i, i, i)
		}, 403, accessDenied, text, "X-Amz-X509-Chain has 6 certificates, and at most 5 are accepted"},
		{"another CA", func(w *world, c *call) {
			other := must(pki.NewCA("other", noon))(w.t)
			c.identity = must(other.Issue(pki.Leaf{CommonName: "client"}))(w.t)
		}, 403, accessDenied, text, noPath + `"CN=client" is issued by "CN=other", which is neither in X-Amz-X509-Chain nor the trust anchor, "CN=root"`},
		{"another CA that brings its root along", func(w *world, c *call) {
			other := must(pki.NewCA("other", noon))(w.t)
			c.identity = withChain(must(other.Issue(pki.Leaf{CommonName: "client"}))(w.t), other.Certificate)
		}, 403, accessDenied, text, noPath + `"CN=other" is issued by "CN=other", which is neither in X-Amz-X509-Chain nor the trust anchor, "CN=root"`},
		{"another CA of the anchor's name", func(w *world, c *call) {
			other := must(pki.NewCA("root", noon))(w.t)
			c.identity = must(other.Issue(pki.Leaf{CommonName: "client"}))(w.t)
		}, 403, accessDenied, text, noPath + `"CN=client" is not signed by the key of "CN=root"`},
		{"another client's intermediate of the same name", func(w *world, c *call) {
			other := must(w.root.Intermediate("intermediate"))(w.t)
			c.identity = withChain(w.client, other.Certificate)
		}, 403, accessDenied, text, noPath + `"CN=client" is not signed by the key of "CN=intermediate"`},
		{"an intermediate that has expired", below(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = noon.Add(-2*time.Hour), noon.Add(-time.Hour)
		}), 403, accessDenied, text, noPath + `"CN=spoilt" expired at 2026-11-22 11:00:00 UTC`},
		{
			"an intermediate that is not yet valid", below(func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Hour) }), 403, accessDenied, text,
			noPath + `"CN=spoilt" is not valid before 2026-11-22 13:00:00 UTC`,
		},
		{
			"an intermediate without keyCertSign", below(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }), 403, accessDenied, text,
			noPath + `the certificate "CN=spoilt" has no keyUsage keyCertSign`,
		},
		{
			"an intermediate without any keyUsage", below(func(c *x509.Certificate) { c.KeyUsage = 0 }), 403, accessDenied, text,
			`the certificate "CN=spoilt" has no keyUsage keyCertSign`,
		},
		{
			"an intermediate that is no CA", below(func(c *x509.Certificate) { c.IsCA, c.KeyUsage = false, x509.KeyUsageDigitalSignature }), 403, accessDenied, text,
			noPath + `"CN=spoilt" is no certificate authority: it lacks basicConstraints CA:TRUE`,
		},
		{
			"an intermediate signed with SHA-1", below(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }), 403, accessDenied, text,
			noPath + `"CN=spoilt" is signed with ECDSA-SHA1, not with SHA-256 or stronger`,
		},
		{"more intermediates than the path length allows", func(w *world, c *call) {
			first := must(w.root.IntermediateWith("first", func(c *x509.Certificate) { c.MaxPathLenZero = true }))(w.t)
			second := must(first.Intermediate("second"))(w.t)
			c.identity = must(second.Issue(pki.Leaf{CommonName: "client"}))(w.t)
		}, 403, accessDenied, text, noPath + `there are more certificates below "CN=first" than its path length allows`},
		{"a leaf that another leaf has issued", func(w *world, c *call) {
			ca := &pki.CA{Certificate: w.client.Certificate, Key: w.client.Key, Chain: append([]*x509.Certificate{w.client.Certificate}, w.client.Chain...)}
			c.identity = must(ca.At(noon).Issue(pki.Leaf{CommonName: "forged"}))(w.t)
		}, 403, accessDenied, text, noPath + `"CN=client" is no certificate authority: it lacks basicConstraints CA:TRUE`},
		{"a critical extension that nobody knows", leaf(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		}), 403, accessDenied, text, noPath + "unhandled critical extension"},
	} {
		t.Run(test.name, test.run)
	}
}

func TestCreateSessionRefusesWhatTheAccountDoesNotAllow(t *testing.T) {
	const elsewhere = "00000000-0000-4000-8000-000000000000"
	other := func(name, arn string) func(*world, *call) {
		return func(w *world, c *call) { c.query.Set(name, arn) }
	}
	const unable = "Unable to assume role for {role}."
	for _, test := range []refused{
		{
			"an unknown trust anchor", other("trustAnchorArn", "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/"+elsewhere), 404, notFound,
			"Trust anchor not found", "this account has no such trust anchor in this region: arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/" + elsewhere,
		},
		{"the trust anchor of another region", func(w *world, c *call) {
			c.query.Set("trustAnchorArn", strings.Replace(w.anchorARN, "eu-west-1", "eu-west-2", 1))
		}, 404, notFound, "Trust anchor not found", "this account has no such trust anchor in this region: {anchor in eu-west-2}"},
		{
			"an unknown profile", other("profileArn", "arn:aws:rolesanywhere:eu-west-1:123456789012:profile/"+elsewhere), 404, notFound,
			"Profile not found", "this account has no such profile in this region: arn:aws:rolesanywhere:eu-west-1:123456789012:profile/" + elsewhere,
		},
		{"the profile of another account", func(w *world, c *call) {
			c.query.Set("profileArn", strings.Replace(w.profileARN, "123456789012", "210987654321", 1))
		}, 404, notFound, "Profile not found", "this account has no such profile in this region: {profile in 210987654321}"},
		{"a disabled trust anchor", func(w *world, c *call) {
			w.changeAnchor(func(t *account.TrustAnchor) { t.Enabled = false })
		}, 403, accessDenied, "Trust anchor is disabled", ""},
		{
			"a disabled profile", func(w *world, c *call) { w.changeProfile(func(p *account.Profile) { p.Enabled = false }) }, 403, accessDenied,
			"Profile is disabled", "",
		},
		{
			"a role that is not the profile's", other("roleArn", "arn:aws:iam::123456789012:role/other"), 403, accessDenied,
			"Unable to assume role for arn:aws:iam::123456789012:role/other.", "the role is not one of the profile's: profile has {role}",
		},
		{
			"a role without its path", other("roleArn", "arn:aws:iam::123456789012:role/backup"), 403, accessDenied,
			"Unable to assume role for arn:aws:iam::123456789012:role/backup.", "the role is not one of the profile's: profile has {role}",
		},
		{
			"a role that is gone", func(w *world, c *call) { w.write(func(s *account.State) { delete(s.Roles, "backup") }) }, 403, accessDenied, unable,
			"the account has no such role",
		},
		{"a session name where the profile accepts none", func(w *world, c *call) {
			w.changeProfile(func(p *account.Profile) { p.AcceptRoleSessionName = false })
			c.body = `{"roleSessionName":"nightly"}`
		}, 403, accessDenied, "Not authorized to set roleSessionName.", "the profile profile does not accept session names"},
		{
			"a revoked certificate", func(w *world, c *call) { w.revoke(w.ca, w.client.Certificate) }, 403, accessDenied, "Certificate revoked",
			"CN=client, serial number {serial}, is on the list list",
		},
		{
			"a revoked intermediate", func(w *world, c *call) { w.revoke(w.root, w.ca.Certificate) }, 403, accessDenied, "Certificate revoked",
			"CN=intermediate, serial number {serial of intermediate}, is on the list list",
		},
		{
			"more than the role's longest session", func(w *world, c *call) {
				w.changeProfile(func(p *account.Profile) { p.DurationSeconds = 43200 })
				c.body = `{"durationSeconds":3601}`
			}, 403, accessDenied, unable + " The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
			"3601 seconds, the shorter of what was asked for and the profile's, exceed the role's 3600",
		},
		{
			"a profile's duration that exceeds the role's", func(w *world, c *call) {
				w.changeProfile(func(p *account.Profile) { p.DurationSeconds = 7200 })
				c.body = ""
			}, 403, accessDenied, unable + " The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
			"7200 seconds, the shorter of what was asked for and the profile's, exceed the role's 3600",
		},
		{
			"a subject that makes no tag", leaf(func(c *x509.Certificate) { c.Subject.Organization = []string{"Acme (West), Inc."} }), 403, accessDenied,
			unable + " Some attributes failed to be mapped into session tags. Issuer: [  ]; Subject: [ O ]; SAN: [  ]",
			"a mapped value is longer than 256 characters or has others than letters, digits, spaces and _.:/=+-@, or there are more than 50",
		},
		{
			"a second DNS name that makes no tag", func(w *world, c *call) {
				w.changeProfile(func(p *account.Profile) {
					p.AttributeMappings = append(p.AttributeMappings, account.AttributeMapping{Field: "x509SAN", Specifiers: []string{"DNS/2"}})
				})
				c.identity = w.issue(func(c *x509.Certificate) { c.DNSNames = []string{"a.example", "*.example"} })
			}, 403, accessDenied, unable + " Some attributes failed to be mapped into session tags. Issuer: [  ]; Subject: [  ]; SAN: [ DNS/2 ]",
			"a mapped value is longer than 256 characters or has others than letters, digits, spaces and _.:/=+-@, or there are more than 50",
		},
		{
			"a common name that is no source identity", leaf(func(c *x509.Certificate) { c.Subject.CommonName = "a client" }), 403, accessDenied, unable,
			"the source identity that the subject CN=a client gives has other characters than letters, digits and _+=,.@-, or more than 64",
		},
		{
			"a common name of 65 letters", leaf(func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("a", 65) }), 403, accessDenied, unable,
			"the source identity that the subject CN=" + strings.Repeat("a", 65) + " gives has other characters than letters, digits and _+=,.@-, or more than 64",
		},
	} {
		t.Run(test.name, test.run)
	}
}
