package sigv4

import (
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	goodCredential = "AKIDEXAMPLE/20150830/us-east-1/sts/aws4_request"
	goodDate       = "20150830T123600Z"
)

var goodSignature = strings.Repeat("5d", 32)

func authorize(credential, signedHeaders, signature string) string {
	return "AWS4-HMAC-SHA256 Credential=" + credential + ", SignedHeaders=" + signedHeaders + ", Signature=" + signature
}

// requestWith is a request with headers and query as given.
func requestWith(query string, headers ...string) *http.Request {
	r := &http.Request{Method: "GET", Host: "localhost", Header: http.Header{}, URL: &url.URL{Path: "/", RawQuery: query}}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestParseRefuses(t *testing.T) {
	names := make([]string, 101)
	for i := range names {
		names[i] = "h" + strconv.Itoa(1000+i)
	}
	tooMany := strings.Join(names, ";")
	good := authorize(goodCredential, "host;x-amz-date", goodSignature)
	tests := map[string]struct {
		headers []string // beside X-Amz-Date when the first is Authorization
		want    string
	}{
		"no signature":                        {nil, "missing authentication token: no Authorization header and no signature in the query"},
		"an empty header":                     {[]string{""}, "malformed authorization: algorithm is not AWS4-HMAC-SHA256"},
		"another scheme":                      {[]string{"Bearer abc"}, "malformed authorization: algorithm is not AWS4-HMAC-SHA256"},
		"another algorithm of AWS":            {[]string{"AWS4-X509-RSA-SHA256" + good[16:]}, "malformed authorization: algorithm is not AWS4-HMAC-SHA256"},
		"the algorithm in lower case":         {[]string{"aws4-hmac-sha256" + good[16:]}, "malformed authorization: algorithm is not AWS4-HMAC-SHA256"},
		"a space before the algorithm":        {[]string{" " + good}, "malformed authorization: algorithm is not AWS4-HMAC-SHA256"},
		"the algorithm alone":                 {[]string{"AWS4-HMAC-SHA256"}, "malformed authorization: Authorization header has a part other than Credential, SignedHeaders and Signature"},
		"an unknown part":                     {[]string{good + ", Extra=1"}, "malformed authorization: Authorization header has a part other than Credential, SignedHeaders and Signature"},
		"a part named in lower case":          {[]string{strings.Replace(good, "Signature", "signature", 1)}, "malformed authorization: Authorization header has a part other than Credential, SignedHeaders and Signature"},
		"a comma at the end":                  {[]string{good + ","}, "malformed authorization: Authorization header has a part other than Credential, SignedHeaders and Signature"},
		"spaces in place of commas":           {[]string{strings.ReplaceAll(good, ",", "")}, "malformed authorization: SignedHeaders is missing"},
		"a part without a value":              {[]string{"AWS4-HMAC-SHA256 Credential, SignedHeaders=host, Signature=00"}, "malformed authorization: Authorization header has a part other than Credential, SignedHeaders and Signature"},
		"no Credential":                       {[]string{"AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00"}, "malformed authorization: Credential is missing"},
		"no SignedHeaders":                    {[]string{"AWS4-HMAC-SHA256 Credential=a, Signature=00"}, "malformed authorization: SignedHeaders is missing"},
		"no Signature":                        {[]string{"AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host"}, "malformed authorization: Signature is missing"},
		"an empty Credential":                 {[]string{authorize("", "host", goodSignature)}, "malformed authorization: Credential is empty"},
		"empty SignedHeaders":                 {[]string{authorize(goodCredential, "", goodSignature)}, "malformed authorization: SignedHeaders is empty"},
		"an empty Signature":                  {[]string{authorize(goodCredential, "host", "")}, "malformed authorization: Signature is empty"},
		"a repeated Signature":                {[]string{good + ",Signature=" + goodSignature}, "malformed authorization: Signature is repeated"},
		"a repeated Credential":               {[]string{good + ",Credential=" + goodCredential}, "malformed authorization: Credential is repeated"},
		"an empty part after a good one":      {[]string{good + ",Credential="}, "malformed authorization: Credential is repeated"},
		"a scope of four parts":               {[]string{authorize("AKID/20150830/us-east-1/aws4_request", "host", goodSignature)}, "malformed authorization: Credential is not access key ID, date, region, service and aws4_request, separated by slashes"},
		"a scope of six parts":                {[]string{authorize("a/"+goodCredential, "host", goodSignature)}, "malformed authorization: Credential is not access key ID, date, region, service and aws4_request, separated by slashes"},
		"an empty access key ID":              {[]string{authorize("/20150830/us-east-1/sts/aws4_request", "host", goodSignature)}, "malformed authorization: access key ID in Credential is not 1 to 128 letters, digits or underscores"},
		"an access key ID with a space":       {[]string{authorize("A K/20150830/us-east-1/sts/aws4_request", "host", goodSignature)}, "malformed authorization: access key ID in Credential is not 1 to 128 letters, digits or underscores"},
		"an access key ID of 129 letters":     {[]string{authorize(strings.Repeat("A", 129)+"/20150830/us-east-1/sts/aws4_request", "host", goodSignature)}, "malformed authorization: access key ID in Credential is not 1 to 128 letters, digits or underscores"},
		"a date with hyphens":                 {[]string{authorize("AKID/2015-08-30/us-east-1/sts/aws4_request", "host", goodSignature)}, "malformed authorization: date in Credential is not in the form YYYYMMDD"},
		"a date that does not exist":          {[]string{authorize("AKID/20150230/us-east-1/sts/aws4_request", "host", goodSignature)}, "malformed authorization: date in Credential is not in the form YYYYMMDD"},
		"an empty region":                     {[]string{authorize("AKID/20150830//sts/aws4_request", "host", goodSignature)}, "malformed authorization: region in Credential is not 1 to 64 lower-case letters, digits or hyphens"},
		"a region with capitals":              {[]string{authorize("AKID/20150830/US-EAST-1/sts/aws4_request", "host", goodSignature)}, "malformed authorization: region in Credential is not 1 to 64 lower-case letters, digits or hyphens"},
		"an empty service":                    {[]string{authorize("AKID/20150830/us-east-1//aws4_request", "host", goodSignature)}, "malformed authorization: service in Credential is not 1 to 64 lower-case letters, digits or hyphens"},
		"another terminator":                  {[]string{authorize("AKID/20150830/us-east-1/sts/aws5_request", "host", goodSignature)}, "wrong credential scope: Credential does not end in aws4_request"},
		"an empty terminator":                 {[]string{authorize("AKID/20150830/us-east-1/sts/", "host", goodSignature)}, "wrong credential scope: Credential does not end in aws4_request"},
		"a signed header in capitals":         {[]string{authorize(goodCredential, "Host", goodSignature)}, "malformed authorization: SignedHeaders has a part that is not a header name in lower case"},
		"an empty signed header":              {[]string{authorize(goodCredential, "host;;x-amz-date", goodSignature)}, "malformed authorization: SignedHeaders has a part that is not a header name in lower case"},
		"a semicolon at the end":              {[]string{authorize(goodCredential, "host;", goodSignature)}, "malformed authorization: SignedHeaders has a part that is not a header name in lower case"},
		"a colon in a signed header":          {[]string{authorize(goodCredential, "host:x", goodSignature)}, "malformed authorization: SignedHeaders has a part that is not a header name in lower case"},
		"a signed header of 257 letters":      {[]string{authorize(goodCredential, strings.Repeat("h", 257), goodSignature)}, "malformed authorization: SignedHeaders has a part that is not a header name in lower case"},
		"unsorted signed headers":             {[]string{authorize(goodCredential, "x-amz-date;host", goodSignature)}, "malformed authorization: SignedHeaders is not sorted"},
		"a repeated signed header":            {[]string{authorize(goodCredential, "host;host", goodSignature)}, "malformed authorization: SignedHeaders repeats a name"},
		"a signed Authorization":              {[]string{authorize(goodCredential, "authorization;host", goodSignature)}, "malformed authorization: SignedHeaders lists authorization"},
		"101 signed headers":                  {[]string{authorize(goodCredential, tooMany, goodSignature)}, "malformed authorization: SignedHeaders has more than 100 names"},
		"a signature of 63 digits":            {[]string{authorize(goodCredential, "host", goodSignature[1:])}, "malformed authorization: Signature is not 64 lower-case hexadecimal digits"},
		"a signature of 66 digits":            {[]string{authorize(goodCredential, "host", goodSignature+"00")}, "malformed authorization: Signature is not 64 lower-case hexadecimal digits"},
		"a signature in capitals":             {[]string{authorize(goodCredential, "host", strings.ToUpper(goodSignature))}, "malformed authorization: Signature is not 64 lower-case hexadecimal digits"},
		"a signature that is not hexadecimal": {[]string{authorize(goodCredential, "host", strings.Repeat("g", 64))}, "malformed authorization: Signature is not 64 lower-case hexadecimal digits"},
		"a header longer than 16 KiB":         {[]string{good + strings.Repeat(" ", 16<<10)}, "malformed authorization: Authorization header is longer than 16 KiB"},
		"two Authorization headers":           {[]string{good, "Authorization", good}, "malformed authorization: more than one Authorization header"},
		"two X-Amz-Date headers":              {[]string{good, "X-Amz-Date", goodDate}, "malformed authorization: X-Amz-Date is repeated"},
		"two session tokens":                  {[]string{good, "X-Amz-Security-Token", "a", "X-Amz-Security-Token", "b"}, "malformed authorization: X-Amz-Security-Token is repeated"},
		"an empty session token":              {[]string{good, "X-Amz-Security-Token", ""}, "malformed authorization: X-Amz-Security-Token is empty"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			headers := []string{"X-Amz-Date", goodDate}
			if tt.headers != nil {
				headers = append(append(headers, "Authorization"), tt.headers...)
			}
			wantRefusal(t, requestWith("", headers...), tt.want)
		})
	}
	for name, tt := range map[string]struct{ date, want string }{
		"no X-Amz-Date":            {"", "malformed authorization: X-Amz-Date is missing"},
		"a date of RFC 9110":       {"Sun, 30 Aug 2015 12:36:00 GMT", "malformed authorization: X-Amz-Date is not in the form YYYYMMDDTHHMMSSZ"},
		"a fraction of a second":   {"20150830T123600.5Z", "malformed authorization: X-Amz-Date is not in the form YYYYMMDDTHHMMSSZ"},
		"an hour that is not":      {"20150830T243600Z", "malformed authorization: X-Amz-Date is not in the form YYYYMMDDTHHMMSSZ"},
		"an offset in place of Z":  {"20150830T123600+0000", "malformed authorization: X-Amz-Date is not in the form YYYYMMDDTHHMMSSZ"},
		"a date without its hours": {"20150830", "malformed authorization: X-Amz-Date is not in the form YYYYMMDDTHHMMSSZ"},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []string{"Authorization", good}
			if tt.date != "" {
				headers = append(headers, "X-Amz-Date", tt.date)
			}
			wantRefusal(t, requestWith("", headers...), tt.want)
		})
	}
}

func TestParseRefusesQueries(t *testing.T) {
	good := "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=" + url.QueryEscape(goodCredential) + "&X-Amz-Date=" + goodDate +
		"&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=" + goodSignature
	without := func(name string) string {
		_, rest, _ := strings.Cut(good, name+"=")
		value, _, _ := strings.Cut(rest, "&")
		return strings.Replace(good, name+"="+value, "a=b", 1)
	}
	expires := func(s string) string { return strings.Replace(good, "Expires=60", "Expires="+s, 1) }
	const wantExpires = "malformed authorization: X-Amz-Expires is not a number of seconds from 1 to 604800"
	tests := map[string]struct {
		query   string
		headers []string
		want    string
	}{
		"no algorithm":                        {without("X-Amz-Algorithm"), nil, "malformed authorization: X-Amz-Algorithm is missing"},
		"no credential":                       {without("X-Amz-Credential"), nil, "malformed authorization: X-Amz-Credential is missing"},
		"no date":                             {without("X-Amz-Date"), nil, "malformed authorization: X-Amz-Date is missing"},
		"no signed headers":                   {without("X-Amz-SignedHeaders"), nil, "malformed authorization: X-Amz-SignedHeaders is missing"},
		"no signature":                        {without("X-Amz-Signature"), nil, "malformed authorization: X-Amz-Signature is missing"},
		"an empty date":                       {strings.Replace(good, goodDate, "", 1), nil, "malformed authorization: X-Amz-Date is empty"},
		"an empty signature":                  {strings.Replace(good, goodSignature, "", 1), nil, "malformed authorization: X-Amz-Signature is empty"},
		"another algorithm":                   {strings.Replace(good, "HMAC", "X509", 1), nil, "malformed authorization: algorithm is not AWS4-HMAC-SHA256"},
		"a signature parameter in lower case": {strings.Replace(good, "X-Amz-Signature", "x-amz-signature", 1), nil, "malformed authorization: X-Amz-Signature is missing"},
		"a repeated signature":                {good + "&X-Amz-Signature=" + goodSignature, nil, "malformed authorization: query repeats an X-Amz- parameter"},
		"a repeated date in another case":     {good + "&x-amz-date=" + goodDate, nil, "malformed authorization: query repeats an X-Amz- parameter"},
		"a repeated date under an escape":     {good + "&X%2DAmz-Date=" + goodDate, nil, "malformed authorization: query repeats an X-Amz- parameter"},
		"a broken escape":                     {good + "&X-Amz-Security-Token=%zz", nil, "malformed authorization: query has an X-Amz- parameter that is not percent-encoded"},
		"an empty session token":              {good + "&X-Amz-Security-Token=", nil, "malformed authorization: X-Amz-Security-Token is empty"},
		"a parameter longer than 16 KiB":      {good + "&X-Amz-Security-Token=" + strings.Repeat("a", 16<<10+1), nil, "malformed authorization: query has an X-Amz- parameter longer than 16 KiB"},
		"a session token in a header":         {good, []string{"X-Amz-Security-Token", "t"}, "malformed authorization: X-Amz-Date or X-Amz-Security-Token is a header although the signature is in the query"},
		"a date in a header":                  {good, []string{"X-Amz-Date", goodDate}, "malformed authorization: X-Amz-Date or X-Amz-Security-Token is a header although the signature is in the query"},
		"a signature in a header too":         {good, []string{"Authorization", "AWS4-HMAC-SHA256"}, "malformed authorization: both an Authorization header and a signature in the query"},
		"any Authorization header too":        {good, []string{"Authorization", ""}, "malformed authorization: both an Authorization header and a signature in the query"},
		"no time to live":                     {expires("0"), nil, wantExpires},
		"a week and a second to live":         {expires("604801"), nil, wantExpires},
		"a time to live below zero":           {expires("-1"), nil, wantExpires},
		"a time to live with a sign":          {expires("%2B60"), nil, wantExpires},
		"a time to live with a zero before":   {expires("060"), nil, wantExpires},
		"an empty time to live":               {expires(""), nil, wantExpires},
		"a time to live beyond 64 bits":       {expires("18446744073709551676"), nil, wantExpires},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			wantRefusal(t, requestWith(tt.query, tt.headers...), tt.want)
		})
	}
}

func wantRefusal(t *testing.T, r *http.Request, want string) {
	t.Helper()
	a, err := Parse(r)
	if a != nil || err == nil {
		t.Fatalf("got %+v, want a refusal", a)
	}
	if !errors.As(err, new(*Error)) {
		t.Errorf("got %T, want *Error", err)
	}
	if want = "verify request: " + want; err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestParseAccepts(t *testing.T) {
	signature, err := hex.DecodeString(goodSignature)
	if err != nil {
		t.Fatal(err)
	}
	want := &Authorization{
		AccessKeyID: "AKIDEXAMPLE", Date: "20150830", Region: "us-east-1", Service: "sts",
		SignedHeaders: []string{"host", "x-amz-date"},
		SessionToken:  "a+b/c==",
		SignedAt:      time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC),
		signature:     signature,
	}
	good := authorize(goodCredential, "host;x-amz-date", goodSignature)
	for name, header := range map[string]string{
		"a space after each comma":        good,
		"no space after a comma":          strings.ReplaceAll(good, ", ", ","),
		"spaces and tabs around commas":   strings.ReplaceAll(good, ", ", " \t,\t  "),
		"several spaces before the parts": strings.Replace(good, " ", "   ", 1),
		"parts in another order": "AWS4-HMAC-SHA256 Signature=" + goodSignature +
			",SignedHeaders=host;x-amz-date,Credential=" + goodCredential,
	} {
		t.Run(name, func(t *testing.T) {
			r := requestWith("", "Authorization", header, "X-Amz-Date", goodDate, "X-Amz-Security-Token", "a+b/c==")
			got, err := Parse(r)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(Authorization{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// render writes what Parse has read back into a request.
func render(a *Authorization) *http.Request {
	credential := strings.Join([]string{a.AccessKeyID, a.Date, a.Region, a.Service, terminator}, "/")
	signedHeaders := strings.Join(a.SignedHeaders, ";")
	date, signature := a.SignedAt.Format(timeFormat), hex.EncodeToString(a.signature)
	if !a.Presigned {
		headers := []string{"Authorization", authorize(credential, signedHeaders, signature), "X-Amz-Date", date}
		if a.SessionToken != "" {
			headers = append(headers, "X-Amz-Security-Token", a.SessionToken)
		}
		return requestWith("", headers...)
	}
	q := url.Values{}
	q.Set("X-Amz-Algorithm", algorithm)
	q.Set("X-Amz-Credential", credential)
	q.Set("X-Amz-Date", date)
	q.Set("X-Amz-SignedHeaders", signedHeaders)
	q.Set("X-Amz-Signature", signature)
	if a.SessionToken != "" {
		q.Set("X-Amz-Security-Token", a.SessionToken)
	}
	if !a.Expires.IsZero() {
		q.Set("X-Amz-Expires", strconv.Itoa(int(a.Expires.Sub(a.SignedAt)/time.Second)))
	}
	return requestWith(q.Encode())
}

func FuzzParse(f *testing.F) {
	for _, p := range loadPublished(f) {
		for _, form := range p.forms() {
			m := parseMessage(f, form.SignedRequest)
			r, err := m.request()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(r.Header.Get("Authorization"), r.Header.Get("X-Amz-Date"), r.Header.Get("X-Amz-Security-Token"), r.URL.RawQuery)
		}
	}
	f.Fuzz(func(t *testing.T, authorization, date, token, query string) {
		r := requestWith(query)
		for name, value := range map[string]string{"Authorization": authorization, "X-Amz-Date": date, "X-Amz-Security-Token": token} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		a, err := Parse(r)
		if err != nil {
			if a != nil || !errors.As(err, new(*Error)) {
				t.Fatalf("got %+v and error %T, want only an *Error", a, err)
			}
			return
		}
		again, err := Parse(render(a))
		if err != nil {
			t.Fatalf("parse what was parsed and rendered: %v", err)
		}
		if diff := cmp.Diff(a, again, cmp.AllowUnexported(Authorization{})); diff != "" {
			t.Errorf("parsed and rendered (-first +second):\n%s", diff)
		}
		if err := a.Verify(r, nil, Check{SecretAccessKey: "secret", Now: a.SignedAt}); err == nil {
			t.Error("verified with a secret that signed nothing")
		}
	})
}
