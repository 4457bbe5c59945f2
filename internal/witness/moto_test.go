package witness

import (
	"net"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// Moto is in no distribution: make test says when it is absent.
func TestMotosServicesTakeTheCredentialsThatItsSTSIssuesThroughTheEmulator(t *testing.T) {
	path, err := exec.LookPath("moto_server")
	if err != nil {
		t.Skip("moto_server is not in PATH; pip install 'moto[server]' installs it")
	}
	endpoint := startMoto(t, path)
	key := prepareMoto(t, endpoint)
	p := newAuthority(t)
	p.write("secret", *key.SecretAccessKey)
	p.leaf("backup", "P-256", root)
	id := packing{name: "backup", uri: "file:" + p.path("backup.pem") + "?key=" + p.path("backup.key")}
	local := startEmulator(t, p, "--sts-endpoint", endpoint, "--sts-access-key-id", *key.AccessKeyId,
		"--sts-secret-access-key", "file:"+p.path("secret"))
	config := local.writeConfig(t, p, id)
	for _, python := range pythons(t) {
		t.Run(python.version, func(t *testing.T) {
			c := foreign(t, python.path, "testdata/services.py", endpoint, id.name)
			c.Env = append(c.Env, "AWS_CONFIG_FILE="+config)
			mustRun(t, c)
		})
	}
}

// freeCalls is how many calls prepareMoto makes before moto checks who calls.
const freeCalls = "5"

// startMoto runs moto, which verifies signatures and policies, until the test ends.
func startMoto(t *testing.T, path string) (endpoint string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	c := foreign(t, path, "-H", host, "-p", port)
	c.Env = append(c.Env, "INITIAL_NO_AUTH_ACTION_COUNT="+freeCalls)
	c.Stderr = t.Output()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Wait() }) // the test's context has killed it
	endpoint = "http://" + net.JoinHostPort(host, port)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		response, err := http.Get(endpoint + "/moto-api/")
		if err == nil {
			response.Body.Close()
			return endpoint
		}
		if time.Now().After(deadline) {
			t.Fatalf("moto_server does not answer: %v", err)
		}
	}
}

// trustEmulator names the user: moto fails at the principal that a role for Roles Anywhere has, a service.
const trustEmulator = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/emulator"},` +
	`"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`

const everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// prepareMoto makes the role that the emulator has too, and a user who may assume it.
func prepareMoto(t *testing.T, endpoint string) *types.AccessKey {
	t.Helper()
	clearEnvironment(t)
	client := iam.NewFromConfig(aws.Config{
		Region: region, BaseEndpoint: aws.String(endpoint), Credentials: credentials.NewStaticCredentialsProvider("any", "any", ""),
	})
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	user, role, policy := aws.String("emulator"), aws.String("local"), aws.String("everything")
	_, err := client.CreateUser(t.Context(), &iam.CreateUserInput{UserName: user})
	check(err)
	_, err = client.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{
		UserName: user, PolicyName: policy, PolicyDocument: aws.String(everything),
	})
	check(err)
	_, err = client.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: role, AssumeRolePolicyDocument: aws.String(trustEmulator), MaxSessionDuration: aws.Int32(43200),
	})
	check(err)
	_, err = client.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: role, PolicyName: policy, PolicyDocument: aws.String(everything),
	})
	check(err)
	made, err := client.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: user})
	check(err)
	return made.AccessKey
}
