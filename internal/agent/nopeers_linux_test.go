package agent_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/agent"
	"github.com/awsauth-go/awsauth/internal/foreign"
)

// Where the system does not say who asks, the doors with tokens and passwords open, and no other.
func TestWithoutPeersTheDoorsWithTokensAndPasswordsOpen(t *testing.T) {
	container, actions, health := foreign.FreeAddress(t), foreign.FreeAddress(t), foreign.FreeAddress(t)
	h := prepareHost(t)
	h.noPeers = true
	h.write("erp.password", erpPassword)
	h.configure(strings.Replace(allowMe("one"), "agent:\n", fmt.Sprintf(`agent:
  container: %q
  health: %q
  actions: {address: %q, callers: {erp: {password: 'file:erp.password', credentials: [one]}}}
`, container, health, actions), 1))
	h.run()
	h.settled()
	if status, o := act(t, actions, "erp", erpPassword, "credentials/session", `{"name":"one"}`); status != http.StatusOK {
		t.Errorf("actions: got %d %v", status, o)
	}
	token, err := os.ReadFile(filepath.Join(h.dir, "run", "agent.tokens", fmt.Sprintf("user-%d", os.Getuid()), "one"))
	if err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]int{string(token): http.StatusOK, "another": http.StatusForbidden} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+container+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", given)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil || answer.StatusCode != want {
			t.Errorf("container: got %d, %v, want %d", answer.StatusCode, err, want)
		}
	}
	if said := h.log.String(); strings.Contains(said, "uid=") || strings.Count(said, " from=127.0.0.1:") != 3 {
		t.Errorf("the log names a user whom nobody knows, or does not say from where it was asked:\n%s", said)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := get(t, "http://"+health+path); status != http.StatusOK {
			t.Errorf("%s: got %d %s", path, status, body)
		}
	}
	if _, err := os.Stat(h.socket); err == nil || h.agent.Status().Socket != "" {
		t.Errorf("there is a socket at %s", h.agent.Status().Socket)
	}
	if err := h.start(h.socket); !errors.Is(err, agent.ErrRuns) {
		t.Errorf("a second one at the same place: got %v", err)
	}
}

func TestWithoutPeersNothingElseIsServed(t *testing.T) {
	h := prepareHost(t)
	h.noPeers = true
	for part, want := range map[string]string{
		allowMe("one"): "this system does not say who asks: it takes agent.container, agent.actions or agent.update",
		strings.Replace(allowMe("one"), "agent:\n", fmt.Sprintf("agent:\n  imds: {address: %q, credential: one}\n", foreign.FreeAddress(t)), 1): "agent.imds: this system does not say who asks: agent.container serves those who have a token",
	} {
		h.configure(part)
		if err := h.start(h.socket); fmt.Sprint(err) != want || !errors.Is(err, agent.ErrNoPeers) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
