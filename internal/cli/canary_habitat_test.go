package cli

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zalando/go-keyring"

	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/secret"
)

// keyringVariable names the file of entries that stand in for the operating system's keyring in a process of a test.
const keyringVariable = "AWSAUTH_CANARY_KEYRING"

// The process that the test binary becomes under the name awsauth is given its keyring here.
func init() {
	file := os.Getenv(keyringVariable)
	if file == "" {
		return
	}
	keyring.MockInit()
	var entries []keyringEntry
	raw, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(raw, &entries)
	}
	for _, e := range entries {
		err = errors.Join(err, keyring.Set(e.Service, e.Key, e.Value))
	}
	if err != nil {
		panic("the keyring of the test cannot be read")
	}
}

type keyringEntry struct{ Service, Key, Value string }

// keyringOf keeps entries for a store that is made in this process.
type keyringOf struct{ entries []keyringEntry }

func (k *keyringOf) Get(_ context.Context, service, key string) (secret.Secret, error) {
	for _, e := range k.entries {
		if e.Service == service && e.Key == key {
			return secret.New(e.Value), nil
		}
	}
	return secret.Secret{}, secret.ErrNotInKeyring
}

func (k *keyringOf) Set(_ context.Context, service, key string, value secret.Secret) error {
	k.entries = append(k.entries, keyringEntry{service, key, value.Reveal()})
	return nil
}

// habitat is a user's home, stores, files and variables with a secret in every place that is for one, and a local AWS whose
// answers hold further ones. All of it is searched after every run of the command, and during it at every request.
type habitat struct {
	*world
	scanner
	t    *testing.T
	base string // of all files; the paths below are relative to it
	env  []string

	mayHold []*allowance

	watching sync.Mutex // guards all below; never held while a process is waited for
	running  *exec.Cmd
	label    string
	onCall   func(context.Context, *exec.Cmd) // what happens at the first request of a run, once
	count    map[string]int                   // searches by kind of surface
	size     int                              // bytes searched
}

// allowance is where secrets may be. A place that has none of them is a mistake of the test.
type allowance struct {
	surface string // or, before a *, its beginning
	secrets []string
	why     string
	used    map[string]bool
}

// canaryOf makes the secret of a name, in the form of a secret access key but longer.
func canaryOf(name string) string {
	sum := sha512.Sum512([]byte("a canary: " + name))
	return base64.RawStdEncoding.EncodeToString(sum[:])[:54]
}

// hide makes a secret, which may be anywhere that it is allowed to be.
func (h *habitat) hide(name string) string {
	value := canaryOf(name)
	h.add(name, []byte(value))
	return value
}

func (h *habitat) path(elements ...string) string {
	return filepath.Join(append([]string{h.base}, elements...)...)
}

// put writes a file for its owner alone.
func (h *habitat) put(name, content string, mode os.FileMode) string {
	h.t.Helper()
	file := h.path(name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), mode); err != nil {
		h.t.Fatal(err)
	}
	return file
}

// client makes a client's files below input, with a key that is a secret.
func (h *habitat) client(name, secretName string) *awsauthtest.Client {
	h.t.Helper()
	client := h.local.Client(name)
	scalar, err := client.Identity.Key.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		h.t.Fatal(err)
	}
	h.add(secretName, scalar)
	if err := os.MkdirAll(h.path("input", name), 0o700); err != nil {
		h.t.Fatal(err)
	}
	return client
}

// furtherRole is a role that a session of the first one assumes.
func furtherRole() emulator.Seed {
	return emulator.Seed{Roles: []emulator.SeedRole{{
		Name: "archive", TrustPolicy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/local"},` +
			`"Action":["sts:AssumeRole","sts:SetSourceIdentity","sts:TagSession"]}]}`,
	}}}
}

func newHabitat(t *testing.T) *habitat {
	t.Helper()
	local := awsauthtest.StartConfig(t, awsauthtest.Config{Seed: furtherRole()})
	h := &habitat{t: t, base: t.TempDir(), count: map[string]int{}}
	h.world = &world{local: local, dir: h.base, names: map[string]string{}}
	for _, dir := range []string{"home", "tmp", "work", "input"} {
		if err := os.Mkdir(h.path(dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	h.hostile(t)
	h.serve(t, "ECHO", echo)
	h.tap()
	h.plant()
	h.configure()
	h.allow()
	return h
}

// issuedForm is a secret in an answer of Roles Anywhere or of STS.
var issuedForm = regexp.MustCompile(`(?i)["<](secretAccessKey|sessionToken)(?:"\s*:\s*"|>)([^"<]+)`)

// tap puts a server before the local AWS, as $TAP: it looks at the process that asks, and makes what AWS issues known.
func (h *habitat) tap() {
	target, err := url.Parse(h.local.Endpoint)
	if err != nil {
		h.t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // which is signed
		},
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			for _, m := range issuedForm.FindAllSubmatch(body, -1) {
				h.issued(string(m[1]), string(m[2]))
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {}, // the command has been aborted
	}
	h.serve(h.t, "TAP", func(w http.ResponseWriter, r *http.Request) {
		h.look(r)
		proxy.ServeHTTP(w, r)
	})
}

// issued makes what AWS has issued known: of a token its beginning, which nothing has without the rest.
func (h *habitat) issued(what, value string) {
	h.add("issued "+strings.ToLower(what), []byte(value[:min(len(value), 96)]))
}

// look searches what there is to see of a process while it waits for an answer: the request, the process and all files.
func (h *habitat) look(r *http.Request) {
	request, err := httputil.DumpRequest(r, true)
	if err != nil {
		h.t.Error(err)
	}
	h.watching.Lock()
	running, call := h.running, h.onCall
	h.onCall = nil
	h.watching.Unlock()
	h.search("request", request)
	if running == nil {
		return
	}
	h.searchProcess(running)
	h.searchFiles()
	if call != nil {
		call(r.Context(), running)
	}
}

// searchProcess searches what others can see of a process, where there is a /proc.
func (h *habitat) searchProcess(c *exec.Cmd) {
	for _, what := range []string{"cmdline", "environ"} {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", c.Process.Pid, what))
		if err == nil {
			h.search(what+" of awsauth", raw)
		}
	}
}

// searchFiles searches all files, and their names.
func (h *habitat) searchFiles() {
	err := filepath.WalkDir(h.base, func(file string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the command has removed it
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(h.base, file)
		if err != nil {
			return err
		}
		h.search("name of a file", []byte(name))
		if !entry.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		h.search("file: "+filepath.ToSlash(name), content)
		return err
	})
	if err != nil {
		h.t.Error(err)
	}
}

// search reports the secrets that a surface has and must not have.
func (h *habitat) search(surface string, content []byte) {
	found := h.find(content)
	h.watching.Lock()
	defer h.watching.Unlock()
	kind, _, _ := strings.Cut(surface, ":")
	h.count[kind]++
	h.size += len(content)
	for name, form := range found {
		if !h.allowed(surface, name) {
			h.t.Errorf("%s: %s has the %s (form: %s)", h.label, surface, name, form)
		}
	}
}

func (h *habitat) allowed(surface, name string) bool {
	allowed := false
	for _, a := range h.mayHold {
		beginning, isBeginning := strings.CutSuffix(a.surface, "*")
		here := surface == a.surface || isBeginning && strings.HasPrefix(surface, beginning)
		if here && slices.Contains(a.secrets, name) {
			a.used[name], allowed = true, true
		}
	}
	return allowed
}

// tested reports places whose secrets were never there.
func (h *habitat) tested() {
	h.t.Helper()
	for _, a := range h.mayHold {
		for _, name := range a.secrets {
			if !a.used[name] {
				h.t.Errorf("%s never had the %s: the test does not test (%s)", a.surface, name, a.why)
			}
		}
	}
}

// expanded are arguments with values in place of names, some of which stand for several arguments.
func (h *habitat) expanded(arguments []string) (all []string) {
	for _, a := range arguments {
		if a == "" {
			all = append(all, a)
		}
		all = append(all, strings.Fields(h.expand(a))...)
	}
	return all
}

// processRun is a run of the command as a process of its own.
type processRun struct {
	label       string // what stands for its output in mayHold; the arguments when it is empty
	arguments   []string
	environment []string // beside the habitat's
	stdin       string
	fails       bool
	onCall      func(context.Context, *exec.Cmd)
}

// start runs the command and searches everything that there is.
func (h *habitat) start(p processRun) outcome {
	h.t.Helper()
	var stdout, stderr bytes.Buffer
	c := exec.Command("awsauth")
	c.Args = append(c.Args, h.expanded(p.arguments)...)
	if p.label == "" {
		p.label = strings.Join(p.arguments, " ")
	}
	c.Dir, c.Env = h.path("work"), h.env
	for _, assignment := range p.environment {
		c.Env = append(c.Env, h.expand(assignment))
	}
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(p.stdin), &stdout, &stderr
	h.watching.Lock()
	h.running, h.label, h.onCall = c, p.label, p.onCall
	err := c.Start()
	h.watching.Unlock()
	if err != nil {
		h.t.Fatal(err)
	}
	h.searchProcess(c)
	err = c.Wait()
	h.watching.Lock()
	h.running = nil
	h.count["run"]++
	h.watching.Unlock()
	h.search("stdout: "+p.label, stdout.Bytes())
	h.search("stderr: "+p.label, stderr.Bytes())
	h.searchFiles()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		h.t.Fatal(err)
	}
	if (err != nil) != p.fails {
		h.t.Errorf("%s: ended with %v, and should it fail? %t\n%s%s", p.label, err, p.fails, stderr.String(), stdout.String())
	}
	return outcome{stdout.String(), stderr.String(), c.ProcessState.ExitCode()}
}

// plant puts secrets into files, variables, the keyring and stores.
func (h *habitat) plant() {
	pem := h.client("pem", "key in PEM")
	pem.WriteFiles(h.path("input", "pem"))
	linked := h.client("linked", "linked key")
	linked.WriteFiles(h.path("input", "linked"))
	h.add("password of PKCS#12", []byte(canaryPassword))
	h.client("p12", "key in PKCS#12").WritePKCS12(h.path("input", "p12"), canaryPassword)
	h.put("input/mendix.json", h.clientCertificates(), 0o600)

	h.put("input/file-secret", h.hide("secret in a file")+"\n", 0o600)
	h.put("input/open-secret", h.hide("secret in a file that others can read")+"\n", 0o644)
	h.put("input/token", h.hide("session token in a file")+"\n", 0o600)
	h.put("input/command-secret", h.hide("secret of a command")+"\n", 0o600)
	h.put("input/credentials/legacy", h.hide("secret of systemd")+"\n", 0o600)
	h.put("input/credentials/awsauth-store-key", h.hide("store key of systemd"), 0o600)
	h.put("input/other-credentials/awsauth-store-key", h.hide("another store key"), 0o600)
	script := "#!/bin/sh\ncat /proc/$$/environ > %s/environ\ncat /proc/$$/cmdline > %[1]s/cmdline\necho %s >&2\nexec cat %s\n"
	h.put("observed/none", "", 0o600)
	h.put("input/command.sh", fmt.Sprintf(script, h.path("observed"), "said on standard error", h.path("input/command-secret")), 0o700)
	h.put("input/failing.sh", fmt.Sprintf("#!/bin/sh\ncat %s\ncat %[1]s >&2\nexit 3\n", h.path("input/command-secret")), 0o700)

	ring := &keyringOf{entries: []keyringEntry{{"awsauth", "legacy", h.hide("secret in the keyring")}}}
	store, err := certstore.Create(h.path("keyring-store"), certstore.Options{Keyring: ring, NewKey: certstore.KeyringKey})
	if err == nil {
		err = store.Add(h.t.Context(), "pem", pem.Identity, certstore.AddOptions{})
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.add("store key in the keyring", []byte(ring.entries[1].Value))
	entries, err := json.Marshal(ring.entries)
	if err != nil {
		h.t.Fatal(err)
	}
	h.put("input/keyring.json", string(entries), 0o600)

	user := h.local.Created.Users["admin"]
	h.names["USER_ID"] = user.AccessKeyID
	h.add("secret in a variable", []byte(user.SecretAccessKey))
	h.env = []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "GORACE=" + raceOptions, "HOME=" + h.path("home"), "TMPDIR=" + h.path("tmp"),
		"XDG_DATA_HOME=" + h.path("home", "data"), "XDG_CACHE_HOME=" + h.path("home", "cache"), "CREDENTIALS_DIRECTORY=" + h.path("input", "credentials"),
		"DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent", keyringVariable + "=" + h.path("input", "keyring.json"),
		"USER_SECRET=" + user.SecretAccessKey, "P12_PASSWORD=" + canaryPassword,
		"AWS_SECRET_ACCESS_KEY=" + h.hide("secret that a shell has exported"),
		"HTTPS_PROXY=http://me:" + url.QueryEscape(h.hide("password of a proxy")) + "@" + h.names["CLOSED_HOST"],
	}
	h.names["BASE"] = h.base
}

// clientCertificates is what the Mendix platform makes of a PKCS#12 file. The part of it that is encrypted is a secret, too.
func (h *habitat) clientCertificates() string {
	password := h.hide("password of CLIENT_CERTIFICATES")
	pfx, err := os.ReadFile(h.client("mendix", "key in CLIENT_CERTIFICATES").WritePKCS12(h.path("input", "mendix"), password))
	if err != nil {
		h.t.Fatal(err)
	}
	middle := len(pfx) / 2
	h.add("pfx of CLIENT_CERTIFICATES", pfx[middle:middle+96])
	raw, err := json.Marshal([]map[string]any{{"pfx": pfx, "password": password, "pin_to": []string{"mendix"}}})
	if err != nil {
		h.t.Fatal(err)
	}
	return string(raw)
}

// configure writes a configuration with a credential for each kind of reference.
func (h *habitat) configure() {
	session := fmt.Sprintf("type: session\n    role_arn: %s\n    profile_arn: %s\n    trust_anchor_arn: %s\n    certificate: ",
		h.local.RoleARN, h.local.ProfileARN, h.local.TrustAnchorARN)
	static := "type: static\n    access_key_id: AKIAIOSFODNN7EXAMPLE\n    secret_access_key: "
	temporary := strings.Replace(static, "AKIA", "ASIA", 1)
	h.names["SESSION"] = "session --endpoint-url $TAP --role-arn " + h.local.RoleARN + " --profile-arn " + h.local.ProfileARN +
		" --trust-anchor-arn " + h.local.TrustAnchorARN + " --certificate"
	h.put("home/.config/awsauth/config.yaml", h.expand("defaults: {endpoint_url: $TAP}\ncredentials:\n"+
		"  by-store:\n    "+session+"pem\n"+
		"  by-link:\n    "+session+"linked\n"+
		"  by-p12:\n    "+session+"file:$BASE/input/p12/client.p12\n    certificate_password: env:P12_PASSWORD\n"+
		"  by-role:\n    type: assume-role\n    source: by-store\n    role_arn: "+h.local.Created.Roles["archive"]+"\n"+
		"  by-variable:\n    "+strings.Replace(static, "AKIAIOSFODNN7EXAMPLE", "$USER_ID", 1)+"env:USER_SECRET\n"+
		"  by-file:\n    "+temporary+"file:$BASE/input/file-secret\n    session_token: file:$BASE/input/token\n"+
		"  by-systemd:\n    "+static+"systemd:legacy\n"+
		"  by-keyring:\n    "+static+"keyring:awsauth/legacy\n"+
		"  by-command:\n    "+static+"{command: [$BASE/input/command.sh]}\n"+
		"  by-failing-command:\n    "+static+"{command: [$BASE/input/failing.sh]}\n"+
		"  by-open-file:\n    "+static+"file:$BASE/input/open-secret\n"+
		"  itself:\n    "+temporary+h.hide("secret in the configuration")+"\n    session_token: "+h.hide("token in the configuration")+"\n"),
		0o600)
}
