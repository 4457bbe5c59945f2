package gateway

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// JSON reports a request to a service that speaks JSON.
func (r *Request) JSON() bool {
	return r.Service != "s3" && (r.HTTP.Header.Get("X-Amz-Target") != "" || strings.HasPrefix(r.HTTP.Header.Get("Content-Type"), "application/x-amz-json"))
}

// s3Codes are those of S3 for what other services name otherwise (Amazon S3 API Reference, "Error responses").
var s3Codes = map[string]struct {
	status int
	code   string
}{
	"InvalidClientTokenId":       {403, "InvalidAccessKeyId"},
	"MissingAuthenticationToken": {403, "AccessDenied"},
	"IncompleteSignature":        {400, "AuthorizationHeaderMalformed"},
	"ExpiredToken":               {400, "ExpiredToken"},
}

// Refuse writes a refusal as the service does. Those of JSON services have status 400.
func (r *Request) Refuse(w http.ResponseWriter, id string, refusal *wire.Refusal) {
	switch {
	case r.Service == "s3":
		status, code := refusal.Status, refusal.Code
		if known, ok := s3Codes[code]; ok {
			status, code = known.status, known.code
		}
		send(w, r.HTTP, status, "application/xml", mustXML(struct {
			XMLName              xml.Name `xml:"Error"`
			Code, Message        string
			Resource, RequestID  string `xml:",omitempty"`
			AWSAccessKeyIDIgnore string `xml:"-"`
		}{Code: code, Message: refusal.Message, Resource: r.HTTP.URL.Path, RequestID: id}))
	case r.JSON():
		w.Header().Set("X-Amzn-Errortype", refusal.Code)
		body, err := json.Marshal(map[string]string{"__type": refusal.Code, "message": refusal.Message})
		if err != nil {
			panic(err) // strings always encode
		}
		send(w, r.HTTP, min(refusal.Status, http.StatusBadRequest), r.HTTP.Header.Get("Content-Type"), body)
	default:
		type detail struct{ Type, Code, Message string }
		send(w, r.HTTP, refusal.Status, "text/xml", mustXML(struct {
			XMLName   xml.Name `xml:"ErrorResponse"`
			Error     detail
			RequestID string `xml:"RequestId"`
		}{Error: detail{"Sender", refusal.Code, refusal.Message}, RequestID: id}))
	}
}

func mustXML(v any) []byte {
	body, err := xml.Marshal(v)
	if err != nil {
		panic(err) // our own answer types always encode
	}
	return append([]byte(xml.Header), body...)
}

func send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has gone away has no use for an error
	}
}
