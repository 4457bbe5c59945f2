package sigv4

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// params are the X-Amz-… parameters of a query, by their names as sent.
type params map[string]string

// parseQuery collects the X-Amz-… parameters. Another parameter is left to the canonical request, however odd.
func parseQuery(raw string) (params, error) {
	p := params{}
	seen := map[string]bool{}
	for pair := range strings.SplitSeq(raw, "&") {
		key, escaped, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(key)
		if err != nil || !isAmz(name) {
			continue
		}
		if seen[strings.ToLower(name)] {
			return nil, malformed("query repeats an X-Amz- parameter")
		}
		seen[strings.ToLower(name)] = true
		value, err := url.QueryUnescape(escaped)
		if err != nil {
			return nil, malformed("query has an X-Amz- parameter that is not percent-encoded")
		}
		if len(value) > maxAuthorization {
			return nil, malformed("query has an X-Amz- parameter longer than 16 KiB")
		}
		p[name] = value
	}
	return p, nil
}

// isAmz reports whether a name of a header or parameter is one of AWS's, in any case.
func isAmz(name string) bool {
	return len(name) >= 6 && strings.EqualFold(name[:6], "x-amz-")
}

// signed reports whether the query holds a signature or a part of one.
func (p params) signed() bool {
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature"} {
		if _, ok := p[name]; ok {
			return true
		}
	}
	return false
}

func parsePresigned(h http.Header, p params) (*Authorization, error) {
	if len(h.Values("X-Amz-Date")) > 0 || len(h.Values("X-Amz-Security-Token")) > 0 {
		return nil, malformed("X-Amz-Date or X-Amz-Security-Token is a header although the signature is in the query")
	}
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Signature"} {
		switch value, ok := p[name]; {
		case !ok:
			return nil, malformed(name + " is missing")
		case value == "":
			return nil, malformed(name + " is empty")
		}
	}
	if p["X-Amz-Algorithm"] != algorithm {
		return nil, malformed("algorithm is not " + algorithm)
	}
	token, sent := p["X-Amz-Security-Token"]
	if sent && token == "" {
		return nil, malformed("X-Amz-Security-Token is empty")
	}
	a := &Authorization{SessionToken: token, Presigned: true}
	if err := a.parse(p["X-Amz-Credential"], p["X-Amz-Date"], p["X-Amz-SignedHeaders"], p["X-Amz-Signature"]); err != nil {
		return nil, err
	}
	if expires, ok := p["X-Amz-Expires"]; ok {
		n, err := strconv.ParseUint(expires, 10, 32)
		d := time.Duration(n) * time.Second
		if err != nil || n == 0 || d > maxExpires || strconv.FormatUint(n, 10) != expires {
			return nil, malformed("X-Amz-Expires is not a number of seconds from 1 to 604800")
		}
		a.Expires = a.SignedAt.Add(d)
	}
	return a, nil
}

// unsignedQuery is the query without X-Amz-Signature: what a presigned request's signature covers.
func unsignedQuery(raw string) string {
	var b strings.Builder
	for pair := range strings.SplitSeq(raw, "&") {
		key, _, _ := strings.Cut(pair, "=")
		if name, err := url.QueryUnescape(key); err == nil && name == "X-Amz-Signature" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(pair)
	}
	return b.String()
}
