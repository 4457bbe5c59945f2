package cli

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/awsauth-go/awsauth/internal/config"
)

// canaries are the secrets of one test, with a client's key.
type canaries struct {
	*world
	scanner
	keyPEM string
}

func newCanaries(t *testing.T) *canaries {
	t.Helper()
	w := newWorld(t)
	w.hostile(t)
	w.serve(t, "ECHO", echo)
	client := w.local.Client("canary")
	w.names["CLIENT"] = w.certificate(t, "canary", client)
	_, path, _ := strings.Cut(w.names["CLIENT"], "?key=")
	key, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := client.Identity.Key.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	w.names["KEYFILE"] = path
	w.names["P12C"] = client.WritePKCS12(t.TempDir(), canaryPassword)
	w.names["SECRETFILE"] = w.file(t, "secret", canaryKey+"\n", 0o600)
	w.names["OPENFILE"] = w.file(t, "open", canaryKey+"\n", 0o666)
	c := &canaries{world: w, keyPEM: string(key)}
	c.add("key", []byte(canaryKey))
	c.add("token", []byte(canaryToken))
	c.add("password", []byte(canaryPassword))
	c.add("private key", scalar)
	return c
}

// echo is a server that repeats everything in the form of an error of STS.
func echo(w http.ResponseWriter, r *http.Request) {
	var request bytes.Buffer
	if err := r.Write(&request); err != nil {
		return
	}
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, "<ErrorResponse><Error><Code>Echo</Code><Message><![CDATA[%s]]></Message></Error></ErrorResponse>", request.String())
}

// canaryRun is one run of the command. Its arguments are not split, so that they can have spaces.
type canaryRun struct {
	arguments   []string
	environment map[string]string
	stdin       string
	terminal    bool
	stdout      bool // whether credentials are asked for on standard output
}

func (c *canaries) do(ctx context.Context, r canaryRun) outcome {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	arguments := make([]string, len(r.arguments))
	for i, a := range r.arguments {
		arguments[i] = a
		if strings.HasPrefix(a, "$") {
			arguments[i] = c.expand(a)
		}
	}
	code := Run(ctx, arguments, IO{
		In: strings.NewReader(r.stdin), Out: &stdout, Err: &stderr, OutIsTerminal: r.terminal,
		Environment: config.Environment{Lookup: func(name string) (string, bool) {
			value, ok := r.environment[name]
			if strings.HasPrefix(value, "$") {
				value = c.expand(value)
			}
			return value, ok
		}},
	})
	return outcome{stdout.String(), stderr.String(), code}
}

func (c *canaries) check(t *testing.T, r canaryRun) {
	t.Helper()
	got := c.do(t.Context(), r)
	if found := c.secrets(got.stderr); len(found) > 0 {
		t.Errorf("%.60q %v: standard error has the %q", r.arguments, r.environment, found)
	}
	found := c.secrets(got.stdout)
	if len(found) > 0 && !r.stdout {
		t.Errorf("%.60q %v: standard output has the %q", r.arguments, r.environment, found)
	}
	if r.stdout && got.code == ExitDone && len(found) == 0 {
		t.Errorf("%.60q: the credentials that were asked for are not there: the test does not test", r.arguments)
	}
}

// namesFile are the flags whose value is a path, which messages must name.
var namesFile = []string{"socket", "trust", "seed", "state", "config", "store", "client-certificates"}

// A secret that is given in place of what a flag, a variable or an argument takes is not repeated.
func TestNoOutputRepeatsASecretInTheWrongPlace(t *testing.T) {
	t.Chdir(t.TempDir()) // where a secret in the place of a path would become one
	c := newCanaries(t)
	visit(New(IO{}), func(command *cobra.Command) {
		path := strings.Fields(command.CommandPath())[1:]
		for _, canary := range []string{canaryKey, canaryToken, canaryPassword, c.keyPEM, "env:" + canaryKey, "x=" + canaryKey} {
			run := func(environment map[string]string, arguments ...string) {
				c.check(t, canaryRun{arguments: append(slices.Clone(path), arguments...), environment: environment})
			}
			run(nil, canary)
			run(nil, "-"+canary)
			run(nil, "--"+canary)
			run(nil, "--"+canary+"="+canary)
			run(nil, "--help", canary)
			command.Flags().VisitAll(func(f *pflag.Flag) {
				if f.Name == "help" || slices.Contains(namesFile, f.Name) {
					return
				}
				run(nil, "--"+f.Name+"="+canary)
				run(map[string]string{config.FlagVariable(f.Name): canary})
			})
		}
	})
	c.check(t, canaryRun{arguments: []string{"help", canaryKey}})
	c.check(t, canaryRun{arguments: []string{"help", "get", canaryKey}})
	left, err := os.ReadDir(".")
	if err != nil || len(left) > 0 {
		t.Errorf("got %v, %d files in the working directory, want none", err, len(left))
	}
}

// Secrets that are where they belong stay out of every error.
func TestNoErrorHasASecret(t *testing.T) {
	t.Parallel()
	c := newCanaries(t)
	static := []string{"get", "static", "--access-key-id", "ASIAIOSFODNN7EXAMPLE", "--secret-access-key", "env:K", "--session-token", "env:T"}
	session := strings.Fields(c.expand("get $SESSION"))
	good := map[string]string{"K": canaryKey, "T": canaryToken, "P": canaryPassword}
	with := func(more map[string]string) map[string]string {
		all := map[string]string{}
		for _, m := range []map[string]string{good, more} {
			for name, value := range m {
				all[name] = value
			}
		}
		return all
	}
	join := func(base []string, more ...string) []string { return append(slices.Clone(base), more...) }
	certificateOfKey := "file:" + c.names["KEYFILE"]
	for _, r := range []canaryRun{
		{arguments: static, environment: good, stdout: true},
		{arguments: static, environment: good, terminal: true},
		{arguments: join(static, "--verify", "--endpoint-url", "$CLOSED"), environment: good},
		{arguments: join(static, "--verify", "--endpoint-url", "$PORTAL"), environment: good},
		{arguments: join(static, "--verify", "--endpoint-url", "$ENDPOINT"), environment: good},
		{arguments: join(static, "--verify", "--endpoint-url", "$ECHO"), environment: good},
		{arguments: join(static, "--endpoint-url", "$ECHO"), environment: good, terminal: true},
		{arguments: join(static, "--format", "env", "extra"), environment: good},
		{arguments: join(static, "--access-key-id", "AKIAIOSFODNN7EXAMPLE"), environment: good},
		{arguments: static, environment: map[string]string{"K": canaryKey + " " + canaryKey, "T": canaryToken}},
		{arguments: static, environment: map[string]string{"K": canaryKey, "T": canaryToken + "\n" + canaryToken}},
		{arguments: join(static, "--secret-access-key", "file:"+c.names["OPENFILE"]), environment: good},
		{arguments: join(static, "--secret-access-key", "file:"+c.names["SECRETFILE"]), environment: good, stdout: true},
		{arguments: join(static, "--secret-access-key", "-", "--session-token", "-"), stdin: canaryKey},
		{arguments: join(static, "--secret-access-key", "-"), stdin: strings.Repeat(canaryKey, 2000), environment: good},
		{arguments: join(session, "--certificate", certificateOfKey), environment: good},
		{arguments: join(session, "--certificate", c.names["CLIENT"]+"&chain="+c.names["KEYFILE"]), environment: good},
		{arguments: join(session, "--certificate", "file:$P12C"), environment: good},
		{arguments: join(session, "--certificate", "file:"+c.names["P12C"], "--certificate-password", "env:P"), environment: good},
		{arguments: join(session, "--certificate", "file:"+c.names["P12"], "--certificate-password", "env:P"), environment: good},
		{arguments: join(session, "--certificate", "file:"+c.names["P12"], "--certificate-password", "-"), stdin: canaryPassword},
		{arguments: join(session, "--certificate", "file:"+c.names["SECRETFILE"])},
		{arguments: join(session, "--debug-signing")},
		{arguments: join(session, "--endpoint-url", "$ECHO", "--debug-signing")},
		{arguments: join(session, "--endpoint-url", "$CLOSED")},
		{arguments: join(session, "--endpoint-url", "https://me:"+canaryKey+"@aws.example")},
		{arguments: session, environment: map[string]string{"AWS_CA_BUNDLE": "$KEYFILE"}},
		{
			arguments:   join(session, "--endpoint-url", "https://aws.example"),
			environment: map[string]string{"HTTPS_PROXY": "http://me:" + strings.ReplaceAll(canaryKey, "/", "%2F") + "@" + c.names["CLOSED_HOST"]},
		},
		{arguments: []string{"emulator", "--listen", "127.0.0.1:0", "--trust", "$KEYFILE"}},
		{arguments: []string{"emulator", "--listen", "127.0.0.1:0", "--seed", "$KEYFILE"}},
		{arguments: []string{"emulator", "--listen", "127.0.0.1:0", "--seed", "$SECRETFILE"}},
		{
			arguments:   []string{"emulator", "--listen", "$HOST", "--sts-endpoint", "$CLOSED", "--sts-access-key-id", "AKIAIOSFODNN7EXAMPLE", "--sts-secret-access-key", "env:K"},
			environment: good,
		},
		{
			arguments:   []string{"emulator", "--sts-endpoint", "$CLOSED", "--sts-access-key-id", "env:K", "--sts-secret-access-key", "env:K"},
			environment: with(map[string]string{"AWSAUTH_STS_ACCESS_KEY_ID": canaryKey}),
		},
	} {
		c.check(t, r)
	}
	for i, seed := range []string{"users:\n  - name: %q\n    nmae: %q\n", "users: %q\nroles: %q\n", "profiles:\n  - duration: %q\n    roles: [%q]\n"} {
		path := filepath.Join(c.dir, fmt.Sprintf("seed%d.yaml", i))
		if err := os.WriteFile(path, fmt.Appendf(nil, seed, canaryKey, c.keyPEM), 0o600); err != nil {
			t.Fatal(err)
		}
		c.check(t, canaryRun{arguments: []string{"emulator", "--listen", "127.0.0.1:0", "--seed", path}})
	}
}

// The mistakes of TestRefusals, with secrets that the scanner knows.
func TestNoRefusalHasASecret(t *testing.T) {
	t.Parallel()
	const password = "hunter2ThatNobodyMayReadInWhatIsPrinted"
	c := newCanaries(t)
	c.add("a password in a URL or a variable", []byte(password))
	c.defective(t)
	c.names["EMPTY"] = c.file(t, "empty", "", 0o600)
	c.names["OPEN"] = c.file(t, "open", password+"\n", 0o644)
	secretly := func(text string) string { return strings.ReplaceAll(text, "hunter2", password) }
	count := 0
	for _, rows := range [][]refusal{
		parameterRefusals(), endpointRefusals(), secretRefusals(), identityRefusals(), answerRefusals(), commandRefusals(),
	} {
		for _, r := range rows {
			count++
			environment := make([]string, len(r.environment))
			for i, assignment := range r.environment {
				environment[i] = secretly(assignment)
			}
			got := c.run(t.Context(), secretly(r.arguments), func(s *IO) { s.In = strings.NewReader(secretly(r.stdin)) }, environment...)
			if got.code == ExitDone {
				t.Errorf("%s: it is not refused", r.name)
			}
			if found := c.find([]byte(got.stdout + "\n" + got.stderr)); len(found) > 0 {
				t.Errorf("%s: printed %v", r.name, found)
			}
		}
	}
	if count < 80 {
		t.Errorf("got %d refusals, want those of all tables", count)
	}
}
