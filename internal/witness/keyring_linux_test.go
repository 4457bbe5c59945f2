package witness

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

// session is a message bus and GNOME's keyring on it, unlocked, with a home of its own.
type session struct {
	dir string
	bus string // its address
}

// busConfiguration is a bus without activation: nothing else is started because somebody asks for it.
const busConfiguration = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir=%s</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`

// sessionScript runs the keyring until its standard input ends. The program is copied to leave its file capability behind,
// with which many containers do not let it be run.
const sessionScript = `set -eu
cp "$1" keyring-daemon
echo >password
./keyring-daemon --unlock --foreground --components=secrets <password >/dev/null &
trap 'kill $!; wait $!' EXIT
echo "$DBUS_SESSION_BUS_ADDRESS"
cat >/dev/null
`

// startSession runs a session until the test ends.
func startSession(t *testing.T) *session {
	t.Helper()
	dir := foreign.ShortDir(t)
	s := &session{dir: dir}
	for _, name := range []string{"home", "run", "bin"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(dir, "bus.conf"), fmt.Sprintf(busConfiguration, dir))

	c := s.command(t, installed(t, "dbus-run-session"), "--config-file="+filepath.Join(dir, "bus.conf"), "--",
		"sh", "-c", sessionScript, "sh", installed(t, "gnome-keyring-daemon"))
	c.Dir, c.Stderr = dir, t.Output()
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Cancel = stdin.Close // at the end of the test; so does the end of this process
	stdout, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("dbus-run-session: %v", err)
	}
	s.bus = strings.TrimSpace(line)
	return s
}

// installed answers the path of a program of the keyring.
func installed(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not in PATH: %s", name, foreign.Remedy)
	}
	return path
}

// command makes a command that knows the session's home, and no bus.
func (s *session) command(t *testing.T, path string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), path, args...)
	c.Env = []string{
		"PATH=" + filepath.Join(s.dir, "bin") + string(filepath.ListSeparator) + os.Getenv("PATH"),
		"HOME=" + filepath.Join(s.dir, "home"), "XDG_RUNTIME_DIR=" + filepath.Join(s.dir, "run"), "TMPDIR=" + s.dir,
		"XDG_CACHE_HOME=" + filepath.Join(s.dir, "home", ".cache"),
	}
	return c
}

// inside makes a command in the session.
func (s *session) inside(t *testing.T, path string, args ...string) *exec.Cmd {
	t.Helper()
	c := s.command(t, path, args...)
	c.Env = append(c.Env, "DBUS_SESSION_BUS_ADDRESS="+s.bus)
	return c
}

// put makes an entry of the keyring, as soon as the keyring is there.
func (s *session) put(t *testing.T, value string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		c := s.inside(t, installed(t, "secret-tool"), append([]string{"store"}, args...)...)
		c.Stdin = strings.NewReader(value)
		r := foreign.Run(c)
		if r.Err == nil {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("secret-tool store: %v: %s", r.Err, r.Stderr)
		}
	}
}

// withoutBus keeps a command from the bus that its user may have at the standard place, as another user who has none.
func (s *session) withoutBus(t *testing.T, c *exec.Cmd) {
	t.Helper()
	standard := filepath.Join("/run/user", strconv.Itoa(os.Getuid()))
	if !exists(filepath.Join(standard, "bus")) && !exists(filepath.Join(standard, "dbus-session")) {
		return
	}
	const nobody = 65533
	other := &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: os.Getgid(), Size: 1}},
	}
	try := s.command(t, command, "version")
	try.SysProcAttr = other
	if err := try.Run(); err != nil {
		give := t.Skipf
		if os.Getenv("CI") == "true" {
			give = t.Fatalf
		}
		give("this user has a message bus in %s, and may not be another in a user namespace (%v): run the test as a user without a bus", standard, err)
	}
	c.SysProcAttr = other
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestTheKeyOfAStoreIsKeptInGNOMEsKeyring(t *testing.T) {
	s, local := startSession(t), newScene(t)
	s.put(t, "hunter2", "--label=any", "any", "entry") // so that the keyring is there
	store := filepath.Join(s.dir, "store")
	add := foreign.MustRun(t, s.inside(t, command, "certificate", "add", "backup", local.pki.path("backup.pem"), local.pki.path("backup.key"),
		"--store", store, "--store-key", "keyring"))
	if want := "added in " + store + " (key: the keyring of the operating system)\n"; !strings.HasSuffix(add, want) {
		t.Errorf("got %q, want %q", add, want)
	}
	t.Run("certificate list shows where it is", func(t *testing.T) {
		var list struct {
			StoreKey     string `json:"store_key"`
			Certificates []struct{ Identifier, Error string }
		}
		out := foreign.MustRun(t, s.inside(t, command, "certificate", "list", "--json", "--store", store))
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatal(err)
		}
		if list.StoreKey != "keyring" || len(list.Certificates) != 1 || list.Certificates[0].Identifier != "backup" || list.Certificates[0].Error != "" {
			t.Errorf("got %s, want certificate backup and the keyring", out)
		}
	})
	key := s.checkEntry(t, store)
	t.Run("the store's own files do not have it", func(t *testing.T) { checkAbsent(t, store, key) })

	get := local.sessionArgs(packing{uri: "backup"})
	get = append(get, "--store", store, "--verify", "--format", "json")
	if out := foreign.MustRun(t, s.inside(t, command, get...)); !strings.Contains(out, ":assumed-role/local/") {
		t.Errorf("got %s, want credentials of role local", out)
	}
	t.Run("without the bus it is not to be had, and no other is made", func(t *testing.T) {
		before, place := files(t, store), filepath.Join(s.dir, "new")
		marker := fakeLaunch(t, s)
		for name, variable := range map[string][]string{
			"no address": nil, "no bus at the address": {"DBUS_SESSION_BUS_ADDRESS=unix:path=" + filepath.Join(s.dir, "gone")},
			"an address that has one started": {"DBUS_SESSION_BUS_ADDRESS=autolaunch:"},
		} {
			for _, args := range [][]string{get, {
				"certificate", "add", "other", local.pki.path("backup.pem"), local.pki.path("backup.key"), "--store", store,
			}, {
				"certificate", "add", "other", local.pki.path("backup.pem"), local.pki.path("backup.key"), "--store", place, "--store-key", "keyring",
			}} {
				c := s.command(t, command, args...)
				c.Env = append(c.Env, variable...)
				s.withoutBus(t, c)
				r := foreign.Run(c)
				if code := c.ProcessState.ExitCode(); code != 3 || !strings.Contains(r.Stderr, "it is in the keyring of the operating system: the keyring is not available") {
					t.Errorf("%s: got exit code %d (%v) and %q, want 3, and that the keyring is not available", name, code, r.Err, r.Stderr)
				}
				if r.Stdout != "" {
					t.Errorf("%s: got output %q, want none", name, r.Stdout)
				}
			}
		}
		if after := files(t, store); after != before {
			t.Errorf("got files %s, want %s", after, before)
		}
		if exists(filepath.Join(place, "store.key")) || exists(filepath.Join(place, "store.json")) {
			t.Errorf("got a store in %s, want none", place)
		}
		if exists(marker) {
			t.Error("dbus-launch was started")
		}
	})
	if again := s.checkEntry(t, store); again != key {
		t.Error("the keyring has another key than before")
	}
}

// checkEntry answers the key of a store, which secret-tool must find alone under the names that the documentation gives.
func (s *session) checkEntry(t *testing.T, store string) string {
	t.Helper()
	var meta struct{ ID string }
	text, err := os.ReadFile(filepath.Join(store, "store.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &meta); err != nil || meta.ID == "" {
		t.Fatalf("store.json: %v, and no ID in %s", err, text)
	}
	const service = "awsauth certificate store"
	found := foreign.Run(s.inside(t, installed(t, "secret-tool"), "search", "--all", "service", service))
	attributes := found.Stdout + found.Stderr // it splits what it says
	if found.Err != nil || strings.Count(attributes, "attribute.username = ") != 1 || !strings.Contains(attributes, "attribute.username = "+meta.ID+"\n") {
		t.Errorf("secret-tool search: got %v and %q, want the entry of store %s alone", found.Err, found.Stderr, meta.ID)
	}
	key := foreign.MustRun(t, s.inside(t, installed(t, "secret-tool"), "lookup", "service", service, "username", meta.ID))
	if len(key) != 52 {
		t.Errorf("got a key of %d characters, want 52", len(key))
	}
	return key
}

// files lists what is below a directory, with what it holds.
func files(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	walk(t, dir, func(path string, content []byte) { fmt.Fprintf(&b, "%s (%d bytes) ", path, len(content)) })
	return b.String()
}

// checkAbsent looks for a secret in every file below a directory.
func checkAbsent(t *testing.T, dir, secret string) {
	t.Helper()
	n := 0
	walk(t, dir, func(path string, content []byte) {
		n++
		if strings.Contains(string(content), secret) {
			t.Errorf("%s has it", path)
		}
		if filepath.Base(path) == "store.key" {
			t.Errorf("there is %s", path)
		}
	})
	if n == 0 {
		t.Error("there are no files, so this proves nothing")
	}
}

func walk(t *testing.T, dir string, visit func(path string, content []byte)) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		visit(path, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// fakeLaunch puts a dbus-launch first in PATH, and answers the path of the file that it makes when it is started.
func fakeLaunch(t *testing.T, s *session) (marker string) {
	t.Helper()
	marker = filepath.Join(s.dir, "launched")
	script := "#!/bin/sh\n: >'" + marker + "'\nexit 1\n"
	path := filepath.Join(s.dir, "bin", "dbus-launch")
	writeFile(t, path, script)
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return marker
}

func TestAConfiguredSecretIsReadFromGNOMEsKeyring(t *testing.T) {
	s, p := startSession(t), newAuthority(t)
	local := startEmulator(t, p)
	s.put(t, local.Environment["AWS_SECRET_ACCESS_KEY"], "--label=awsauth", "service", "awsauth", "username", "legacy")
	configuration := filepath.Join(s.dir, "awsauth.yaml")
	writeFile(t, configuration, fmt.Sprintf(`credentials:
  legacy: {type: static, access_key_id: %s, secret_access_key: "keyring:awsauth/legacy", endpoint_url: %q}
  other: {type: static, access_key_id: %s, secret_access_key: "keyring:awsauth/other"}
`, local.Environment["AWS_ACCESS_KEY_ID"], local.Endpoint, local.Environment["AWS_ACCESS_KEY_ID"]))
	out := foreign.MustRun(t, s.inside(t, command, "get", "legacy", "--config", configuration, "--verify", "--format", "json"))
	if want := "arn:aws:iam::" + local.AccountID + ":user/admin"; !strings.Contains(out, want) {
		t.Errorf("got %s, want %s", out, want)
	}
	for _, c := range []struct {
		name, credential string
		bus              bool
		want             string
	}{
		{"no such entry", "other", true, "keyring:awsauth/other: the keyring has no such entry"},
		{"no bus", "legacy", false, "keyring:awsauth/legacy: the keyring is not available"},
	} {
		t.Run(c.name, func(t *testing.T) {
			get := s.command(t, command, "get", c.credential, "--config", configuration)
			if c.bus {
				get.Env = append(get.Env, "DBUS_SESSION_BUS_ADDRESS="+s.bus)
			} else {
				s.withoutBus(t, get)
			}
			r := foreign.Run(get)
			if r.Err == nil || r.Stdout != "" || !strings.Contains(r.Stderr, c.want) {
				t.Errorf("got %v, %q and %q, want %q alone", r.Err, r.Stdout, r.Stderr, c.want)
			}
		})
	}
}
