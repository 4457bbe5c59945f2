package sigv4x509

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/internal/canonical"
)

// Signer signs requests with one private key. It holds the encoded certificates, so that a signature costs little more
// than the private key's own operation. It is safe for concurrent use when the key is.
type Signer struct {
	key       crypto.Signer
	algorithm Algorithm
	serial    string // decimal
	leaf      []string
	chain     []string // nil without intermediates
}

// NewSigner prepares a signer for a leaf, its intermediates (leaf and root left out, any order) and the leaf's private
// key. It fails when the key is neither RSA nor ECDSA or does not belong to the leaf.
func NewSigner(leaf *x509.Certificate, chain []*x509.Certificate, key crypto.Signer) (*Signer, error) {
	if leaf == nil || key == nil {
		return nil, errors.New("new signer: certificate and private key are both required")
	}
	public := key.Public()
	algorithm, err := AlgorithmOf(public)
	if err != nil {
		return nil, fmt.Errorf("new signer: %w", err)
	}
	if p, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !p.Equal(public) {
		return nil, errors.New("new signer: the private key does not belong to the certificate")
	}
	s := &Signer{
		key:       key,
		algorithm: algorithm,
		serial:    leaf.SerialNumber.String(),
		leaf:      []string{base64.StdEncoding.EncodeToString(leaf.Raw)},
	}
	if len(chain) > 0 {
		encoded := make([]string, len(chain))
		for i, c := range chain {
			encoded[i] = base64.StdEncoding.EncodeToString(c.Raw)
		}
		s.chain = []string{strings.Join(encoded, ",")}
	}
	return s, nil
}

// Trace is what a signature was computed over. It holds nothing secret: the signature itself is not part of it.
type Trace struct {
	CanonicalRequest string
	StringToSign     string
}

// unsigned are the headers that Sign leaves out, because the transport or a proxy may set or change them.
var unsigned = []string{
	"accept-encoding", "authorization", "connection", "content-length", "expect", "transfer-encoding", "user-agent",
	"x-amzn-trace-id",
}

// Sign sets X-Amz-Date, X-Amz-X509, X-Amz-X509-Chain (when there are intermediates) and Authorization on r, a POST of
// body to /sessions. It signs the host, these headers, and every other header that r has and that no transport changes.
// The signature holds for the given region and moment; a retry is signed anew.
func (s *Signer) Sign(r *http.Request, body []byte, region string, at time.Time) error {
	buf := make([]byte, 0, 4096)
	buf, cut, signed := s.appendTexts(buf, r, body, region, at)
	digest := sha256.Sum256(buf[cut:])
	signature, err := s.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	// The string to sign has served: its buffer becomes the header's value.
	buf = append(buf[:0], s.algorithm...)
	buf = append(buf, " Credential="...)
	buf = append(buf, s.serial...)
	buf = append(buf, '/')
	buf = appendScope(buf, at, region)
	buf = append(buf, ", SignedHeaders="...)
	buf = signed.AppendSignedHeaders(buf)
	buf = append(buf, ", Signature="...)
	buf = hex.AppendEncode(buf, signature)
	r.Header[headerAuthorization] = []string{string(buf)}
	return nil
}

// Trace sets the headers that Sign sets, but for Authorization, and answers what Sign would sign, for debugging. It does
// not use the private key.
func (s *Signer) Trace(r *http.Request, body []byte, region string, at time.Time) Trace {
	buf, cut, _ := s.appendTexts(nil, r, body, region, at)
	return Trace{CanonicalRequest: string(buf[:cut]), StringToSign: string(buf[cut:])}
}

// appendTexts appends the canonical request and, from index cut on, the string to sign.
func (s *Signer) appendTexts(
	buf []byte, r *http.Request, body []byte, region string, at time.Time,
) (_ []byte, cut int, signed *canonical.Request) {
	at = at.UTC()
	if r.Header == nil {
		r.Header = make(http.Header, 6)
	}
	r.Header[headerDate] = []string{at.Format(timeFormat)}
	r.Header[headerX509] = s.leaf
	delete(r.Header, headerX509Chain)
	if s.chain != nil {
		r.Header[headerX509Chain] = s.chain
	}

	var payload [2 * sha256.Size]byte
	sum := sha256.Sum256(body)
	hex.Encode(payload[:], sum[:])
	signed = &canonical.Request{
		Method:      r.Method,
		Path:        path,
		RawQuery:    r.URL.RawQuery,
		Headers:     headersToSign(r),
		PayloadHash: string(payload[:]),
	}
	buf = signed.Append(buf)
	cut = len(buf)
	return appendStringToSign(buf, s.algorithm, at, region, buf), cut, signed
}

// appendStringToSign appends the text that the private key signs; request is the canonical request.
func appendStringToSign(buf []byte, algorithm Algorithm, at time.Time, region string, request []byte) []byte {
	sum := sha256.Sum256(request)
	buf = append(buf, algorithm...)
	buf = append(buf, '\n')
	buf = at.AppendFormat(buf, timeFormat)
	buf = append(buf, '\n')
	buf = appendScope(buf, at, region)
	buf = append(buf, '\n')
	return hex.AppendEncode(buf, sum[:])
}

func appendScope(buf []byte, at time.Time, region string) []byte {
	buf = at.UTC().AppendFormat(buf, dateFormat)
	buf = append(buf, '/')
	buf = append(buf, region...)
	return append(buf, "/"+service+"/"+terminator...)
}

// headersToSign lists the host and r's headers, sorted by name in lower case.
func headersToSign(r *http.Request) []canonical.Header {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	headers := make([]canonical.Header, 1, len(r.Header)+1)
	headers[0] = canonical.Header{Name: "host", Values: []string{host}}
	for name, values := range r.Header {
		name = strings.ToLower(name)
		if name != "host" && !slices.Contains(unsigned, name) {
			headers = append(headers, canonical.Header{Name: name, Values: values})
		}
	}
	slices.SortFunc(headers, func(a, b canonical.Header) int { return strings.Compare(a.Name, b.Name) })
	return headers
}
