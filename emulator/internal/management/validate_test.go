package management

import (
	"net/http"
	"strings"
	"testing"
)

func TestMembersOutsideTheModelsConstraintsAreRefusedInAWSsWords(t *testing.T) {
	const (
		profile  = "/profile/" + someID
		anchor   = "/trustanchor/" + someID
		mappings = "/profiles/" + someID + "/mappings"
		uuidRule = `Member must satisfy regular expression pattern: .*[a-f0-9]{8}-([a-z0-9]{4}-){3}[a-z0-9]{12}.*`
		nameRule = `Member must satisfy regular expression pattern: [ a-zA-Z0-9-_]*`
		tagRule  = `Member must satisfy regular expression pattern: [ a-zA-Z0-9_.:/=+@-]*`
		notNull  = "Member must not be null"
	)
	shortened := long(100) + "…"
	one := func(value, member, rule string) string {
		return "1 validation error detected: Value " + value + " at '" + member + "' failed to satisfy constraint: " + rule
	}
	createProfile := func(more string) string { return `{"name":"p","roleArns":[],` + more + `}` }
	createAnchor := func(more string) string {
		return `{"name":"a","source":{"sourceType":"AWS_ACM_PCA","sourceData":{"acmPcaArn":"arn"}},` + more + `}`
	}
	importCRL := func(more string) string { return `{"name":"c",` + more + `}` }

	tests := []struct {
		name, method, target, body, want string
	}{
		{"a profile needs a name", "POST", "/profiles", `{"roleArns":[]}`, one("null", "name", notNull)},
		{"null is as good as absent", "POST", "/profiles", `{"name":null,"roleArns":[]}`, one("null", "name", notNull)},
		{"names of members are compared exactly", "POST", "/profiles", `{"Name":"p","roleArns":[]}`, one("null", "name", notNull)},
		{"a profile needs a list of roles", "POST", "/profiles", `{"name":"p"}`, one("null", "roleArns", notNull)},
		{"several errors are told at once", "POST", "/profiles", `{}`, "2 validation errors detected: Value null at 'name' failed to satisfy constraint: " + notNull + "; Value null at 'roleArns' failed to satisfy constraint: " + notNull},
		{"an empty body has no members", "POST", "/profiles", ``, "2 validation errors detected: Value null at 'name' failed to satisfy constraint: " + notNull + "; Value null at 'roleArns' failed to satisfy constraint: " + notNull},
		{"a name has a character", "POST", "/profiles", `{"name":"","roleArns":[]}`, one("''", "name", "Member must have length greater than or equal to 1")},
		{"a name has at most 255 characters", "POST", "/profiles", `{"name":"` + long(256) + `","roleArns":[]}`, one("'"+shortened+"'", "name", "Member must have length less than or equal to 255")},
		{"a name has no dots", "POST", "/profiles", `{"name":"a.b","roleArns":[]}`, one("'a.b'", "name", nameRule)},
		{"a name has no line end", "POST", "/profiles", `{"name":"a\n","roleArns":[]}`, one("'a\n'", "name", nameRule)},
		{"a name is a string", "POST", "/profiles", `{"name":5,"roleArns":[]}`, one("'5'", "name", "Member must be a string")},
		{"roles are a list", "POST", "/profiles", `{"name":"p","roleArns":"r"}`, one("'r'", "roleArns", "Member must be a list")},
		{"roles are strings", "POST", "/profiles", `{"name":"p","roleArns":[{"a":1}]}`, one(`'[{"a":1}]'`, "roleArns", "Member must be a list of strings")},
		{"at most 250 roles", "POST", "/profiles", `{"name":"p","roleArns":["r"` + strings.Repeat(`,"r"`, 250) + `]}`, one("'["+strings.Repeat("r, ", 33)+"…'", "roleArns", "Member must have length less than or equal to 250")},
		{"an ARN has a character", "POST", "/profiles", `{"name":"p","roleArns":["r",""]}`, one("'[r, ]'", "roleArns", "Member must satisfy constraint: [Member must have length less than or equal to 1011, Member must have length greater than or equal to 1]")},
		{"at most 50 managed policies", "POST", "/profiles", createProfile(`"managedPolicyArns":["r"` + strings.Repeat(`,"r"`, 50) + `]`), one("'["+strings.Repeat("r, ", 33)+"…'", "managedPolicyArns", "Member must have length less than or equal to 50")},
		{"a managed policy has at most 200 characters", "POST", "/profiles", createProfile(`"managedPolicyArns":["` + long(201) + `"]`), one("'["+long(99)+"…'", "managedPolicyArns", "Member must satisfy constraint: [Member must have length less than or equal to 200, Member must have length greater than or equal to 1]")},
		{"a duration is at most 12 hours", "POST", "/profiles", createProfile(`"durationSeconds":43201`), one("'43201'", "durationSeconds", "Member must have value less than or equal to 43200")},
		{"a duration is at least 15 minutes", "POST", "/profiles", createProfile(`"durationSeconds":899`), one("'899'", "durationSeconds", "Member must have value greater than or equal to 900")},
		{"a duration is a whole number", "POST", "/profiles", createProfile(`"durationSeconds":900.5`), one("'900.5'", "durationSeconds", "Member must be an integer")},
		{"a duration fits 32 bits", "POST", "/profiles", createProfile(`"durationSeconds":1e400`), one("'1e400'", "durationSeconds", "Member must be an integer")},
		{"a duration is no string", "POST", "/profiles", createProfile(`"durationSeconds":"3600"`), one("'3600'", "durationSeconds", "Member must be an integer")},
		{"enabled is a boolean", "POST", "/profiles", createProfile(`"enabled":"true"`), one("'true'", "enabled", "Member must be a boolean")},
		{"a session policy of an update has a character", "PATCH", profile, `{"sessionPolicy":""}`, one("''", "sessionPolicy", "Member must have length greater than or equal to 1")},
		{"a session policy of an update is bounded", "PATCH", profile, `{"sessionPolicy":"` + long(100_001) + `"}`, one("'"+shortened+"'", "sessionPolicy", "Member must have length less than or equal to 100000")},
		{"a session policy is a string", "POST", "/profiles", createProfile(`"sessionPolicy":{"Version":"2012-10-17"}`), one(`'{"Version":"2012-10-17"}'`, "sessionPolicy", "Member must be a string")},
		{"an ID has 36 characters and a form", "GET", "/profile/abc", ``, "2 validation errors detected: Value 'abc' at 'profileId' failed to satisfy constraint: Member must have length greater than or equal to 36; Value 'abc' at 'profileId' failed to satisfy constraint: " + uuidRule},
		{"an ID has no upper case", "GET", "/trustanchor/0F2A1B3C-1111-4444-8888-AAAAAAAAAAAA", ``, one("'0F2A1B3C-1111-4444-8888-AAAAAAAAAAAA'", "trustAnchorId", uuidRule)},
		{"an ID with an escaped slash is one segment", "DELETE", "/crl/00000000-0000-4000-8000-0000000000%2F0", ``, one("'00000000-0000-4000-8000-0000000000/0'", "crlId", uuidRule)},
		{"an ID is no longer than 36 characters", "GET", "/subject/" + someID + "0", ``, one("'"+someID+"0'", "subjectId", "Member must have length less than or equal to 36")},
		{"a tag has a key", "POST", "/profiles", createProfile(`"tags":[{"value":"v"}]`), one("null", "tags.1.member.key", notNull)},
		{"a tag has a value", "POST", "/profiles", createProfile(`"tags":[{"key":"a","value":""},{"key":"k"}]`), one("null", "tags.2.member.value", notNull)},
		{"a tag's key has a character", "POST", "/crls", importCRL(`"crlData":"AA==","trustAnchorArn":"a","tags":[{"key":"","value":""}]`), one("''", "tags.1.member.key", "Member must have length greater than or equal to 1")},
		{"a tag's key has at most 128 characters", "POST", "/TagResource", `{"resourceArn":"a","tags":[{"key":"` + long(129) + `","value":""}]}`, one("'"+shortened+"'", "tags.1.member.key", "Member must have length less than or equal to 128")},
		{"a tag's value has at most 256 characters", "POST", "/TagResource", `{"resourceArn":"a","tags":[{"key":"k","value":"` + long(257) + `"}]}`, one("'"+shortened+"'", "tags.1.member.value", "Member must have length less than or equal to 256")},
		{"a tag's value has no quotes", "POST", "/TagResource", `{"resourceArn":"a","tags":[{"key":"k","value":"'"}]}`, one("'''", "tags.1.member.value", tagRule)},
		{"tags are objects", "POST", "/TagResource", `{"resourceArn":"a","tags":["k"]}`, one("'[k]'", "tags", "Member must be a list of objects")},
		{"at most 200 tags", "POST", "/TagResource", `{"resourceArn":"a","tags":[{}` + strings.Repeat(`,{}`, 200) + `]}`, one("'["+strings.Repeat("{}, ", 24)+"{},…'", "tags", "Member must have length less than or equal to 200")},
		{"tagging needs an ARN", "POST", "/TagResource", `{"tags":[]}`, one("null", "resourceArn", notNull)},
		{"untagging needs keys", "POST", "/UntagResource", `{"resourceArn":"a"}`, one("null", "tagKeys", notNull)},
		{"a key to remove has a character", "POST", "/UntagResource", `{"resourceArn":"a","tagKeys":[""]}`, one("'[]'", "tagKeys", "Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, "+tagRule+"]")},
		{"listing tags needs an ARN", "GET", "/ListTagsForResource", ``, one("null", "resourceArn", notNull)},
		{"an ARN in a query is bounded", "GET", "/ListTagsForResource?resourceArn=" + long(1012), ``, one("'"+shortened+"'", "resourceArn", "Member must have length less than or equal to 1011")},
		{"a trust anchor needs a source", "POST", "/trustanchors", `{"name":"a"}`, one("null", "source", notNull)},
		{"a source is an object", "POST", "/trustanchors", `{"name":"a","source":"pem"}`, one("'pem'", "source", "Member must be an object")},
		{"a source's type is one of three", "POST", "/trustanchors", `{"name":"a","source":{"sourceType":"PCA"}}`, one("'PCA'", "source.sourceType", "Member must satisfy enum value set: [AWS_ACM_PCA, CERTIFICATE_BUNDLE, SELF_SIGNED_REPOSITORY]")},
		{"certificate data have a character", "PATCH", anchor, `{"source":{"sourceType":"CERTIFICATE_BUNDLE","sourceData":{"x509CertificateData":""}}}`, one("''", "source.sourceData.x509CertificateData", "Member must have length greater than or equal to 1")},
		{"a setting says whether it is enabled", "POST", "/trustanchors", createAnchor(`"notificationSettings":[{"event":"CA_CERTIFICATE_EXPIRY"}]`), one("null", "notificationSettings.1.member.enabled", notNull)},
		{"a setting has an event", "POST", "/trustanchors", createAnchor(`"notificationSettings":[{"enabled":true}]`), one("null", "notificationSettings.1.member.event", notNull)},
		{"an event is one of two", "POST", "/trustanchors", createAnchor(`"notificationSettings":[{"enabled":true,"event":"CRL"}]`), one("'CRL'", "notificationSettings.1.member.event", "Member must satisfy enum value set: [CA_CERTIFICATE_EXPIRY, END_ENTITY_CERTIFICATE_EXPIRY]")},
		{"a threshold is at most 360 days", "POST", "/trustanchors", createAnchor(`"notificationSettings":[{"enabled":true,"event":"CA_CERTIFICATE_EXPIRY","threshold":361}]`), one("'361'", "notificationSettings.1.member.threshold", "Member must have value less than or equal to 360")},
		{"a threshold is at least a day", "POST", "/trustanchors", createAnchor(`"notificationSettings":[{"enabled":true,"event":"CA_CERTIFICATE_EXPIRY","threshold":0}]`), one("'0'", "notificationSettings.1.member.threshold", "Member must have value greater than or equal to 1")},
		{"there is one channel", "PATCH", "/put-notifications-settings", `{"trustAnchorId":"` + someID + `","notificationSettings":[{"enabled":true,"event":"CA_CERTIFICATE_EXPIRY","channel":"MAIL"}]}`, one("'MAIL'", "notificationSettings.1.member.channel", "Member must satisfy enum value set: [ALL]")},
		{"settings to put must be there", "PATCH", "/put-notifications-settings", `{"trustAnchorId":"` + someID + `"}`, one("null", "notificationSettings", notNull)},
		{"the trust anchor of settings must be there", "PATCH", "/put-notifications-settings", `{"notificationSettings":[]}`, one("null", "trustAnchorId", notNull)},
		{"keys to reset must be there", "PATCH", "/reset-notifications-settings", `{"trustAnchorId":"` + someID + `"}`, one("null", "notificationSettingKeys", notNull)},
		{"a key to reset has an event", "PATCH", "/reset-notifications-settings", `{"trustAnchorId":"` + someID + `","notificationSettingKeys":[{}]}`, one("null", "notificationSettingKeys.1.member.event", notNull)},
		{"a list is imported for a trust anchor", "POST", "/crls", importCRL(`"crlData":"AA=="`), one("null", "trustAnchorArn", notNull)},
		{"a list to import must be there", "POST", "/crls", importCRL(`"trustAnchorArn":"a"`), one("null", "crlData", notNull)},
		{"a list has a byte", "POST", "/crls", importCRL(`"crlData":"","trustAnchorArn":"a"`), one("''", "crlData", "Member must have length greater than or equal to 1")},
		{"a list has at most 300000 bytes", "PATCH", "/crl/" + someID, `{"crlData":"` + strings.Repeat("AAAA", 100_001) + `"}`, one("'"+strings.Repeat("A", 100)+"…'", "crlData", "Member must have length less than or equal to 300000")},
		{"a list is base64", "PATCH", "/crl/" + someID, `{"crlData":"-----"}`, one("'-----'", "crlData", "Member must be base64")},
		{"a field of a certificate is one of three", "PUT", mappings, `{"certificateField":"x509Serial","mappingRules":[]}`, one("'x509Serial'", "certificateField", "Member must satisfy enum value set: [x509Subject, x509Issuer, x509SAN]")},
		{"mapping rules must be there", "PUT", mappings, `{"certificateField":"x509SAN"}`, one("null", "mappingRules", notNull)},
		{"a mapping rule has a specifier", "PUT", mappings, `{"certificateField":"x509SAN","mappingRules":[{}]}`, one("null", "mappingRules.1.member.specifier", notNull)},
		{"a specifier has at most 60 characters", "PUT", mappings, `{"certificateField":"x509Subject","mappingRules":[{"specifier":"` + long(61) + `"}]}`, one("'"+long(61)+"'", "mappingRules.1.member.specifier", "Member must have length less than or equal to 60")},
		{"a mapping is deleted by its field", "DELETE", mappings, ``, one("null", "certificateField", notNull)},
		{"specifiers in a query are bounded too", "DELETE", mappings + "?certificateField=x509SAN&specifiers=DNS&specifiers=" + long(61), ``, one("'[DNS, "+long(61)+"]'", "specifiers", "Member must satisfy constraint: [Member must have length less than or equal to 60, Member must have length greater than or equal to 0]")},
		{"a page has at least one item", "GET", "/profiles?pageSize=0", ``, one("'0'", "pageSize", "Member must have value greater than or equal to 1")},
		{"a page size is not negative", "GET", "/crls?pageSize=-1", ``, one("'-1'", "pageSize", "Member must have value greater than or equal to 1")},
		{"a page size is a number", "GET", "/subjects?pageSize=NaN", ``, one("'NaN'", "pageSize", "Member must be an integer")},
		{"a page size is decimal", "GET", "/subjects?pageSize=0x10", ``, one("'0x10'", "pageSize", "Member must be an integer")},
		{"a page size is not empty", "GET", "/trustanchors?pageSize=", ``, one("''", "pageSize", "Member must be an integer")},
		{"a token has a character", "GET", "/profiles?nextToken=", ``, one("''", "nextToken", "Member must have length greater than or equal to 1")},
		{"a token has at most 10000 characters", "GET", "/profiles?nextToken=" + long(10_001), ``, one("'"+shortened+"'", "nextToken", "Member must have length less than or equal to 10000")},
		{"a body is JSON", "POST", "/profiles", `name=p`, "The body is not a JSON object."},
		{"a body is an object", "POST", "/profiles", `[]`, "The body is not a JSON object."},
		{"a body is one object", "POST", "/profiles", `{} {}`, "The body is not a JSON object."},
		{"a body is bounded", "POST", "/profiles", `"` + long(maxBody) + `"`, "The body is too large."},
		{"a parameter is given once", "GET", "/profiles?pageSize=1&pageSize=2", ``, "The query string is malformed."},
		{"a query is well formed", "GET", "/profiles?pageSize=%zz", ``, "The query string is malformed."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			// A caller without permissions shows that members are looked at first.
			_, err := do(t, newAccount(t), callerWith(`{}`), tt.method, tt.target, tt.body)
			r := refusal(t, err)
			if r.Status != 400 || r.Code != "ValidationException" || r.Message != tt.want {
				t.Errorf("got %d %s\n%s, want 400 ValidationException\n%s", r.Status, r.Code, r.Message, tt.want)
			}
		})
	}
}

func TestMembersWithinTheModelsConstraintsAreTaken(t *testing.T) {
	tests := []struct{ name, body string }{
		{"a name of 255 characters", `{"name":"` + long(255) + `","roleArns":[]}`},
		{"a number with a fraction of zero", `{"name":"p","roleArns":[],"durationSeconds":3600.0}`},
		{"null where nothing is needed", `{"name":"p","roleArns":[],"durationSeconds":null,"tags":null,"enabled":null}`},
		{"members that the model does not have", `{"name":"p","roleArns":[],"Enabled":1,"comment":{"a":[]}}`},
		{"an empty value of a tag", `{"name":"p","roleArns":[],"tags":[{"key":"k","value":""}]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := mustDo(t, newAccount(t), http.MethodPost, "/profiles", tt.body)["profile"].(map[string]any)
			if p["durationSeconds"] != 3600.0 || p["enabled"] != false {
				t.Errorf("got duration %v and enabled %v, want 3600 and false", p["durationSeconds"], p["enabled"])
			}
		})
	}
}

func TestLengthsCountCharactersNotBytes(t *testing.T) {
	target := "/ListTagsForResource?resourceArn=" + strings.Repeat("%C3%A9", 1011)
	_, err := do(t, newAccount(t), administrator, http.MethodGet, target, "")
	if r := refusal(t, err); r.Message != "Invalid resourceArn." {
		t.Errorf("1011 characters of two bytes: got %v, want only the ARN refused", r)
	}
}

func TestUnknownMethodsAndPathsAreUnknownOperations(t *testing.T) {
	tests := []struct{ name, method, target string }{
		{"another method", "PUT", "/profiles"},
		{"a single resource in the plural", "GET", "/profiles/" + someID},
		{"mappings in the singular", "PUT", "/profile/" + someID + "/mappings"},
		{"an empty ID", "GET", "/profile/"},
		{"a slash at the end", "GET", "/profiles/"},
		{"another case", "GET", "/Profiles"},
		{"a variable's name", "POST", "/{profiles}"},
		{"sessions, which are not managed", "POST", "/sessions"},
		{"the root", "GET", "/"},
		{"no update of subjects", "PATCH", "/subject/" + someID},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := do(t, newAccount(t), administrator, tt.method, tt.target, "")
			if r := refusal(t, err); r.Status != 404 || r.Code != "UnknownOperationException" {
				t.Errorf("got %v, want 404 UnknownOperationException", r)
			}
		})
	}
}
