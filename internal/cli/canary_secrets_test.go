package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/agent"
)

// allow writes down where secrets may be. Everywhere else they must not be.
func (h *habitat) allow() {
	may := func(surface, why string, secrets ...string) {
		h.mayHold = append(h.mayHold, &allowance{surface: surface, secrets: secrets, why: why, used: map[string]bool{}})
	}
	const given, asked = "where the test has put it", "what was asked for"
	may("file: input/pem/key.pem", given, "key in PEM")
	may("file: input/linked/key.pem", given, "linked key")
	may("file: input/mendix.json", given, "password of CLIENT_CERTIFICATES", "pfx of CLIENT_CERTIFICATES")
	may("file: input/mendix/client.p12", given, "pfx of CLIENT_CERTIFICATES")
	may("file: input/file-secret", given, "secret in a file")
	may("file: input/open-secret", given, "secret in a file that others can read")
	may("file: input/token", given, "session token in a file")
	may("file: input/command-secret", given, "secret of a command")
	may("file: input/credentials/legacy", given, "secret of systemd")
	may("file: input/credentials/awsauth-store-key", given, "store key of systemd")
	may("file: input/other-credentials/awsauth-store-key", given, "another store key")
	may("file: input/keyring.json", "it is the keyring", "secret in the keyring", "store key in the keyring")
	may("file: home/.config/awsauth/config.yaml", given, "secret in the configuration", "token in the configuration")
	may("file: home/.config/awsauth/config.yaml.rejected", "what was edited is kept when it has mistakes", "secret in the configuration", "token in the configuration")
	may("environ of awsauth", "whoever has started it has put it there, and it cannot be taken out", "secret in a variable", "password of PKCS#12",
		"secret that a shell has exported", "password of a proxy", "secret of another STS")

	may("file: home/data/awsauth/certificates/store.key", "docs/certificates.md: the place of a store's key that is a file", "store key")
	may("file: state/*", "it is the emulator's memory", "emulator's secret")
	may("file: state/client.key", "the identity that the emulator has made ready", "emulator's key")
	may("file: home/.aws/credentials*", "what update writes, and what was there before", "issued secretaccesskey", "issued sessiontoken")
	may("file: input/agent.yaml", given, "secret in the configuration", "token in the configuration")
	if agent.KnowsPeers {
		may("file: run/awsauth/agent.tokens/*", "of whoever may have the credentials", "agent's token")
	}
	may("file: input/erp.password", given, "password of a caller")
	may("answer: given*", asked, "issued secretaccesskey", "issued sessiontoken", "secret of a caller's own")
	may("stdout: emulator", "an emulator announces its administrator", "emulator's secret")

	may("request", "a token is sent with every request that is signed with temporary credentials", "issued sessiontoken", "session token in a file")

	session := []string{"issued secretaccesskey", "issued sessiontoken"}
	may("stdout: get by-store*", asked, session...)
	may("stdout: get by-link*", asked, session...)
	may("stdout: get by-p12*", asked, session...)
	may("stdout: sign-request by-role*", "the token is sent with what is signed", "issued sessiontoken")
	may("stdout: get by-role*", asked, session...)
	may("stdout: get $SESSION*", asked, session...)
	may("stdout: get by-variable*", asked, "secret in a variable")
	may("stdout: get by-file*", asked, "secret in a file", "session token in a file")
	may("stdout: get by-systemd*", asked, "secret of systemd")
	may("stdout: get by-keyring*", asked, "secret in the keyring")
	may("stdout: get by-command*", asked, "secret of a command")
	may("stdout: get itself*", asked, "secret in the configuration", "token in the configuration")
	may("stdout: get static*", asked, "secret on standard input")
	may("stdout: certificate export --private-key", asked, "key in PEM")
}

// words splits a command line.
func words(line string) []string { return strings.Fields(line) }

// good are the runs that succeed, in order: some make what others use.
func (h *habitat) good() []processRun {
	sign := "--debug-signing --certificate"
	bundle, err := os.ReadFile(h.path("input/pem/certificate.pem"))
	if err != nil {
		h.t.Fatal(err)
	}
	key, err := os.ReadFile(h.path("input/pem/key.pem"))
	if err != nil {
		h.t.Fatal(err)
	}
	mendix, err := os.ReadFile(h.path("input/mendix.json"))
	if err != nil {
		h.t.Fatal(err)
	}
	var runs []processRun
	for _, line := range []string{
		"certificate add p12 $BASE/input/p12/client.p12 --certificate-password env:P12_PASSWORD --alias other",
		"certificate add p12 $BASE/input/p12/client.p12 --certificate-password env:P12_PASSWORD --replace",
		"certificate add linked $BASE/input/linked/certificate.pem $BASE/input/linked/key.pem --link",
		"certificate add linked-p12 $BASE/input/p12/client.p12 --link --certificate-password env:P12_PASSWORD",
		"certificate add pem $BASE/input/pem/certificate.pem $BASE/input/pem/key.pem --store $BASE/systemd-store --store-key systemd",
		"certificate import --client-certificates $BASE/input/mendix.json",
		"certificate list", "certificate list --color always --store $BASE/systemd-store", "certificate list --store $BASE/keyring-store",
		"certificate show pem", "certificate show linked-p12", "certificate export p12",
		"config check", "config show", "config show itself", "config show by-file", "config path", "config aws-profile by-store", "config aws-profile by-store --write",
		"get by-store --verify", "get by-link", "get by-p12 --show-secrets", "get by-role", "get by-variable --verify --show-secrets", "get by-file",
		"get by-systemd", "get by-keyring", "get by-command", "get itself",
		"get $SESSION pem " + sign + " pem --store $BASE/systemd-store", "get $SESSION pem " + sign + " pem --store $BASE/keyring-store",
		"get $SESSION pem " + sign + " file:$BASE/input/p12/client.p12 --certificate-password env:P12_PASSWORD --verify",
		"sign-request by-role --url https://sqs.eu-west-1.amazonaws.com/", "sign-request by-variable --url https://sqs.eu-west-1.amazonaws.com/ --format curl", "whoami by-store", "whoami by-role", "whoami by-variable", "policy s3",
		"version", "completion bash", "completion zsh", "completion fish", "completion powershell", "help get session",
		"__complete get", "__complete whoami by", "__complete certificate show p", "__complete config show i", "__complete get session --certificate p",
		"__complete get static --secret-access-key",
		"certificate remove linked-p12", "cache list", "cache clear", "exec by-store -- true", "exec by-role --no-cache -- cat /dev/null", "exec by-variable --env -- true", "update by-store --once", "update by-role --once --profile by-store", "get by-store", "get by-p12 --no-cache", "demo",
	} {
		run := processRun{arguments: words(line)}
		if strings.HasPrefix(line, "__") {
			run.arguments = append(run.arguments, "") // what is to be completed
		}
		runs = append(runs, run)
	}
	for _, format := range formatNames() {
		runs = append(
			runs,
			processRun{arguments: words("get $SESSION pem " + sign + " pem --format " + format)},
			processRun{arguments: words("get static --access-key-id AKIAIOSFODNN7EXAMPLE --secret-access-key - --format " + format), stdin: h.hide("secret on standard input") + "\n"},
		)
	}
	return append(
		runs,
		processRun{label: "certificate export --private-key", arguments: words("certificate export pem --private-key --yes")},
		processRun{arguments: words("certificate add from-stdin -"), stdin: string(bundle) + string(key)},
		processRun{arguments: words("certificate import --client-certificates - --replace"), stdin: string(mendix)},
		processRun{arguments: words("config edit"), environment: []string{"EDITOR=" + h.editor("echo '# edited' >> $1", "no-mistake")}},
	)
}

// editor is a program that changes a file.
func (h *habitat) editor(change, name string) string {
	return h.put("input/editor-"+name, "#!/bin/sh\n"+change+"\n", 0o700)
}

// bad are the runs that fail.
func (h *habitat) bad() []processRun {
	other := "CREDENTIALS_DIRECTORY=" + h.path("input", "other-credentials")
	static := "get static --access-key-id AKIAIOSFODNN7EXAMPLE --secret-access-key "
	stolen := h.hide("secret on standard input")
	runs := []processRun{
		{arguments: words("config edit"), environment: []string{"EDITOR=" + h.editor("echo 'colour: red' >> $1", "mistake")}},
		{arguments: words("config edit"), environment: []string{"EDITOR=/bin/false"}},
		{arguments: words("get by-store --store $BASE/systemd-store"), environment: []string{other}},
		{arguments: words("certificate export pem --private-key --yes --store $BASE/systemd-store"), environment: []string{other}},
		{arguments: words("certificate add more $BASE/input/pem/certificate.pem $BASE/input/pem/key.pem --store $BASE/systemd-store"), environment: []string{other}},
		{arguments: words("get by-store --store $BASE/keyring-store"), environment: []string{keyringVariable + "="}},
		{arguments: words("emulator --listen 127.0.0.1:0 --sts-endpoint ftp://x --sts-access-key-id AKIAIOSFODNN7EXAMPLE --sts-secret-access-key env:UPSTREAM"), environment: []string{"UPSTREAM=" + h.hide("secret of another STS")}},
		{arguments: words("certificate add from-stdin - --certificate-password env:P12_PASSWORD"), stdin: stolen},
		{arguments: words("certificate import --client-certificates -"), stdin: `[{"pfx":"` + stolen + `","password":"` + stolen + `"}]`},
		{arguments: words("certificate import --client-certificates -"), stdin: `[{"pfx":"AAAA","passwort":"` + stolen + `"}]`},
		{arguments: words("certificate import --client-certificates -"), stdin: stolen},
		{arguments: words(static + "- --verify --endpoint-url $ECHO"), stdin: stolen},
		{arguments: words(static + "- --verify --endpoint-url $TAP"), stdin: stolen},
		{arguments: words(static + "-"), stdin: stolen + " " + stolen},
		{arguments: words("get $SESSION file:$BASE/input/p12/client.p12 --certificate-password -"), stdin: stolen},
		{arguments: words("get $SESSION pem --region us-east-1 --endpoint-url https://aws.example")},
	}
	for _, line := range []string{
		"certificate add p12 $BASE/input/p12/client.p12 --certificate-password env:P12_PASSWORD",
		"certificate add new $BASE/input/p12/client.p12 --certificate-password env:USER_SECRET",
		"certificate add new $BASE/input/p12/client.p12 --certificate-password env:NOT_SET",
		"certificate add new $BASE/input/p12/client.p12",
		"certificate add new $BASE/input/p12/client.p12 --link --certificate-password env:USER_SECRET",
		"certificate add new $BASE/input/pem/certificate.pem $BASE/input/linked/key.pem",
		"certificate add new $BASE/input/linked/key.pem", "certificate add new $BASE/input/file-secret", "certificate add new $BASE/input/pem/key.pem $BASE/input/pem/certificate.pem",
		"certificate add new $BASE/input/keyring.json --certificate-password file:$BASE/input/open-secret",
		"certificate import --client-certificates $BASE/input/mendix.json", "certificate import --client-certificates $BASE/input/file-secret",
		"certificate import --client-certificates $BASE/input/keyring.json",
		"certificate export pem --private-key", "certificate remove pem", "certificate show nobody", "certificate", "config", "cache", "completion",
		"config check --config $BASE/input/keyring.json", "config show --config $BASE/input/pem/key.pem", "get by-store --config $BASE/input/mendix.json",
		"get by-failing-command", "exec by-failing-command -- true", "update by-failing-command", "update by-store --once --endpoint-url $ECHO --no-cache", "exec by-store -- no-such-command", "exec by-store", "get by-open-file", "get nobody", "whoami by-failing-command", "config aws-profile itself --profile a]b --write",
		"whoami by-file", "whoami by-systemd", "whoami by-keyring", "whoami by-command", "whoami itself --endpoint-url $ECHO", "get itself --verify --endpoint-url $PORTAL",
		"whoami by-variable --endpoint-url $ECHO", "whoami by-role --endpoint-url $ECHO", "get by-role --endpoint-url $CLOSED --format env", "get by-store --endpoint-url $NONSENSE",
		"get $SESSION pem --endpoint-url $ECHO --debug-signing", "get $SESSION pem --endpoint-url $TERMINAL --debug-signing",
		"emulator --listen 127.0.0.1:0 --state $BASE/input", "emulator --listen 127.0.0.1:0 --seed $BASE/input/keyring.json", "emulator --listen 127.0.0.1:0 --trust $BASE/input/pem/key.pem",
	} {
		runs = append(runs, processRun{arguments: words(line)})
	}
	for i := range runs {
		runs[i].fails = true
		runs[i].label = "refused: " + strings.Join(runs[i].arguments, " ")
	}
	return runs
}

// variants are a run in every form that its command has.
func (h *habitat) variants(p processRun) []processRun {
	command, _, err := New(IO{}).Find(h.expanded(p.arguments))
	if err != nil || command.Flags().Lookup("json") == nil || p.label != "" {
		return []processRun{p}
	}
	asJSON := p
	asJSON.arguments = append(slices.Clone(p.arguments), "--json")
	return []processRun{p, asJSON}
}

// Every command, in every format and with all that it can be made to say, whether it succeeds or fails, keeps every secret to
// the places that are for it.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	h := newHabitat(t)
	ran := map[string]bool{}
	run := func(runs ...processRun) {
		for _, r := range runs {
			for _, v := range h.variants(r) {
				h.start(v)
				if command, _, err := New(IO{}).Find(h.expanded(v.arguments)); err == nil {
					ran[command.CommandPath()] = true
				}
			}
		}
	}
	h.makeStore()
	run(h.good()...)
	run(h.bad()...)
	h.damage(run)
	h.emulator()
	ran["awsauth emulator"] = true
	h.agent()
	ran["awsauth agent"], ran["awsauth agent status"] = true, true
	h.abort()
	h.observe()
	visit(New(IO{}), func(c *cobra.Command) {
		if !ran[c.CommandPath()] && c.HasParent() {
			t.Errorf("%s was not run", c.CommandPath())
		}
	})
	h.tested()
	h.mu.Lock()
	defer h.mu.Unlock()
	t.Logf("%d secrets, %d forms, %d pieces; %d processes; searched: %v; %d bytes", len(h.known), len(h.ways), len(h.pieces), h.count["run"], h.count, h.size)
}

// makeStore makes the store that the other runs use. Its key is known only afterwards.
func (h *habitat) makeStore() {
	h.t.Helper()
	p := processRun{arguments: words("certificate add pem $BASE/input/pem/certificate.pem $BASE/input/pem/key.pem --store-key file")}
	got := h.start(p)
	key, err := os.ReadFile(h.path("home/data/awsauth/certificates/store.key"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.add("store key", bytes.TrimSpace(key))
	h.search("stdout: making of the store", []byte(got.stdout))
	h.search("stderr: making of the store", []byte(got.stderr))
	h.searchFiles()
}

// damage puts other bytes into each of the store's files in turn, also such as are secrets of others.
func (h *habitat) damage(run func(...processRun)) {
	h.t.Helper()
	dir := h.path("home/data/awsauth/certificates")
	var files []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && filepath.Base(path) != "lock" {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 4 {
		h.t.Fatalf("got %d files in the store, %v", len(files), err)
	}
	for _, file := range files {
		before, err := os.ReadFile(file)
		if err != nil {
			h.t.Fatal(err)
		}
		name, _ := strings.CutPrefix(file, dir)
		if name != "/store.json" && name != "/store.key" && !strings.Contains(name, "pem") {
			continue
		}
		for what, after := range map[string][]byte{
			"cut": before[:len(before)/2], "doubled": append(slices.Clone(before), before...), "changed": changed(before),
		} {
			if err := os.WriteFile(file, after, 0o600); err != nil {
				h.t.Fatal(err)
			}
			for _, line := range []string{"certificate export pem --private-key --yes", "certificate list"} {
				p := processRun{label: "damaged: " + name + " is " + what + ": " + line, arguments: words(line)}
				p.fails = line != "certificate list" || name == "/store.json" && what != "changed" // a list needs no key
				h.start(p)
			}
		}
		if err := os.WriteFile(file, before, 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	run(processRun{arguments: words("get by-store")})
}

// textInJSON is a key, a check or an identifier.
var textInJSON = regexp.MustCompile(`[A-Za-z0-9+/]{20,}`)

// changed is a file with another letter in the last long text that it has.
func changed(content []byte) []byte {
	all := textInJSON.FindAllIndex(content, -1)
	last := all[len(all)-1]
	other := slices.Clone(content)
	if at := &other[(last[0]+last[1])/2]; *at == 'A' {
		*at = 'B'
	} else {
		*at = 'A'
	}
	return other
}

// emulator runs an emulator, with another STS behind it and without, and lets it answer and refuse.
func (h *habitat) emulator() {
	h.t.Helper()
	h.watching.Lock()
	h.label = "emulator"
	h.watching.Unlock()
	c := exec.Command("awsauth", "emulator", "--json", "--explain", "--listen", "127.0.0.1:0", "--state", h.path("state"))
	c.Dir, c.Env = h.path("work"), append(slices.Clone(h.env), "UPSTREAM="+canaryOf("secret of another STS"))
	var stderr bytes.Buffer
	c.Stderr = &stderr
	stdout, err := c.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
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
	reader := bufio.NewReader(stdout)
	line, err := reader.ReadBytes('\n')
	if err != nil {
		h.t.Fatal(err)
	}
	var announced ready
	if err := json.Unmarshal(line, &announced); err != nil {
		h.t.Fatal(err)
	}
	h.add("emulator's secret", []byte(announced.Administrator.SecretAccessKey))
	id, err := identity.File{Certificate: announced.Identity.Certificate, PrivateKey: announced.Identity.PrivateKey}.Identity(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	scalar, err := id.Key.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		h.t.Fatal(err)
	}
	h.add("emulator's key", scalar)
	h.names["E"], h.names["E_ID"] = announced.Endpoint, announced.Administrator.AccessKeyID
	session := "get session --endpoint-url $E --role-arn " + announced.RoleARN + " --profile-arn " + announced.ProfileARN + " --trust-anchor-arn " + announced.TrustAnchorARN
	got := h.start(processRun{label: "get $SESSION from an emulator", arguments: words(session + " --verify --debug-signing --certificate " + announced.Identity.URI)})
	for _, m := range issuedForm.FindAllStringSubmatch(got.stdout, -1) {
		h.issued(m[1], m[2])
	}
	h.start(processRun{label: "refused: an emulator", arguments: words(session + " --certificate pem"), fails: true})
	h.start(processRun{label: "refused: an emulator's STS", arguments: words("get by-systemd --verify --endpoint-url $E"), fails: true})
	h.searchProcess(c)
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		h.t.Fatal(err)
	}
	rest, err := io.ReadAll(reader)
	if err != nil {
		h.t.Error(err)
	}
	ended = true
	if err := c.Wait(); err != nil {
		h.t.Errorf("emulator: %v\n%s", err, stderr.String())
	}
	if stderr.Len() == 0 {
		h.t.Error("the emulator has logged nothing: the test does not test")
	}
	h.search("stdout: emulator", append(line, rest...))
	h.search("stderr: emulator", stderr.Bytes())
	h.searchFiles()
}

// abort has the runtime print all stacks of a process that holds secrets and waits for an answer.
func (h *habitat) abort() {
	h.t.Helper()
	for _, line := range []string{"whoami by-role", "get by-p12 --no-cache", "whoami by-file"} {
		got := h.start(processRun{
			label: "aborted: " + line, arguments: words(line), fails: true, environment: []string{"GOTRACEBACK=system"},
			onCall: func(ctx context.Context, c *exec.Cmd) {
				if err := c.Process.Signal(syscall.SIGQUIT); err != nil {
					h.t.Error(err)
				}
				<-ctx.Done() // it has gone
			},
		})
		if !strings.Contains(got.stderr, "goroutine ") {
			h.t.Errorf("%s: no stacks on standard error: the test does not test", line)
		}
	}
}

// observe reports when what a reference's program sees of itself has not been searched. It is below the files' base.
func (h *habitat) observe() {
	h.t.Helper()
	for _, name := range []string{"environ", "cmdline"} {
		seen, err := os.ReadFile(h.path("observed", name))
		if err != nil || len(seen) == 0 {
			h.t.Errorf("the program of a reference has seen no %s: %v", name, err)
		}
	}
	if seen, err := os.ReadFile(h.path("observed/environ")); err == nil && !bytes.Contains(seen, []byte("HOME=")) {
		h.t.Error("the environment of a reference's program has no HOME")
	}
}
