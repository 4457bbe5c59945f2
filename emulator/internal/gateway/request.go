// Package gateway says of a request to a service that is not the emulator's own what it asks for: which action on which resources, and
// in which form the service refuses.
//
// Source: Service Authorization Reference, "Actions, resources, and condition keys" of Amazon S3, SQS, SNS and Rekognition; the services'
// API references.
package gateway

import (
	"encoding/json"
	"net/http"
	"net/url"
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

// Permissions are what a request needs, all of them; none when it cannot be told.
func (r *Request) Permissions() []Permission {
	if r.Service == "s3" {
		return r.s3()
	}
	action, parameters := r.action()
	if action == "" {
		return nil
	}
	return []Permission{{permissionOf(r.Service, action), r.resource(parameters)}}
}

// action is the operation that a request names: JSON services name it in X-Amz-Target, those of the Query protocol by a parameter.
func (r *Request) action() (name string, parameters func(string) string) {
	posts := r.HTTP.Method == http.MethodPost && strings.HasPrefix(r.HTTP.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
	if target := r.HTTP.Header.Get("X-Amz-Target"); target != "" {
		if posts || r.HTTP.URL.Query().Has("Action") {
			return "", nil // which of the two a backend goes by is not known
		}
		_, name, _ = strings.Cut(target, ".")
		var body map[string]any
		if json.Unmarshal(r.Body, &body) != nil {
			body = nil
		}
		return name, func(key string) string { text, _ := body[key].(string); return text }
	}
	form, err := url.ParseQuery(r.HTTP.URL.RawQuery)
	if err != nil {
		return "", nil
	}
	if posts {
		posted, err := url.ParseQuery(string(r.Body))
		if err != nil {
			return "", nil
		}
		for key, values := range posted {
			form[key] = append(form[key], values...)
		}
	}
	for _, values := range form {
		if len(values) > 1 {
			return "", nil // the same
		}
	}
	return form.Get("Action"), form.Get
}

// permissionOf is the permission of an operation: its name, but for those of batches.
func permissionOf(service, operation string) string {
	switch {
	case service == "sns" && operation == "PublishBatch":
		operation = "Publish"
	case service == "sqs" && strings.HasSuffix(operation, "MessageBatch"):
		operation = strings.TrimSuffix(operation, "Batch")
	case service == "sqs" && operation == "ChangeMessageVisibilityBatch":
		operation = "ChangeMessageVisibility"
	}
	return service + ":" + operation
}

// resource is what a request of SQS, SNS or Rekognition is about; "*" for nothing in particular.
func (r *Request) resource(parameter func(string) string) string {
	switch r.Service {
	case "sqs":
		if name := parameter("QueueName"); name != "" {
			return r.arn("sqs", name)
		}
		if u, err := url.Parse(parameter("QueueUrl")); err == nil && u.Path != "" {
			return r.arn("sqs", u.Path[strings.LastIndexByte(u.Path, '/')+1:])
		}
		if path := strings.Trim(r.HTTP.URL.Path, "/"); path != "" { // the Query protocol calls the queue's own URL
			return r.arn("sqs", path[strings.LastIndexByte(path, '/')+1:])
		}
	case "sns":
		for _, key := range []string{"TopicArn", "TargetArn", "ResourceArn"} {
			if arn := parameter(key); arn != "" {
				return arn
			}
		}
		if name := parameter("Name"); name != "" {
			return r.arn("sns", name)
		}
	case "rekognition":
		for _, key := range []string{"ProjectVersionArn", "ProjectArn", "StreamProcessorArn"} {
			if arn := parameter(key); arn != "" {
				return arn
			}
		}
	}
	return "*"
}

func (r *Request) arn(service, name string) string {
	return strings.Join([]string{"arn", r.Partition, service, r.Region, r.Account, name}, ":")
}
