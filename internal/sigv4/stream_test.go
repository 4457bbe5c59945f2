package sigv4

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/canonical"
)

const documentedSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

// documented are the examples of Amazon S3's API Reference: an upload of 66560 times the letter a, in chunks of 64 KiB and of 1 KiB.
var documented = map[string]struct {
	hash, signedHeaders, signature string
	chunks                         [3]string
	trailer                        string
}{
	"chunks": {
		streamingSigned,
		"content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
		"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
		[3]string{
			"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648", "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
			"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
		},
		"",
	},
	"chunks and a trailer": {
		streamingSignedTrailer,
		"content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
		"106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
		[3]string{
			"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2", "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
			"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
		},
		"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n",
	},
}

// upload is a documented request, and its body.
func upload(name string) (*http.Request, string) {
	d := documented[name]
	var b strings.Builder
	for i, size := range []int{64 << 10, 1 << 10, 0} {
		fmt.Fprintf(&b, "%x;chunk-signature=%s\r\n%s", size, d.chunks[i], strings.Repeat("a", size))
		if size > 0 {
			b.WriteString("\r\n")
		}
	}
	b.WriteString(d.trailer + "\r\n")
	body := b.String()
	r := httptest.NewRequest(http.MethodPut, "/examplebucket/chunkObject.txt", strings.NewReader(body))
	r.Host = "s3.amazonaws.com"
	for key, value := range map[string]string{
		"X-Amz-Date": "20130524T000000Z", "X-Amz-Storage-Class": "REDUCED_REDUNDANCY", "X-Amz-Content-Sha256": d.hash, "Content-Encoding": "aws-chunked",
		"X-Amz-Decoded-Content-Length": "66560", "Content-Length": fmt.Sprint(len(body)),
		"Authorization": "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=" + d.signedHeaders + ",Signature=" + d.signature,
	} {
		r.Header.Set(key, value)
	}
	if d.trailer != "" {
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32c")
	}
	return r, body
}

// receiveChunks verifies a request and answers its content.
func receiveChunks(r *http.Request, body string) ([]byte, error) {
	a, err := Parse(r)
	if err != nil {
		return nil, err
	}
	err = a.Verify(r, []byte(body), Check{
		SecretAccessKey: documentedSecret, Region: "us-east-1", Service: "s3", Now: time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC), Skew: time.Minute,
		PathForm: canonical.S3, Streaming: true,
	})
	if err != nil {
		return nil, err
	}
	return a.Payload(r, []byte(body), documentedSecret)
}

func TestDocumentedUploadsInChunksAreAccepted(t *testing.T) {
	for name := range documented {
		r, body := upload(name)
		content, err := receiveChunks(r, body)
		if err != nil || string(content) != strings.Repeat("a", 66560) {
			t.Errorf("%s: got %d bytes, %v", name, len(content), err)
		}
	}
}

// Whatever is changed in the body is found.
func TestChangedChunksAreRefused(t *testing.T) {
	for name, d := range documented {
		for what, change := range map[string]func(string) string{
			"another letter":    func(s string) string { return strings.Replace(s, "aaa", "aba", 1) },
			"a letter less":     func(s string) string { return strings.Replace(s, "aaa", "aa", 1) },
			"another signature": func(s string) string { return strings.Replace(s, d.chunks[1], d.chunks[0], 1) },
			"no signature":      func(s string) string { return strings.Replace(s, ";chunk-signature="+d.chunks[0], "", 1) },
			"a chunk left out": func(s string) string {
				return s[:strings.Index(s, "400;")] + s[strings.Index(s, "0;chunk-signature="+d.chunks[2]):]
			},
			"the last one left out": func(s string) string { return s[:strings.Index(s, "0;chunk-signature="+d.chunks[2])] },
			"something behind":      func(s string) string { return s + "x" },
			"no end":                func(s string) string { return strings.TrimSuffix(s, "\r\n\r\n") },
			"a size that is none":   func(s string) string { return "x" + s },
			"a huge size":           func(s string) string { return "ffffffffff" + s },
			"nothing":               func(string) string { return "" },
		} {
			r, body := upload(name)
			_, err := receiveChunks(r, change(body))
			refused := new(Error)
			if what == "no end" && d.trailer == "" && err == nil {
				continue // the end of the connection ends it, too
			}
			if !errors.As(err, &refused) || refused.Kind != BodyMismatch && refused.Kind != SignatureMismatch {
				t.Errorf("%s: %s: got %v", name, what, err)
			}
		}
	}
	r, body := upload("chunks and a trailer")
	if _, err := receiveChunks(r, strings.Replace(body, "sOO8/Q==", "AAAAAA==", 1)); err == nil {
		t.Error("another trailer is accepted")
	}
	if _, err := receiveChunks(r, body[:strings.Index(body, "x-amz-trailer-signature")]+"\r\n"); err == nil {
		t.Error("a trailer without a signature is accepted")
	}
	for _, name := range []string{"X-Amz-Decoded-Content-Length"} {
		r, body := upload("chunks")
		r.Header.Set(name, "66559")
		if _, err := receiveChunks(r, body); err == nil {
			t.Errorf("another %s is accepted", name)
		}
	}
}

func FuzzChunks(f *testing.F) {
	for name := range documented {
		_, body := upload(name)
		f.Add([]byte(body), true, true)
	}
	f.Add([]byte("3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"), false, true)
	f.Fuzz(func(t *testing.T, body []byte, signed, trailer bool) {
		c := &chunks{rest: body, signed: signed, trailer: trailer, key: []byte("key")}
		content, err := c.read()
		if err == nil && len(content) > len(body) {
			t.Fatal("there is more in it than there was")
		}
		if signed && err == nil {
			t.Fatal("chunks that nobody has signed are accepted")
		}
	})
}
