package standin

import (
	"crypto/md5"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// services are the stand-ins by the name that requests are signed for. Each gives one fixed answer, whatever was asked for.
var services = map[string]http.HandlerFunc{
	"s3": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "the content of the object")
	},
	"sqs": func(w http.ResponseWriter, r *http.Request) {
		var message struct{ MessageBody string }
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		// The SDK compares the digest.
		fmt.Fprintf(w, `{"MessageId":"9c7b4f0a","MD5OfMessageBody":"%x"}`, md5.Sum([]byte(message.MessageBody)))
	},
	"sns": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(w, `<PublishResponse><PublishResult><MessageId>5f1f8c2e</MessageId></PublishResult></PublishResponse>`)
	},
	"rekognition": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = io.WriteString(w, `{"Labels":[{"Name":"Cat","Confidence":99.2}]}`)
	},
}
