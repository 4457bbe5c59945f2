package management

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
)

const (
	arnPrefix = "arn:aws:rolesanywhere:us-east-1:" + accountID + ":"
	someRole  = "arn:aws:iam::" + accountID + ":role/backup"
)

// minimal are the smallest requests that pass the model's constraints, and the resources that permission is needed for.
var minimal = map[string]struct{ target, body, resource string }{
	"CreateProfile":             {"/profiles", `{"name":"p","roleArns":[]}`, "*"},
	"ListProfiles":              {"/profiles", ``, "*"},
	"GetProfile":                {"/profile/" + someID, ``, "profile/" + someID},
	"UpdateProfile":             {"/profile/" + someID, `{}`, "profile/" + someID},
	"DeleteProfile":             {"/profile/" + someID, ``, "profile/" + someID},
	"EnableProfile":             {"/profile/" + someID + "/enable", ``, "profile/" + someID},
	"DisableProfile":            {"/profile/" + someID + "/disable", ``, "profile/" + someID},
	"PutAttributeMapping":       {"/profiles/" + someID + "/mappings", `{"certificateField":"x509SAN","mappingRules":[]}`, "profile/" + someID},
	"DeleteAttributeMapping":    {"/profiles/" + someID + "/mappings?certificateField=x509SAN", ``, "profile/" + someID},
	"CreateTrustAnchor":         {"/trustanchors", `{"name":"a","source":{}}`, "*"},
	"ListTrustAnchors":          {"/trustanchors", ``, "*"},
	"GetTrustAnchor":            {"/trustanchor/" + someID, ``, "trust-anchor/" + someID},
	"UpdateTrustAnchor":         {"/trustanchor/" + someID, `{}`, "trust-anchor/" + someID},
	"DeleteTrustAnchor":         {"/trustanchor/" + someID, ``, "trust-anchor/" + someID},
	"EnableTrustAnchor":         {"/trustanchor/" + someID + "/enable", ``, "trust-anchor/" + someID},
	"DisableTrustAnchor":        {"/trustanchor/" + someID + "/disable", ``, "trust-anchor/" + someID},
	"PutNotificationSettings":   {"/put-notifications-settings", `{"trustAnchorId":"` + someID + `","notificationSettings":[]}`, "trust-anchor/" + someID},
	"ResetNotificationSettings": {"/reset-notifications-settings", `{"trustAnchorId":"` + someID + `","notificationSettingKeys":[]}`, "trust-anchor/" + someID},
	"ImportCrl":                 {"/crls", `{"name":"c","crlData":"AA==","trustAnchorArn":"a"}`, "*"},
	"ListCrls":                  {"/crls", ``, "*"},
	"GetCrl":                    {"/crl/" + someID, ``, "crl/" + someID},
	"UpdateCrl":                 {"/crl/" + someID, `{}`, "crl/" + someID},
	"DeleteCrl":                 {"/crl/" + someID, ``, "crl/" + someID},
	"EnableCrl":                 {"/crl/" + someID + "/enable", ``, "crl/" + someID},
	"DisableCrl":                {"/crl/" + someID + "/disable", ``, "crl/" + someID},
	"GetSubject":                {"/subject/" + someID, ``, "subject/" + someID},
	"ListSubjects":              {"/subjects", ``, "*"},
	"ListTagsForResource":       {"/ListTagsForResource?resourceArn=" + arnPrefix + "profile/" + someID, ``, "profile/" + someID},
	"TagResource":               {"/TagResource", `{"resourceArn":"` + arnPrefix + `profile/` + someID + `","tags":[]}`, "profile/" + someID},
	"UntagResource":             {"/UntagResource", `{"resourceArn":"` + arnPrefix + `profile/` + someID + `","tagKeys":[]}`, "profile/" + someID},
}

func TestEveryOperationNeedsItsPermissionOnItsResource(t *testing.T) {
	const statement = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"%s","Resource":"%s"}]}`
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) {
			m, known := minimal[op.name]
			if !known {
				t.Fatal("no request to test it with")
			}
			a := newAccount(t)
			resource := m.resource
			if resource != "*" {
				resource = arnPrefix + resource
			}
			without := callerWith(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` +
				`{"Effect":"Deny","Action":"rolesanywhere:` + op.name + `","Resource":"*"}]}`)
			_, err := do(t, a, without, op.method, m.target, m.body)
			r := refusal(t, err)
			want := "User: " + without.ARN + " is not authorized to perform: rolesanywhere:" + op.name + " on resource: " + resource
			if r.Status != 403 || r.Code != "AccessDeniedException" || r.Message != want {
				t.Errorf("without permission: got %v, want 403 AccessDeniedException: %s", r, want)
			}
			if resource != "*" {
				elsewhere := callerWith(fmt.Sprintf(statement, "rolesanywhere:"+op.name, strings.Replace(resource, "0000", "1111", 1)))
				_, err = do(t, a, elsewhere, op.method, m.target, m.body)
				if r := refusal(t, err); r.Code != "AccessDeniedException" {
					t.Errorf("with permission on another resource: got %v, want AccessDeniedException", r)
				}
			}
			with := callerWith(fmt.Sprintf(statement, "rolesanywhere:"+op.name, resource))
			if _, err = do(t, a, with, op.method, m.target, m.body); err != nil && refusal(t, err).Code == "AccessDeniedException" {
				t.Errorf("with permission: got %v", err)
			}
		})
	}
}

func TestUnknownResourcesAreNotFoundForWhoeverMayAsk(t *testing.T) {
	for _, op := range operations {
		m := minimal[op.name]
		if m.resource == "*" {
			continue
		}
		t.Run(op.name, func(t *testing.T) {
			_, err := do(t, newAccount(t), administrator, op.method, m.target, m.body)
			if r := refusal(t, err); r.Status != 404 || r.Code != "ResourceNotFoundException" {
				t.Errorf("got %v, want 404 ResourceNotFoundException", r)
			}
		})
	}
}

func TestConditionKeysNarrowWhatACallerMayDo(t *testing.T) {
	const (
		allow     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},`
		blueOnly  = allow + `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:ResourceTag/team":"blue"}}}]}`
		asTagged  = allow + `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestTag/team":"blue"}}}]}`
		onlyStage = allow + `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ForAnyValue:StringNotEquals":{"aws:TagKeys":"stage"}}}]}`
		untagged  = allow + `{"Effect":"Deny","Action":"rolesanywhere:TagResource","Resource":"*"}]}`
		noPass    = allow + `{"Effect":"Deny","Action":"iam:PassRole","Resource":"` + someRole + `"}]}`
		toEC2     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"rolesanywhere:*","Resource":"*"},` +
			`{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}}]}`
		toUs = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"rolesanywhere:*","Resource":"*"},` +
			`{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{"StringEquals":{"iam:PassedToService":"rolesanywhere.amazonaws.com"}}}]}`
	)
	a := newAccount(t)
	profile := func(team string) (id, arn string) {
		return created(t, a, "/profiles", "profile", `{"name":"p","roleArns":[],"tags":[{"key":"team","value":"`+team+`"}]}`)
	}
	blue, _ := profile("blue")
	red, redARN := profile("red")
	body := func(roles, tags string) string {
		return `{"name":"p","roleArns":[` + roles + `],"tags":[` + tags + `]}`
	}
	tests := []struct {
		name, policy, method, target, body string
		denied                             string // the action, "" when allowed
	}{
		{"a resource with the tag", blueOnly, "GET", "/profile/" + blue, "", ""},
		{"a resource with another tag", blueOnly, "GET", "/profile/" + red, "", "rolesanywhere:GetProfile"},
		{"a new resource with the tag", asTagged, "POST", "/profiles", body("", `{"key":"team","value":"blue"}`), ""},
		{"a new resource without the tag", asTagged, "POST", "/profiles", body("", ``), "rolesanywhere:CreateProfile"},
		{"a tag key that is allowed", onlyStage, "POST", "/UntagResource", `{"resourceArn":"` + redARN + `","tagKeys":["stage"]}`, ""},
		{"a tag key that is not allowed", onlyStage, "POST", "/UntagResource", `{"resourceArn":"` + redARN + `","tagKeys":["team"]}`, "rolesanywhere:UntagResource"},
		{"creation without tags needs no permission to tag", untagged, "POST", "/profiles", body("", ""), ""},
		{"creation with tags needs permission to tag", untagged, "POST", "/profiles", body("", `{"key":"a","value":""}`), "rolesanywhere:TagResource"},
		{"a role that may not be passed", noPass, "POST", "/profiles", body(`"`+someRole+`"`, ""), "iam:PassRole"},
		{"a role that may be passed to another service", toEC2, "POST", "/profiles", body(`"`+someRole+`"`, ""), "iam:PassRole"},
		{"a role that may be passed to Roles Anywhere", toUs, "POST", "/profiles", body(`"`+someRole+`"`, ""), ""},
		{"an update with a role that may not be passed", noPass, "PATCH", "/profile/" + blue, `{"roleArns":["` + someRole + `2","` + someRole + `"]}`, "iam:PassRole"},
		{"an update without roles passes none", noPass, "PATCH", "/profile/" + blue, `{}`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := do(t, a, callerWith(tt.policy), tt.method, tt.target, tt.body)
			switch {
			case tt.denied == "" && err != nil:
				t.Errorf("got %v, want success", err)
			case tt.denied != "" && !strings.Contains(refusal(t, err).Message, "is not authorized to perform: "+tt.denied+" on resource: "):
				t.Errorf("got %v, want %s denied", err, tt.denied)
			}
		})
	}
}

func TestRefusedCreationsLeaveNothingBehind(t *testing.T) {
	a := newAccount(t)
	nobody := callerWith(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"rolesanywhere:*","Resource":"*"}]}`)
	if _, err := do(t, a, nobody, http.MethodPost, "/profiles", `{"name":"p","roleArns":["`+someRole+`"]}`); err == nil {
		t.Fatal("a profile was made without iam:PassRole")
	}
	a.Read(func(s *account.State) {
		if n := len(s.Profiles); n != 0 {
			t.Errorf("got %d profiles, want none", n)
		}
	})
}
