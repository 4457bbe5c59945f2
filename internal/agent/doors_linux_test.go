package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/agent"
	"github.com/awsauth-go/awsauth/internal/foreign"
	"github.com/awsauth-go/awsauth/internal/guard"
)

func TestTheContainerDoorAsksForATokenFromItsFile(t *testing.T) {
	address := foreign.FreeAddress(t)
	uid := os.Getuid()
	h := newHost(t, fmt.Sprintf("agent:\n  container: %q\n  allow:\n    one: {users: [%d]}\n    two: {users: [%d], groups: [%d]}\n", address, uid, uid, os.Getgid()))
	h.settled()
	token := func(path string) string {
		t.Helper()
		file := filepath.Join(h.dir, "run", "agent.tokens", path)
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode&0o037 != 0 {
			t.Errorf("%s has mode %04o", path, mode)
		}
		text, err := os.ReadFile(file)
		if err != nil || len(text) != 52 {
			t.Fatalf("%s: got %d bytes, %v", path, len(text), err)
		}
		return string(text)
	}
	ask := func(token string, header ...string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, "http://"+address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", token)
		if len(header) > 0 {
			r.Header.Set(header[0], header[1])
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		var document struct{ AccessKeyID string }
		if err := json.Unmarshal(body, &document); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, document.AccessKeyID
	}
	held := map[string]string{}
	for _, c := range h.agent.Status().Credentials {
		held[c.Name] = c.AccessKeyID
	}
	mine := fmt.Sprintf("user-%d/", uid)
	for path, name := range map[string]string{mine + "one": "one", mine + "two": "two", fmt.Sprintf("group-%d/two", os.Getgid()): "two"} {
		if status, key := ask(token(path)); status != http.StatusOK || key != held[name] {
			t.Errorf("%s: got %d and %s, want %s", path, status, key, held[name])
		}
	}
	for name, header := range map[string][]string{"no token": {}, "a browser": {"Origin", "null"}, "a proxy": {"X-Forwarded-For", "127.0.0.1"}} {
		value := token(mine + "one")
		if len(header) == 0 {
			value = "another"
		}
		if status, key := ask(value, header...); status != http.StatusForbidden || key != "" {
			t.Errorf("%s: got %d and %q", name, status, key)
		}
	}
	gone := token(mine + "one")
	h.configure(strings.Replace(allowMe("two"), "agent:\n", fmt.Sprintf("agent:\n  container: %q\n", address), 1))
	if err := h.agent.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, key := ask(gone); status != http.StatusForbidden || key != "" {
		t.Errorf("a token of what is no longer allowed: got %d and %q", status, key)
	}
	if _, err := os.Stat(filepath.Join(h.dir, "run", "agent.tokens", mine+"one")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its file: got %v", err)
	}
	if said := h.log.String(); strings.Contains(said, gone) {
		t.Error("a token is in the log")
	}
}

// Every route of every door is behind the one chain, and each refusal is in the log.
func TestEveryRouteIsGuarded(t *testing.T) {
	container, imds, actions, health := foreign.FreeAddress(t), foreign.FreeAddress(t), foreign.FreeAddress(t), foreign.FreeAddress(t)
	h := prepareHost(t)
	h.write("erp.password", erpPassword)
	h.configure(strings.Replace(allowMe("one"), "agent:\n", fmt.Sprintf(`agent:
  container: %q
  imds: {address: %q, credential: one}
  health: %q
  actions: {address: %q, callers: {erp: {password: 'file:erp.password', credentials: [one]}}}
`, container, imds, health, actions), 1))
	h.run()
	h.settled()
	bySocket := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", h.socket)
	}}}
	doors := map[string]*http.Client{"http://" + agent.Host: bySocket}
	for _, address := range []string{container, imds, actions, health} {
		doors["http://"+address] = http.DefaultClient
	}
	if opened := strings.Count(h.log.String(), "msg=serving door="); opened != len(doors) {
		t.Errorf("the agent has %d doors, and %d are tried", opened, len(doors))
	}
	paths := []string{
		"/credentials/one", "/status", "/", "/credentials", "/nothing", "/latest/api/token", "/latest/meta-data/",
		"/latest/meta-data/iam/security-credentials/one", "/v1/openapi.json", "/v1/credentials/static", "/v1/credentials/session", "/v1/validate",
		"/v1/sign", "/healthz", "/readyz", "/metrics",
	}
	rows := 0
	for door, client := range doors {
		for _, path := range paths {
			for _, bad := range []func(*http.Request){
				func(r *http.Request) { r.Header.Set("Origin", "http://evil.test") },
				func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") },
				func(r *http.Request) { r.Header.Set("X-Forwarded-For", "127.0.0.1") },
				func(r *http.Request) { r.Host = "evil.test" },
				func(r *http.Request) { r.Method = http.MethodPatch },
			} {
				rows++
				r, err := http.NewRequest(http.MethodGet, door+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.SetBasicAuth("erp", erpPassword)
				bad(r)
				response, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				var why guard.Refusal
				if err := json.NewDecoder(response.Body).Decode(&why); err != nil || response.StatusCode < 400 || why.Code == "" {
					t.Errorf("%s%s: got %d, %+v, %v", door, path, response.StatusCode, why, err)
				}
				if err := response.Body.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if got, logged := h.agent.Status().Refusals, strings.Count(h.log.String(), "msg=refused"); got != int64(rows) || logged != rows {
		t.Errorf("got %d refusals and %d lines of the log, want %d", got, logged, rows)
	}
}

// Tokens that cannot be made take nothing from what is revoked, and those of others stay good.
func TestWhatIsRevokedIsRevokedThoughNoTokenCanBeMade(t *testing.T) {
	address, uid := foreign.FreeAddress(t), os.Getuid()
	part := func(allow string) string {
		return fmt.Sprintf("agent:\n  container: %q\n  allow: {%s}\n", address, allow)
	}
	h := newHost(t, part(fmt.Sprintf("one: {users: [%d]}, two: {users: [%d]}", uid, uid)))
	h.settled()
	dir := filepath.Join(h.dir, "run", "agent.tokens")
	read := func(name string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("user-%d", uid), name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	ask := func(token string) int {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, "http://"+address+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", token)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
		return response.StatusCode
	}
	one, two := read("one"), read("two")
	// A file in the place of a directory keeps the new token from being made.
	if err := os.WriteFile(filepath.Join(dir, "group-4000000000"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.configure(part(fmt.Sprintf("two: {users: [%d]}, three: {groups: [\"4000000000\"]}", uid)))
	if err := h.agent.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := [2]int{ask(one), ask(two)}; got != [2]int{http.StatusForbidden, http.StatusOK} {
		t.Errorf("what is revoked and what is not: got %v", got)
	}
	if said := h.log.String(); !strings.Contains(said, "some tokens cannot be made") {
		t.Error("that a token cannot be made is not said")
	}
	if got := h.agent.Status().Tokens; !strings.Contains(got, "group-4000000000 is no directory") {
		t.Errorf("the status says %q", got)
	}
	if err := os.Remove(filepath.Join(dir, "group-4000000000")); err != nil {
		t.Fatal(err)
	}
	if err := h.agent.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.agent.Status().Tokens; got != "" {
		t.Errorf("once it can be made, the status says %q", got)
	}
	// The directory is lost: what clients hold stays good, and the files come back.
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		_, err := os.Stat(filepath.Join(dir, fmt.Sprintf("user-%d", uid), "two"))
		return err == nil
	})
	if got := [2]int{ask(two), ask(read("two"))}; got != [2]int{http.StatusOK, http.StatusOK} {
		t.Errorf("the token before and the new one: got %v", got)
	}
}

// Each grant is a line of the log that says which credentials were given, by the last characters of their key, and until when.
func TestEachGrantSaysWhichCredentials(t *testing.T) {
	container, imds := foreign.FreeAddress(t), foreign.FreeAddress(t)
	h := newHost(t, strings.Replace(allowMe("one"), "agent:\n", fmt.Sprintf("agent:\n  container: %q\n  imds: {address: %q, credential: one}\n", container, imds), 1))
	h.settled()
	answer, err := h.client().Credentials(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(h.dir, "run", "agent.tokens", fmt.Sprintf("user-%d", os.Getuid()), "one"))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, url string, headers ...string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: got %d %s, %v", url, response.StatusCode, body, err)
		}
		return string(body)
	}
	ask("GET", "http://"+container+"/", "Authorization", string(token))
	session := ask("PUT", "http://"+imds+"/latest/api/token", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
	ask("GET", "http://"+imds+"/latest/meta-data/iam/security-credentials/one", "X-Aws-Ec2-Metadata-Token", session)
	which := fmt.Sprintf(" key=…%s expires=%s ", answer.AccessKeyID[len(answer.AccessKeyID)-4:], answer.Expiration.UTC().Format("2006-01-02T15:04:05Z"))
	for _, door := range []string{"socket", "container", "imds"} {
		found := false
		for line := range strings.Lines(h.log.String()) {
			found = found || strings.Contains(line, "msg=granted door="+door) && strings.Contains(line, which)
		}
		if !found {
			t.Errorf("%s: no line says%s\n%s", door, which, h.log)
		}
	}
}

// An agent that runs is well, and one that does not is not.
func TestAnAgentKnowsWhetherItIsWell(t *testing.T) {
	h := newHost(t, allowMe("one", "away"))
	h.settled()
	if err := h.agent.Alive(t.Context()); err != nil {
		t.Error(err)
	}
	if err := errors.Join(h.stop(), h.agent.Alive(t.Context())); !errors.Is(err, agent.ErrNoAgent) {
		t.Errorf("after its end: got %v", err)
	}
}

// The metadata door gives what the configuration in force names for it, and the tokens for another credential are over; its address stays.
func TestTheMetadataDoorGoesByTheConfiguration(t *testing.T) {
	address := foreign.FreeAddress(t)
	part := func(address, credential string) string {
		return strings.Replace(allowMe("one", "two"), "agent:\n", fmt.Sprintf("agent:\n  imds: {address: %q, credential: %s}\n", address, credential), 1)
	}
	h := newHost(t, part(address, "one"))
	h.settled()
	ask := func(method, path, token string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+"/latest/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Header.Set("X-Aws-Ec2-Metadata-Token", token); token == "" {
			r.Header = http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"60"}}
		}
		answer, err := http.DefaultClient.Do(r)
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
	const list = "meta-data/iam/security-credentials/"
	_, first := ask(http.MethodPut, "api/token", "")
	if status, name := ask(http.MethodGet, list, first); status != http.StatusOK || name != "one" {
		t.Fatalf("got %d %q", status, name)
	}
	h.configure(part(foreign.FreeAddress(t), "two"))
	if err := h.agent.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, body := ask(http.MethodGet, list+"one", first); status != http.StatusUnauthorized {
		t.Errorf("with the token for the one before: got %d %s", status, body)
	}
	_, second := ask(http.MethodPut, "api/token", "")
	if status, name := ask(http.MethodGet, list, second); status != http.StatusOK || name != "two" {
		t.Errorf("got %d %q, want two", status, name)
	}
	if said := h.log.String(); !strings.Contains(said, "a restart is needed for it to count\" key=agent.imds.address") {
		t.Errorf("nobody is told that the address waits for a restart:\n%s", said)
	}
	h.configure(allowMe("one"))
	if err := h.agent.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if status, body := ask(http.MethodGet, list+"two", second); status == http.StatusOK {
		t.Errorf("what is served no longer is given: %s", body)
	}
}

// Who is refused before an action begins connects anew, and a wrong method is told the right ones.
func TestRefusalsOfTheActionsEndTheConnection(t *testing.T) {
	_, address := actionsHost(t)
	for method, want := range map[string]string{http.MethodPut: "POST, GET", http.MethodPost: ""} {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+"/v1/sign", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", "http://evil.test")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil || !answer.Close || answer.Header.Get("Allow") != want {
			t.Errorf("%s: closed %t, Allow %q, %v", method, answer.Close, answer.Header.Get("Allow"), err)
		}
	}
}
