package canonical

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// receive reads a request as net/http's server does.
func receive(t *testing.T, lines ...string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.Join(lines, "\r\n") + "\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFromHTTPTellsWhatWasSent(t *testing.T) {
	r := receive(t, "POST / HTTP/1.1", "Host: localhost:4566", "My-Header: b", "my-header:  a", "Folded: one", "   two", "Empty:", "Content-Length: 3")
	got, missing := FromHTTP(r, []string{"content-length", "empty", "folded", "host", "my-header"})
	if missing != "" {
		t.Fatalf("got %q missing, want none", missing)
	}
	want := []Header{
		{"content-length", []string{"3"}},
		{"empty", []string{""}},
		{"folded", []string{"one two"}},
		{"host", []string{"localhost:4566"}},
		{"my-header", []string{"b", "a"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFromHTTPFindsTransferEncoding(t *testing.T) {
	r := receive(t, "POST / HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked")
	got, missing := FromHTTP(r, []string{"transfer-encoding"})
	if diff := cmp.Diff([]Header{{"transfer-encoding", []string{"chunked"}}}, got); diff != "" || missing != "" {
		t.Errorf("got %q missing (-want +got):\n%s", missing, diff)
	}
}

func TestFromHTTPNamesTheFirstHeaderThatIsMissing(t *testing.T) {
	plain := []string{"GET / HTTP/1.1", "Host: localhost"}
	tests := map[string]struct {
		request []string
		names   []string
		want    string
	}{
		"a header that was not sent":            {plain, []string{"host", "if-match", "range"}, "if-match"},
		"a host that was not sent":              {[]string{"GET / HTTP/1.0"}, []string{"host"}, "host"},
		"a transfer encoding that was not sent": {plain, []string{"host", "transfer-encoding"}, "transfer-encoding"},
		"a length beside a chunked body":        {[]string{"POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"}, []string{"content-length"}, "content-length"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if headers, got := FromHTTP(receive(t, tt.request...), tt.names); got != tt.want || headers != nil {
				t.Errorf("got %q missing and %v, want %q", got, headers, tt.want)
			}
		})
	}
}
