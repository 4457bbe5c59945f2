package management

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestAProfileNamesRolesAndPoliciesThatItMay(t *testing.T) {
	const aws = "arn:aws:iam::"
	tests := []struct{ name, body, want string }{
		{"a role with a path", `"roleArns":["` + aws + accountID + `:role/a/b/backup"]`, ""},
		{"a role of another account", `"roleArns":["` + aws + `999999999999:role/backup"]`, "Invalid role ARN in roleArns."},
		{"a role of another partition", `"roleArns":["arn:aws-cn:iam::` + accountID + `:role/backup"]`, "Invalid role ARN in roleArns."},
		{"a user", `"roleArns":["` + aws + accountID + `:user/backup"]`, "Invalid role ARN in roleArns."},
		{"a role without a name", `"roleArns":["` + aws + accountID + `:role/"]`, "Invalid role ARN in roleArns."},
		{"a role's name alone", `"roleArns":["backup"]`, "Invalid role ARN in roleArns."},
		{"every role is looked at", `"roleArns":["` + someRole + `","backup"]`, "Invalid role ARN in roleArns."},
		{"managed policies of AWS and of the account", `"managedPolicyArns":["` + aws + `aws:policy/ReadOnlyAccess","` + aws + accountID + `:policy/x"]`, ""},
		{"a managed policy of another account", `"managedPolicyArns":["` + aws + `999999999999:policy/x"]`, "Invalid policy ARN in managedPolicyArns."},
		{"a managed policy without a name", `"managedPolicyArns":["` + aws + `aws:policy/"]`, "Invalid policy ARN in managedPolicyArns."},
		{"a session policy that is none", `"sessionPolicy":"{}"`, "Invalid sessionPolicy."},
		{"a session policy with a principal", `"sessionPolicy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}]}"`, "Invalid sessionPolicy."},
		{"tags of AWS", `"tags":[{"key":"AWS:x","value":""}]`, "Invalid tag key."},
		{"a tag twice", `"tags":[{"key":"x","value":"1"},{"key":"x","value":"2"}]`, "Duplicate tag keys found."},
	}
	a := newAccount(t)
	id, _ := created(t, a, "/profiles", "profile", `{"name":"p","roleArns":[]}`)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check := func(method, target, body string) {
				t.Helper()
				_, err := do(t, a, administrator, method, target, body)
				switch {
				case tt.want == "" && err != nil:
					t.Errorf("%s: %v", method, err)
				case tt.want != "" && (refusal(t, err).Message != tt.want || refusal(t, err).Status != 400):
					t.Errorf("%s: got %v, want %s", method, err, tt.want)
				}
			}
			create := `{"name":"p",` + tt.body + `}`
			if !strings.Contains(tt.body, "roleArns") {
				create = `{"name":"p","roleArns":[],` + tt.body + `}`
			}
			check(http.MethodPost, "/profiles", create)
			if !strings.Contains(tt.body, "tags") { // UpdateProfile has none
				check(http.MethodPatch, "/profile/"+id, `{`+tt.body+`}`)
			}
		})
	}
}

func TestAnUpdateChangesOnlyWhatItNames(t *testing.T) {
	a := newAccount(t)
	id, _ := created(t, a, "/profiles", "profile", `{"name":"p","roleArns":["`+someRole+`"],"durationSeconds":900,"enabled":true,"acceptRoleSessionName":true}`)
	before := mustDo(t, a, http.MethodGet, "/profile/"+id, "")["profile"].(map[string]any)
	// The last three are members of CreateProfile only.
	after := mustDo(t, a, http.MethodPatch, "/profile/"+id,
		`{"name":"q","enabled":false,"requireInstanceProperties":true,"tags":[{"key":"k","value":"v"}]}`)["profile"].(map[string]any)
	before["name"], before["updatedAt"] = "q", after["updatedAt"]
	if !reflect.DeepEqual(after, before) {
		t.Errorf("got %v, want %v", after, before)
	}
}

func TestChangesMoveUpdatedAtAndTagsDoNot(t *testing.T) {
	a := newAccount(t)
	clock := time.Date(2026, 11, 22, 20, 0, 0, 123456789, time.UTC)
	a.Now = func() time.Time { return clock }
	id, arn := created(t, a, "/profiles", "profile", `{"name":"p","roleArns":[]}`)
	clock = clock.Add(time.Hour)
	mustDo(t, a, http.MethodPost, "/TagResource", `{"resourceArn":"`+arn+`","tags":[{"key":"k","value":"v"}]}`)
	times := func() string {
		p := mustDo(t, a, http.MethodGet, "/profile/"+id, "")["profile"].(map[string]any)
		return fmt.Sprint(p["createdAt"], " ", p["updatedAt"])
	}
	if got, want := times(), "2026-11-22T20:00:00.123456Z 2026-11-22T20:00:00.123456Z"; got != want {
		t.Errorf("after tagging: got %s, want %s", got, want)
	}
	mustDo(t, a, http.MethodPost, "/profile/"+id+"/enable", "")
	if got, want := times(), "2026-11-22T20:00:00.123456Z 2026-11-22T21:00:00.123456Z"; got != want {
		t.Errorf("after enabling: got %s, want %s", got, want)
	}
}
