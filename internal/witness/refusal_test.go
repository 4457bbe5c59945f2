package witness

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/internal/foreign"
)

// refusedCredentials are credentials that AWS refuses, and the codes with which its services do. IAM's are those of STS.
type refusedCredentials struct {
	name string
	aws.Credentials
	sts, rolesAnywhere string
}

func (r refusedCredentials) environment() []string {
	env := []string{"AWS_ACCESS_KEY_ID=" + r.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + r.SecretAccessKey}
	if r.SessionToken != "" {
		env = append(env, "AWS_SESSION_TOKEN="+r.SessionToken)
	}
	return env
}

// spoil gets credentials through the command and makes them useless in every way, the commonest first. The scene's
// emulator issues sessions of a second.
func (s *scene) spoil(t *testing.T) []refusedCredentials {
	t.Helper()
	expired := s.getSession(t)
	sleepUntil(expired.Expires.Add(time.Second)) // what credential_process says is a little before the end
	other := s.getSession(t)

	wrongSecret := expired
	wrongSecret.SecretAccessKey = other.SecretAccessKey
	noToken := expired
	noToken.SessionToken = ""
	wrongToken := expired
	wrongToken.SessionToken = other.SessionToken
	unknown := expired
	unknown.AccessKeyID = "ASIAEMUAAAAAAAAAAAAA"
	return []refusedCredentials{
		{"a wrong secret access key", wrongSecret, "SignatureDoesNotMatch", "InvalidSignatureException"},
		{"no session token", noToken, "InvalidClientTokenId", "UnrecognizedClientException"},
		{"an expired session", expired, "ExpiredToken", "ExpiredTokenException"},
		{"another's session token", wrongToken, "InvalidClientTokenId", "UnrecognizedClientException"},
		{"an unknown access key ID", unknown, "InvalidClientTokenId", "UnrecognizedClientException"},
	}
}

// getSession gets credentials through the command, in the form of credential_process.
func (s *scene) getSession(t *testing.T) aws.Credentials {
	t.Helper()
	var got struct {
		Version                       int
		AccessKeyID                   string `json:"AccessKeyId"`
		SecretAccessKey, SessionToken string
		Expiration                    time.Time
	}
	out := foreign.MustRun(t, foreign.Command(t, command, s.sessionArgs(s.id)...))
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Version != 1 {
		t.Fatalf("got version %d of credential_process, want 1", got.Version)
	}
	return aws.Credentials{
		AccessKeyID: got.AccessKeyID, SecretAccessKey: got.SecretAccessKey, SessionToken: got.SessionToken,
		CanExpire: true, Expires: got.Expiration,
	}
}

// sleepUntil waits until a time has passed.
func sleepUntil(at time.Time) { time.Sleep(time.Until(at) + 50*time.Millisecond) }
