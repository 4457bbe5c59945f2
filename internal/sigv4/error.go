package sigv4

// Kind says why a request was refused.
type Kind int

const (
	// MissingToken: the request has neither an Authorization header nor a signature in its query.
	MissingToken Kind = iota + 1
	// Malformed: the signature or what belongs to it is incomplete, repeated or not in the form that AWS documents.
	Malformed
	// WrongScope: the credential scope is for another region, service or date, or does not end in aws4_request.
	WrongScope
	// Expired: the request was signed too long ago, or its X-Amz-Expires has run out.
	Expired
	// NotYetCurrent: the request was signed in the future.
	NotYetCurrent
	// UnsignedHeader: a header that must be signed is sent but not signed.
	UnsignedHeader
	// BodyMismatch: X-Amz-Content-Sha256 is not the hash of the body, or a keyword that the caller does not accept.
	BodyMismatch
	// SignatureMismatch: the signature is not the one that the request and the secret access key give.
	SignatureMismatch
)

var kindNames = [...]string{
	MissingToken:      "missing authentication token",
	Malformed:         "malformed authorization",
	WrongScope:        "wrong credential scope",
	Expired:           "signature expired",
	NotYetCurrent:     "signature not yet current",
	UnsignedHeader:    "unsigned header",
	BodyMismatch:      "body mismatch",
	SignatureMismatch: "signature mismatch",
}

// String names the kind in words.
func (k Kind) String() string {
	if k < MissingToken || int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// Error is why a request does not verify. It never holds the secret access key or a key derived from it.
type Error struct {
	Kind   Kind
	Detail string // what is wrong, for the sender

	// CanonicalRequest and StringToSign are what Verify computed; set for SignatureMismatch only, and empty when a signed
	// header was not sent. A canonical request holds the session token: return it to the sender, do not log it.
	CanonicalRequest string
	StringToSign     string
}

// Error gives the kind and the detail.
func (e *Error) Error() string {
	return "verify request: " + e.Kind.String() + ": " + e.Detail
}

func malformed(detail string) *Error {
	return &Error{Kind: Malformed, Detail: detail}
}
