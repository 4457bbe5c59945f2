package authn

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/wire"
	"github.com/awsauth-go/awsauth/internal/sigv4"
)

// code is an error of both families of services.
type code struct {
	status      int
	query, json string
}

// The errors of IAM User Guide, "Troubleshoot signed requests for AWS APIs", and of the API references, "Common errors".
var (
	missingToken      = code{403, "MissingAuthenticationToken", "MissingAuthenticationTokenException"}
	incomplete        = code{400, "IncompleteSignature", "IncompleteSignatureException"}
	invalidToken      = code{403, "InvalidClientTokenId", "UnrecognizedClientException"}
	signatureMismatch = code{403, "SignatureDoesNotMatch", "InvalidSignatureException"}
	expiredToken      = code{403, "ExpiredToken", "ExpiredTokenException"}
)

const (
	invalidTokenText = "The security token included in the request is invalid."
	mismatchText     = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	terminatorText = "Credential should be scoped with a valid terminator: 'aws4_request'."
)

// timeFormat is that of X-Amz-Date.
const timeFormat = "20060102T150405Z"

func (c attempt) refuse(e code, message, reason, remedy string) error {
	r := &wire.Refusal{Status: e.status, Code: e.query, Message: message, Reason: reason, Remedy: remedy}
	if c.service.JSON {
		r.Code = e.json
	}
	return r
}

// refuseSignature says in AWS's words why a request was not verified; auth is nil when it could not even be parsed.
func (c attempt) refuseSignature(auth *sigv4.Authorization, err error) error {
	e := &sigv4.Error{Kind: sigv4.Malformed, Detail: err.Error()}
	errors.As(err, &e)
	switch e.Kind {
	case sigv4.MissingToken:
		return c.refuse(missingToken, "Request is missing Authentication Token", e.Detail,
			"sign the request; the client may have found no credentials")
	case sigv4.WrongScope:
		return c.refuse(signatureMismatch, c.scopeText(auth), e.Detail,
			"sign for service "+c.service.Name+" and region "+c.account.Region)
	case sigv4.Expired:
		return c.refuse(signatureMismatch, c.expiredText(auth), e.Detail, "set the clock, or sign again at every attempt")
	case sigv4.NotYetCurrent:
		return c.refuse(signatureMismatch, "Signature not yet current: "+auth.SignedAt.Format(timeFormat)+
			" is still later than "+c.bound(+1), e.Detail, "set the clock")
	case sigv4.UnsignedHeader:
		return c.refuse(signatureMismatch, unsignedText(auth), e.Detail, "sign host and every x-amz- header that is sent")
	case sigv4.BodyMismatch:
		return c.refuse(signatureMismatch, mismatchText, e.Detail, "send the body that was signed")
	case sigv4.SignatureMismatch:
		reason := e.Detail
		if e.StringToSign != "" {
			reason += "; the string to sign is " + strconv.Quote(e.StringToSign)
		}
		return c.refuse(signatureMismatch, mismatchText, reason,
			"check the secret access key, and that nothing on the way changes host, path or signed headers")
	default:
		return c.refuse(incomplete, "The request signature does not conform to AWS standards.", e.Detail, "sign with an AWS SDK")
	}
}

// scopeText names the first part of the credential scope that is wrong. Parse itself refuses a wrong terminator.
func (c attempt) scopeText(auth *sigv4.Authorization) string {
	switch {
	case auth == nil:
		return terminatorText
	case auth.Region != c.region(auth.Region):
		return "Credential should be scoped to a valid Region, not '" + auth.Region + "'."
	case auth.Service != c.service.Name:
		return "Credential should be scoped to correct service: '" + c.service.Name + "'."
	}
	return "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" + auth.Date +
		"' != '" + auth.SignedAt.Format("20060102") + "', from '" + auth.SignedAt.Format(timeFormat) + "'."
}

func (c attempt) expiredText(auth *sigv4.Authorization) string {
	if !auth.Expires.IsZero() {
		return "Signature expired: " + auth.Expires.Format(timeFormat) + " is now earlier than " + c.now.Format(timeFormat)
	}
	return "Signature expired: " + auth.SignedAt.Format(timeFormat) + " is now earlier than " + c.bound(-1)
}

// bound is the earliest (-1) or the latest (+1) time that is taken, and how it comes about:
// "20261123T081500Z (20261123T082000Z - 5 min.)".
func (c attempt) bound(direction time.Duration) string {
	sign := " + "
	if direction < 0 {
		sign = " - "
	}
	return c.now.Add(direction*c.skew).Format(timeFormat) + " (" + c.now.Format(timeFormat) + sign +
		strconv.FormatFloat(c.skew.Minutes(), 'f', -1, 64) + " min.)"
}

func unsignedText(auth *sigv4.Authorization) string {
	if !slices.Contains(auth.SignedHeaders, "host") {
		return "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
	}
	return "There were headers present in the request which were not signed"
}
