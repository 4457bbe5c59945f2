package management

import (
	"fmt"
	"strings"
	"testing"
)

func TestAttributeMappingsAreReplacedAndRemovedByField(t *testing.T) {
	a := newAccount(t)
	id, _ := created(t, a, "/profiles", "profile", `{"name":"p","roleArns":[]}`)
	const others = "x509Issuer:[*]"
	steps := []struct{ name, method, query, body, want string }{
		{"a field is replaced", "PUT", "", `{"certificateField":"x509Subject","mappingRules":[{"specifier":"CN"},{"specifier":"2.5.4.11"}]}`, others + " x509SAN:[DNS URI Name/*] x509Subject:[CN 2.5.4.11]"},
		{"one specifier is removed, one was not there", "DELETE", "?certificateField=x509Subject&specifiers=CN&specifiers=O", "", others + " x509SAN:[DNS URI Name/*] x509Subject:[2.5.4.11]"},
		{"a field without specifiers goes", "DELETE", "?certificateField=x509Subject&specifiers=2.5.4.11", "", others + " x509SAN:[DNS URI Name/*]"},
		{"a field goes as a whole", "DELETE", "?certificateField=x509SAN", "", others},
		{"removing it again changes nothing", "DELETE", "?certificateField=x509SAN", "", others},
		{"a field comes back in its place", "PUT", "", `{"certificateField":"x509SAN","mappingRules":[{"specifier":"DNS/2"},{"specifier":"Name/CN"}]}`, others + " x509SAN:[DNS/2 Name/CN]"},
		{"no rules are no field", "PUT", "", `{"certificateField":"x509Issuer","mappingRules":[]}`, "x509SAN:[DNS/2 Name/CN]"},
	}
	for _, s := range steps {
		answer := mustDo(t, a, s.method, "/profiles/"+id+"/mappings"+s.query, s.body)
		var got []string
		for _, m := range answer["profile"].(map[string]any)["attributeMappings"].([]any) {
			var specifiers []string
			for _, r := range m.(map[string]any)["mappingRules"].([]any) {
				specifiers = append(specifiers, r.(map[string]any)["specifier"].(string))
			}
			got = append(got, fmt.Sprintf("%s:%v", m.(map[string]any)["certificateField"], specifiers))
		}
		if got := strings.Join(got, " "); got != s.want {
			t.Errorf("%s: got %s, want %s", s.name, got, s.want)
		}
	}
}

func TestSpecifiersSelectSomethingOfTheirField(t *testing.T) {
	tests := []struct {
		field      string
		good, poor []string
	}{
		{"x509Subject", []string{"*", "CN", "emailAddress", "2.5.4.3"}, []string{"", "CN/2", "**", "2.", ".5", "C N", "2"}},
		{"x509Issuer", []string{"*", "O"}, []string{"", "Name/CN"}},
		{"x509SAN", []string{"DNS", "URI", "DNS/2", "URI/10", "Name", "Name/", "Name/*", "Name/CN", "Name/2.5.4.3"}, []string{"", "*", "DNS/*", "URI/*", "DNS/0", "DNS/", "CN", "Email", "dns"}},
	}
	for _, tt := range tests {
		for _, s := range tt.good {
			if err := checkSpecifier(tt.field, s); err != nil {
				t.Errorf("%s/%s: got %v, want it taken", tt.field, s, err)
			}
		}
		for _, s := range tt.poor {
			if checkSpecifier(tt.field, s) == nil {
				t.Errorf("%s/%s: was taken", tt.field, s)
			}
		}
	}
}
