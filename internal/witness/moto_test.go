package witness

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

// Moto is in no distribution: make test says when it is absent.
func TestMotosServicesTakeTheCredentialsThatItsSTSIssuesThroughTheEmulator(t *testing.T) {
	endpoint := foreign.StartMoto(t, callsToPrepare)
	key := prepareMoto(t, endpoint)
	p := newAuthority(t)
	p.write("secret", *key.SecretAccessKey)
	p.leaf("backup", "P-256", root)
	id := packing{name: "backup", uri: "file:" + p.path("backup.pem") + "?key=" + p.path("backup.key")}
	local := startEmulator(t, p, "--sts-endpoint", endpoint, "--sts-access-key-id", *key.AccessKeyId,
		"--sts-secret-access-key", "file:"+p.path("secret"))
	config := local.writeConfig(t, p, id)
	for _, python := range foreign.Pythons(t) {
		t.Run(python.Version, func(t *testing.T) {
			c := foreign.Command(t, python.Path, "testdata/services.py", endpoint, id.name)
			c.Env = append(c.Env, "AWS_CONFIG_FILE="+config)
			foreign.MustRun(t, c)
		})
	}
}

// trustEmulator names the user: moto fails at the principal that a role for Roles Anywhere has, a service.
const trustEmulator = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/emulator"},` +
	`"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`

const everything = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// callsToPrepare are those of prepareMoto, which nobody has a key for.
const callsToPrepare = 5

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
