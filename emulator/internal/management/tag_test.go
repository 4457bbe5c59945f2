package management

import (
	"fmt"
	"net/http"
	"testing"
)

func TestTagsOfAllKindsOfResources(t *testing.T) {
	a := newAccount(t)
	authority := newCA(t, "ca", nil)
	_, profile := created(t, a, "/profiles", "profile", `{"name":"p","roleArns":[]}`)
	_, anchor := created(t, a, "/trustanchors", "trustAnchor", bundleBody(t, authority.pem))
	_, crl := created(t, a, "/crls", "crl", asJSON(t, object{"name": "c", "crlData": authority.crl(t, 1), "trustAnchorArn": anchor}))
	subject := newSubject(t, a).ARN
	for _, arn := range []string{profile, anchor, crl, subject} {
		if arn != subject {
			if got := mustDo(t, a, http.MethodGet, "/ListTagsForResource?resourceArn="+arn, "")["tags"]; fmt.Sprint(got) != "[]" {
				t.Errorf("%s: got %v, want no tags", arn, got)
			}
		}
		tag := func(tags string) {
			mustDo(t, a, http.MethodPost, "/TagResource", `{"resourceArn":"`+arn+`","tags":`+tags+`}`)
		}
		tag(`[{"key":"a","value":"1"},{"key":"b","value":"2"}]`)
		tag(`[{"key":"a","value":"3"},{"key":"c","value":""}]`)
		if got := mustDo(t, a, http.MethodPost, "/UntagResource", `{"resourceArn":"`+arn+`","tagKeys":["b","made","never"]}`); len(got) != 0 {
			t.Errorf("UntagResource: got %v, want {}", got)
		}
		got := mustDo(t, a, http.MethodGet, "/ListTagsForResource?resourceArn="+arn, "")["tags"]
		if want := "[map[key:a value:3] map[key:c value:]]"; fmt.Sprint(got) != want {
			t.Errorf("%s: got %v, want %s", arn, got, want)
		}
	}
	for _, arn := range []string{
		"profile", profile + "/x", "arn:aws:rolesanywhere:eu-west-1:" + accountID + ":profile/" + someID,
		arnPrefix + "role/" + someID, arnPrefix + "profile/ABC",
	} {
		if _, err := do(t, a, administrator, http.MethodGet, "/ListTagsForResource?resourceArn="+arn, ""); refusal(t, err).Status != 400 {
			t.Errorf("%s: got %v, want 400", arn, err)
		}
	}
}
