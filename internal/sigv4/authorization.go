// Package sigv4 verifies AWS Signature Version 4 (AWS4-HMAC-SHA256) on received requests, signed in the Authorization
// header or in the query (presigned URLs):
//
//	a, err := sigv4.Parse(r)
//	// look up the secret of a.AccessKeyID and compare a.SessionToken with the one that belongs to it
//	err = a.Verify(r, body, sigv4.Check{SecretAccessKey: s, Region: "eu-west-1", Service: "sts", Now: now, Skew: 5 * time.Minute})
//
// It fails closed: what AWS's documentation does not describe is refused. It does not sign (aws-sdk-go-v2's
// aws/signer/v4 does), does not know access keys or sessions, does not remember requests it has seen, and does not take requests
// dated by a Date header alone, nor chunked (STREAMING-…) payloads unless it is told to.
//
// Source: IAM User Guide, "AWS Signature Version 4 for API requests".
package sigv4

import (
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	timeFormat = "20060102T150405Z"
	dateFormat = "20060102"

	maxAuthorization = 16 << 10 // bytes of an Authorization header or of one query parameter
	maxSignedHeaders = 100
	maxExpires       = 7 * 24 * time.Hour
)

// Authorization is the signature of a request and what it says of itself. Until Verify succeeds it is only a claim.
type Authorization struct {
	AccessKeyID string
	Date        string // of the credential scope, YYYYMMDD
	Region      string
	Service     string

	SignedHeaders []string  // lower case, sorted, without repetition
	SessionToken  string    // "" when none was sent
	SignedAt      time.Time // X-Amz-Date, UTC
	Presigned     bool      // the signature is in the query
	Expires       time.Time // of a presigned request with X-Amz-Expires, otherwise zero

	signature []byte
}

// Parse reads the signature of a request from its Authorization header or its query. It checks the form only. Its errors
// are of type *Error and of kind MissingToken, Malformed or WrongScope (a scope that does not end in aws4_request).
func Parse(r *http.Request) (*Authorization, error) {
	params, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	values := r.Header.Values("Authorization")
	switch {
	case len(values) > 1:
		return nil, malformed("more than one Authorization header")
	case len(values) == 1 && params.signed():
		return nil, malformed("both an Authorization header and a signature in the query")
	case len(values) == 1:
		return parseHeader(r.Header, values[0])
	case params.signed():
		return parsePresigned(r.Header, params)
	}
	return nil, &Error{Kind: MissingToken, Detail: "no Authorization header and no signature in the query"}
}

func parseHeader(h http.Header, value string) (*Authorization, error) {
	if len(value) > maxAuthorization {
		return nil, malformed("Authorization header is longer than 16 KiB")
	}
	name, rest, _ := strings.Cut(value, " ")
	if name != algorithm {
		return nil, malformed("algorithm is not " + algorithm)
	}
	credential, signedHeaders, signature, err := splitParts(rest)
	if err != nil {
		return nil, err
	}
	date, err := single(h, "X-Amz-Date")
	if err != nil {
		return nil, err
	}
	token, err := single(h, "X-Amz-Security-Token")
	if err != nil {
		return nil, err
	}
	a := &Authorization{SessionToken: token}
	if err := a.parse(credential, date, signedHeaders, signature); err != nil {
		return nil, err
	}
	return a, nil
}

// splitParts takes "Credential=…, SignedHeaders=…, Signature=…" apart; the order is free.
func splitParts(s string) (credential, signedHeaders, signature string, err error) {
	parts := map[string]*string{"Credential": &credential, "SignedHeaders": &signedHeaders, "Signature": &signature}
	for part := range strings.SplitSeq(s, ",") {
		name, value, ok := strings.Cut(strings.Trim(part, " \t"), "=")
		dst := parts[name]
		switch {
		case dst == nil || !ok:
			return "", "", "", malformed("Authorization header has a part other than Credential, SignedHeaders and Signature")
		case *dst != "":
			return "", "", "", malformed(name + " is repeated")
		case value == "":
			return "", "", "", malformed(name + " is empty")
		}
		*dst = value
	}
	for _, name := range []string{"Credential", "SignedHeaders", "Signature"} {
		if *parts[name] == "" {
			return "", "", "", malformed(name + " is missing")
		}
	}
	return credential, signedHeaders, signature, nil
}

// single answers the value of a header that may be sent once, or "" when it is not sent.
func single(h http.Header, name string) (string, error) {
	switch values := h.Values(name); {
	case len(values) > 1:
		return "", malformed(name + " is repeated")
	case len(values) == 0:
		return "", nil
	case values[0] == "":
		return "", malformed(name + " is empty")
	default:
		return values[0], nil
	}
}

// parse reads the four values that both forms have.
func (a *Authorization) parse(credential, date, signedHeaders, signature string) error {
	if err := a.parseCredential(credential); err != nil {
		return err
	}
	if date == "" {
		return malformed("X-Amz-Date is missing")
	}
	t, ok := parseTime(date, timeFormat)
	if !ok {
		return malformed("X-Amz-Date is not in the form YYYYMMDDTHHMMSSZ")
	}
	a.SignedAt = t
	if err := a.parseSignedHeaders(signedHeaders); err != nil {
		return err
	}
	sum, err := hex.DecodeString(signature)
	if err != nil || len(sum) != 32 || strings.ToLower(signature) != signature {
		return malformed("Signature is not 64 lower-case hexadecimal digits")
	}
	a.signature = sum
	return nil
}

func (a *Authorization) parseCredential(s string) error {
	parts := strings.Split(s, "/")
	if len(parts) != 5 {
		return malformed("Credential is not access key ID, date, region, service and " + terminator + ", separated by slashes")
	}
	a.AccessKeyID, a.Date, a.Region, a.Service = parts[0], parts[1], parts[2], parts[3]
	if !isAccessKeyID(a.AccessKeyID) {
		return malformed("access key ID in Credential is not 1 to 128 letters, digits or underscores")
	}
	if _, ok := parseTime(a.Date, dateFormat); !ok {
		return malformed("date in Credential is not in the form YYYYMMDD")
	}
	if !isScopeName(a.Region) {
		return malformed("region in Credential is not 1 to 64 lower-case letters, digits or hyphens")
	}
	if !isScopeName(a.Service) {
		return malformed("service in Credential is not 1 to 64 lower-case letters, digits or hyphens")
	}
	if parts[4] != terminator {
		return &Error{Kind: WrongScope, Detail: "Credential does not end in " + terminator}
	}
	return nil
}

func (a *Authorization) parseSignedHeaders(s string) error {
	if strings.Count(s, ";") >= maxSignedHeaders {
		return malformed("SignedHeaders has more than 100 names")
	}
	a.SignedHeaders = strings.Split(s, ";")
	for i, name := range a.SignedHeaders {
		switch {
		case !isHeaderName(name):
			return malformed("SignedHeaders has a part that is not a header name in lower case")
		case name == "authorization":
			return malformed("SignedHeaders lists authorization")
		case i > 0 && a.SignedHeaders[i-1] == name:
			return malformed("SignedHeaders repeats a name")
		case i > 0 && a.SignedHeaders[i-1] > name:
			return malformed("SignedHeaders is not sorted")
		}
	}
	return nil
}

// parseTime is time.Parse without its tolerance for fractions of seconds.
func parseTime(s, layout string) (time.Time, bool) {
	t, err := time.Parse(layout, s)
	return t, err == nil && t.Format(layout) == s
}

// isAccessKeyID follows the pattern of the IAM API's AccessKeyId, without its lower limit of 16.
func isAccessKeyID(s string) bool {
	return len(s) <= 128 && consistsOf(s, func(c byte) bool {
		return isLower(c) || isDigit(c) || 'A' <= c && c <= 'Z' || c == '_'
	})
}

func isScopeName(s string) bool {
	return len(s) <= 64 && consistsOf(s, func(c byte) bool { return isLower(c) || isDigit(c) || c == '-' })
}

// isHeaderName accepts a token of RFC 9110 section 5.6.2 without upper-case letters.
func isHeaderName(s string) bool {
	return len(s) <= 256 && consistsOf(s, func(c byte) bool {
		return isLower(c) || isDigit(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
	})
}

func consistsOf(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return s != ""
}

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
