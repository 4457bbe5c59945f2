package rolesanywhere

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/identity"
)

// explain finds out what Roles Anywhere does not say: what is wrong with the identity, the clock and the parameters, and
// what its message usually means.
func (e *Error) explain(c *Client, id *identity.Identity, r Request) {
	if e.Temporary() {
		e.explainThrottling()
		return
	}
	e.explainIdentity(id, c.now().Add(e.ClockOffset))
	if e.ClockOffset.Abs() > maxSkew {
		e.add(
			"this host's clock is … behind AWS's",
			fmt.Sprintf("this host's clock is %s %s", e.ClockOffset.Abs().Round(time.Second), behindOrAhead(e.ClockOffset)),
			"set it right, and keep it so with NTP",
		)
	}
	for _, m := range meanings {
		if strings.Contains(e.Message, m.text) {
			finding := m.finding(id, r)
			finding.Topic = m.text
			e.Findings = append(e.Findings, finding)
		}
	}
	if len(e.Findings) == 0 && e.Code == "ResourceNotFoundException" {
		e.add(e.Code, "the trust anchor or the profile is not in this account and region",
			"compare both ARNs with the Roles Anywhere console in "+c.Region)
	}
}

func (e *Error) add(topic, fact, hint string) {
	e.Findings = append(e.Findings, Finding{Topic: topic, Fact: fact, Hint: hint})
}

func (e *Error) explainThrottling() {
	if throttled[e.Code] || e.Status == 429 {
		e.add("ThrottlingException", "Roles Anywhere allows 10 CreateSession calls a second, account and region",
			"keep and share sessions instead of asking for each use")
		return
	}
	wait := "a minute"
	if e.RetryAfter > 0 {
		wait = e.RetryAfter.Round(time.Second).String()
	}
	const failed = "the service failed, not the request"
	e.add(failed, failed, "try again in "+wait)
}

func behindOrAhead(serverAhead time.Duration) string {
	if serverAhead > 0 {
		return "behind AWS's"
	}
	return "ahead of AWS's"
}

// explainIdentity repeats the checks of package identity by the server's clock.
func (e *Error) explainIdentity(id *identity.Identity, now time.Time) {
	for _, err := range problems(id.Check(now)) {
		e.Findings = append(e.Findings, Finding{Fact: err.Error(), Hint: identityHint(err), Err: err, Topic: identityTopic(err)})
	}
}

// problems takes joined errors apart.
func problems(err error) []error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

// identityTopic is the text of the sentinel of package identity.
func identityTopic(err error) string {
	if wrong := new(identity.Error); errors.As(err, &wrong) && wrong.Err != nil {
		return wrong.Err.Error()
	}
	return ""
}

func identityHint(err error) string {
	switch {
	case errors.Is(err, identity.ErrExpired):
		return "renew it"
	case errors.Is(err, identity.ErrNotYetValid):
		return "wait, or use another"
	case errors.Is(err, identity.ErrCertificateAuthority), errors.Is(err, identity.ErrKeyUsage),
		errors.Is(err, identity.ErrVersion), errors.Is(err, identity.ErrEmptySubject),
		errors.Is(err, identity.ErrWeakSignature):
		return "have it issued anew as an X.509 v3 end-entity certificate with key usage digitalSignature"
	case errors.Is(err, identity.ErrKeyMismatch):
		return "use the private key that belongs to it"
	case errors.Is(err, identity.ErrChain):
		return "give the intermediates between the certificate and the trust anchor, and nothing else"
	}
	return "use another certificate"
}

// meanings are AWS's messages whose cause is known from the field, and what to do about each.
var meanings = []struct {
	text    string
	finding func(*identity.Identity, Request) Finding
}{
	{"Insufficient certificate", func(*identity.Identity, Request) Finding {
		return Finding{
			Fact: "the certificate lacks what Roles Anywhere asks of an end entity, or another CA issued it",
			Hint: "it needs X.509 v3, CA:FALSE and key usage digitalSignature",
		}
	}},
	{"Untrusted signing certificate", func(id *identity.Identity, r Request) Finding {
		if unknown := id.Certificate.UnhandledCriticalExtensions; len(unknown) > 0 {
			return Finding{
				Fact: fmt.Sprintf("the certificate has a critical extension, %s, and whoever does not know one must refuse the certificate", unknown[0]),
				Hint: "have it issued anew without this extension, or with one that is not critical",
			}
		}
		top := id.Certificate
		if n := len(id.Chain); n > 0 {
			top = id.Chain[n-1]
		}
		return Finding{
			Fact: fmt.Sprintf("no path leads from the certificate to the trust anchor; what was sent ends at an issuer %q", top.Issuer),
			Hint: "use the trust anchor that holds this CA, or add the intermediates that are missing",
		}
	}},
	{"Invalid signature", func(*identity.Identity, Request) Finding {
		return Finding{
			Fact: "the signature did not verify",
			Hint: "check that no proxy changes the request, and that the key belongs to the certificate",
		}
	}},
	{"Certificate revoked", func(id *identity.Identity, _ Request) Finding {
		return Finding{
			Fact: fmt.Sprintf("the certificate with serial number %X is on the trust anchor's revocation list", id.Certificate.SerialNumber),
			Hint: "have a new certificate issued",
		}
	}},
	{"Trust anchor is disabled", func(_ *identity.Identity, r Request) Finding {
		return Finding{Hint: "aws rolesanywhere enable-trust-anchor --trust-anchor-id " + lastField(r.TrustAnchorARN)}
	}},
	{"Profile is disabled", func(_ *identity.Identity, r Request) Finding {
		return Finding{Hint: "aws rolesanywhere enable-profile --profile-id " + lastField(r.ProfileARN)}
	}},
	{"Not authorized to set roleSessionName", func(_ *identity.Identity, r Request) Finding {
		return Finding{
			Fact: "the profile does not accept session names",
			Hint: "leave the session name out, or aws rolesanywhere update-profile --accept-role-session-name --profile-id " +
				lastField(r.ProfileARN),
		}
	}},
	{"Some attributes failed to be mapped", func(*identity.Identity, Request) Finding {
		return Finding{
			Fact: "a name in the certificate has characters that session tags may not have",
			Hint: "change the certificate, or delete the profile's attribute mapping for it",
		}
	}},
	{"exceeds the MaxSessionDuration", func(_ *identity.Identity, r Request) Finding {
		return Finding{
			Fact: "the role does not allow sessions that long",
			Hint: "ask for less, or raise the role's MaxSessionDuration (aws iam update-role)",
		}
	}},
	{"Unable to assume role", func(id *identity.Identity, r Request) Finding {
		if name := id.Certificate.Subject.CommonName; !sourceIdentityForm.MatchString(name) {
			return Finding{
				Fact: fmt.Sprintf("the common name %q has characters that a source identity may not have, or more than 64", name),
				Hint: "have a certificate issued whose common name is of letters, digits and _+=,.@- alone",
			}
		}
		return Finding{
			Fact: "the role's trust policy or the profile's list of roles does not allow it",
			Hint: "the role must be one of the profile's and trust rolesanywhere.amazonaws.com for sts:AssumeRole, " +
				"sts:TagSession and sts:SetSourceIdentity; compare its conditions with the certificate",
		}
	}},
}

// sourceIdentityForm is what a common name must be to become the source identity of a session (STS API Reference,
// AssumeRole, SourceIdentity). Without a common name the serial number takes its place.
var sourceIdentityForm = regexp.MustCompile(`^[\w+=,.@-]{0,64}$`)

func lastField(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }
