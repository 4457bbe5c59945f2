package management

import (
	"net/http"
	"strings"
	"testing"
)

func TestDefaultQuotasAreEnforced(t *testing.T) {
	authority := newCA(t, "ca", nil)
	tests := []struct {
		name, target string
		body         func(anchor string) string
		most         int
	}{
		{"profiles", "/profiles", func(string) string { return `{"name":"p","roleArns":[]}` }, 250},
		{"trust anchors", "/trustanchors", func(string) string { return bundleBody(t, authority.pem) }, 49}, // and the one there is
		{"lists of a trust anchor", "/crls", func(anchor string) string {
			return asJSON(t, object{"name": "c", "crlData": authority.crl(t, 1), "trustAnchorArn": anchor})
		}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAccount(t)
			_, anchor := created(t, a, "/trustanchors", "trustAnchor", bundleBody(t, authority.pem))
			for range tt.most {
				mustDo(t, a, http.MethodPost, tt.target, tt.body(anchor))
			}
			_, err := do(t, a, administrator, http.MethodPost, tt.target, tt.body(anchor))
			if r := refusal(t, err); r.Status != 400 || !strings.HasPrefix(r.Message, "The quota of ") {
				t.Errorf("got %v, want a refusal for the quota", r)
			}
		})
	}
	t.Run("lists of another trust anchor do not count", func(t *testing.T) {
		a := newAccount(t)
		for range 2 {
			_, anchor := created(t, a, "/trustanchors", "trustAnchor", bundleBody(t, authority.pem))
			for range 2 {
				mustDo(t, a, http.MethodPost, "/crls", tests[2].body(anchor))
			}
		}
	})
}
