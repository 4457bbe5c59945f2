package agent_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/foreign"
	"github.com/awsauth-go/awsauth/serve/credfile"
)

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// An agent that answers is alive; it is ready when every credential is good for a while.
func TestHealth(t *testing.T) {
	address := foreign.FreeAddress(t)
	health := fmt.Sprintf("agent:\n  health: %q\n", address)
	h := newHost(t, strings.Replace(allowMe("one", "away"), "agent:\n", health, 1))
	h.settled()
	if status, body := get(t, "http://"+address+"/healthz"); status != 200 || body != "{\"ok\":true}\n" {
		t.Errorf("got %d %s", status, body)
	}
	if status, body := get(t, "http://"+address+"/readyz"); status != 503 || body != "{\"ok\":false,\"waiting\":[\"away\"]}\n" {
		t.Errorf("got %d %s", status, body)
	}
	if status, _ := get(t, "http://"+address+"/other"); status != 404 {
		t.Errorf("got %d", status)
	}
	h.configure(strings.Replace(allowMe("one"), "agent:\n", health, 1))
	if err := h.agent.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, "http://"+address+"/readyz"); status != 200 || body != "{\"ok\":true}\n" {
		t.Errorf("got %d %s", status, body)
	}
	if err := os.Remove(h.socket); err != nil { // clients can no longer ask
		t.Fatal(err)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := get(t, "http://"+address+path); status != 503 || !strings.Contains(body, `"error":"no agent runs there"`) {
			t.Errorf("%s: got %d %s", path, status, body)
		}
	}
}

// The metrics say what the status says.
func TestMetrics(t *testing.T) {
	address := foreign.FreeAddress(t)
	h := newHost(t, strings.Replace(allowMe("one", "away"), "agent:\n", fmt.Sprintf("agent:\n  health: %q\n  update: [{credential: one, profile: 'p'}]\n", address), 1))
	h.settled()
	if _, err := h.client().Credentials(t.Context(), "one"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return !h.agent.Status().Updates[0].Written.IsZero() })
	if _, err := h.client().Credentials(t.Context(), "away"); err == nil {
		t.Fatal("credentials from an AWS that is away")
	}
	status, body := get(t, "http://"+address+"/metrics")
	lines := strings.Split(body, "\n")
	if status != 200 {
		t.Fatalf("got %d", status)
	}
	s := h.agent.Status()
	for _, want := range []string{
		`awsauth_build_info{version="test"} 1`, "awsauth_ready 0", "awsauth_reload_failed 0",
		`awsauth_credential_held{name="one",type="session"} 1`, `awsauth_credential_held{name="away",type="session"} 0`,
		`awsauth_credential_served_total{name="one",type="session"} 1`, `awsauth_credential_calls_total{name="one",type="session"} 1`,
		`awsauth_decisions_total{door="socket",decision="granted"} 1`, `awsauth_decisions_total{door="socket",decision="refused"} 1`,
		`awsauth_update_failures{profile="p",file="` + filepath.Join(h.dir, "aws", "credentials") + `"} 0`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("there is no line %s", want)
		}
	}
	for _, prefix := range []string{
		`awsauth_credential_expires_timestamp_seconds{name="one",type="session"} 1.`, `awsauth_credential_next_refresh_timestamp_seconds{name="one",type="session"} 1.`,
		`awsauth_certificate_expires_timestamp_seconds{certificate="` + filepath.Join(h.dir, "certificate.pem") + `"} 1.`,
		"process_resident_memory_bytes ", "process_open_fds ", "go_goroutines ", "process_start_time_seconds 1.",
	} {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, prefix) }) {
			t.Errorf("no line begins with %s", prefix)
		}
	}
	if strings.Contains(body, `expires_timestamp_seconds{name="away"`) {
		t.Error("there is an end of what is not there")
	}
	for _, c := range s.Credentials {
		if c.AccessKeyID != "" && strings.Contains(body, c.AccessKeyID) {
			t.Error("an access key ID is in the metrics")
		}
	}
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come to it")
		}
	}
}

// The agent keeps profiles of credentials files fresh, several of one file, and leaves the rest; a file that cannot be written is said
// so, and written once it can be; what another program has written over is mended.
func TestTheAgentKeepsProfilesFresh(t *testing.T) {
	h := prepareHost(t)
	other := filepath.Join(h.dir, "other")
	if err := os.Mkdir(other, 0o755); err != nil { // a directory in the file's place
		t.Fatal(err)
	}
	standard := filepath.Join(h.dir, "aws", "credentials")
	if err := os.Mkdir(filepath.Dir(standard), 0o700); err != nil {
		t.Fatal(err)
	}
	h.write("aws/credentials", "# mine\n[own]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE")
	h.configure("agent:\n  update: [{credential: ONE}, {credential: two, profile: second}, {credential: two, file: other}]\n")
	h.run()
	h.settled()
	waitFor(t, func() bool {
		u := h.agent.Status().Updates
		return !u[0].Written.IsZero() && !u[1].Written.IsZero() && u[2].Failures > 0
	})
	s := h.agent.Status()
	text, err := os.ReadFile(standard)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "# mine\n[own]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n") {
		t.Errorf("what was there is now\n%.80s", text)
	}
	// A program that knows no lock puts back what it has read before.
	h.write("aws/credentials", "# mine\n[own]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE")
	waitFor(t, func() bool {
		mended, err := os.ReadFile(standard)
		one, _ := credfile.Lookup(mended, "one", "aws_access_key_id")
		second, _ := credfile.Lookup(mended, "second", "aws_access_key_id")
		return err == nil && one == s.Credentials[0].AccessKeyID && second == s.Credentials[1].AccessKeyID
	})
	for profile, c := range map[string]int{"one": 0, "second": 1} {
		_, after, found := strings.Cut(string(text), "["+profile+"]\n")
		if want := "aws_access_key_id = " + s.Credentials[c].AccessKeyID + "\n"; !found || !strings.HasPrefix(after, want) {
			t.Errorf("profile %s does not have %s", profile, want)
		}
	}
	if u := s.Updates[2]; u.Error != "change "+other+": not a regular file" || u.AccessKeyID != "" {
		t.Errorf("got %+v", u)
	}
	raw, err := json.Marshal(s)
	if err != nil || strings.Contains(string(raw), "aws_secret") {
		t.Errorf("got %s, %v", raw, err)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return h.agent.Status().Updates[2].Error == "" })
	if text, err := os.ReadFile(other); err != nil || !strings.Contains(string(text), "[two]\naws_access_key_id = "+s.Credentials[1].AccessKeyID) {
		t.Errorf("got %v", err)
	}
}

// Access keys land while a reload is under way, and each profile gets its own.
func TestAReloadWritesAllProfiles(t *testing.T) {
	const profiles = 100
	h := prepareHost(t)
	configure := func(secret string) {
		credentials, updates := "credentials:\n", "agent:\n  update:\n"
		for i := range profiles {
			credentials += fmt.Sprintf("  c%d: {type: static, access_key_id: AKIAIOSFODNN7EXAMPLE, secret_access_key: %s}\n", i, secret)
			updates += fmt.Sprintf("  - {credential: c%d, file: f%d}\n", i, i)
		}
		h.write("config.yaml", credentials+updates)
	}
	written := func(secret string) bool {
		for i := range profiles {
			text, err := os.ReadFile(filepath.Join(h.dir, fmt.Sprintf("f%d", i)))
			if err != nil || !strings.Contains(string(text), secret) {
				return false
			}
		}
		return true
	}
	for i := range 4 {
		secret := fmt.Sprintf("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE%d", i)
		configure(secret)
		if i == 0 {
			h.run()
		} else if err := h.agent.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool { return written(secret) })
	}
}

// One profile is one credential's, however file and profile are written.
func TestTwoDoNotTakeTurnsWithAProfile(t *testing.T) {
	h := prepareHost(t)
	if err := errors.Join(os.Mkdir(filepath.Join(h.dir, "aws"), 0o700), os.Symlink("aws", filepath.Join(h.dir, "link"))); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"[{credential: one, file: aws/credentials}, {credential: two, file: link/credentials, profile: one}]",
		"[{credential: one}, {credential: two, file: aws/credentials, profile: one}]",
		"[{credential: ONE}, {credential: two, profile: one}]",
	} {
		h.configure("agent:\n  update: " + part + "\n")
		const want = "agent.update[1].profile: is written by an entry before: two would take turns"
		if err := h.start(h.socket); fmt.Sprint(err) != want {
			t.Errorf("%s: got %v, want %s", part, err, want)
		}
	}
}

// The status names the certificates that are used, when they end and by whom.
func TestTheStatusNamesCertificates(t *testing.T) {
	h := newHost(t, allowMe("one", "two"))
	h.settled()
	all := h.agent.Status().Certificates
	if len(all) != 1 || all[0].Name != filepath.Join(h.dir, "certificate.pem") || all[0].Subject != "CN=client" || !slices.Equal(all[0].UsedBy, []string{"one", "two"}) {
		t.Fatalf("got %+v", all)
	}
	if left := time.Until(all[0].Expires); left < time.Minute {
		t.Errorf("it ends in %s", left)
	}
	if err := h.agent.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := h.agent.Status().Certificates; len(after) != 1 || !slices.Equal(after[0].UsedBy, all[0].UsedBy) || !after[0].Expires.Equal(all[0].Expires) {
		t.Errorf("after a reload that changes nothing: got %+v, want %+v", after, all)
	}
}

// A reload says which addresses count from the next start on, and the status goes on saying where the agent listens.
func TestAReloadSaysWhatNeedsARestart(t *testing.T) {
	health, actions := foreign.FreeAddress(t), foreign.FreeAddress(t)
	h := prepareHost(t)
	h.write("erp.password", erpPassword)
	part := func(health, actions string) string {
		return fmt.Sprintf("agent:\n  health: %q\n  actions: {address: %q, callers: {erp: {password: 'file:erp.password', credentials: [one]}}}\n", health, actions)
	}
	h.configure(part(health, actions))
	h.run()
	h.configure(part(foreign.FreeAddress(t), foreign.FreeAddress(t)))
	if err := h.agent.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"agent.health", "agent.actions.address"} {
		if !strings.Contains(h.log.String(), `level=WARN msg="a restart is needed for it to count" key=`+key) {
			t.Errorf("the log does not name %s\n%s", key, h.log)
		}
	}
	if s := h.agent.Status(); s.Health != health || s.Actions != actions {
		t.Errorf("the status says %s and %s, want %s and %s", s.Health, s.Actions, health, actions)
	}
}
