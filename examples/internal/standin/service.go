package standin

import (
	"crypto/md5"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/internal/canonical"
	"github.com/awsauth-go/awsauth/internal/sigv4"
)

// service is one of the stand-ins.
type service struct {
	contentType string
	pathForm    canonical.PathForm
	answer      func(body []byte) string
	refusal     string // format of an error's body, for its code
}

// services are the stand-ins by the name that requests are signed for.
var services = map[string]service{
	"s3": {
		contentType: "text/plain", pathForm: canonical.S3, refusal: "<Error><Code>%s</Code></Error>",
		answer: func([]byte) string { return "the content of the object" },
	},
	"sqs": {
		contentType: "application/x-amz-json-1.0", refusal: `{"message":"%s"}`,
		answer: func(body []byte) string {
			var message struct{ MessageBody string }
			if json.Unmarshal(body, &message) != nil {
				return "{}"
			}
			// The SDK compares the digest.
			return fmt.Sprintf(`{"MessageId":"9c7b4f0a","MD5OfMessageBody":"%x"}`, md5.Sum([]byte(message.MessageBody)))
		},
	},
	"sns": {
		contentType: "text/xml", refusal: "<ErrorResponse><Error><Code>%s</Code></Error></ErrorResponse>",
		answer: func([]byte) string {
			return `<PublishResponse><PublishResult><MessageId>5f1f8c2e</MessageId></PublishResult></PublishResponse>`
		},
	},
	"rekognition": {
		contentType: "application/x-amz-json-1.1", refusal: `{"message":"%s"}`,
		answer: func([]byte) string { return `{"Labels":[{"Name":"Cat","Confidence":99.2}]}` },
	},
}

// serve checks who calls, and gives the fixed answer.
func (a *AWS) serve(w http.ResponseWriter, r *http.Request, authorization *sigv4.Authorization, s service) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "the body was cut off", http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	key, known := a.keys[authorization.AccessKeyID]
	a.mu.Unlock()
	if !known || authorization.SessionToken != key.SessionToken {
		s.refuse(w, "InvalidClientTokenId")
		return
	}
	err = authorization.Verify(r, body, sigv4.Check{
		SecretAccessKey: key.SecretAccessKey, Region: a.emulator.Region(), Service: authorization.Service,
		Now: time.Now(), Skew: emulator.DefaultSkew, PathForm: s.pathForm,
	})
	if err != nil {
		s.refuse(w, "SignatureDoesNotMatch")
		return
	}
	w.Header().Set("Content-Type", s.contentType)
	io.WriteString(w, s.answer(body))
}

// refuse answers 403 with an error code, in the form of the service.
func (s service) refuse(w http.ResponseWriter, code string) {
	w.Header().Set("Content-Type", s.contentType)
	w.Header().Set("X-Amzn-Errortype", code) // where SQS and Rekognition say it
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, s.refusal, code)
}
