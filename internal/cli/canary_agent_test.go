package cli

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/agent"
)

// agentDoors are the ports of an agent.
type agentDoors struct{ container, imds, actions, health, password string }

// ask asks at every port for everything there is, and for what there is not, and searches each answer: those that give credentials
// have them, and no other has.
func (d agentDoors) ask(h *habitat, token string) {
	h.t.Helper()
	do := func(given bool, method, url, body string, headers ...string) string {
		h.t.Helper()
		r, err := http.NewRequestWithContext(h.t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			h.t.Fatal(err)
		}
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			h.t.Fatal(err)
		}
		defer answer.Body.Close()
		raw, err := io.ReadAll(answer.Body)
		if err != nil {
			h.t.Fatal(err)
		}
		surface := "answer: refused"
		if given {
			surface = "answer: given"
			if answer.StatusCode != http.StatusOK {
				h.t.Errorf("%s %s: got %d %s: the test does not test", method, url, answer.StatusCode, raw)
			}
		}
		var whole bytes.Buffer
		if err := answer.Header.Write(&whole); err != nil {
			h.t.Fatal(err)
		}
		h.search(surface, append(whole.Bytes(), raw...))
		return string(raw)
	}
	container, imds, actions, health := "http://"+d.container+"/", "http://"+d.imds+"/latest/", "http://"+d.actions+"/v1/", "http://"+d.health
	do(true, "GET", container, "", "Authorization", token)
	do(false, "GET", container, "", "Authorization", "another"+token)
	do(false, "GET", container, "", "Authorization", token, "Origin", "http://evil.test")
	session := do(false, "PUT", imds+"api/token", "", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60")
	h.add("token of the metadata door", []byte(session))
	do(true, "GET", imds+"meta-data/iam/security-credentials/by-role", "", "X-Aws-Ec2-Metadata-Token", session)
	do(false, "GET", imds+"meta-data/iam/security-credentials/", "", "X-Aws-Ec2-Metadata-Token", session)
	do(false, "GET", imds+"meta-data/iam/security-credentials/by-role", "", "X-Aws-Ec2-Metadata-Token", "x"+session)
	const role = `{"name":"by-role"}`
	do(true, "POST", actions+"credentials/session", role, "X-Api-Key", d.password)
	do(true, "POST", actions+"sign", `{"name":"by-role","url":"https://sqs.eu-west-1.amazonaws.com/"}`, "Authorization", "Bearer "+d.password)
	do(false, "POST", actions+"validate", role, "X-Api-Key", d.password)
	do(false, "POST", actions+"credentials/session", `{"name":"by-failing-command"}`, "X-Api-Key", d.password)
	do(false, "POST", actions+"credentials/session", `{"name":"by-file"}`, "X-Api-Key", d.password)
	do(false, "POST", actions+"credentials/session", role, "X-Api-Key", "x"+d.password)
	do(false, "POST", actions+"credentials/session", `{"name":"`+d.password+`","roleArn":"`+d.password+`","clientCertificateIdentifier":"`+d.password+`"}`, "X-Api-Key", d.password)
	do(false, "POST", actions+"credentials/session", `{"`+d.password+`":"`+d.password+`"}`, "X-Api-Key", d.password)
	own := h.hide("secret of a caller's own")
	do(true, "POST", actions+"credentials/static", `{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","secretAccessKey":"`+own+`"}`, "X-Api-Key", d.password)
	do(false, "POST", actions+"validate", `{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","secretAccessKey":"`+own+`"}`, "X-Api-Key", d.password)
	do(false, "POST", actions+"credentials/static", `{"accessKeyId":"`+own+`","secretAccessKey":"`+own+`x y"}`, "X-Api-Key", d.password)
	do(false, "POST", actions+"sign", `{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","secretAccessKey":"`+own+`","url":"`+own+`"}`, "X-Api-Key", d.password)
	do(false, "GET", actions+"openapi.json", "")
	for _, path := range []string{"/metrics", "/healthz", "/readyz", "/"} {
		do(false, "GET", health+path, "")
	}
}

// agent runs an agent, which gives and refuses, and is asked by the commands.
func (h *habitat) agent() {
	h.t.Helper()
	if !agent.KnowsPeers {
		return
	}
	d := agentDoors{container: freeAddress(h.t), imds: freeAddress(h.t), actions: freeAddress(h.t), health: freeAddress(h.t)}
	d.password = h.hide("password of a caller")
	h.put("input/erp.password", d.password, 0o600)
	configuration, err := os.ReadFile(h.path("home/.config/awsauth/config.yaml"))
	if err != nil {
		h.t.Fatal(err)
	}
	part := fmt.Sprintf(`agent:
  container: %q
  imds: {address: %q, credential: by-role}
  actions: {address: %q, callers: {erp: {password: 'file:erp.password', credentials: [by-role, by-failing-command, itself]}}}
  health: %q
  update: [{credential: by-role, profile: agents}]
  allow: {by-role: {users: [%[5]d]}, by-p12: {users: [%[5]d]}, by-failing-command: {users: [%[5]d]}, by-file: {users: ["54321"]}}
`, d.container, d.imds, d.actions, d.health, os.Getuid())
	h.put("input/agent.yaml", string(configuration)+part, 0o600)
	h.watching.Lock()
	h.label = "agent"
	h.watching.Unlock()
	socket := h.path("run", "awsauth", "agent.sock")
	c := exec.Command("awsauth", "agent", "--config", h.path("input", "agent.yaml"), "--socket", socket, "--log-level", "debug")
	var stderr bytes.Buffer
	c.Dir, c.Env, c.Stderr = h.path("work"), h.env, &stderr
	if err := c.Start(); err != nil {
		h.t.Fatal(err)
	}
	ended := false
	defer func() {
		if !ended {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}()
	asking := func(c agent.Credential) bool { return c.AccessKeyID == "" && c.Error == "" }
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		status, err := agent.Client{Socket: socket}.Status(h.t.Context())
		if err == nil && !slices.ContainsFunc(status.Credentials, asking) {
			break
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("the agent does not serve: %v", err)
		}
	}
	token, err := os.ReadFile(h.path("run", "awsauth", "agent.tokens", fmt.Sprintf("user-%d", os.Getuid()), "by-role"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.add("agent's token", token)
	runtime := []string{"XDG_RUNTIME_DIR=" + h.path("run")}
	for _, run := range []processRun{
		{arguments: words("agent status")},
		{arguments: words("agent status --json")},
		{arguments: words("get by-role")},
		{arguments: words("exec by-role -- true")},
		{arguments: words("update by-role --once --profile by-store")},
		{label: "refused by the agent", arguments: words("get by-file"), fails: true},
		{label: "not there", arguments: words("get by-failing-command"), fails: true},
	} {
		run.environment = runtime
		h.start(run)
	}
	d.ask(h, string(token))
	h.searchProcess(c)
	h.searchFiles()
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		h.t.Fatal(err)
	}
	ended = true
	if err := c.Wait(); err != nil {
		h.t.Errorf("agent: %v\n%s", err, stderr.String())
	}
	if !strings.Contains(stderr.String(), "msg=granted") || !strings.Contains(stderr.String(), "msg=refused") {
		h.t.Errorf("the agent has logged no decision: the test does not test\n%s", stderr.String())
	}
	h.search("stderr: agent", stderr.Bytes())
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
