package management

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestNotificationSettingsAreSetAndResetOneByOne(t *testing.T) {
	a := newAccount(t)
	id, _ := created(t, a, "/trustanchors", "trustAnchor", bundleBody(t, newCA(t, "ca", nil).pem))
	const service = "rolesanywhere.amazonaws.com"
	steps := []struct{ name, target, body, want string }{
		{"one is set", "/put-notifications-settings", `"notificationSettings":[{"enabled":false,"event":"CA_CERTIFICATE_EXPIRY","threshold":7}]`, "false 7 " + accountID + ", true 45 " + service},
		{"the other is set, with the default threshold", "/put-notifications-settings", `"notificationSettings":[{"enabled":true,"event":"END_ENTITY_CERTIFICATE_EXPIRY","channel":"ALL"}]`, "false 7 " + accountID + ", true 45 " + accountID},
		{"one is reset", "/reset-notifications-settings", `"notificationSettingKeys":[{"event":"CA_CERTIFICATE_EXPIRY"}]`, "true 45 " + service + ", true 45 " + accountID},
		{"none is reset", "/reset-notifications-settings", `"notificationSettingKeys":[]`, "true 45 " + service + ", true 45 " + accountID},
	}
	for _, s := range steps {
		answer := mustDo(t, a, http.MethodPatch, s.target, `{"trustAnchorId":"`+id+`",`+s.body+`}`)
		var got []string
		for _, n := range answer["trustAnchor"].(map[string]any)["notificationSettings"].([]any) {
			n := n.(map[string]any)
			got = append(got, fmt.Sprint(n["enabled"], " ", n["threshold"], " ", n["configuredBy"]))
		}
		if got := strings.Join(got, ", "); got != s.want {
			t.Errorf("%s: got %s, want %s", s.name, got, s.want)
		}
	}
}
