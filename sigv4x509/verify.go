package sigv4x509

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/internal/canonical"
)

// Limits of what Parse reads: far above what a real request has, far below what costs time.
const (
	maxChain  = 16        // certificates in X-Amz-X509-Chain
	maxHeader = 128 << 10 // characters of one header
)

var (
	// ErrSignature reports a signature that does not verify with the certificate's public key.
	ErrSignature = errors.New("the signature does not verify with the certificate's public key")
	// ErrAlgorithm reports an algorithm that does not fit the certificate's public key.
	ErrAlgorithm = errors.New("the algorithm does not fit the certificate's public key")
)

// FormatError reports a request whose signature cannot be checked, because a part of it is missing or malformed.
type FormatError struct {
	Part    string // the header or the part of Authorization
	Problem string // what is wrong and what would be right; quotes nothing of the request
}

func (e *FormatError) Error() string { return e.Part + ": " + e.Problem }

// Signature is a parsed, not yet verified signature: what the request claims.
type Signature struct {
	Algorithm     Algorithm
	Serial        *big.Int // as Credential gives it
	Date          string   // YYYYMMDD of the scope
	Region        string   // of the scope
	SignedHeaders []string
	SignedAt      time.Time // X-Amz-Date
	Certificate   *x509.Certificate
	Chain         []*x509.Certificate // in the order sent
	Trace         Trace

	value []byte
}

// Parse reads the signature of a received request with the given body. It checks the form, that scope and X-Amz-Date
// agree, that the serial number is the certificate's, and that everything that must be signed is: host, x-amz-date,
// x-amz-x509 and, when sent, x-amz-x509-chain. All its errors are *FormatError.
func Parse(r *http.Request, body []byte) (*Signature, error) {
	s, err := parseAuthorization(r.Header)
	if err != nil {
		return nil, err
	}
	if s.SignedAt, err = parseDate(r.Header); err != nil {
		return nil, err
	}
	if s.Date != s.SignedAt.Format(dateFormat) {
		return nil, &FormatError{"Credential", "its date is not the day of X-Amz-Date"}
	}
	if s.Certificate, s.Chain, err = parseCertificates(r.Header); err != nil {
		return nil, err
	}
	if s.Serial.Cmp(s.Certificate.SerialNumber) != 0 {
		return nil, &FormatError{"Credential", "its serial number, to be written in decimal, is not that of the certificate in X-Amz-X509"}
	}
	headers, missing := canonical.FromHTTP(r, s.SignedHeaders)
	if missing != "" {
		return nil, &FormatError{"SignedHeaders", "names a header that the request does not have"}
	}
	sum := sha256.Sum256(body)
	signed := canonical.Request{
		Method:      r.Method,
		Path:        path,
		RawQuery:    r.URL.RawQuery,
		Headers:     headers,
		PayloadHash: hex.EncodeToString(sum[:]),
	}
	buf := signed.Append(make([]byte, 0, 4096))
	cut := len(buf)
	buf = appendStringToSign(buf, s.Algorithm, s.SignedAt, s.Region, buf)
	s.Trace = Trace{CanonicalRequest: string(buf[:cut]), StringToSign: string(buf[cut:])}
	return s, nil
}

// Verify checks the signature with the certificate's public key: ErrAlgorithm or ErrSignature when it does not hold. It
// says nothing about the certificate, nor about the time.
func (s *Signature) Verify() error {
	want, err := AlgorithmOf(s.Certificate.PublicKey)
	if err != nil || want != s.Algorithm {
		return ErrAlgorithm
	}
	digest := sha256.Sum256([]byte(s.Trace.StringToSign))
	switch public := s.Certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		if rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], s.value) == nil {
			return nil
		}
	case *ecdsa.PublicKey:
		if ecdsa.VerifyASN1(public, digest[:], s.value) {
			return nil
		}
	}
	return ErrSignature
}

// Verify parses and verifies the signature of a received request.
func Verify(r *http.Request, body []byte) (*Signature, error) {
	s, err := Parse(r, body)
	if err != nil {
		return nil, err
	}
	return s, s.Verify()
}

// single answers the only value of a header.
func single(h http.Header, name string) (string, error) {
	values := h[name]
	switch {
	case len(values) == 0 || values[0] == "":
		return "", &FormatError{name, "is missing"}
	case len(values) > 1:
		return "", &FormatError{name, "is given more than once"}
	case len(values[0]) > maxHeader:
		return "", &FormatError{name, fmt.Sprintf("is longer than %d characters", maxHeader)}
	}
	return values[0], nil
}

func parseDate(h http.Header) (time.Time, error) {
	v, err := single(h, headerDate)
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(timeFormat, v)
	if err != nil || at.Format(timeFormat) != v { // time.Parse takes fractions of a second, too
		return time.Time{}, &FormatError{headerDate, "is not of the form YYYYMMDDTHHMMSSZ"}
	}
	return at, nil
}

// parseAuthorization reads "ALGORITHM Credential=…, SignedHeaders=…, Signature=…".
func parseAuthorization(h http.Header) (*Signature, error) {
	v, err := single(h, headerAuthorization)
	if err != nil {
		return nil, err
	}
	word, rest, _ := strings.Cut(v, " ")
	s := &Signature{Algorithm: Algorithm(word)}
	if s.Algorithm != RSASHA256 && s.Algorithm != ECDSASHA256 {
		return nil, &FormatError{headerAuthorization, fmt.Sprintf("does not begin with %s or %s", RSASHA256, ECDSASHA256)}
	}
	parts := make(map[string]string, 3)
	for part := range strings.SplitSeq(rest, ",") {
		name, value, found := strings.Cut(strings.TrimSpace(part), "=")
		if _, repeated := parts[name]; !found || repeated || len(parts) == 3 {
			return nil, &FormatError{headerAuthorization, "is not of the form ALGORITHM Credential=…, SignedHeaders=…, Signature=…"}
		}
		parts[name] = value
	}
	if err := s.parseCredential(parts["Credential"]); err != nil {
		return nil, err
	}
	if err := s.parseSignedHeaders(parts["SignedHeaders"], h); err != nil {
		return nil, err
	}
	value := parts["Signature"]
	if value == "" || value != strings.ToLower(value) {
		return nil, &FormatError{"Signature", "is not lower-case hexadecimal"}
	}
	if s.value, err = hex.DecodeString(value); err != nil {
		return nil, &FormatError{"Signature", "is not lower-case hexadecimal"}
	}
	return s, nil
}

// maxSerial is the longest decimal form of a serial number of 20 octets (RFC 5280 section 4.1.2.2).
const maxSerial = 49

func (s *Signature) parseCredential(v string) error {
	fields := strings.Split(v, "/")
	if len(fields) != 5 {
		return &FormatError{"Credential", "is not of the form SERIAL/YYYYMMDD/REGION/" + service + "/" + terminator}
	}
	digits := fields[0]
	if digits == "" || len(digits) > maxSerial || strings.Trim(digits, "0123456789") != "" {
		return &FormatError{"Credential", "its serial number is not decimal"}
	}
	s.Serial, _ = new(big.Int).SetString(digits, 10)
	s.Date, s.Region = fields[1], fields[2]
	switch {
	case s.Region == "":
		return &FormatError{"Credential", "its region is empty"}
	case fields[3] != service:
		return &FormatError{"Credential", "its service is not " + service}
	case fields[4] != terminator:
		return &FormatError{"Credential", "does not end with " + terminator}
	}
	return nil
}

func (s *Signature) parseSignedHeaders(v string, h http.Header) error {
	names := strings.Split(v, ";")
	for i, name := range names {
		switch {
		case name == "" || name != strings.ToLower(name):
			return &FormatError{"SignedHeaders", "is not a list of names in lower case, separated by semicolons"}
		case i > 0 && names[i-1] >= name:
			return &FormatError{"SignedHeaders", "is not sorted, or names a header twice"}
		case name == "authorization":
			return &FormatError{"SignedHeaders", "names authorization, which cannot be signed"}
		}
	}
	required := []string{"host", "x-amz-date", "x-amz-x509"}
	if len(h[headerX509Chain]) > 0 {
		required = append(required, "x-amz-x509-chain")
	}
	for _, name := range required {
		if _, found := slices.BinarySearch(names, name); !found {
			return &FormatError{"SignedHeaders", "lacks " + name}
		}
	}
	s.SignedHeaders = names
	return nil
}

func parseCertificates(h http.Header) (leaf *x509.Certificate, chain []*x509.Certificate, err error) {
	v, err := single(h, headerX509)
	if err != nil {
		return nil, nil, err
	}
	if leaf, err = parseCertificate(headerX509, v); err != nil {
		return nil, nil, err
	}
	if len(h[headerX509Chain]) == 0 {
		return leaf, nil, nil
	}
	if v, err = single(h, headerX509Chain); err != nil {
		return nil, nil, err
	}
	if strings.Count(v, ",") >= maxChain {
		return nil, nil, &FormatError{headerX509Chain, fmt.Sprintf("has more than %d certificates", maxChain)}
	}
	for encoded := range strings.SplitSeq(v, ",") {
		c, err := parseCertificate(headerX509Chain, strings.TrimSpace(encoded))
		if err != nil {
			return nil, nil, err
		}
		chain = append(chain, c)
	}
	return leaf, chain, nil
}

func parseCertificate(header, encoded string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, &FormatError{header, "is not base64 of a certificate in DER"}
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, &FormatError{header, "is not an X.509 certificate in DER"}
	}
	return c, nil
}
