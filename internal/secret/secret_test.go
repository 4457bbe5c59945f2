package secret

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const canary = "wJalrXUtnFEMI"

// holder has secrets everywhere that a struct can have them.
type holder struct {
	Exported  Secret
	Pointer   *Secret
	Any       any
	Map       map[string]Secret
	Slice     []Secret
	Array     [1]Secret
	Nested    struct{ Inner Secret }
	unexposed Secret
	pointers  []*Secret
	Error     error
}

func newHolder() holder {
	s := New(canary)
	h := holder{
		Exported: s, Pointer: &s, Any: s, Map: map[string]Secret{"key": s}, Slice: []Secret{s}, Array: [1]Secret{s},
		unexposed: s, pointers: []*Secret{&s}, Error: fmt.Errorf("cannot use %v", s),
	}
	h.Nested.Inner = s
	return h
}

var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%t", "%c", "%U", "%b", "%e", "%10.3s", "%-20v", "%w", "%T", "%p", "%z"}

func TestASecretPrintsTheSameWithEveryVerb(t *testing.T) {
	s := New(canary)
	for _, verb := range verbs {
		want := Redacted
		switch verb {
		case "%T":
			want = "secret.Secret"
		case "%p", "%w":
			continue // fmt prints the address itself; the next test looks for the value
		}
		if got := fmt.Sprintf(verb, s); got != want {
			t.Errorf("%s: got %q, want %q", verb, got, want)
		}
	}
	if got := fmt.Sprint(&s, "\n"); !strings.HasPrefix(got, Redacted) {
		t.Errorf("pointer: got %q", got)
	}
}

func TestNoWayOfPrintingShowsASecret(t *testing.T) {
	h := newHolder()
	for name, print := range map[string]func(any) (string, error){
		"JSON":      func(v any) (string, error) { b, err := json.Marshal(v); return string(b), err },
		"YAML":      func(v any) (string, error) { b, err := yaml.Marshal(v); return string(b), err },
		"slog text": func(v any) (string, error) { return logged(v, false), nil },
		"slog JSON": func(v any) (string, error) { return logged(v, true), nil },
		"errors":    func(v any) (string, error) { return errors.Join(fmt.Errorf("x: %v", v), h.Error).Error(), nil },
		"print":     func(v any) (string, error) { return fmt.Sprintln(v, &v), nil },
	} {
		for _, v := range []any{h, &h, h.Exported, h.Pointer, h.Map, h.Slice, h.Nested, []any{h}, map[string]any{"h": h}} {
			text, err := print(v)
			if err != nil {
				t.Errorf("%s of %T: %v", name, v, err)
			}
			if strings.Contains(text, canary) {
				t.Errorf("%s of %T shows the secret", name, v)
			}
		}
	}
	for _, verb := range verbs {
		for _, v := range []any{h, &h, &h.Exported, h.pointers, h.Map} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T shows the secret", verb, v)
			}
		}
	}
}

func logged(v any, asJSON bool) string {
	var b bytes.Buffer
	var handler slog.Handler = slog.NewTextHandler(&b, nil)
	if asJSON {
		handler = slog.NewJSONHandler(&b, nil)
	}
	slog.New(handler).With("with", v).WithGroup("group").Error("message", "value", v, slog.Group("inner", "value", v))
	return b.String()
}

func TestASecretIsEncodedAsItPrints(t *testing.T) {
	type document struct {
		Key  Secret `json:"key" yaml:"key" xml:"key"`
		None Secret `json:"none,omitzero" yaml:"none,omitempty" xml:"none"`
	}
	d := document{Key: New(canary)}
	for name, test := range map[string]struct {
		marshal func(any) ([]byte, error)
		want    string
	}{
		"JSON": {json.Marshal, `{"key":"[secret]"}`},
		"YAML": {func(v any) ([]byte, error) { return yaml.Marshal(v) }, "key: \"[secret]\"\n"},
		"XML":  {xml.Marshal, "<document><key>[secret]</key><none></none></document>"},
	} {
		if got, err := test.marshal(d); err != nil || strings.ReplaceAll(string(got), "'", `"`) != test.want {
			t.Errorf("%s: got %s (%v), want %s", name, got, err, test.want)
		}
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(d); err == nil && strings.Contains(b.String(), canary) {
		t.Error("gob shows the secret")
	}
}

func TestAnEmptySecretIsNone(t *testing.T) {
	if s := New(""); !s.IsZero() || s.Reveal() != "" || s.String() != "" || s != (Secret{}) {
		t.Errorf("got %v, want the zero value", s)
	}
	if s := New(canary); s.IsZero() || s.Reveal() != canary {
		t.Error("the secret is not what it was made of")
	}
}
