// Package wire writes the emulator's answers as AWS's services do: restJson1 for Roles Anywhere, the Query protocol's XML
// for STS and IAM; and says what a refusal is.
//
// Source: Smithy, "AWS restJson1 protocol" and "AWS query protocol"; IAM and STS API references, "Common errors".
package wire

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
)

// Refusal is an answer that is an error: what AWS says, and what AWS would not say.
type Refusal struct {
	Status  int    // HTTP status
	Code    string // AWS's error code
	Message string // AWS's message, or ours where AWS's is not known
	Reason  string // the true reason, for a person; "" when Message says it all
	Remedy  string // what to do about it
	// RetryAfter in seconds is sent as a header when it is not zero.
	RetryAfter int
}

func (r *Refusal) Error() string {
	if r.Reason != "" {
		return fmt.Sprintf("%s: %s (%s)", r.Code, r.Message, r.Reason)
	}
	return fmt.Sprintf("%s: %s", r.Code, r.Message)
}

// Call is one authenticated request to a service.
type Call struct {
	HTTP      *http.Request
	Body      []byte
	Form      url.Values // parameters of the Query protocol; nil for restJson1
	Caller    *account.Caller
	RequestID string
}

// Time is a timestamp as Roles Anywhere's management API writes it: UTC with microseconds.
type Time time.Time

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, "2006-01-02T15:04:05.000000Z"), nil
}

// Seconds is a timestamp as STS, IAM and CreateSession write it: UTC with whole seconds.
type Seconds time.Time

// MarshalText implements encoding.TextMarshaler.
func (t Seconds) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(nil, "2006-01-02T15:04:05Z"), nil
}

// JSON writes a restJson1 answer.
func JSON(w http.ResponseWriter, status int, v any) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err) // our own answer types always encode
	}
	write(w, status, "application/json", bytes.TrimSuffix(body.Bytes(), []byte("\n")))
}

// JSONRefusal writes a refusal as restJson1 does: the code in x-amzn-ErrorType, the message in the body.
func JSONRefusal(w http.ResponseWriter, r *Refusal) {
	w.Header().Set("X-Amzn-Errortype", r.Code)
	setRetryAfter(w, r)
	body := map[string]any{"message": r.Message}
	if r.RetryAfter > 0 {
		body["retryAfterSeconds"] = r.RetryAfter
	}
	JSON(w, r.Status, body)
}

// QueryService is a service that speaks the Query protocol.
type QueryService struct {
	Version   string // of the API, as requests name it
	Namespace string // of the answers
}

// XML writes a Query answer: OPERATIONResponse with OPERATIONResult (left out when result is nil) and the request's ID.
// The result's fields are named by their xml tags.
func (s QueryService) XML(w http.ResponseWriter, operation, requestID string, result any) {
	type metadata struct {
		RequestID string `xml:"RequestId"`
	}
	var body bytes.Buffer
	encoder := xml.NewEncoder(&body)
	name := func(suffix string) xml.StartElement {
		return xml.StartElement{Name: xml.Name{Local: operation + suffix}}
	}
	root := name("Response")
	root.Attr = []xml.Attr{{Name: xml.Name{Local: "xmlns"}, Value: s.Namespace}}
	must := func(err error) {
		if err != nil {
			panic(err) // our own answer types always encode
		}
	}
	must(encoder.EncodeToken(root))
	if result != nil {
		must(encoder.EncodeElement(result, name("Result")))
	}
	must(encoder.EncodeElement(metadata{requestID}, xml.StartElement{Name: xml.Name{Local: "ResponseMetadata"}}))
	must(encoder.EncodeToken(root.End()))
	must(encoder.Close())
	write(w, http.StatusOK, "text/xml", body.Bytes())
}

// XMLRefusal writes a refusal as the Query protocol does.
func (s QueryService) XMLRefusal(w http.ResponseWriter, requestID string, r *Refusal) {
	setRetryAfter(w, r)
	type detail struct {
		Type    string
		Code    string
		Message string
	}
	fault := detail{"Sender", r.Code, r.Message}
	if r.Status >= 500 {
		fault.Type = "Receiver"
	}
	body, err := xml.Marshal(struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Namespace string   `xml:"xmlns,attr"`
		Error     detail
		RequestID string `xml:"RequestId"`
	}{Namespace: s.Namespace, Error: fault, RequestID: requestID})
	if err != nil {
		panic(err) // our own answer types always encode
	}
	write(w, r.Status, "text/xml", body)
}

func setRetryAfter(w http.ResponseWriter, r *Refusal) {
	if r.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(r.RetryAfter))
	}
}

func write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A client that has gone away has no use for an error.
	_, _ = w.Write(body)
}
