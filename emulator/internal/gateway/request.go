// Package gateway says of a request to a service that is not the emulator's own what it asks for: which action on which resources, and
// in which form the service refuses.
//
// The emulator and the service behind it read the same request, and may read it differently: whoever wants more than they may would have
// the one see something harmless. So a request must have the one form that AWS's clients give it; what has another is refused.
//
// Source: Service Authorization Reference, "Actions, resources, and condition keys" of Amazon S3, SQS, SNS and Rekognition; the services'
// API references.
package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
)

// Request is a call to a service, as far as authorization needs it.
type Request struct {
	Service string // as signatures name it
	HTTP    *http.Request
	Body    []byte
	Region  string
	Account string
	// Partition of ARNs, as aws.
	Partition string
}

// Permission is an action on a resource.
type Permission struct{ Action, Resource string }

// Permissions are what a request needs, all of them. The error says why that cannot be told.
func (r *Request) Permissions() ([]Permission, error) {
	if err := r.checkHeaders(); err != nil {
		return nil, err
	}
	if r.Service == "s3" {
		return r.s3()
	}
	return r.operation()
}

// elsewhere are headers by which some servers take a request for another one.
var elsewhere = []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url"}

// once are headers of which one counts, and it is not said which.
var once = []string{"Content-Type", "Host", "If-Match", "If-None-Match", "Range"}

// checkHeaders refuses headers that servers understand in different ways, or that have a proxy leave out others.
func (r *Request) checkHeaders() error {
	h := r.HTTP.Header
	for name, values := range h {
		switch {
		case strings.Contains(name, "_"): // some take it for "-"
			return errors.New("the name of a header has an underscore")
		case len(values) > 1 && (slices.Contains(once, name) || strings.HasPrefix(name, "X-Amz-")):
			return fmt.Errorf("the header %s is there more than once", name)
		case slices.Contains(elsewhere, textproto.CanonicalMIMEHeaderKey(name)):
			return fmt.Errorf("the header %s speaks of another request", name)
		}
	}
	for _, value := range h.Values("Connection") {
		for token := range strings.SplitSeq(value, ",") {
			if token = strings.ToLower(strings.TrimSpace(token)); token != "" && token != "close" && token != "keep-alive" {
				return errors.New("the header Connection has more than close or keep-alive")
			}
		}
	}
	if h.Get("Upgrade") != "" || r.HTTP.Method == http.MethodConnect {
		return errors.New("it asks for another protocol")
	}
	if len(r.HTTP.Trailer) > 0 {
		return errors.New("it has HTTP trailers")
	}
	return nil
}

// localAccount is what local services call the account that they do not know. It stands for the emulator's.
const localAccount = "000000000000"

func (r *Request) arn(service, name string) string { return r.arnOf(service, r.Account, name) }

func (r *Request) arnOf(service, account, name string) string {
	if account == localAccount {
		account = r.Account
	}
	return strings.Join([]string{"arn", r.Partition, service, r.Region, account, name}, ":")
}
