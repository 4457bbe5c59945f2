package actions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/awsauth-go/awsauth/internal/nearest"
)

// decode reads the parameters of an action: one flat JSON object, of which every key is known, each once. What cannot be understood is
// not repeated. ErrorInBody counts as soon as it is read.
func decode(r *http.Request, a Action, into *Request) *Error {
	body, err := io.ReadAll(r.Body)
	tooLarge := new(http.MaxBytesError)
	switch {
	case errors.As(err, &tooLarge):
		return &Error{
			Status: http.StatusRequestEntityTooLarge, Code: "TooLarge", Message: fmt.Sprintf("the body has more than %d bytes", tooLarge.Limit),
			Hint: "sign a large body by its hash: payloadHash",
		}
	case err != nil:
		return invalid("the body cannot be read to its end")
	case len(bytes.TrimSpace(body)) == 0:
		return nil // as {}
	}
	if problem := checkForm(r); problem != nil {
		return problem
	}
	if !utf8.Valid(body) {
		return invalid("the body is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return invalid("the body is not a JSON object, as {\"name\": \"backup\"}")
	}
	var first *Error
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return broken(d)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return broken(d)
		}
		problem := into.set(a, key.(string), value)
		if seen[key.(string)] {
			problem = invalid("a key stands there twice")
		}
		seen[key.(string)] = true
		if first == nil {
			first = problem
		}
	}
	if _, err := d.Token(); err != nil {
		return broken(d)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return invalid("something follows the JSON object")
	}
	return first
}

func broken(d *json.Decoder) *Error {
	return invalid(fmt.Sprintf("the body is broken JSON, at byte %d", d.InputOffset()))
}

// checkForm looks at what headers say of the body.
func checkForm(r *http.Request) *Error {
	media, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if charset := parameters["charset"]; err != nil || media != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return &Error{
			Status: http.StatusUnsupportedMediaType, Code: "WrongContentType", Message: "the body is not said to be JSON in UTF-8",
			Hint: "send Content-Type: application/json",
		}
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return &Error{
			Status: http.StatusUnsupportedMediaType, Code: "WrongContentEncoding", Message: "the body is compressed", Hint: "send it as it is, without Content-Encoding",
		}
	}
	return nil
}

// set sets a parameter. Null is as if it were not there.
func (r *Request) set(a Action, key string, value json.RawMessage) *Error {
	v := reflect.ValueOf(r).Elem()
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Tag.Get("json") != key {
			continue
		}
		if !strings.Contains(" "+f.Tag.Get("for")+" ", " "+string(a)+" ") {
			return invalid(key + " does not belong to this action")
		}
		if err := json.Unmarshal(value, v.Field(i).Addr().Interface()); err != nil {
			return invalid(key + " is not " + kinds[f.Type.Kind()])
		}
		return nil
	}
	if known := near(a, key); known != "" {
		return invalid("there is a key that the action does not have: did you mean " + known + "?")
	}
	return invalid("there is a key that the action does not have: it has " + strings.Join(Parameters(a), ", "))
}

var kinds = map[reflect.Kind]string{reflect.String: "a text", reflect.Int64: "a whole number of seconds, as 3600", reflect.Bool: "true or false"}

// near finds the key that was probably meant: one that differs by case, hyphens and underscores alone, or by little.
func near(a Action, key string) string {
	plain := func(s string) string { return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s)) }
	for _, known := range Parameters(a) {
		if plain(known) == plain(key) {
			return known
		}
	}
	return nearest.Name(key, Parameters(a))
}

// Parameters are the keys that an action takes, in order.
func Parameters(a Action) (keys []string) {
	t := reflect.TypeFor[Request]()
	for i := range t.NumField() {
		if f := t.Field(i); strings.Contains(" "+f.Tag.Get("for")+" ", " "+string(a)+" ") {
			keys = append(keys, f.Tag.Get("json"))
		}
	}
	return keys
}
