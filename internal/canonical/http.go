package canonical

import (
	"net/http"
	"strconv"
	"strings"
)

// FromHTTP collects the signed headers of a received request. Names are in lower case, in the order given. It answers
// the first name that the request does not carry, or "".
func FromHTTP(r *http.Request, names []string) (headers []Header, missing string) {
	headers = make([]Header, 0, len(names))
	for _, name := range names {
		var values []string
		switch name {
		case "host":
			values = []string{r.Host}
		case "content-length":
			values = r.Header["Content-Length"]
			if len(values) == 0 && r.ContentLength >= 0 {
				values = []string{strconv.FormatInt(r.ContentLength, 10)}
			}
		case "transfer-encoding":
			if len(r.TransferEncoding) > 0 {
				values = []string{strings.Join(r.TransferEncoding, ",")}
			}
		default:
			values = r.Header[http.CanonicalHeaderKey(name)]
		}
		if len(values) == 0 || name == "host" && r.Host == "" {
			return nil, name
		}
		headers = append(headers, Header{Name: name, Values: values})
	}
	return headers, ""
}
