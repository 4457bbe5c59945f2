package rolesanywhere

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/identity"
)

// explained refuses with a message and answers what is found out.
func explained(id *identity.Identity, e *Error) *Error {
	client := &Client{Region: "eu-west-1", Now: func() time.Time { return testTime }}
	e.explain(client, id, testRequest)
	return e
}

func TestWhatAWSsMessagesMean(t *testing.T) {
	id := newIdentity(t)
	used := make(map[string]bool)
	for _, c := range []struct{ code, message, want string }{
		{
			"AccessDeniedException", "Untrusted certificate. Insufficient certificate",
			"the certificate lacks what Roles Anywhere asks of an end entity, or another CA issued it; " +
				"it needs X.509 v3, CA:FALSE and key usage digitalSignature",
		},
		{
			"AccessDeniedException", "Untrusted signing certificate",
			`no path leads from the certificate to the trust anchor; what was sent ends at an issuer "CN=Acme Root"; ` +
				"use the trust anchor that holds this CA, or add the intermediates that are missing",
		},
		{
			"AccessDeniedException", "Invalid signature",
			"the signature did not verify; check that no proxy changes the request, and that the key belongs to the certificate",
		},
		{
			"AccessDeniedException", "Certificate revoked",
			"the certificate with serial number 1A2B3C is on the trust anchor's revocation list; have a new certificate issued",
		},
		{
			"AccessDeniedException", "Trust anchor is disabled",
			"aws rolesanywhere enable-trust-anchor --trust-anchor-id 22222222-aaaa-4bbb-8ccc-000000000002",
		},
		{
			"AccessDeniedException", "Profile is disabled",
			"aws rolesanywhere enable-profile --profile-id 11111111-aaaa-4bbb-8ccc-000000000001",
		},
		{
			"AccessDeniedException", "Not authorized to set roleSessionName.",
			"the profile does not accept session names; leave the session name out, or aws rolesanywhere update-profile " +
				"--accept-role-session-name --profile-id 11111111-aaaa-4bbb-8ccc-000000000001",
		},
		{
			"AccessDeniedException",
			"Unable to assume role for arn:aws:iam::123456789012:role/x. Some attributes failed to be mapped into session tags. " +
				"Issuer: [  ]; Subject: [ CN ]; SAN: [  ]",
			"a name in the certificate has characters that session tags may not have; " +
				"change the certificate, or delete the profile's attribute mapping for it",
		},
		{
			"AccessDeniedException",
			"Unable to assume role for arn:aws:iam::123456789012:role/x. The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
			"the role does not allow sessions that long; ask for less, or raise the role's MaxSessionDuration (aws iam update-role)",
		},
		{
			"AccessDeniedException", "Unable to assume role for arn:aws:iam::123456789012:role/x.",
			"the role's trust policy or the profile's list of roles does not allow it; " +
				"the role must be one of the profile's and trust rolesanywhere.amazonaws.com for sts:AssumeRole, " +
				"sts:TagSession and sts:SetSourceIdentity; compare its conditions with the certificate",
		},
		{
			"ResourceNotFoundException", "Profile not found",
			"the trust anchor or the profile is not in this account and region; " +
				"compare both ARNs with the Roles Anywhere console in eu-west-1",
		},
		{"AccessDeniedException", "something new", ""},
		{"ValidationException", "1 validation error detected", ""},
	} {
		t.Run(c.message, func(t *testing.T) {
			e := explained(id, &Error{Status: 403, Code: c.code, Message: c.message})
			if got := e.Hint(); got != c.want {
				t.Errorf("\ngot  %s\nwant %s", got, c.want)
			}
			for _, m := range meanings {
				if strings.Contains(c.message, m.text) {
					used[m.text] = true
				}
			}
		})
	}
	for _, m := range meanings {
		if !used[m.text] {
			t.Errorf("the meaning of %q is not tested", m.text)
		}
	}
}

func TestWithoutAChainTheIssuerIsTheLeafs(t *testing.T) {
	id := newIdentity(t)
	id.Chain = nil
	e := explained(id, &Error{Status: 403, Code: "AccessDeniedException", Message: "Untrusted signing certificate"})
	const want = `no path leads from the certificate to the trust anchor; what was sent ends at an issuer "CN=Acme Issuing"`
	if got := e.Findings[0].Fact; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestACriticalExtensionIsNamed(t *testing.T) {
	id := newIdentity(t)
	id.Certificate.UnhandledCriticalExtensions = []asn1.ObjectIdentifier{{1, 3, 6, 1, 4, 1, 99999, 1}}
	e := explained(id, &Error{Status: 403, Code: "AccessDeniedException", Message: "Untrusted signing certificate"})
	const want = "the certificate has a critical extension, 1.3.6.1.4.1.99999.1, and whoever does not know one must refuse the certificate"
	if got := e.Findings[0].Fact; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWhatFailuresOfTheServiceMean(t *testing.T) {
	const (
		quota  = "Roles Anywhere allows 10 CreateSession calls a second, account and region; keep and share sessions instead of asking for each use"
		failed = "the service failed, not the request; try again in "
	)
	expired := newIdentity(t, func(c *x509.Certificate) { c.NotAfter = testTime.AddDate(0, 0, -3) })
	for _, c := range []struct {
		*Error
		want string
	}{
		{&Error{Status: 429, Code: "TooManyRequests"}, quota},
		{&Error{Status: 400, Code: "ThrottlingException"}, quota},
		{&Error{Status: 500, Code: "InternalFailure"}, failed + "a minute"},
		{&Error{Status: 503, Code: "ServiceUnavailableException", RetryAfter: 90 * time.Second}, failed + "1m30s"},
	} {
		e := explained(expired, c.Error)
		if got := e.Hint(); got != c.want || len(e.Findings) != 1 {
			t.Errorf("%d %s: got %s and %d findings, want %s alone", e.Status, e.Code, got, len(e.Findings), c.want)
		}
	}
}

func TestWhatIsWrongWithTheIdentity(t *testing.T) {
	const (
		digital = "have it issued anew as an X.509 v3 end-entity certificate with key usage digitalSignature"
		chain   = "give the intermediates between the certificate and the trust anchor, and nothing else"
	)
	good := newIdentity(t)
	other := newIdentity(t)
	// with changes what has been parsed, where nobody would issue such a certificate.
	with := func(change func(*x509.Certificate)) *identity.Identity {
		id, c := *good, *good.Certificate
		change(&c)
		id.Certificate = &c
		return &id
	}
	for _, c := range []struct {
		name  string
		id    *identity.Identity
		cause error
		hint  string
	}{
		{"expired", newIdentity(t, func(c *x509.Certificate) { c.NotAfter = testTime.AddDate(0, 0, -3) }), identity.ErrExpired, "renew it"},
		{"not yet valid", newIdentity(t, func(c *x509.Certificate) { c.NotBefore = testTime.AddDate(0, 0, 3) }), identity.ErrNotYetValid, "wait, or use another"},
		{"an authority", newIdentity(t, func(c *x509.Certificate) { c.IsCA = true }), identity.ErrCertificateAuthority, digital},
		{"without key usage", newIdentity(t, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), identity.ErrKeyUsage, digital},
		{"of version 1", with(func(c *x509.Certificate) { c.Version = 1 }), identity.ErrVersion, digital},
		{"without a subject", newIdentity(t, func(c *x509.Certificate) { c.Subject = pkix.Name{} }), identity.ErrEmptySubject, digital},
		{"signed with SHA-1", with(func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }), identity.ErrWeakSignature, digital},
		{
			"of another key", &identity.Identity{Certificate: good.Certificate, Chain: good.Chain, Key: other.Key, Origin: "client.pem"},
			identity.ErrKeyMismatch, "use the private key that belongs to it",
		},
		{
			"with another chain", &identity.Identity{Certificate: good.Certificate, Chain: other.Chain, Key: good.Key, Origin: "client.pem"},
			identity.ErrChain, chain,
		},
		{"without a certificate", &identity.Identity{Key: good.Key}, identity.ErrNoCertificate, "use another certificate"},
		{"without a key", &identity.Identity{Certificate: good.Certificate, Chain: good.Chain}, identity.ErrNoPrivateKey, "use another certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := explained(c.id, &Error{Status: 403, Code: "AccessDeniedException", Message: "Untrusted certificate. Insufficient certificate"})
			if !errors.Is(e, c.cause) {
				t.Errorf("got %v, want %v among the causes", e.Unwrap(), c.cause)
			}
			first := e.Findings[0]
			if first.Hint != c.hint || first.Fact != first.Err.Error() || e.Hint() != first.Fact+"; "+c.hint {
				t.Errorf("got hint %q, want one that ends with %q", e.Hint(), c.hint)
			}
			if last := e.Findings[len(e.Findings)-1]; !strings.Contains(last.Fact, "lacks what Roles Anywhere asks") {
				t.Errorf("got %+v last, want what the message means", last)
			}
		})
	}
	if e := explained(good, &Error{Status: 403}); len(e.Findings) != 0 {
		t.Errorf("got %+v of a good identity", e.Findings)
	}
}

func TestExactHintOfAnExpiredCertificate(t *testing.T) {
	id := newIdentity(t, func(c *x509.Certificate) { c.NotAfter = testTime.AddDate(0, 0, -3) })
	e := explained(id, &Error{Status: 403, Code: "AccessDeniedException"})
	const want = `identity "client.pem": certificate has expired: "CN=host-1" ended on 2026-11-19, 3 days ago; renew it`
	if got := e.Hint(); got != want {
		t.Errorf("\ngot  %s\nwant %s", got, want)
	}
}

func TestIdentityIsJudgedByAWSsClock(t *testing.T) {
	id := newIdentity(t, func(c *x509.Certificate) { c.NotAfter = testTime.Add(time.Hour) })
	e := explained(id, &Error{Status: 403, Code: "AccessDeniedException", ClockOffset: 2 * time.Hour})
	if !errors.Is(e, identity.ErrExpired) {
		t.Errorf("got %+v, want the certificate to have expired by AWS's clock", e.Findings)
	}
	if last := e.Findings[len(e.Findings)-1]; last.Fact != "this host's clock is 2h0m0s behind AWS's" {
		t.Errorf("got %q last, want the clock", last.Fact)
	}
}

func TestClockIsNamed(t *testing.T) {
	id := newIdentity(t)
	const hint = "; set it right, and keep it so with NTP"
	for _, c := range []struct {
		offset time.Duration
		want   string
	}{
		{7 * time.Minute, "this host's clock is 7m0s behind AWS's" + hint},
		{-7 * time.Minute, "this host's clock is 7m0s ahead of AWS's" + hint},
		{4 * time.Minute, ""},
		{-4 * time.Minute, ""},
		{0, ""},
	} {
		if got := explained(id, &Error{Status: 403, ClockOffset: c.offset}).Hint(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.offset, got, c.want)
		}
	}
}

func TestAllFindingsAreKept(t *testing.T) {
	id := newIdentity(t, func(c *x509.Certificate) { c.NotAfter = testTime.AddDate(0, 0, -3) })
	e := explained(id, &Error{
		Status: 403, Code: "AccessDeniedException", ClockOffset: time.Hour,
		Message: "Unable to assume role for x. Some attributes failed to be mapped into session tags.",
	})
	var facts []string
	for _, f := range e.Findings {
		facts = append(facts, f.Fact)
	}
	want := []string{
		`identity "client.pem": certificate has expired: "CN=host-1" ended on 2026-11-19, 3 days ago`,
		"this host's clock is 1h0m0s behind AWS's",
		"a name in the certificate has characters that session tags may not have",
		"the role's trust policy or the profile's list of roles does not allow it",
	}
	if got := strings.Join(facts, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestRootsAreNotSent(t *testing.T) {
	id := newIdentity(t)
	kept := intermediates(id.Chain)
	if len(kept) != 1 || !bytes.Equal(kept[0].Raw, id.Chain[0].Raw) {
		t.Errorf("got %d certificates, want the intermediate alone", len(kept))
	}
	if got := intermediates(id.Chain[1:]); got != nil {
		t.Errorf("got %v of a root, want none", got)
	}
}

// A role's trust policy is not to blame when the common name cannot become a source identity.
func TestACommonNameThatIsNoSourceIdentityIsNamed(t *testing.T) {
	for _, name := range []string{"name 1", "naméd", "name(1)", strings.Repeat("n", 65)} {
		id := newIdentity(t, func(c *x509.Certificate) { c.Subject.CommonName = name })
		e := explained(id, &Error{Code: "AccessDeniedException", Status: 403, Message: "Unable to assume role for x."})
		want := fmt.Sprintf("the common name %q has characters that a source identity may not have, or more than 64; ", name) +
			"have a certificate issued whose common name is of letters, digits and _+=,.@- alone"
		if got := e.Hint(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
