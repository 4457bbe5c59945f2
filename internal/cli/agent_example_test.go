package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/serve/actions"
)

// From its first line on the example answers the document and every action, without a password and with nothing left empty, until it is
// interrupted; a browser gets nothing from it either.
func TestTheExampleAnswersEveryActionUntilItIsInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	said, says := io.Pipe()
	ended := make(chan outcome, 1)
	go func() {
		got := new(world).run(ctx, "agent --example --example-address 127.0.0.1:0", func(s *IO) { s.Err = says })
		_ = says.Close() // a pipe's never fails
		ended <- got
	}()
	lines := bufio.NewReader(said)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("it ends with exit code %d before it serves", (<-ended).code)
	}
	address, found := strings.CutPrefix(strings.TrimSuffix(line, actions.DocumentPath+", until Ctrl-C\n"), "invented values on http://")
	if !found {
		t.Fatalf("it says %q", line)
	}
	defer http.DefaultClient.CloseIdleConnections()
	ask := func(method, path string, header ...string) (*http.Response, map[string]any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(header) > 0 {
			r.Header.Set(header[0], header[1])
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var o map[string]any
		if err := json.NewDecoder(answer.Body).Decode(&o); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
		return answer, o
	}
	answer, document := ask(http.MethodGet, actions.DocumentPath)
	servers, _ := json.Marshal(document["servers"]) // what was JSON is again
	if answer.StatusCode != http.StatusOK || !strings.Contains(string(servers), `"http://`+address+`"`) {
		t.Errorf("the document: got %d, for %s, want it for %s", answer.StatusCode, servers, address)
	}
	for _, a := range actions.All {
		answer, o := ask(http.MethodPost, a.Path())
		if answer.StatusCode != http.StatusOK || o["ok"] != true {
			t.Errorf("%s: got %d %v", a, answer.StatusCode, o)
		}
		for key, value := range o {
			if value == nil || value == "" {
				t.Errorf("%s: %s is empty", a, key)
			}
		}
	}
	if answer, o := ask(http.MethodPost, actions.Session.Path(), "Origin", "http://evil.test"); o["code"] != "Browser" || !answer.Close {
		t.Errorf("a browser: got %d %v, and the connection ends: %t", answer.StatusCode, o, answer.Close)
	}
	interrupt()
	rest, _ := io.ReadAll(lines) // a pipe's never fails
	if got := <-ended; got.code != ExitDone || got.stdout != "" || len(rest) > 0 {
		t.Errorf("got exit code %d, %q on standard output and %q at the end, want 0 and nothing", got.code, got.stdout, rest)
	}
	if c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); err == nil {
		_ = c.Close()
		t.Error("it has ended and still listens")
	}
}

func TestTheExampleIsOnAFreeAddressOfThisHost(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for address, want := range map[string]struct {
		code int
		says string
	}{
		taken.Addr().String(): {ExitConfiguration, "--example-address takes another"},
		"0.0.0.0:9913":        {ExitUsage, "--example-address is not an address of loopback"},
		"localhost":           {ExitUsage, "--example-address is not an address with a port"},
	} {
		got := new(world).run(t.Context(), "agent --example --example-address "+address, nil)
		if got.code != want.code || !strings.Contains(got.stderr, want.says) {
			t.Errorf("%s: got %d %q, want %d %q", address, got.code, got.stderr, want.code, want.says)
		}
	}
}
