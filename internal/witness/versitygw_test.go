package witness

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/emulator"
)

// startVersitygw runs an S3 server, versitygw, with these buckets, and answers its URL. It computes signatures itself; whose a key
// is, and what they may do, it asks the emulator, as it asks an IAM of its own.
func startVersitygw(t testing.TB, e *emulator.Emulator, buckets ...string) (endpoint string) {
	t.Helper()
	path := findProgram(t, "versitygw")
	dir, err := os.MkdirTemp("", "awsauth-") // short: the names of sockets are
	if err != nil {
		t.Fatal(err)
	}
	for _, bucket := range buckets {
		if err := os.MkdirAll(filepath.Join(dir, "data", bucket), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "meta"), 0o700); err != nil {
		t.Fatal(err)
	}
	socket, address := filepath.Join(dir, "iam.sock"), freeAddress(t)
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	identities := &http.Server{Handler: gatewayIdentities(e), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = identities.Serve(l) }()
	c := foreign(t, path, "--port", address, "--health", "/health", "--quiet", "--region", region, "--iam-cache-disable", "--iam-standalone-endpoint", socket,
		"posix", "--sidecar", filepath.Join(dir, "meta"), filepath.Join(dir, "data"))
	c.Env = append(c.Env, "ROOT_ACCESS_KEY=gateway", "ROOT_SECRET_KEY=gateway-of-a-test")
	c.Stderr, c.Cancel = t.Output(), func() error { return c.Process.Signal(syscall.SIGTERM) } // at the end of the test
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Wait() // it may be killed: it keeps nothing
		_ = identities.Close()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	endpoint = "http://" + address
	awaitOK(t, endpoint+"/health")
	return endpoint
}

// awaitOK waits until a server is ready.
func awaitOK(t testing.TB, url string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get(url)
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not ready: %v", url, err)
		}
	}
}

// gatewayIdentities answers what versitygw v1.8.0 asks its standalone IAM (its private protocol 1). The gateway's own signature is
// not checked: the socket is in a directory of the test.
func gatewayIdentities(e *emulator.Emulator) http.Handler {
	type question struct {
		AccessKeyID, SessionToken, Date, Region, Service string
		Actions, Resources                               []string
	}
	answer := func(w http.ResponseWriter, status int, v any) {
		w.Header().Set("X-Vgw-Private-Protocol", "1")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v) // the gateway may have gone
	}
	known := func(respond func(*emulator.Principal, question) any) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var q question
			if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
				answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
				return
			}
			p, err := e.Principal(q.AccessKeyID, q.SessionToken)
			if err != nil {
				answer(w, http.StatusForbidden, map[string]string{"error": err.Error(), "code": "NoSuchIdentity"})
				return
			}
			answer(w, http.StatusOK, respond(p, q))
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/private/version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"protocol": 1, "minClient": 1, "serverVersion": "awsauth", "accountId": e.AccountID()})
	})
	mux.HandleFunc("/private/derive-signing-key", known(func(p *emulator.Principal, q question) any {
		return map[string]any{"derivedKey": p.SigningKey(q.Date, q.Region, q.Service), "principalArn": p.ARN, "roleArn": p.RoleARN}
	}))
	mux.HandleFunc("/private/evaluate-policy", known(func(p *emulator.Principal, q question) any {
		decisions := make([][]string, len(q.Resources))
		for i, resource := range q.Resources {
			for _, action := range q.Actions {
				decisions[i] = append(decisions[i], strings.ReplaceAll(p.Decide(action, resource), " ", "_"))
			}
		}
		return map[string]any{"decisions": decisions, "principalArn": p.ARN}
	}))
	return mux
}

// witnesses is the directory of what scripts/install-witnesses installs beside the system's packages.
func witnesses(t testing.TB) string {
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

// findProgram answers the path of a program, that of scripts/install-witnesses first, or skips the test.
func findProgram(t testing.TB, name string) string {
	t.Helper()
	for _, candidate := range []string{filepath.Join(witnesses(t), "bin", name), name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Skipf("there is no %s: %s where it can be had", name, remedy)
	return ""
}
