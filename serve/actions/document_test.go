package actions_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/serve/actions"
)

// document is as much of OpenAPI as ours has.
type document struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]map[string]struct {
		OperationID string `json:"operationId"`
		RequestBody struct {
			Content map[string]struct{ Schema reference }
		} `json:"requestBody"`
		Responses map[string]struct {
			Content map[string]struct {
				Schema  reference
				Example map[string]any
			}
		}
	}
	Components struct {
		Schemas map[string]struct {
			Properties map[string]map[string]any
			Required   []string
		}
	}
}

type reference struct {
	Ref string `json:"$ref"`
}

func (r reference) name() string { return strings.TrimPrefix(r.Ref, "#/components/schemas/") }

func readDocument(t *testing.T) (d document) {
	t.Helper()
	if err := json.Unmarshal(actions.OpenAPI, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// The document says what the code takes and gives: every parameter, every key of every answer, and the examples that --example gives.
func TestTheDocumentIsTheCode(t *testing.T) {
	d := readDocument(t)
	operations := map[actions.Action]string{
		actions.Static: "GetStaticCredentials", actions.Session: "GetSessionCredentials", actions.Validate: "ValidateCredentials", actions.Sign: "SignRequest",
	}
	if len(d.Paths) != len(actions.All) {
		t.Errorf("it has %d paths, want %d", len(d.Paths), len(actions.All))
	}
	for _, a := range actions.All {
		post := d.Paths[a.Path()]["post"]
		if post.OperationID != operations[a] {
			t.Errorf("%s is %q, want %q", a.Path(), post.OperationID, operations[a])
		}
		request := d.Components.Schemas[post.RequestBody.Content["application/json"].Schema.name()]
		got, want := slices.Sorted(maps.Keys(request.Properties)), slices.Sorted(slices.Values(actions.Parameters(a)))
		if !slices.Equal(got, want) {
			t.Errorf("%s takes %v, the document says %v", a, want, got)
		}
		for key, property := range request.Properties {
			f, _ := reflect.TypeFor[actions.Request]().FieldByNameFunc(func(name string) bool {
				f, _ := reflect.TypeFor[actions.Request]().FieldByName(name)
				return f.Tag.Get("json") == key
			})
			if want := map[reflect.Kind]string{reflect.String: "string", reflect.Int64: "integer", reflect.Bool: "boolean"}[f.Type.Kind()]; property["type"] != want {
				t.Errorf("%s: %s is %s, the document says %v", a, key, want, property["type"])
			}
		}
		ok := post.Responses["200"].Content["application/json"]
		live := object(t, call(actions.Example(), a.Path(), ""))
		if !reflect.DeepEqual(ok.Example, live) {
			t.Errorf("%s: the example is\n%v, and --example gives\n%v", a, ok.Example, live)
		}
		schema := d.Components.Schemas[ok.Schema.name()]
		keys := slices.Sorted(maps.Keys(live))
		if got := slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(got, keys) {
			t.Errorf("%s answers %v, the document says %v", a, keys, got)
		}
		if got := slices.Sorted(slices.Values(schema.Required)); !slices.Equal(got, keys) {
			t.Errorf("%s: all of %v are always there, the document says %v", a, keys, got)
		}
		for status := range post.Responses {
			if status != "200" && strings.HasPrefix(status, "2") {
				t.Errorf("%s: %s is a success beside 200", a, status)
			}
		}
	}
}

// What Studio Pro takes: OpenAPI 3.0, no composition, no free-form maps, no nested objects, no parameters in the query.
func TestTheDocumentIsPlain(t *testing.T) {
	if d := readDocument(t); d.OpenAPI != "3.0.3" {
		t.Errorf("it is OpenAPI %s", d.OpenAPI)
	}
	for _, word := range []string{"oneOf", "anyOf", "allOf", "discriminator", `"additionalProperties": true`, `"additionalProperties": {`, `"in": "query"`, `"type": "array"`, "$ref\": \"http"} {
		if strings.Contains(string(actions.OpenAPI), word) {
			t.Errorf("it has %s", word)
		}
	}
	for name, schema := range readDocument(t).Components.Schemas {
		for key, property := range schema.Properties {
			if kind := property["type"]; kind != "string" && kind != "integer" && kind != "boolean" {
				t.Errorf("%s.%s is %v", name, key, kind)
			}
			if property["example"] == nil || property["description"] == "" {
				t.Errorf("%s.%s has no example or no description", name, key)
			}
		}
	}
}

func TestTheDocumentIsServedToWhoeverAsks(t *testing.T) {
	for name, h := range map[string]http.Handler{"the agent": newHandler(held(), nil), "the examples": actions.Example()} {
		w := call(h, actions.DocumentPath, "", func(r *http.Request) { r.Method = http.MethodGet; r.Header.Del("Authorization") })
		// It names the door that was asked, wherever that is.
		want := strings.Replace(string(actions.OpenAPI), "http://127.0.0.1:9913", "http://example.com", 1)
		if w.Code != http.StatusOK || w.Body.String() != want || want == string(actions.OpenAPI) {
			t.Errorf("%s: got %d and %d bytes", name, w.Code, w.Body.Len())
		}
	}
	if !json.Valid(actions.OpenAPI) {
		t.Error(fmt.Errorf("it is no JSON"))
	}
}
