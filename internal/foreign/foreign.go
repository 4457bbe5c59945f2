// Package foreign finds and runs the programs that are not ours against which tests hold awsauth: AWS's command line and SDKs, OpenSSL,
// servers of S3. It also builds ours as they meet those. It is for tests alone.
//
//	for _, cli := range foreign.AWSCLIs(t) {
//		c := foreign.Command(t, cli.Path, "sts", "get-caller-identity", "--endpoint-url", endpoint)
//		foreign.MustRun(t, c)
//	}
//
// What it does not find, scripts/install-witnesses installs.
package foreign

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Region is the one that programs are told.
const Region = "eu-west-1"

// Remedy says what to do where a program is lacking.
const Remedy = "scripts/install-witnesses installs it"

// Tool is a program that is not ours.
type Tool struct {
	Path    string
	Version string // as it says itself: aws-cli/2.9.19, boto3 1.26.27
}

// ReadsEndpointURL reports whether an AWS CLI knows the variable AWS_ENDPOINT_URL: version 1 since 1.29, version 2 since
// 2.13.
func (t Tool) ReadsEndpointURL() bool {
	var major, minor int
	if _, err := fmt.Sscanf(t.Version, "aws-cli/%d.%d.", &major, &minor); err != nil {
		return false
	}
	return major == 1 && minor >= 29 || major == 2 && minor >= 13 || major > 2
}

// OpenSSL answers the path of OpenSSL.
func OpenSSL(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatalf("openssl is not in PATH: %s", Remedy)
	}
	return path
}

// AWSCLIs answers every AWS CLI: the distribution's and the one in PATH.
func AWSCLIs(t testing.TB) []Tool {
	t.Helper()
	found := tools(t, "aws", "--version")
	if len(found) == 0 {
		t.Fatalf("there is no AWS CLI: %s", Remedy)
	}
	for i := range found {
		found[i].Version, _, _ = strings.Cut(found[i].Version, " ") // aws-cli/2.9.19
	}
	return found
}

// Pythons answers every Python that has boto3: the distribution's and the one in PATH.
func Pythons(t testing.TB) []Tool {
	t.Helper()
	found := tools(t, "python3", "-c", "import boto3; print('boto3', boto3.__version__)")
	if len(found) == 0 {
		t.Fatalf("no python3 has boto3: %s", Remedy)
	}
	return found
}

// tools looks in /usr/bin and in PATH for a program that answers a question about itself.
func tools(t testing.TB, name string, question ...string) []Tool {
	t.Helper()
	var found []Tool
	var seen []os.FileInfo
	for _, candidate := range []string{"/usr/bin/" + name, name} {
		path, err := exec.LookPath(candidate)
		if err != nil {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(seen, func(other os.FileInfo) bool { return os.SameFile(info, other) }) {
			continue
		}
		answer := Command(t, path, question...)
		if out, err := answer.Output(); err == nil {
			seen = append(seen, info)
			found = append(found, Tool{path, strings.TrimSpace(string(out))})
		}
	}
	return found
}

// IsOfAWS reports whether a variable decides how AWS's clients or ours work.
func IsOfAWS(name string) bool {
	name = strings.ToUpper(name)
	return strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "AWSAUTH_") || strings.HasSuffix(name, "_PROXY")
}

// Isolated are the variables that keep AWS's clients away from the user's own configuration and from instance metadata.
var Isolated = []string{
	"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
	"AWS_PAGER=", "AWS_DEFAULT_REGION=" + Region, "AWS_REGION=" + Region,
}

// Command makes a command whose environment says nothing of AWS but what Isolated does, and the test adds.
func Command(t testing.TB, path string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), path, args...)
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !IsOfAWS(name) {
			c.Env = append(c.Env, variable)
		}
	}
	c.Env = append(c.Env, Isolated...)
	return c
}

// Result is how a command ended.
type Result struct {
	Stdout, Stderr string
	Err            error
}

// Run runs a command to its end.
func Run(c *exec.Cmd) Result {
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	return Result{stdout.String(), stderr.String(), err}
}

// MustRun answers the standard output of a command that must succeed.
func MustRun(t testing.TB, c *exec.Cmd) string {
	t.Helper()
	r := Run(c)
	if r.Err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(c.Args, " "), r.Err, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Start runs a server until the test ends, which tells it to stop. What it says on standard error is the test's.
func Start(t testing.TB, c *exec.Cmd) {
	t.Helper()
	start(t, c, func() error { return c.Process.Signal(syscall.SIGTERM) })
}

func start(t testing.TB, c *exec.Cmd, stop func() error) {
	t.Helper()
	c.Stderr, c.Cancel, c.WaitDelay = t.Output(), stop, 10*time.Second
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Wait() }) // it may be killed: it keeps nothing
}

// BuildAwsauth builds our own command into a file, as it is released: without cgo, and without the race detector of the tests.
func BuildAwsauth(to string) error {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/awsauth-go/awsauth").Output()
	if err != nil {
		return fmt.Errorf("find the module of awsauth: %w", err)
	}
	return build(strings.TrimSpace(string(dir)), "./cmd/awsauth", to)
}

// Build builds a command of the module at hand in the same way.
func Build(path, to string) error { return build(".", path, to) }

func build(module, path, to string) error {
	to, err := filepath.Abs(to)
	if err != nil {
		return err
	}
	c := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-ldflags=-s -w -buildid=", "-o", to, path)
	c.Dir, c.Env = module, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", path, err, out)
	}
	return nil
}

// ShortDir is a directory for the test whose name is short, as the names of sockets have to be.
func ShortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "awsauth-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// UnitComplaints answers what systemd-analyze has said of units whose names begin so, but that their programs are not installed, which is
// true of a host that only tests them; and how else it failed.
func UnitComplaints(r Result, prefix string) (complaints []string) {
	const absent = "is not executable: No such file or directory"
	for line := range strings.Lines(r.Stdout + r.Stderr) {
		if strings.Contains(line, prefix) && !strings.Contains(line, absent) {
			complaints = append(complaints, strings.TrimSpace(line))
		}
	}
	if r.Err != nil && !strings.Contains(r.Stderr, absent) {
		complaints = append(complaints, fmt.Sprintf("%v: %s", r.Err, r.Stderr))
	}
	return complaints
}

// Lateness runs something that counts seconds, and answers by how much this process was late at worst meanwhile: on a host that is too busy
// it may fail for nothing else.
func Lateness(run func()) (late time.Duration) {
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for {
			const nap = 20 * time.Millisecond
			began := time.Now()
			select {
			case <-done:
				return
			case <-time.After(nap):
				late = max(late, time.Since(began)-nap)
			}
		}
	}()
	run()
	close(done)
	<-watched
	return late
}

// given are the ports that FreeAddress has given: what is to listen there may take its time.
var given sync.Map

// FreeAddress is an address of loopback that nobody listens on. Its port is below those that connections are given (ip_local_port_range).
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.IntN(12_000)))
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, before := given.LoadOrStore(address, true); !before {
			return address
		}
	}
	t.Fatal("no port of loopback is free")
	return ""
}

// AwaitOK waits until a server is ready.
func AwaitOK(t testing.TB, url string) {
	t.Helper()
	client := http.Client{Timeout: 2 * time.Second}
	for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		answer, err := client.Get(url)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
			err = errors.New(answer.Status)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not ready: %v", url, err)
		}
	}
}

// Witnesses is the directory of what scripts/install-witnesses installs beside the system's packages.
func Witnesses(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("XDG_CACHE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(home, ".cache")
	}
	return filepath.Join(dir, "awsauth-witnesses")
}

// Look answers the path of a program, that of scripts/install-witnesses first, or "".
func Look(t testing.TB, name string) (path string) {
	t.Helper()
	for _, candidate := range []string{filepath.Join(Witnesses(t), "bin", name), name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Logf("there is no %s: %s where it can be had", name, Remedy)
	return ""
}

// Find is Look for a test that cannot do without: it is skipped.
func Find(t testing.TB, name string) (path string) {
	t.Helper()
	if path = Look(t, name); path == "" {
		t.Skipf("there is no %s: %s where it can be had", name, Remedy)
	}
	return path
}
