package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/awsauth-go/awsauth/internal/agent"
	"github.com/awsauth-go/awsauth/internal/pki"
)

// TestMain makes the test binary the command itself, where scripts call it by its name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"awsauth": func() { os.Exit(Main()) }})
}

// raceOptions, in GORACE, let the command end at once: built with the race detector it would otherwise linger for a second.
const raceOptions = "atexit_sleep_ms=0"

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               setupScript,
		Cmds:                scriptCommands(),
	})
}

// scriptCommands are the commands of scripts beside testscript's own.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"run":       cmdRun,
		"emulator":  cmdEmulator,
		"agent":     cmdAgent,
		"keep":      cmdKeep,
		"interrupt": cmdInterrupt,
		"ca":        cmdCA,
		"empty":     cmdEmpty,
		"config":    cmdConfig,

		"freeport": cmdFreePort,

		"clientcertificates": cmdClientCertificates,
	}
}

// setupScript gives each script a home and a directory for temporary files, both empty.
func setupScript(env *testscript.Env) error {
	env.Values[runningKey] = map[string]*running{}
	env.Setenv("GORACE", raceOptions)
	for variable, dir := range map[string]string{"HOME": "home", "TMPDIR": "tmp"} {
		path := filepath.Join(env.WorkDir, dir)
		if err := os.Mkdir(path, 0o700); err != nil {
			return err
		}
		env.Setenv(variable, path)
	}
	env.Setenv("XDG_CACHE_HOME", filepath.Join(env.Getenv("HOME"), ".cache")) // the superuser's is the host's
	return nil
}

// cmdRun is "run CODE ARGS…": it runs awsauth, which must end with the code. A failure writes nothing to
// standard output and something to standard error; success writes nothing there.
func cmdRun(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: run CODE ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got, failed := 0, new(exec.ExitError)
	if err := ts.Exec("awsauth", args[1:]...); errors.As(err, &failed) {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
	if out := ts.ReadFile("stdout"); want != 0 && out != "" {
		ts.Fatalf("it failed and wrote %d bytes to standard output", len(out))
	}
	if text := ts.ReadFile("stderr"); (text == "") != (want == 0) {
		ts.Fatalf("exit code %d and %d bytes on standard error", want, len(text))
	}
}

// running is a command in the background.
type running struct {
	command *exec.Cmd
	stdout  io.Reader
	log     string // path of its standard error
}

const runningKey = "running"

func background(ts *testscript.TestScript, name string, args ...string) *running {
	all := ts.Value(runningKey).(map[string]*running)
	if all[name] != nil {
		ts.Fatalf("%s runs already", name)
	}
	r := &running{command: exec.Command("awsauth", args...), log: ts.MkAbs(name + ".log")}
	r.command.Dir = ts.Getenv("WORK")
	r.command.Env = append(os.Environ(), "GORACE="+raceOptions, "HOME="+ts.Getenv("HOME"), "TMPDIR="+ts.Getenv("TMPDIR"),
		"UPSTREAM_SECRET="+ts.Getenv("UPSTREAM_SECRET"),
		"AWSAUTH_STORE="+ts.Getenv("AWSAUTH_STORE"), "SECRET="+ts.Getenv("SECRET"))
	log, err := os.Create(r.log)
	ts.Check(err)
	r.command.Stderr = log
	r.stdout, err = r.command.StdoutPipe()
	ts.Check(err)
	ts.Check(r.command.Start())
	ts.Check(log.Close())
	all[name] = r
	ts.Defer(func() {
		if all[name] == r {
			_ = r.command.Process.Kill()
			_ = r.command.Wait()
		}
	})
	return r
}

// cmdEmulator is "emulator NAME FLAGS…": it starts an emulator and sets what it announces as variables that begin with
// the name: ENDPOINT, REGION, ROLE_ARN, PROFILE_ARN, ANCHOR_ARN, CERTIFICATE, KEY, ADMIN_ID, ADMIN_SECRET. SESSION is all
// that get session needs. A name of "-" is none.
func cmdEmulator(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: emulator NAME FLAGS…")
	}
	prefix := args[0] + "_"
	if args[0] == "-" {
		prefix = ""
	}
	r := background(ts, args[0], append([]string{"emulator", "--json", "--listen", "127.0.0.1:0"}, args[1:]...)...)
	line, err := bufio.NewReader(r.stdout).ReadBytes('\n')
	if err != nil {
		ts.Fatalf("emulator: %v\n%s", err, ts.ReadFile(r.log))
	}
	var announced ready
	ts.Check(json.Unmarshal(line, &announced))
	set := func(name, value string) { ts.Setenv(prefix+name, value) }
	set("ENDPOINT", announced.Endpoint)
	set("REGION", announced.Region)
	set("ROLE_ARN", announced.RoleARN)
	set("PROFILE_ARN", announced.ProfileARN)
	set("ANCHOR_ARN", announced.TrustAnchorARN)
	set("ADMIN_ID", announced.Administrator.AccessKeyID)
	set("ADMIN_SECRET", announced.Administrator.SecretAccessKey)
	if announced.Identity != nil {
		set("CERTIFICATE", announced.Identity.Certificate)
		set("KEY", announced.Identity.PrivateKey)
		set("URI", announced.Identity.URI)
	}
	if announced.Created != nil {
		for name, user := range announced.Created.Users {
			set("USER_"+name+"_ID", user.AccessKeyID)
			set("USER_"+name+"_SECRET", user.SecretAccessKey)
		}
		for name, arn := range announced.Created.Roles {
			set("ROLE_"+name, arn)
		}
		for name, arn := range announced.Created.Profiles {
			set("PROFILE_"+name, arn)
		}
		for name, arn := range announced.Created.TrustAnchors {
			set("ANCHOR_"+name, arn)
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".json"), line, 0o600))
}

// cmdAgent is "agent NAME SOCKET FLAGS…": it starts an agent and waits until it holds all credentials or knows why not.
func cmdAgent(ts *testscript.TestScript, _ bool, args []string) {
	r := background(ts, args[0], append([]string{"agent", "--socket", args[1]}, args[2:]...)...)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		status, err := agent.Client{Socket: args[1]}.Status(context.Background())
		asking := func(c agent.Credential) bool { return c.AccessKeyID == "" && c.Error == "" }
		if err == nil && !slices.ContainsFunc(status.Credentials, asking) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the agent does not serve: %v\n%s", err, ts.ReadFile(r.log))
		}
	}
}

// cmdFreePort is "freeport NAME": it sets a variable to the URL of a port that is free for now.
func cmdFreePort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv(args[0], "http://"+l.Addr().String())
}

// cmdKeep is "keep NAME FLAGS…": it starts awsauth demo --keep, waits until it can be tried, and writes what it has said
// to NAME.txt.
func cmdKeep(ts *testscript.TestScript, _ bool, args []string) {
	r := background(ts, args[0], append([]string{"demo", "--keep"}, args[1:]...)...)
	var text strings.Builder
	for lines := bufio.NewScanner(r.stdout); lines.Scan(); {
		fmt.Fprintln(&text, lines.Text())
		if strings.Contains(lines.Text(), " rolesanywhere list-profiles") {
			break
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".txt"), []byte(text.String()), 0o600))
}

// cmdInterrupt is "interrupt NAME": Ctrl-C, on which the command must end with exit code 0. What it wrote to standard error is in
// NAME.log.
func cmdInterrupt(ts *testscript.TestScript, _ bool, args []string) {
	all := ts.Value(runningKey).(map[string]*running)
	r := all[args[0]]
	if r == nil {
		ts.Fatalf("%s does not run", args[0])
	}
	delete(all, args[0])
	ts.Check(r.command.Process.Signal(syscall.SIGINT))
	if err := r.command.Wait(); err != nil {
		ts.Fatalf("after Ctrl-C: %v\n%s", err, ts.ReadFile(r.log))
	}
}

// cmdCA is "ca DIR": it makes a CA and a client of it as ca.pem, client.pem, client.key and client.p12, whose password is
// "open sesame".
func cmdCA(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	ca, err := pki.NewCA("a-ca", time.Now())
	ts.Check(err)
	client, err := ca.Issue(pki.Leaf{CommonName: "a-client"})
	ts.Check(err)
	_, _, err = writeIdentity(dir, client)
	ts.Check(err)
	bag, err := pkcs12.Modern2023.Encode(client.Key, client.Certificate, nil, "open sesame")
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(dir, "client.p12"), bag, 0o600))
	ts.Check(os.WriteFile(filepath.Join(dir, "ca.pem"), pki.CertificatesPEM(ca.Certificate), 0o600))
}

// cmdEmpty is "empty DIR…": nothing is left behind in them.
func cmdEmpty(ts *testscript.TestScript, _ bool, args []string) {
	for _, dir := range args {
		entries, err := os.ReadDir(ts.MkAbs(dir))
		ts.Check(err)
		if len(entries) > 0 {
			ts.Fatalf("%s has %s", dir, entries[0].Name())
		}
	}
}

// cmdConfig is "config FILE": a configuration for the emulator that runs, with the credentials backup, archive and admin.
func cmdConfig(ts *testscript.TestScript, _ bool, args []string) {
	text := fmt.Sprintf(`defaults: {endpoint_url: %s}
credentials:
  backup:
    type: session
    role_arn: %s
    profile_arn: %s
    trust_anchor_arn: %s
    certificate: backup
  archive:
    type: assume-role
    source: backup
    role_arn: %s
    duration: 15m
  admin:
    type: static
    access_key_id: %s
    secret_access_key: env:SECRET
`, ts.Getenv("ENDPOINT"), ts.Getenv("ROLE_ARN"), ts.Getenv("PROFILE_ARN"), ts.Getenv("ANCHOR_ARN"), ts.Getenv("ROLE_archive"), ts.Getenv("ADMIN_ID"))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// cmdClientCertificates is "clientcertificates DIR FILE": what the Mendix platform makes of DIR/client.p12, twice.
func cmdClientCertificates(ts *testscript.TestScript, _ bool, args []string) {
	pfx, err := os.ReadFile(ts.MkAbs(filepath.Join(args[0], "client.p12")))
	ts.Check(err)
	raw, err := json.Marshal([]map[string]any{
		{"pfx": pfx, "password": "open sesame", "pin_to": []string{"MY_S3", "a pin with spaces"}},
		{"pfx": pfx, "password": "open sesame"},
	})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), raw, 0o600))
}
