package agent_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/foreign"
)

const (
	erpPassword = "correct-horse-battery-staple"
	crmPassword = "another-horse-battery-staple"
)

// actionsHost is a host with the actions, for two callers: erp may do everything, with the certificate client; crm may validate alone.
func actionsHost(t *testing.T) (*host, string) {
	t.Helper()
	address := foreign.FreeAddress(t)
	h := prepareHost(t)
	h.write("erp.password", erpPassword)
	h.write("crm.password", crmPassword)
	store, err := certstore.Create(filepath.Join(h.dir, "store"), certstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	id := h.local.Client("stored").Identity
	if err := store.Add(t.Context(), "MY_S3", id, certstore.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	h.configure(h.actionsPart(address, "erp.password"))
	h.run()
	h.settled()
	return h, address
}

func (h *host) actionsPart(address, password string) string {
	return fmt.Sprintf(`agent:
  actions:
    address: %q
    endpoint_url: %q
    callers:
      erp: {password: 'file:%s', credentials: [One, away], roles: [%q], certificates: [my_s3, gone]}
      crm: {password: 'file:crm.password', actions: [validate], credentials: [two]}
`, address, h.local.Endpoint, password, h.local.RoleARN)
}

func (h *host) write(name, text string) {
	h.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(text+"\n"), 0o600); err != nil {
		h.Fatal(err)
	}
}

// act calls an action, and answers the status and the object.
func act(t *testing.T, address, user, password, action, body string) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/v1/"+action, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(user, password)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var o map[string]any
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return answer.StatusCode, o
}

// own are the parameters of a session, with changes.
func own(local *awsauthtest.Local, changes map[string]any) string {
	parameters := map[string]any{
		"roleArn": local.RoleARN, "profileArn": local.ProfileARN, "trustAnchorArn": local.TrustAnchorARN, "clientCertificateIdentifier": "my_S3",
	}
	for key, value := range changes {
		parameters[key] = value
	}
	text, err := json.Marshal(parameters)
	if err != nil {
		panic(err) // maps of strings always encode
	}
	return string(text)
}

// A caller gets what the configuration grants it, by name or by parameters, and nothing else.
func TestCallersOfActionsGetWhatTheyMay(t *testing.T) {
	h, address := actionsHost(t)
	const static = `{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","secretAccessKey":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}`
	with := func(key string, value any) string { return own(h.local, map[string]any{key: value}) }
	for _, test := range []struct {
		name, user, action, body string
		status                   int
		code                     string
	}{
		{"by name", "erp", "credentials/session", `{"name":"one"}`, 200, ""},
		{"by name in capitals", "erp", "credentials/session", `{"name":"ONE"}`, 200, ""},
		{"by parameters", "erp", "credentials/session", own(h.local, nil), 200, ""},
		{"validate by parameters", "erp", "validate", own(h.local, nil), 200, ""},
		{"static by parameters", "erp", "credentials/static", static, 200, ""},
		{"sign by name", "erp", "sign", `{"name":"one","url":"https://sqs.eu-west-1.amazonaws.com/"}`, 200, ""},
		{"validate alone", "crm", "validate", `{"name":"two"}`, 200, ""},
		{"a name of somebody else", "erp", "credentials/session", `{"name":"two"}`, 403, "NotAllowed"},
		{"a name of nobody", "erp", "credentials/session", `{"name":"nobody"}`, 403, "NotAllowed"},
		{"an action of somebody else", "crm", "credentials/session", `{"name":"two"}`, 403, "NotAllowed"},
		{"static for whom it is not", "crm", "credentials/static", static, 403, "NotAllowed"},
		{"sign for whom it is not", "crm", "sign", `{"name":"two","url":"https://sqs.eu-west-1.amazonaws.com/"}`, 403, "NotAllowed"},
		{"parameters for whom they are not", "crm", "validate", own(h.local, nil), 403, "NotAllowed"},
		{"another role", "erp", "credentials/session", with("roleArn", "arn:aws:iam::123456789012:role/admin"), 403, "NotAllowed"},
		{"another certificate", "erp", "credentials/session", with("clientCertificateIdentifier", "other"), 403, "NotAllowed"},
		{"a certificate in a file", "erp", "credentials/session", with("clientCertificateIdentifier", "file:"+h.dir+"/certificate.pem?key="+h.dir+"/key.pem"), 400, "InvalidRequest"},
		{"a certificate that is gone", "erp", "credentials/session", with("clientCertificateIdentifier", "gone"), 404, "CertificateNotFound"},
		{"no role", "erp", "credentials/session", with("roleArn", ""), 400, "InvalidRequest"},
		{"a temporary key", "erp", "credentials/static", `{"accessKeyId":"ASIAIOSFODNN7EXAMPLE","secretAccessKey":"x"}`, 400, "InvalidRequest"},
		{"too long", "erp", "credentials/session", with("duration", 43201), 400, "InvalidRequest"},
		{"too short", "erp", "credentials/session", with("duration", 899), 400, "InvalidRequest"},
		{"a region that is none", "erp", "credentials/session", with("region", "Ireland"), 400, "InvalidRequest"},
		{"a region that is none, of a key", "erp", "validate", strings.Replace(static, "}", `,"region":"Ireland"}`, 1), 400, "InvalidRequest"},
		{"a profile that AWS does not know", "erp", "credentials/session", with("profileArn", strings.ReplaceAll(h.local.ProfileARN, h.local.ProfileARN[len(h.local.ProfileARN)-4:], "0000")), 502, "RefusedByAWS"},
		{"a session where a key is meant", "erp", "credentials/static", `{"name":"one"}`, 400, "InvalidRequest"},
		{"AWS is away", "erp", "credentials/session", `{"name":"away"}`, 503, "CredentialsUnavailable"},
		{"a password for a name", "erp", "validate", `{"name":"` + erpPassword + `"}`, 403, "NotAllowed"},
		{"a password for parameters", "erp", "validate", own(h.local, map[string]any{"roleArn": erpPassword, "clientCertificateIdentifier": erpPassword}), 400, "InvalidRequest"},
	} {
		t.Run(test.name, func(t *testing.T) {
			password := map[string]string{"erp": erpPassword, "crm": crmPassword}[test.user]
			status, o := act(t, address, test.user, password, test.action, test.body)
			code, _ := o["code"].(string)
			if status != test.status || code != test.code {
				t.Errorf("got %d %s %v, want %d %s", status, code, o["detail"], test.status, test.code)
			}
			if _, there := o["secretAccessKey"]; status != 200 && there {
				t.Error("a credential is in a refusal")
			}
		})
	}
	for _, secret := range []string{erpPassword, crmPassword, "wJalrXUtnFEMI"} {
		if strings.Contains(h.log.String(), secret) {
			t.Error("a secret is in the log")
		}
	}
	for _, line := range []string{
		"door=actions method=POST name=one action=session caller=erp key=…",
		"door=actions method=POST name=away action=session caller=erp uid=",
		"door=actions method=POST name=two action=session caller=erp uid=",
		"door=actions method=POST action=session caller=erp role=" + h.local.RoleARN + " certificate=my_S3 key=…",
		"door=actions method=POST action=session caller=erp role=" + h.local.RoleARN + " certificate=my_S3 uid=", // AWS refuses
		"door=actions method=POST action=session caller=erp role=" + h.local.RoleARN + " certificate=gone uid=",
		"door=actions method=POST action=session caller=erp role=arn:aws:iam::123456789012:role/admin certificate=my_S3 uid=",
		"door=actions method=POST action=validate caller=crm role=" + h.local.RoleARN + " certificate=my_S3 uid=", "action=validate caller=crm key=…",
		"level=WARN msg=refused door=actions method=POST name=two action=session caller=crm", "why=NotAllowed",
	} {
		if !strings.Contains(h.log.String(), line) {
			t.Errorf("the log has no %q", line)
		}
	}
}

// Sessions of a caller's own parameters are held: one call serves many, each set of parameters has its own, reading the
// configuration anew keeps them, and a renewed certificate begins anew.
func TestSessionsOfParametersAreHeld(t *testing.T) {
	h, address := actionsHost(t)
	key := func(changes map[string]any) string {
		t.Helper()
		status, o := act(t, address, "erp", erpPassword, "credentials/session", own(h.local, changes))
		if status != http.StatusOK {
			t.Fatalf("got %d %v", status, o)
		}
		return o["accessKeyId"].(string)
	}
	first := key(nil)
	if again := key(nil); again != first {
		t.Error("a second call was made for the same parameters")
	}
	if other := key(map[string]any{"duration": 900}); other == first {
		t.Error("another duration gives the same session")
	}
	if err := h.agent.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := key(nil); again != first {
		t.Error("reading the configuration anew has lost the session")
	}
	store, err := certstore.Open(filepath.Join(h.dir, "store"), certstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Add(t.Context(), "MY_S3", h.local.Client("renewed").Identity, certstore.AddOptions{Replace: true}); err != nil {
		t.Fatal(err)
	}
	renewed := key(nil)
	if renewed == first {
		t.Error("a renewed certificate gives the session of the one before")
	}
	for i := range 70 { // more than are held
		key(map[string]any{"duration": 1000 + i})
	}
	if key(nil) == renewed {
		t.Error("there is no end to what is held")
	}
}

// A new password counts from a reload on, and the one before no longer; one that cannot be read changes nothing.
func TestANewPasswordCountsAfterAReload(t *testing.T) {
	h, address := actionsHost(t)
	status := func(password string) int {
		t.Helper()
		code, _ := act(t, address, "erp", password, "credentials/session", `{"name":"one"}`)
		return code
	}
	for _, bad := range []struct{ file, text, want string }{
		{"short.password", "too short", "agent.actions.callers.erp.password: has fewer than 16 characters: openssl rand -base64 24 makes one"},
		{"same.password", crmPassword, "agent.actions.callers: crm and erp have the same password: give each its own"},
		{"none.password", "", "agent.actions.callers.erp.password: file:" + filepath.Join(h.dir, "none.password") + ": is empty"},
	} {
		h.write(bad.file, bad.text)
		h.configure(h.actionsPart(address, bad.file))
		if err := h.agent.Reload(t.Context()); fmt.Sprint(err) != bad.want {
			t.Errorf("%s: got %v, want %s", bad.file, err, bad.want)
		}
		if got := h.agent.Status().Reload; got != bad.want {
			t.Errorf("the status says %q", got)
		}
		if got := status(erpPassword); got != http.StatusOK {
			t.Errorf("%s: got %d with the password that is in force", bad.file, got)
		}
	}
	const changed = "a-new-horse-battery-staple"
	h.write("new.password", changed)
	h.configure(h.actionsPart(address, "new.password"))
	if err := h.agent.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if before, now := status(erpPassword), status(changed); before != http.StatusUnauthorized || now != http.StatusOK || h.agent.Status().Reload != "" {
		t.Errorf("got %d with the one before, %d with the new one, and %q", before, now, h.agent.Status().Reload)
	}
}

// A letter that Unicode folds to another one makes no other name of it: ſ is not s.
func TestNamesAreToldApartInOneWay(t *testing.T) {
	address := foreign.FreeAddress(t)
	h := prepareHost(t)
	h.write("erp.password", erpPassword)
	h.configure(fmt.Sprintf(`  base: {type: static, access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY}
agent:
  actions: {address: %q, callers: {erp: {password: 'file:erp.password', credentials: [base]}}}
`, address))
	h.run()
	h.settled()
	for name, want := range map[string]int{"base": http.StatusOK, "BASE": http.StatusOK, "ba\u017fe": http.StatusForbidden} {
		if status, o := act(t, address, "erp", erpPassword, "credentials/static", `{"name":"`+name+`"}`); status != want {
			t.Errorf("%s: got %d %v, want %d", name, status, o, want)
		}
	}
}

// The address stays until a restart: each reload says so, and the status says where the actions are called.
func TestTheAddressOfActionsStays(t *testing.T) {
	h, address := actionsHost(t)
	h.configure(h.actionsPart("127.0.0.1:1", "erp.password"))
	for want := 1; want <= 2; want++ {
		if err := h.agent.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(h.log.String(), `msg="a restart is needed for it to count" key=agent.actions.address`); got != want {
			t.Errorf("after %d reloads it is said %d times", want, got)
		}
	}
	if got := h.agent.Status().Actions; got != address {
		t.Errorf("the status says %s, want %s", got, address)
	}
	h.configure(allowMe("one"))
	if err := h.agent.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, o := act(t, address, "erp", erpPassword, "validate", `{"name":"one"}`); status != http.StatusUnauthorized {
		t.Errorf("without callers: got %d %v", status, o)
	}
}
