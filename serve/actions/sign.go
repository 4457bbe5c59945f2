package actions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/sigv4"
)

// fields are the parameters of what sigv4 finds wrong.
var fields = map[string]string{
	"Method": "method", "URL": "url", "Header": "headers", "PayloadHash": "payloadHash", "Service": "service", "Region": "serviceRegion",
	"Valid": "presignSeconds",
}

const longestPresigned = int64(sigv4.MaxPresigned / time.Second)

// checkSign looks at what can be known before there are credentials.
func checkSign(r *Request) *Error {
	switch {
	case r.URL == "":
		return invalid("url is required, as https://sqs.eu-west-1.amazonaws.com/")
	case r.PresignSeconds < 0 || r.PresignSeconds > longestPresigned:
		return invalid(fmt.Sprintf("presignSeconds is %d: use seconds from 1 to %d, or 0 for headers", r.PresignSeconds, longestPresigned))
	case r.Body != "" && r.PayloadHash != "":
		return invalid("body and payloadHash do not go together: give one of them")
	}
	_, problem := header(r)
	return problem
}

// header is what is to be signed along.
func header(r *Request) (http.Header, *Error) {
	h := http.Header{}
	for line := range strings.Lines(r.Headers) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, value, found := strings.Cut(line, ":")
		if !found || strings.TrimSpace(name) != name {
			return nil, invalid("headers has a line that is not Name: value")
		}
		h.Add(name, strings.TrimSpace(value))
	}
	for name, value := range map[string]string{"Content-Type": r.ContentType, "X-Amz-Target": r.Target} {
		if value == "" {
			continue
		}
		if h.Get(name) != "" {
			return nil, invalid("headers has " + name + ", which has a parameter of its own: give it once")
		}
		h.Set(name, value)
	}
	return h, nil
}

func sign(ctx context.Context, r *Request, c Credentials, at time.Time) (*SignAnswer, *Error) {
	h, problem := header(r)
	if problem != nil {
		return nil, problem
	}
	request := sigv4.Request{
		Method: r.Method, URL: r.URL, Header: h, Body: []byte(r.Body), PayloadHash: r.PayloadHash, Service: r.Service, Region: r.ServiceRegion,
	}
	var signed *sigv4.Signed
	var err error
	do := func() {
		if r.PresignSeconds == 0 {
			signed, err = sigv4.Sign(ctx, c.Credentials, request, at)
		} else {
			signed, err = sigv4.Presign(ctx, c.Credentials, request, at, time.Duration(r.PresignSeconds)*time.Second)
		}
	}
	do()
	mistake := new(sigv4.Error)
	if errors.As(err, &mistake) && mistake.Field == "Region" && r.ServiceRegion == "" && c.Region != "" {
		request.Region = c.Region // that of the credentials, where neither request nor host says another
		do()
	}
	if errors.As(err, &mistake) {
		return nil, invalid(cmp.Or(fields[mistake.Field], mistake.Field) + " " + mistake.Problem)
	}
	if err != nil {
		return nil, &Error{Status: http.StatusInternalServerError, Code: "NotSigned", Message: "the request cannot be signed", Hint: "this is a mistake of awsauth's: report it"}
	}
	answer := &SignAnswer{
		Outcome: Outcome{OK: true}, Method: signed.Method, URL: signed.URL, Host: signed.Host, Expiration: stamp(signed.Ends),
		Authorization: signed.Header.Get("Authorization"), XAmzDate: signed.Header.Get("X-Amz-Date"),
		XAmzContentSHA256: signed.Header.Get("X-Amz-Content-Sha256"), XAmzSecurityToken: signed.Header.Get("X-Amz-Security-Token"),
		XAmzTarget: signed.Header.Get("X-Amz-Target"), ContentType: signed.Header.Get("Content-Type"),
	}
	if r.PresignSeconds > 0 {
		answer.PresignedURL = signed.URL
	}
	return answer, nil
}
