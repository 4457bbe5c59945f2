// Package sigv4 signs requests to AWS for programs that have no SDK for the service: as headers, or as a URL that anybody can use
// until it ends. The signature itself is made by aws/signer/v4 of AWS's SDK for Go; what it leaves to its callers is here: which
// service and region a host is, S3's ways with paths and bodies, and when a URL really ends.
//
//	signed, err := sigv4.Sign(ctx, credentials, sigv4.Request{Method: "GET", URL: "https://sqs.eu-west-1.amazonaws.com/?Action=ListQueues"}, time.Now())
//
// It sends nothing.
package sigv4

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/smithy-go/encoding/httpbinding"
	"golang.org/x/net/http/httpguts"

	"github.com/awsauth-go/awsauth/internal/nearest"
)

// Request is what is to be signed.
type Request struct {
	Method string      // GET when empty
	URL    string      // with scheme, host, path and query
	Header http.Header // signed along; may be nil
	Body   []byte
	// PayloadHash is the SHA-256 of the body in hexadecimal, or UnsignedPayload, in place of Body.
	PayloadHash string
	// Service and Region are what the signature is for, as sqs and eu-west-1. They may be left out where the host says them:
	// SERVICE.REGION.amazonaws.com. A region must be the one that AWS's host says, and have the form of AWS's.
	Service, Region string
}

// UnsignedPayload leaves the body out of the signature, which S3 allows over TLS (Amazon S3 API Reference, "Authenticating Requests").
const UnsignedPayload = "UNSIGNED-PAYLOAD"

// The bounds of a presigned URL (IAM User Guide, "Create a signed AWS API request": X-Amz-Expires).
const (
	MinPresigned = time.Second
	MaxPresigned = 7 * 24 * time.Hour
)

// Signed is a request with its signature.
type Signed struct {
	Method string
	URL    string
	Host   string
	// Header are those to send, of the request and of the signature: Authorization, X-Amz-Date, X-Amz-Content-Sha256 and, of session
	// credentials, X-Amz-Security-Token. Of a presigned URL they are those that were signed along, which must be sent as they are.
	Header http.Header
	// Ends is when it is good no longer: fifteen minutes after it was signed, as long as a presigned URL was asked for, or when the
	// credentials end, whatever comes first.
	Ends            time.Time
	Service, Region string
}

// signatureLife is how long AWS takes a signature for a fresh one (IAM User Guide, "Signature Version 4 signing": the time stamp).
const signatureLife = 15 * time.Minute

// Error is a part of a Request that cannot be used.
type Error struct {
	Field   string // of Request, or "Valid"
	Problem string
}

func (e *Error) Error() string { return e.Field + " " + e.Problem }

// Sign signs a request as of a time. The errors are *Error.
func Sign(ctx context.Context, c aws.Credentials, r Request, at time.Time) (*Signed, error) {
	p, err := prepare(r, c, at)
	if err != nil {
		return nil, err
	}
	p.request.Header.Set("X-Amz-Content-Sha256", p.hash)
	if err := v4.NewSigner().SignHTTP(ctx, c, p.request, p.hash, p.service, p.region, at, p.options); err != nil {
		return nil, err
	}
	return p.signed(p.request.URL.String(), p.request.Header, earlier(at.Add(signatureLife), c)), nil
}

// Presign makes a URL that is good for a while, and no longer than the credentials. Whoever has it can use it. The errors are *Error.
func Presign(ctx context.Context, c aws.Credentials, r Request, at time.Time, valid time.Duration) (*Signed, error) {
	if valid < MinPresigned || valid > MaxPresigned || valid%time.Second != 0 {
		return nil, &Error{"Valid", fmt.Sprintf("is %s: use whole seconds from 1s to 168h", valid)}
	}
	p, err := prepare(r, c, at)
	if err != nil {
		return nil, err
	}
	if p.service == "s3" && r.PayloadHash == "" && len(r.Body) == 0 {
		p.hash = UnsignedPayload // what is uploaded is not known yet
	}
	query := p.request.URL.Query()
	query.Set("X-Amz-Expires", strconv.Itoa(int(valid/time.Second)))
	p.request.URL.RawQuery = query.Encode()
	signed, header, err := v4.NewSigner().PresignHTTP(ctx, c, p.request, p.hash, p.service, p.region, at, p.options)
	if err != nil {
		return nil, err
	}
	header.Del("Host")
	return p.signed(signed, header, earlier(at.Add(valid), c)), nil
}

func earlier(end time.Time, c aws.Credentials) time.Time {
	if c.CanExpire && c.Expires.Before(end) {
		return c.Expires
	}
	return end
}

// prepared is a request that can be signed.
type prepared struct {
	request         *http.Request
	hash            string
	service, region string
}

// ofS3 reports a service whose paths are keys: they are signed as they are sent, and // and .. mean themselves (IAM User Guide, "Create
// a signed AWS API request", canonical URI).
func (p *prepared) ofS3() bool {
	return slices.Contains([]string{"s3", "s3-object-lambda", "s3-outposts", "s3express"}, p.service)
}

func (p *prepared) options(o *v4.SignerOptions) { o.DisableURIPathEscaping = p.ofS3() }

// settle writes the path in the one form that is signed, so that what is sent is that: every octet encoded that must be, and for all
// services but S3 without dot segments and repeated slashes, which a server takes out before it verifies. Clients leave out the port that
// the scheme has anyway.
func (p *prepared) settle(u *url.URL) error {
	text := u.Port()
	u.Host = strings.TrimSuffix(u.Host, ":"+text)
	if port, err := strconv.ParseUint(text, 10, 16); text != "" && err != nil {
		return &Error{"URL", "has a port that is none"}
	} else if usual := map[string]uint64{"http": 80, "https": 443}; text != "" && port != usual[u.Scheme] {
		u.Host += ":" + strconv.FormatUint(port, 10)
	}
	escaped := httpbinding.EscapePath(u.Path, false)
	if !p.ofS3() {
		escaped = path.Clean("/" + u.EscapedPath())
		if strings.HasSuffix(u.Path, "/") && escaped != "/" {
			escaped += "/"
		}
	}
	escaped = cmp.Or(escaped, "/")
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return &Error{"URL", "has a path that cannot be read: write % as %25"}
	}
	u.Path, u.RawPath = plain, escaped
	return nil
}

func (p *prepared) signed(address string, header http.Header, ends time.Time) *Signed {
	return &Signed{p.request.Method, address, p.request.URL.Host, header, ends, p.service, p.region}
}

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace,
}

var (
	hashForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
	nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
)

// ours are headers that the signature sets.
var ours = []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256", "Host", "Content-Length"}

func prepare(r Request, c aws.Credentials, at time.Time) (*prepared, error) {
	switch {
	case c.AccessKeyID == "" || c.SecretAccessKey == "":
		return nil, &Error{"Credentials", "are empty"}
	case c.CanExpire && !c.Expires.After(at):
		return nil, &Error{"Credentials", "have ended: get new ones"}
	}
	method := cmp.Or(r.Method, http.MethodGet)
	if upper := strings.ToUpper(method); slices.Contains(methods, upper) {
		method = upper // which is what everybody sends
	}
	if !httpguts.ValidHeaderFieldName(method) { // a token, as a method is (RFC 9110, 9.1)
		return nil, &Error{"Method", "is no HTTP method, as GET"}
	}
	u, err := url.Parse(r.URL)
	switch {
	case err != nil:
		return nil, &Error{"URL", "is no URL, as https://sqs.eu-west-1.amazonaws.com/"}
	case u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "":
		return nil, &Error{"URL", "is no address that begins with https:// or http:// and a host"}
	case strings.ContainsFunc(u.Host, func(r rune) bool { return r > unicode.MaxASCII }):
		return nil, &Error{"URL", "has a host that is not ASCII: write it as it is sent (xn--…)"}
	case u.User != nil:
		return nil, &Error{"URL", "has a user or a password, which no service takes"}
	case u.Fragment != "":
		return nil, &Error{"URL", "has a fragment (#…), which is not sent: write # as %23"}
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return nil, &Error{"URL", "has a query that cannot be read: write % as %25 and ; as %3B"}
	}
	for name := range u.Query() {
		if strings.HasPrefix(strings.ToLower(name), "x-amz-") && isOfSignature(name) {
			return nil, &Error{"URL", "has a signature of its own (" + name + "): give it without"}
		}
	}
	p := &prepared{hash: r.PayloadHash}
	if p.service, p.region, err = scope(r, u); err != nil {
		return nil, err
	}
	if err := p.settle(u); err != nil {
		return nil, err
	}
	switch {
	case p.hash == "":
		sum := sha256.Sum256(r.Body)
		p.hash = hex.EncodeToString(sum[:])
	case len(r.Body) > 0:
		return nil, &Error{"PayloadHash", "is given with a body: give one of them"}
	case p.hash != UnsignedPayload && !hashForm.MatchString(p.hash):
		return nil, &Error{"PayloadHash", "is neither 64 hexadecimal digits in lower case nor " + UnsignedPayload}
	}
	p.request = &http.Request{Method: method, URL: u, Host: u.Host, Header: http.Header{}}
	for name, values := range r.Header {
		if !httpguts.ValidHeaderFieldName(name) {
			return nil, &Error{"Header", "has a name that is none"}
		}
		// A presigned URL has headers of this kind in its query, where they would take the place of its own.
		if slices.Contains(ours, http.CanonicalHeaderKey(name)) || isOfSignature(name) {
			return nil, &Error{"Header", "has " + http.CanonicalHeaderKey(name) + ", which the signature or the client sets"}
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) || strings.ContainsFunc(value, func(r rune) bool { return r > unicode.MaxASCII }) {
				return nil, &Error{"Header", "has a value that cannot be sent: ASCII alone can"}
			}
			// One space between words is how it is signed, and so it is sent.
			words := strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '\t' })
			p.request.Header.Add(name, strings.Join(words, " "))
		}
	}
	for name, values := range p.request.Header { // several are signed as one, and so they are sent
		p.request.Header[name] = []string{strings.Join(values, ",")}
	}
	return p, nil
}

// isOfSignature reports a parameter that a presigned URL has, or a header of its name.
func isOfSignature(name string) bool {
	return slices.Contains([]string{
		"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-security-token", "x-amz-signature", "x-amz-signedheaders",
	}, strings.ToLower(name))
}

func scope(r Request, u *url.URL) (service, region string, err error) {
	host := ofHost(u.Hostname())
	service, region = cmp.Or(r.Service, host.service), cmp.Or(r.Region, host.region)
	switch {
	case service == "":
		return "", "", &Error{"Service", "is required, as sqs: the host does not say it"}
	case region == "":
		return "", "", &Error{"Region", "is required, as eu-west-1: the host does not say it"}
	case !nameForm.MatchString(service):
		return "", "", &Error{"Service", "is no name of a service, as sqs"}
	case !nameForm.MatchString(region):
		return "", "", &Error{"Region", "is no region, as eu-west-1"}
	case !host.ofAWS:
		return service, region, nil
	case host.saysRegion && !isRegion(host.region):
		return "", "", &Error{"URL", "has a host of region " + host.region + ", which is none" + meantRegion(host.region)}
	case !isRegion(region):
		return "", "", &Error{"Region", "is no region of AWS, as eu-west-1" + meantRegion(region)}
	case host.saysRegion && region != host.region:
		return "", "", &Error{"Region", "is " + region + ", and the host is of " + host.region}
	}
	return service, region, nil
}

// directions are what the names of regions say before their number.
var directions = []string{"central", "east", "north", "northeast", "northwest", "south", "southeast", "southwest", "west"}

// direction cuts a region's out of its name; "" of what has not the form of one.
func direction(region string) (before, word, number string) {
	parts := strings.Split(region, "-")
	if !regionForm.MatchString(region) {
		return "", "", ""
	}
	n := len(parts)
	return strings.Join(parts[:n-2], "-"), parts[n-2], parts[n-1]
}

// isRegion reports whether a name is one as AWS gives them. Which there are, nobody knows who does not ask.
func isRegion(region string) bool {
	_, word, _ := direction(region)
	return slices.Contains(directions, word)
}

// meantRegion says which region was probably meant.
func meantRegion(region string) string {
	before, word, number := direction(region)
	if meant := nearest.Name(word, directions); word != "" && meant != "" {
		return ": did you mean " + before + "-" + meant + "-" + number + "?"
	}
	return ""
}

var regionForm = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-[0-9]+$`)

// signingNames are those of hosts whose services are called otherwise in signatures (the SDKs' service models: signingName).
var signingNames = map[string]string{
	"email": "ses", "bedrock-runtime": "bedrock", "bedrock-agent-runtime": "bedrock", "bedrock-agent": "bedrock", "queue": "sqs",
}

// hostScope is what a host says of service and region; "" where it does not.
type hostScope struct {
	ofAWS           bool
	service, region string
	saysRegion      bool // or it is the one of services without a region in their host
}

// ofHost reads AWS's own hosts. Services without a region in their host are in us-east-1 (AWS General Reference, "AWS service endpoints").
func ofHost(host string) (s hostScope) {
	host = strings.ToLower(host)
	var labels []string
	for _, suffix := range []string{".amazonaws.com", ".amazonaws.com.cn", ".api.aws"} {
		if name, ours := strings.CutSuffix(host, suffix); ours {
			labels = strings.Split(name, ".")
		}
	}
	if len(labels) == 0 {
		return s
	}
	s.ofAWS = true
	last := len(labels) - 1
	if labels[last] == "us-gov" { // iam.us-gov.amazonaws.com is signed for us-gov-west-1, and others are not
		return s
	}
	if labels[last] == "vpce" && last > 0 { // vpce-….SERVICE.REGION.vpce.amazonaws.com
		last--
	}
	if old, isS3 := strings.CutPrefix(labels[last], "s3-"); isS3 && regionForm.MatchString(strings.TrimPrefix(old, "fips-")) {
		s.service, s.region, s.saysRegion = "s3", strings.TrimPrefix(old, "fips-"), true
		return s
	}
	switch {
	case regionForm.MatchString(labels[last]):
		s.region, s.saysRegion = labels[last], true
		last--
	case last > 0 && labels[last] != "s3" && regionForm.MatchString(labels[last-1]): // REGION.queue.amazonaws.com; before s3 is a bucket
		s.region, s.saysRegion = labels[last-1], true
	case strings.HasSuffix(host, ".amazonaws.com") && (last == 0 || labels[last] == "s3"):
		s.region = "us-east-1"
	}
	if last >= 0 && labels[last] == "dualstack" {
		last--
	}
	if last < 0 {
		return s
	}
	name := strings.TrimSuffix(labels[last], "-fips")
	s.service = cmp.Or(signingNames[name], name)
	return s
}
