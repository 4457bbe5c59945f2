package foreign

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/emulator"
)

// StartVersitygw runs an S3 server, versitygw, with these buckets, and answers its URL. It computes signatures itself; whose a key
// is, and what they may do, it asks the emulator, as it asks an IAM of its own.
func StartVersitygw(t testing.TB, e *emulator.Emulator, buckets ...string) (endpoint string) {
	t.Helper()
	socket := filepath.Join(ShortDir(t), "iam.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	identities := &http.Server{Handler: gatewayIdentities(e), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = identities.Serve(l) }()
	t.Cleanup(func() { _ = identities.Close() })
	return startVersitygw(t, socket, buckets)
}

func startVersitygw(t testing.TB, iamSocket string, buckets []string) (endpoint string) {
	t.Helper()
	dir, address := ShortDir(t), FreeAddress(t)
	for _, bucket := range buckets {
		if err := os.MkdirAll(filepath.Join(dir, "data", bucket), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "meta"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := Command(t, Find(t, "versitygw"), "--port", address, "--health", "/health", "--quiet", "--region", Region, "--iam-cache-disable",
		"--iam-standalone-endpoint", iamSocket, "posix", "--sidecar", filepath.Join(dir, "meta"), filepath.Join(dir, "data"))
	c.Env = append(c.Env, versitygwRoot...)
	Start(t, c)
	endpoint = "http://" + address
	AwaitOK(t, endpoint+"/health")
	return endpoint
}

// versitygwRoot are the keys of its superuser.
var versitygwRoot = []string{"ROOT_ACCESS_KEY=" + rootKey.AccessKeyID, "ROOT_SECRET_KEY=" + rootKey.SecretAccessKey}

var rootKey = aws.Credentials{AccessKeyID: "gateway", SecretAccessKey: "gateway-of-a-test"}

// VersityIAM is versitygw's own IAM and STS, and an S3 server that asks it.
type VersityIAM struct {
	S3, IAM string          // URLs; IAM's is that of STS too
	Root    aws.Credentials // who may do everything there

	mu   sync.Mutex // guards file
	file string
}

// StartVersityIAM runs versitygw with its own IAM, with these buckets. That decides about keys, ends and policies by itself.
func StartVersityIAM(t testing.TB, buckets ...string) *VersityIAM {
	t.Helper()
	dir, address := ShortDir(t), FreeAddress(t)
	v := &VersityIAM{IAM: "http://" + address, Root: rootKey, file: filepath.Join(dir, "iam", "iam.json")}
	if err := os.Mkdir(filepath.Dir(v.file), 0o700); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "iam.sock")
	c := Command(t, Find(t, "versitygw"), "--port", address, "--health", "/health", "--quiet", "--region", Region,
		"iam", "--dir", filepath.Dir(v.file), "--private-ports", socket)
	c.Env = append(c.Env, versitygwRoot...)
	Start(t, c)
	AwaitOK(t, v.IAM+"/health")
	v.S3 = startVersitygw(t, socket, buckets)
	return v
}

// Session is one that VersityIAM is told of, as if its own STS had issued it.
type Session struct {
	aws.Credentials
	RoleARN, RoleName, RoleID string // as CreateRole there has answered
	Name                      string
}

// Plant adds sessions: versitygw v1.8.0 keeps them in a file, which it reads anew for each request. No other call of its IAM may run.
func (v *VersityIAM) Plant(t testing.TB, sessions ...Session) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	text, err := os.ReadFile(v.file)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	known := map[string]any{}
	if planted, ok := all["sessions"]; ok {
		if err := json.Unmarshal(planted, &known); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range sessions {
		known[s.AccessKeyID] = map[string]any{
			"accessKeyId": s.AccessKeyID, "secretAccessKey": s.SecretAccessKey, "sessionToken": s.SessionToken,
			"roleArn": s.RoleARN, "roleName": s.RoleName, "roleId": s.RoleID, "roleSessionName": s.Name,
			"provider": "", "audience": "", "subject": "",
			"createDate": time.Now().UTC().Format(time.RFC3339), "expiration": s.Expires.UTC().Format(time.RFC3339),
		}
	}
	if all["sessions"], err = json.Marshal(known); err != nil {
		t.Fatal(err)
	}
	if text, err = json.Marshal(all); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(v.file+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(v.file+".new", v.file); err != nil {
		t.Fatal(err)
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
