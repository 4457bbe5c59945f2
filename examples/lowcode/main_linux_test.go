package lowcode_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/examples/internal/standin"
	"github.com/awsauth-go/awsauth/examples/lowcode/client"
	"github.com/awsauth-go/awsauth/internal/foreign"
)

// local is an agent with its actions, and what stands in for AWS.
var local struct {
	aws      *standin.AWS
	actions  string // URL
	password string
	command  string // awsauth, built for this run
}

func TestMain(m *testing.M) { os.Exit(standin.Main(m, &local.aws, startAgent)) }

// startAgent builds awsauth and runs an agent until stop is called.
func startAgent(dir string) (stop func() error, err error) {
	local.command = filepath.Join(dir, "command")
	if err := foreign.BuildAwsauth(local.command); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	local.actions, local.password = "http://"+address, rand.Text()
	for name, text := range map[string]string{
		"erp.password": local.password, "legacy.secret": local.aws.SecretAccessKey, "crm.password": rand.Text(),
		"config.yaml": configuration(address, dir),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	var stderr bytes.Buffer
	agent := exec.Command(local.command, "agent", "--config", filepath.Join(dir, "config.yaml"), "--socket", filepath.Join(dir, "agent.sock"))
	agent.Stderr = &stderr
	agent.Env = []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CACHE_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}
	if err := agent.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- agent.Wait() }()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if r, err := http.Get(local.actions + "/v1/openapi.json"); err == nil {
			return func() error { return errors.Join(agent.Process.Signal(syscall.SIGTERM), <-ended) }, r.Body.Close()
		}
		select {
		case err := <-ended:
			return nil, fmt.Errorf("the agent ended: %w\n%s", err, stderr.String())
		default:
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("the agent does not answer\n%s", stderr.String()), agent.Process.Kill())
		}
	}
}

func configuration(address, dir string) string {
	a := local.aws
	return fmt.Sprintf(`credentials:
  backup: {type: session, role_arn: %[1]q, profile_arn: %[2]q, trust_anchor_arn: %[3]q, certificate: "file:%[4]s?key=%[5]s", session_name: nightly, endpoint_url: %[6]q}
  unknown: {type: session, role_arn: "%[1]s-unknown", profile_arn: %[2]q, trust_anchor_arn: %[3]q, certificate: "file:%[4]s?key=%[5]s", endpoint_url: %[6]q}
  away: {type: session, role_arn: %[1]q, profile_arn: %[2]q, trust_anchor_arn: %[3]q, certificate: "file:%[4]s?key=%[5]s", endpoint_url: "http://127.0.0.1:1"}
  legacy: {type: static, access_key_id: %[7]s, secret_access_key: 'file:%[8]s/legacy.secret', endpoint_url: %[6]q}
agent:
  actions:
    address: %[9]q
    endpoint_url: %[6]q
    callers:
      erp: {password: 'file:erp.password', credentials: [backup, legacy, unknown, away], roles: [%[1]q], certificates: [gone]}
      crm: {password: 'file:crm.password', actions: [static]}
`, a.RoleARN, a.ProfileARN, a.TrustAnchorARN, a.Certificate, a.PrivateKey, a.Endpoint, a.AccessKeyID, dir, address)
}

// send sends a request as it was signed, and answers the status.
func send(ctx context.Context, signed *client.SignedRequest, body string) string {
	r, err := http.NewRequestWithContext(ctx, signed.Method, signed.Url, strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	for name, value := range map[string]string{
		"Authorization": signed.Authorization, "X-Amz-Date": signed.XAmzDate, "X-Amz-Content-Sha256": signed.XAmzContentSha256,
		"X-Amz-Security-Token": signed.XAmzSecurityToken, "X-Amz-Target": signed.XAmzTarget, "Content-Type": signed.ContentType,
	} {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.Status
}
