package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/internal/canonical"
)

const unsignedPayload = "UNSIGNED-PAYLOAD"

// Check is what a request is verified against.
type Check struct {
	SecretAccessKey string // of the access key; empty verifies nothing
	Region          string // the scope must name it; empty accepts any
	Service         string // the scope must name it; empty accepts any

	Now  time.Time
	Skew time.Duration // how far the sender's clock may be off; AWS allows 5 minutes for most services, S3 15

	PathForm canonical.PathForm
	// UnsignedPayload accepts the keyword UNSIGNED-PAYLOAD in place of the body's hash, and takes a presigned request
	// without X-Amz-Content-Sha256 to be signed so, as Amazon S3 does.
	UnsignedPayload bool
	// Streaming accepts payloads that come in chunks (STREAMING-…): Payload answers their content, and whether their signatures are right.
	Streaming bool
}

// Verify checks that the scope, the time and the signature of a received request are right, and that its host and all its
// x-amz-* headers are signed. The request is the one given to Parse and body is all of its body, which Verify does not
// read from r. The path is taken from r.RequestURI, so that handlers may have changed r.URL.Path.
//
// A presigned request is good from Skew before it was signed until X-Amz-Expires has run out; any other request, and a
// presigned one without X-Amz-Expires, within Skew of the time it was signed.
//
// Its errors are of type *Error.
func (a *Authorization) Verify(r *http.Request, body []byte, c Check) error {
	if err := a.checkScope(c); err != nil {
		return err
	}
	if err := a.checkTime(c); err != nil {
		return err
	}
	if err := a.checkSignedHeaders(r.Header); err != nil {
		return err
	}
	payloadHash, err := a.payloadHash(r, body, c)
	if err != nil {
		return err
	}
	return a.checkSignature(r, payloadHash, c)
}

func (a *Authorization) checkScope(c Check) error {
	wrong := func(part, got, want string) error {
		return &Error{Kind: WrongScope, Detail: "Credential is scoped to " + part + " " + got + ", not " + want}
	}
	if c.Region != "" && a.Region != c.Region {
		return wrong("region", a.Region, c.Region)
	}
	if c.Service != "" && a.Service != c.Service {
		return wrong("service", a.Service, c.Service)
	}
	if date := a.SignedAt.Format(dateFormat); a.Date != date {
		return wrong("date", a.Date, date+" of X-Amz-Date")
	}
	return nil
}

func (a *Authorization) checkTime(c Check) error {
	now := c.Now.UTC()
	if a.SignedAt.After(now.Add(c.Skew)) {
		return &Error{Kind: NotYetCurrent, Detail: a.SignedAt.Format(timeFormat) + " is still later than " +
			now.Add(c.Skew).Format(timeFormat) + " (" + now.Format(timeFormat) + " + " + c.Skew.String() + ")"}
	}
	if !a.Expires.IsZero() {
		if now.After(a.Expires) {
			return &Error{Kind: Expired, Detail: "presigned request was good until " + a.Expires.Format(timeFormat) +
				" and it is " + now.Format(timeFormat)}
		}
		return nil
	}
	if a.SignedAt.Before(now.Add(-c.Skew)) {
		return &Error{Kind: Expired, Detail: a.SignedAt.Format(timeFormat) + " is now earlier than " +
			now.Add(-c.Skew).Format(timeFormat) + " (" + now.Format(timeFormat) + " - " + c.Skew.String() + ")"}
	}
	return nil
}

// checkSignedHeaders refuses a request whose host or x-amz-* headers could have been changed on the way.
func (a *Authorization) checkSignedHeaders(h http.Header) error {
	required := []string{"host"}
	for name := range h {
		if isAmz(name) {
			required = append(required, strings.ToLower(name))
		}
	}
	slices.Sort(required)
	for _, name := range required {
		if _, ok := slices.BinarySearch(a.SignedHeaders, name); !ok {
			return &Error{Kind: UnsignedHeader, Detail: "header " + name + " is not in SignedHeaders"}
		}
	}
	return nil
}

// payloadHash answers the last line of the canonical request.
func (a *Authorization) payloadHash(r *http.Request, body []byte, c Check) (string, error) {
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	sent, ok, err := a.sentHash(r)
	switch {
	case err != nil:
		return "", err
	case !ok && a.Presigned && c.UnsignedPayload:
		return unsignedPayload, nil
	case !ok || sent == hash:
		return hash, nil
	case sent == unsignedPayload && c.UnsignedPayload:
		return unsignedPayload, nil
	case isStreaming(sent) && c.Streaming:
		return sent, nil
	case sent == unsignedPayload:
		return "", &Error{Kind: BodyMismatch, Detail: "X-Amz-Content-Sha256 is UNSIGNED-PAYLOAD, which this service does not accept"}
	}
	return "", &Error{Kind: BodyMismatch, Detail: "X-Amz-Content-Sha256 is not the SHA-256 of the body in lower-case hexadecimal"}
}

// sentHash answers X-Amz-Content-Sha256: the header, or the parameter of a presigned request.
func (a *Authorization) sentHash(r *http.Request) (hash string, ok bool, err error) {
	const name = "X-Amz-Content-Sha256"
	if hash, err = single(r.Header, name); err != nil || hash != "" {
		return hash, true, err
	}
	if !a.Presigned {
		return "", false, nil
	}
	p, err := parseQuery(r.URL.RawQuery)
	hash, ok = p[name]
	return hash, ok, err
}

func (a *Authorization) checkSignature(r *http.Request, payloadHash string, c Check) error {
	if c.SecretAccessKey == "" {
		return &Error{Kind: SignatureMismatch, Detail: "there is no secret access key to compare with"}
	}
	headers, missing := canonical.FromHTTP(r, a.SignedHeaders)
	if missing != "" {
		return &Error{Kind: SignatureMismatch, Detail: "signed header " + missing + " is not in the request"}
	}
	req := canonical.Request{
		Method:      r.Method,
		Path:        wirePath(r),
		PathForm:    c.PathForm,
		RawQuery:    r.URL.RawQuery,
		Headers:     headers,
		PayloadHash: payloadHash,
	}
	if a.Presigned {
		req.RawQuery = unsignedQuery(req.RawQuery)
	}
	text := req.Append(nil)
	toSign := a.stringToSign(text)
	if !hmac.Equal(a.signature, sign(SigningKey(c.SecretAccessKey, a.Date, a.Region, a.Service), toSign)) {
		return &Error{
			Kind:             SignatureMismatch,
			Detail:           "the signature is not the one computed from the request and the secret access key",
			CanonicalRequest: string(text),
			StringToSign:     toSign,
		}
	}
	return nil
}

// wirePath answers the path as it was sent: URL.EscapedPath has already encoded what the sender left bare.
func wirePath(r *http.Request) string {
	if !strings.HasPrefix(r.RequestURI, "/") {
		return r.URL.EscapedPath()
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return path
}

// stringToSign is step 2 of "Create a signed AWS API request", "Create a string to sign".
func (a *Authorization) stringToSign(canonicalRequest []byte) string {
	sum := sha256.Sum256(canonicalRequest)
	return strings.Join([]string{
		algorithm,
		a.SignedAt.Format(timeFormat),
		strings.Join([]string{a.Date, a.Region, a.Service, terminator}, "/"),
		hex.EncodeToString(sum[:]),
	}, "\n")
}

// SigningKey is the key derived from a secret for one day (as 20261122), region and service: "Derive a signing key".
func SigningKey(secretAccessKey, date, region, service string) []byte {
	key := []byte("AWS4" + secretAccessKey)
	for _, part := range []string{date, region, service, terminator} {
		key = sign(key, part)
	}
	return key
}

func sign(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
