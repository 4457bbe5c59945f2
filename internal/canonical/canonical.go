// Package canonical builds the canonical request of AWS Signature Version 4, the text that both AWS4-HMAC-SHA256 and
// AWS4-X509-* signatures cover. The client that signs and the emulator that verifies share it.
//
// It neither hashes nor signs, and it does not decide which headers are signed.
//
// Source: IAM User Guide, "Create a signed AWS API request", step 1;
// IAM Roles Anywhere User Guide, "Signing process", task 1.
package canonical

import (
	"slices"
	"strings"
)

// PathForm says how the path on the wire becomes the canonical URI.
type PathForm int

const (
	// Normalized resolves dot segments and repeated slashes (RFC 3986 section 5.2.4), then encodes each octet of the
	// path on the wire once more. All services but Amazon S3 use it.
	Normalized PathForm = iota
	// Literal keeps the path's segments and encodes each octet of the path on the wire once more.
	Literal
	// S3 keeps the path's segments and encodes the decoded path once: what Amazon S3 uses.
	S3
)

// Header is one signed header: its name in lower case and its values in the order in which they were sent.
type Header struct {
	Name   string
	Values []string
}

// Request holds what a signature covers. Headers must be sorted by name; "host" is one of them.
type Request struct {
	Method      string
	Path        string // as on the wire, still percent-encoded; empty means "/"
	PathForm    PathForm
	RawQuery    string // as on the wire, without "?"
	Headers     []Header
	PayloadHash string // lower-case hex of the payload's SHA-256, or a keyword such as UNSIGNED-PAYLOAD
}

// Append appends the canonical request to dst.
func (r *Request) Append(dst []byte) []byte {
	dst = append(dst, r.Method...)
	dst = append(dst, '\n')
	dst = AppendPath(dst, r.Path, r.PathForm)
	dst = append(dst, '\n')
	dst = AppendQuery(dst, r.RawQuery)
	dst = append(dst, '\n')
	for _, h := range r.Headers {
		dst = append(dst, h.Name...)
		dst = append(dst, ':')
		for i, v := range h.Values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendHeaderValue(dst, v)
		}
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	dst = r.AppendSignedHeaders(dst)
	dst = append(dst, '\n')
	return append(dst, r.PayloadHash...)
}

// AppendSignedHeaders appends the names of the signed headers, joined by semicolons.
func (r *Request) AppendSignedHeaders(dst []byte) []byte {
	for i, h := range r.Headers {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = append(dst, h.Name...)
	}
	return dst
}

// AppendPath appends the canonical URI of a path.
func AppendPath(dst []byte, path string, form PathForm) []byte {
	switch form {
	case Normalized:
		path = removeDotSegments(path)
	case S3:
		path = decoded(path)
	}
	if path == "" {
		return append(dst, '/')
	}
	return appendEncoded(dst, path)
}

// removeDotSegments resolves "." and ".." and merges slashes; a slash at the end stays.
func removeDotSegments(path string) string {
	if !strings.Contains(path, "//") && !strings.Contains(path, "/.") {
		return path
	}
	var out []string
	segments := strings.Split(path, "/")
	for _, s := range segments {
		switch s {
		case "", ".":
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
		default:
			out = append(out, s)
		}
	}
	clean := "/" + strings.Join(out, "/")
	if last := segments[len(segments)-1]; len(out) > 0 && (last == "" || last == "." || last == "..") {
		clean += "/"
	}
	return clean
}

// pair is one parameter of a query, encoded.
type pair struct{ name, value string }

// AppendQuery appends the canonical query string: each name and value decoded and encoded again, sorted by encoded name,
// then by encoded value.
func AppendQuery(dst []byte, raw string) []byte {
	if raw == "" {
		return dst
	}
	// All pairs are encoded into one text, which then is cut.
	text := make([]byte, 0, len(raw)+len(raw)/8)
	ends := make([]int, 0, 16) // of each name and each value in turn
	for p := range strings.SplitSeq(raw, "&") {
		if p == "" {
			continue
		}
		name, value, _ := strings.Cut(p, "=")
		text = appendRecoded(text, name)
		ends = append(ends, len(text))
		text = appendRecoded(text, value)
		ends = append(ends, len(text))
	}
	whole, start := string(text), 0
	pairs := make([]pair, 0, 8)
	for i := 0; i < len(ends); i += 2 {
		pairs = append(pairs, pair{whole[start:ends[i]], whole[ends[i]:ends[i+1]]})
		start = ends[i+1]
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, p.name...)
		dst = append(dst, '=')
		dst = append(dst, p.value...)
	}
	return dst
}

// appendHeaderValue trims white space and folds inner runs of it to one space.
func appendHeaderValue(dst []byte, v string) []byte {
	// A certificate has none of these and is long: IndexByte is many times faster than ContainsAny.
	if strings.IndexByte(v, ' ') < 0 && strings.IndexByte(v, '\t') < 0 && strings.IndexByte(v, '\r') < 0 &&
		strings.IndexByte(v, '\n') < 0 {
		return append(dst, v...)
	}
	v = strings.Trim(v, " \t\r\n")
	space := false
	for i := range len(v) {
		switch v[i] {
		case ' ', '\t', '\r', '\n':
			space = true
		default:
			if space {
				dst = append(dst, ' ')
				space = false
			}
			dst = append(dst, v[i])
		}
	}
	return dst
}

const upperHex = "0123456789ABCDEF"

// unreserved are RFC 3986's characters that are never encoded.
var unreserved = func() (table [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~") {
		table[c] = true
	}
	return table
}()

// appendOctet percent-encodes one octet unless it is unreserved.
func appendOctet(dst []byte, c byte) []byte {
	if unreserved[c] {
		return append(dst, c)
	}
	return append(dst, '%', upperHex[c>>4], upperHex[c&15])
}

// appendEncoded percent-encodes all but unreserved characters and "/".
func appendEncoded(dst []byte, path string) []byte {
	for i := range len(path) {
		if path[i] == '/' {
			dst = append(dst, '/')
		} else {
			dst = appendOctet(dst, path[i])
		}
	}
	return dst
}

// appendRecoded decodes a part of a query, in which "+" is a space, and encodes it again. What is encoded already as it
// must be is copied in runs.
func appendRecoded(dst []byte, s string) []byte {
	start := 0 // of the run that stays as it is
	for i := 0; i < len(s); {
		if unreserved[s[i]] {
			i++
			continue
		}
		if isEscape(s, i) && isUpperEscape(s, i) {
			i += 3
			continue
		}
		dst = append(dst, s[start:i]...)
		switch {
		case isEscape(s, i):
			dst = appendOctet(dst, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 3
		case s[i] == '+':
			dst = append(dst, "%20"...)
			i++
		default:
			dst = appendOctet(dst, s[i])
			i++
		}
		start = i
	}
	return append(dst, s[start:]...)
}

// isEscape reports whether an escape begins at s[i].
func isEscape(s string, i int) bool {
	return s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2])
}

// isUpperEscape reports whether the escape at s[i] is written in capitals and stands for an octet that must be encoded.
func isUpperEscape(s string, i int) bool {
	return s[i+1] <= 'F' && s[i+2] <= 'F' && !unreserved[unhex(s[i+1])<<4|unhex(s[i+2])]
}

// decoded undoes percent-encoding; a percent sign that starts no escape stands for itself.
func decoded(s string) string {
	dst := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if isEscape(s, i) {
			dst = append(dst, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		} else {
			dst = append(dst, s[i])
		}
	}
	return string(dst)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}
