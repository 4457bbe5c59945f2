package management

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
	"github.com/awsauth-go/awsauth/internal/policy"
)

// maxBody bounds a body in bytes; the largest the model allows, a revocation list in base64, has 400 000.
const maxBody = 1 << 20

// request is one call under way. Handlers first read all members, then call admit, and only then look at the state, so
// that whoever may not call learns nothing of it.
type request struct {
	account   *account.Account
	call      *wire.Call
	operation string
	now       time.Time // UTC, whole microseconds

	path, query, body *members
	problems          []string // what is wrong with members, in the order of reading
}

func (r *request) members(values map[string]any) *members {
	return &members{values: values, problems: &r.problems}
}

// read reads query and body. GET and DELETE have no body.
func (r *request) read() error {
	query, err := url.ParseQuery(r.call.HTTP.URL.RawQuery)
	if err != nil {
		return invalid("The query string is malformed.",
			"a percent sign is not followed by two hexadecimal digits, or a semicolon is not escaped", "escape the query's values")
	}
	values := make(map[string]any, len(query))
	for name, all := range query {
		switch {
		case name == "specifiers": // the model's only list in a query
			list := make([]any, len(all))
			for i, v := range all {
				list[i] = v
			}
			values[name] = list
		case len(all) > 1: // which of them is meant the signature, which sorts them, does not say
			return invalid("The query string is malformed.", name+" is given more than once", "give it once")
		case name == "pageSize": // the model's only number in a query
			values[name] = number(all[0])
		default:
			values[name] = all[0]
		}
	}
	r.query = r.members(values)

	r.body = r.members(nil)
	if m := r.call.HTTP.Method; m == http.MethodGet || m == http.MethodDelete || len(r.call.Body) == 0 {
		return nil
	}
	if len(r.call.Body) > maxBody {
		return invalid("The body is too large.", "it has more than "+strconv.Itoa(maxBody)+" bytes", "send less")
	}
	decoder := json.NewDecoder(bytes.NewReader(r.call.Body))
	decoder.UseNumber()
	if err := decoder.Decode(&r.body.values); err != nil {
		return invalid("The body is not a JSON object.", "", "send one JSON object")
	}
	if _, err := decoder.Token(); err != io.EOF {
		return invalid("The body is not a JSON object.", "something follows the object", "send one JSON object")
	}
	return nil
}

// number is a number in a query as JSON would have it, or the text when it is none.
func number(text string) any {
	if text != "" && strings.Contains("-0123456789", text[:1]) && json.Valid([]byte(text)) {
		return json.Number(text)
	}
	return text
}

// admit refuses a request whose members are wrong, and then a caller whose policies do not allow the operation on the
// resource: an ARN, or "*" where the Service Authorization Reference lists no resource type. keys are the condition keys
// of the request; those of the resource's tags are added.
func (r *request) admit(resource string, keys ...conditionKeys) error {
	if err := r.valid(); err != nil {
		return err
	}
	return r.authorize("rolesanywhere:"+r.operation, resource, keys...)
}

// admitCreation is admit for an operation that makes a resource, whose tags need a permission of their own.
func (r *request) admitCreation(arn string, tags []account.Tag) error {
	if err := r.admit("*", requestTags(tags)); err != nil {
		return err
	}
	if len(tags) == 0 {
		return nil
	}
	return r.authorize("rolesanywhere:TagResource", arn, requestTags(tags))
}

func (r *request) authorize(action, resource string, keys ...conditionKeys) error {
	return r.call.Authorize(r.now, action, resource, func(x *policy.Context) {
		for _, set := range keys {
			set(x)
		}
		for _, t := range r.tagsOf(resource) {
			x.Set("aws:ResourceTag/"+t.Key, t.Value)
		}
	})
}

// conditionKeys sets condition keys of a request.
type conditionKeys func(*policy.Context)

func requestTags(tags []account.Tag) conditionKeys {
	return func(x *policy.Context) {
		keys := make([]string, len(tags))
		for i, t := range tags {
			keys[i] = t.Key
			x.Set("aws:RequestTag/"+t.Key, t.Value)
		}
		tagKeys(keys)(x)
	}
}

func tagKeys(keys []string) conditionKeys {
	return func(x *policy.Context) { x.Set("aws:TagKeys", keys...) }
}

// valid says all that is wrong with the members, in AWS's form.
func (r *request) valid() error {
	switch n := len(r.problems); n {
	case 0:
		return nil
	case 1:
		return invalid("1 validation error detected: "+r.problems[0], "", "")
	default:
		return invalid(strconv.Itoa(n)+" validation errors detected: "+strings.Join(r.problems, "; "), "", "")
	}
}

// invalid is a refusal of what was sent.
func invalid(message, reason, remedy string) *wire.Refusal {
	return &wire.Refusal{
		Status: http.StatusBadRequest, Code: "ValidationException", Message: message, Reason: reason, Remedy: remedy,
	}
}
