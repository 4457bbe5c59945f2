package management

import (
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
)

func TestNewResourcesHaveTheDocumentedDefaults(t *testing.T) {
	a := newAccount(t)
	authority := newCA(t, "ca", nil)
	profile := mustDo(t, a, http.MethodPost, "/profiles", `{"name":"p","roleArns":[]}`)["profile"].(map[string]any)
	want := fmt.Sprint(object{
		"profileId": profile["profileId"], "profileArn": arnPrefix + "profile/" + profile["profileId"].(string), "name": "p",
		"requireInstanceProperties": false, "enabled": false, "createdBy": accountID, "roleArns": []any{},
		"managedPolicyArns": []any{}, "createdAt": profile["createdAt"], "updatedAt": profile["createdAt"],
		"durationSeconds": 3600, "acceptRoleSessionName": false, "attributeMappings": []any{
			object{"certificateField": "x509Issuer", "mappingRules": []any{object{"specifier": "*"}}},
			object{"certificateField": "x509SAN", "mappingRules": []any{object{"specifier": "DNS"}, object{"specifier": "URI"}, object{"specifier": "Name/*"}}},
			object{"certificateField": "x509Subject", "mappingRules": []any{object{"specifier": "*"}}},
		},
	})
	if got := fmt.Sprint(profile); got != want {
		t.Errorf("profile\n got %s\nwant %s", got, want)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000000Z", profile["createdAt"].(string)); err != nil {
		t.Errorf("createdAt is not in microseconds: %v", err)
	}
	anchor := mustDo(t, a, http.MethodPost, "/trustanchors", bundleBody(t, authority.pem))["trustAnchor"].(map[string]any)
	setting := func(event string) object {
		return object{"enabled": true, "event": event, "threshold": 45, "channel": "ALL", "configuredBy": "rolesanywhere.amazonaws.com"}
	}
	want = fmt.Sprint([]any{setting("CA_CERTIFICATE_EXPIRY"), setting("END_ENTITY_CERTIFICATE_EXPIRY")})
	if got := fmt.Sprint(anchor["notificationSettings"]); got != want {
		t.Errorf("notification settings\n got %s\nwant %s", got, want)
	}
	if anchor["enabled"] != false || anchor["crlDpRevocationEnabled"] != false {
		t.Errorf("trust anchor: got enabled %v, crlDpRevocationEnabled %v, want false", anchor["enabled"], anchor["crlDpRevocationEnabled"])
	}
	body := asJSON(t, object{"name": "c", "crlData": authority.crl(t, 1), "trustAnchorArn": anchor["trustAnchorArn"]})
	if crl := mustDo(t, a, http.MethodPost, "/crls", body)["crl"].(map[string]any); crl["enabled"] != false {
		t.Errorf("CRL: got enabled %v, want false", crl["enabled"])
	}
}

func TestAResourceIsDeletedOnceAndAnsweredAsItWas(t *testing.T) {
	a := newAccount(t)
	id, _ := created(t, a, "/profiles", "profile", `{"name":"p","roleArns":[],"enabled":true}`)
	before := mustDo(t, a, http.MethodGet, "/profile/"+id, "")
	if after := mustDo(t, a, http.MethodDelete, "/profile/"+id, ""); !reflect.DeepEqual(after, before) {
		t.Errorf("got %v, want %v", after, before)
	}
	for _, method := range []string{http.MethodDelete, http.MethodGet} {
		if _, err := do(t, a, administrator, method, "/profile/"+id, ""); refusal(t, err).Status != 404 {
			t.Errorf("%s after deletion: got %v, want 404", method, err)
		}
	}
}

func TestACopyHasEveryExportedField(t *testing.T) {
	t.Run("trust anchor", func(t *testing.T) { copiesAll(t, copyTrustAnchor) })
	t.Run("CRL", func(t *testing.T) { copiesAll(t, copyCRL) })
	t.Run("profile", func(t *testing.T) { copiesAll(t, shallow[account.Profile]) })
	t.Run("subject", func(t *testing.T) { copiesAll(t, shallow[account.Subject]) })
}

func copiesAll[T any](t *testing.T, copied func(*T) *T) {
	t.Helper()
	x := new(T)
	v := reflect.ValueOf(x).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case !f.CanSet():
		case f.Type() == reflect.TypeFor[time.Time]():
			f.Set(reflect.ValueOf(time.Now()))
		case f.Kind() == reflect.String:
			f.SetString("x")
		case f.Kind() == reflect.Bool:
			f.SetBool(true)
		case f.Kind() == reflect.Int:
			f.SetInt(1)
		case f.Kind() == reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		default:
			t.Fatalf("a field of type %v is not filled", f.Type())
		}
	}
	got := reflect.ValueOf(copied(x)).Elem()
	for i := range v.NumField() {
		if v.Field(i).CanSet() && !reflect.DeepEqual(got.Field(i).Interface(), v.Field(i).Interface()) {
			t.Errorf("%s is not copied", v.Type().Field(i).Name)
		}
	}
}

func TestManyCallersAtOnce(t *testing.T) {
	a := newAccount(t)
	authority := newCA(t, "ca", nil)
	shared, sharedARN := created(t, a, "/trustanchors", "trustAnchor", bundleBody(t, authority.pem))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 5 {
				id, arn := created(t, a, "/profiles", "profile", `{"name":"p","roleArns":["`+someRole+`"]}`)
				mustDo(t, a, http.MethodPost, "/profile/"+id+"/enable", "")
				mustDo(t, a, http.MethodPatch, "/trustanchor/"+shared, bundleBody(t, authority.pem))
				mustDo(t, a, http.MethodPost, "/TagResource", fmt.Sprintf(`{"resourceArn":"%s","tags":[{"key":"caller-%d","value":"x"}]}`, sharedARN, i))
				a.Read(func(s *account.State) {
					if roots, _ := s.TrustAnchors[shared].Roots(); len(roots) != 1 {
						t.Errorf("got %d certificates, want 1", len(roots))
					}
				})
				mustDo(t, a, http.MethodGet, "/profiles?pageSize=3", "")
				mustDo(t, a, http.MethodGet, "/ListTagsForResource?resourceArn="+arn, "")
				mustDo(t, a, http.MethodDelete, "/profile/"+id, "")
			}
		})
	}
	wg.Wait()
	if tags := mustDo(t, a, http.MethodGet, "/ListTagsForResource?resourceArn="+sharedARN, "")["tags"].([]any); len(tags) != 8 {
		t.Errorf("got %d tags, want one of each caller", len(tags))
	}
	if left := mustDo(t, a, http.MethodGet, "/profiles", "")["profiles"].([]any); len(left) != 0 {
		t.Errorf("got %d profiles, want none", len(left))
	}
}
