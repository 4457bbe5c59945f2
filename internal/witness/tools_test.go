package witness

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const remedy = "scripts/install-witnesses installs it"

// tool is a program that is not ours.
type tool struct {
	path    string
	version string
}

// readsEndpointURL reports whether an AWS CLI knows the variable AWS_ENDPOINT_URL: version 1 since 1.29, version 2 since
// 2.13.
func (t tool) readsEndpointURL() bool {
	var major, minor int
	if _, err := fmt.Sscanf(t.version, "aws-cli/%d.%d.", &major, &minor); err != nil {
		return false
	}
	return major == 1 && minor >= 29 || major == 2 && minor >= 13 || major > 2
}

// openSSL answers the path of OpenSSL.
func openSSL(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Fatalf("openssl is not in PATH: %s", remedy)
	}
	return path
}

// awsCLIs answers every AWS CLI: the distribution's and the one in PATH.
func awsCLIs(t testing.TB) []tool {
	t.Helper()
	found := tools(t, "aws", "--version")
	if len(found) == 0 {
		t.Fatalf("there is no AWS CLI: %s", remedy)
	}
	for i := range found {
		found[i].version, _, _ = strings.Cut(found[i].version, " ") // aws-cli/2.9.19
	}
	return found
}

// pythons answers every Python that has boto3: the distribution's and the one in PATH.
func pythons(t testing.TB) []tool {
	t.Helper()
	found := tools(t, "python3", "-c", "import boto3; print('boto3', boto3.__version__)")
	if len(found) == 0 {
		t.Fatalf("no python3 has boto3: %s", remedy)
	}
	return found
}

// tools looks in /usr/bin and in PATH for a program that answers a question about itself.
func tools(t testing.TB, name string, question ...string) []tool {
	t.Helper()
	var found []tool
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
		answer := foreign(t, path, question...)
		if out, err := answer.Output(); err == nil {
			seen = append(seen, info)
			found = append(found, tool{path, strings.TrimSpace(string(out))})
		}
	}
	return found
}

// isOfAWS reports whether a variable decides how AWS's clients or ours work.
func isOfAWS(name string) bool {
	name = strings.ToUpper(name)
	return strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "AWSAUTH_") || strings.HasSuffix(name, "_PROXY")
}

// isolated are the variables that keep AWS's clients away from the user's own configuration and from instance metadata.
var isolated = []string{
	"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
	"AWS_PAGER=", "AWS_DEFAULT_REGION=" + region, "AWS_REGION=" + region,
}

// foreign makes a command whose environment says nothing of AWS but what isolated does, and the test adds.
func foreign(t testing.TB, path string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), path, args...)
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); !isOfAWS(name) {
			c.Env = append(c.Env, variable)
		}
	}
	c.Env = append(c.Env, isolated...)
	return c
}

// result is how a command ended.
type result struct {
	stdout, stderr string
	err            error
}

func run(c *exec.Cmd) result {
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	return result{stdout.String(), stderr.String(), err}
}

// mustRun answers the standard output of a command that must succeed.
func mustRun(t testing.TB, c *exec.Cmd) string {
	t.Helper()
	r := run(c)
	if r.err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(c.Args, " "), r.err, r.stdout, r.stderr)
	}
	return r.stdout
}

// freeAddress is an address of loopback that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
