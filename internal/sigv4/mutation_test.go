package sigv4

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/canonical"
)

// mutation is one change of a signed message or of what it is checked against.
type mutation struct {
	class string
	message
	check Check
	// must says that the change must be refused even if it leaves the canonical request alone.
	must bool
}

func (m message) clone() message {
	m.query, m.headers = slices.Clone(m.query), slices.Clone(m.headers)
	return m
}

// mutations answers every single change of a message that the verifier must notice, and some that it must not.
func mutations(p *published, m message) []mutation {
	var out []mutation
	change := func(class string, f func(*mutation)) {
		x := mutation{class: class, message: m.clone(), check: p.check()}
		f(&x)
		out = append(out, x)
	}
	mutateLine(m, change)
	mutateQuery(m, change)
	mutateHeaders(m, change)
	mutateAuthorization(m, change)
	mutateCheck(change)
	return out
}

type changer func(class string, f func(*mutation))

func mutateLine(m message, change changer) {
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", strings.ToLower(m.method)} {
		if method != m.method {
			change("method", func(x *mutation) { x.method = method })
		}
	}
	for _, suffix := range []string{"x", "/x", "%20", "%2F", "/..", "//", "/."} {
		change("path", func(x *mutation) { x.path += suffix })
	}
	for _, prefix := range []string{"/x", "/%2e", "//", "/.", "/.."} {
		change("path", func(x *mutation) { x.path = prefix + x.path })
	}
	change("path case", func(x *mutation) { x.path = swapCase(x.path) })
	change("body", func(x *mutation) { x.body += "x" })
	change("body", func(x *mutation) { x.body += "\x00" })
	change("body", func(x *mutation) { x.body = "{}" + x.body })
	change("body", func(x *mutation) { x.body = swapCase(x.body) })
	change("body", func(x *mutation) { x.body = "" })
}

func mutateQuery(m message, change changer) {
	for i, pair := range m.query {
		name, value, _ := strings.Cut(pair, "=")
		for class, s := range map[string]string{
			"query name": name + "x=" + value, "query value": name + "=" + value + "x", "query name case": swapCase(name) + "=" + value,
			"query value case": name + "=" + swapCase(value), "query value space": name + "=" + value + "+",
			"query pair removed": "", "query pair repeated": pair + "&" + pair, "query value empty": name + "=",
		} {
			change(class, func(x *mutation) { x.query[i] = s })
		}
		if i > 0 {
			change("query order", func(x *mutation) { x.query[i-1], x.query[i] = x.query[i], x.query[i-1] })
		}
	}
	for _, pair := range []string{"extra=1", "X-Amz-Extra=1", "X-Amz-Algorithm=AWS4-HMAC-SHA256", "=", ""} {
		change("query pair added", func(x *mutation) { x.query = append(x.query, pair) })
	}
}

func mutateHeaders(m message, change changer) {
	for i, h := range m.headers {
		if h.name == "Authorization" {
			change("authorization removed", func(x *mutation) { x.headers = slices.Delete(x.headers, i, i+1) })
			change("authorization repeated", func(x *mutation) { x.headers = append(x.headers, h) })
			continue
		}
		for class, value := range map[string]string{
			"header value": h.value + "x", "header value start": "x" + h.value, "header value case": swapCase(h.value),
			"header value empty": "", "header value space": "  " + h.value + "\t ", "header value list": h.value + ",x",
		} {
			change(class, func(x *mutation) { x.headers[i].value = value })
		}
		change("header name", func(x *mutation) { x.headers[i].name += "x" })
		change("header name case", func(x *mutation) { x.headers[i].name = swapCase(h.name) })
		change("header removed", func(x *mutation) { x.headers = slices.Delete(x.headers, i, i+1) })
		change("header repeated", func(x *mutation) { x.headers = append(x.headers, field{h.name, "x"}) })
	}
	for _, name := range []string{"X-Amz-Added", "x-amz-target", "X-Amz-Security-Token", "X-Amz-Content-Sha256", "X-Amz-"} {
		change("x-amz header added", func(x *mutation) {
			x.headers = append(x.headers, field{name, "1"})
			x.must = true
		})
	}
	change("other header added", func(x *mutation) { x.headers = append(x.headers, field{"X-Forwarded-For", "1"}) })
}

// mutateAuthorization changes the values of the Authorization header or of the parameters that take its place.
func mutateAuthorization(m message, change changer) {
	replace := func(class, from, to string) {
		change(class, func(x *mutation) {
			x.must = true
			x.check.Region, x.check.Service = "", "" // so that the signature decides
			for i, h := range x.headers {
				if h.name == "Authorization" {
					x.headers[i].value = strings.Replace(h.value, from, to, 1)
				}
			}
			for i, pair := range x.query {
				x.query[i] = strings.Replace(pair, url.QueryEscape(from), url.QueryEscape(to), 1)
			}
		})
	}
	replace("algorithm", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1")
	replace("algorithm", "AWS4-HMAC-SHA256", "AWS4-X509-RSA-SHA256")
	replace("access key ID", "AKIDEXAMPLE", "AKIDEXAMPLF")
	replace("credential date", "/20150830/", "/20150831/")
	replace("credential region", "/us-east-1/", "/us-east-2/")
	replace("credential service", "/service/", "/servicf/")
	replace("credential terminator", "/aws4_request", "/aws4_requesu")
	replace("credential part added", "/aws4_request", "/aws4_request/x")
	replace("credential part removed", "/service/", "/")
	for _, name := range signedNames(m) {
		replace("signed header unlisted", name, "")
		replace("signed header renamed", name, name+"x")
		replace("signed header repeated", name, name+";"+name)
	}
	replace("unsent header listed", "host", "host;if-match")
	signature := authPart(m, "Signature")
	for i := range signature {
		digit := "0123456789abcdef"[(strings.IndexByte("0123456789abcdef", signature[i])+1+i%15)%16]
		replace("signature digit", signature, signature[:i]+string(digit)+signature[i+1:])
	}
	replace("signature case", signature, strings.ToUpper(signature))
	replace("signature cut", signature, signature[:62])
}

func mutateCheck(change changer) {
	change("secret", func(x *mutation) { x.check.SecretAccessKey += "x"; x.must = true })
	change("secret", func(x *mutation) { x.check.SecretAccessKey = ""; x.must = true })
	change("region", func(x *mutation) { x.check.Region = "eu-west-1"; x.must = true })
	change("service", func(x *mutation) { x.check.Service = "sts"; x.must = true })
	change("clock", func(x *mutation) { x.check.Now = x.check.Now.Add(7 * 24 * time.Hour); x.must = true })
	change("clock", func(x *mutation) { x.check.Now = x.check.Now.Add(-time.Hour); x.must = true })
	for _, d := range []time.Duration{-time.Second, time.Second, 24 * time.Hour} {
		change("date", func(x *mutation) {
			from, to := x.check.Now.Format(timeFormat), x.check.Now.Add(d).Format(timeFormat)
			for i, h := range x.headers {
				x.headers[i].value = strings.Replace(h.value, from, to, 1)
			}
			for i, pair := range x.query {
				x.query[i] = strings.Replace(pair, from, to, 1)
			}
		})
	}
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 32
		case 'A' <= r && r <= 'Z':
			return r + 32
		}
		return r
	}, s)
}

// authPart reads a part of the Authorization header, or the parameter that takes its place.
func authPart(m message, name string) string {
	for _, h := range m.headers {
		if h.name == "Authorization" {
			_, rest, _ := strings.Cut(h.value, name+"=")
			value, _, _ := strings.Cut(rest, ",")
			return value
		}
	}
	for _, pair := range m.query {
		if value, ok := strings.CutPrefix(pair, "X-Amz-"+name+"="); ok {
			value, _ = url.QueryUnescape(value)
			return value
		}
	}
	return ""
}

func signedNames(m message) []string { return strings.Split(authPart(m, "SignedHeaders"), ";") }

var spaces = regexp.MustCompile(`[ \t\r\n]+`)

// covered tells messages with different canonical requests or signatures apart. It is made with net/url and path, without
// package canonical: the canonical request of the headers in names, but with the signature, and the body as it is.
func (m message) covered(names []string, form canonical.PathForm) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n", m.method, coveredPath(m.path, form))
	type pair struct{ name, value string }
	var pairs []pair
	for _, s := range m.query {
		for s := range strings.SplitSeq(s, "&") {
			name, value, _ := strings.Cut(s, "=")
			if s != "" {
				pairs = append(pairs, pair{recode(name), recode(value)})
			}
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return strings.Compare(a.name+"\x00"+a.value, b.name+"\x00"+b.value)
	})
	fmt.Fprintf(&b, "%q\n", pairs)
	for _, name := range append([]string{"Authorization"}, names...) {
		var values []string
		for _, h := range m.headers {
			if strings.EqualFold(h.name, name) {
				values = append(values, strings.TrimSpace(spaces.ReplaceAllString(h.value, " ")))
			}
		}
		fmt.Fprintf(&b, "%s:%s sent %t\n", name, strings.Join(values, ","), values != nil)
	}
	return b.String() + m.body
}

func coveredPath(p string, form canonical.PathForm) string {
	if form == canonical.Normalized {
		clean := path.Clean(p)
		if last := p[strings.LastIndexByte(p, '/')+1:]; clean != "/" && (last == "" || last == "." || last == "..") {
			clean += "/"
		}
		p = clean
	}
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i] = escape(s)
	}
	return strings.Join(segments, "/")
}

func recode(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		s = plain
	}
	return escape(s)
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// verifyAs does what a server does: it looks the access key up, compares the session token and verifies.
func verifyAs(p *published, x *mutation, r *http.Request) error {
	a, err := Parse(r)
	if err != nil {
		return err
	}
	if a.AccessKeyID != p.Context.Credentials.AccessKeyID || a.SessionToken != p.Context.Credentials.Token {
		return errUnknownKey
	}
	return a.Verify(r, []byte(x.body), x.check)
}

var errUnknownKey = errors.New("unknown access key or session token")

// checkQuiet fails when an error is of another type than documented or holds the secret.
func checkQuiet(t *testing.T, p *published, err error) {
	t.Helper()
	if err == nil || errors.Is(err, errUnknownKey) {
		return
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %T, want *Error", err)
	}
	if strings.Contains(fmt.Sprintf("%+v %s", *e, e), p.Context.Credentials.SecretAccessKey) {
		t.Errorf("error of kind %q holds the secret access key", e.Kind)
	}
}

func TestEachSingleChangeOfAPublishedRequestIsRefused(t *testing.T) {
	refused, verified := map[string]int{}, map[string]int{}
	total, unsendable := 0, 0
	for _, p := range loadPublished(t) {
		for form, want := range p.forms() {
			m := parseMessage(t, want.SignedRequest)
			names := signedNames(m)
			before := m.covered(names, p.check().PathForm)
			for _, x := range mutations(&p, m) {
				r, err := x.request()
				if err != nil { // net/http's server answers these with 400
					unsendable++
					continue
				}
				equal := !x.must && x.covered(names, x.check.PathForm) == before
				err = verifyAs(&p, &x, r)
				checkQuiet(t, &p, err)
				switch {
				case equal && err == nil:
					verified[x.class]++
				case err == nil:
					t.Errorf("%s/%s, %s: verified\n%+v", p.Name, form, x.class, x.message)
				case equal:
					t.Errorf("%s/%s, %s: canonical request is unchanged, got %v\n%+v", p.Name, form, x.class, err, x.message)
				default:
					refused[x.class]++
					total++
				}
			}
		}
	}
	t.Logf("refused %d: %v", total, refused)
	t.Logf("canonical request unchanged, verified: %v", verified)
	t.Logf("not readable by net/http: %d", unsendable)
	if other := total - refused["signature digit"]; other < 1000 {
		t.Errorf("got %d refused changes beside those of the signature's digits, want at least 1000", other)
	}
}
