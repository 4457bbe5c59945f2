package awsauthtest_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// caller asks STS whose credentials these are.
func caller(t *testing.T, local *awsauthtest.Local, p aws.CredentialsProvider) (arn string, err error) {
	t.Helper()
	out, err := sts.NewFromConfig(local.AWSConfig(p)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", err
	}
	return *out.Arn, nil
}

func wantCaller(t *testing.T, local *awsauthtest.Local, p aws.CredentialsProvider, want string) {
	t.Helper()
	if got, err := caller(t, local, p); err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestAdminMayDoEverything(t *testing.T) {
	local := awsauthtest.Start(t)
	wantCaller(t, local, local.Admin, "arn:aws:iam::123456789012:user/admin")
}

func TestSessionsOfTwelveHoursAreAllowed(t *testing.T) {
	local := awsauthtest.Start(t)
	session := local.Session(local.Client("backup-01"))
	session.Duration = awsauth.MaxDuration
	if left := time.Until(retrieve(t, session).Expires); left < 11*time.Hour {
		t.Errorf("got a session of %s, want 12 hours", left)
	}
}

func TestTheAccountIsTheOneAskedFor(t *testing.T) {
	local := awsauthtest.StartConfig(t, awsauthtest.Config{
		Emulator: emulator.Config{AccountID: "999988887777", Region: "cn-north-1"},
	})
	if local.AccountID != "999988887777" || local.Region != "cn-north-1" {
		t.Errorf("got account %s in %s", local.AccountID, local.Region)
	}
	wantCaller(t, local, local.Admin, "arn:aws-cn:iam::999988887777:user/admin")
	session := local.Session(local.Client("backup-01"))
	session.SessionName = "nightly"
	wantCaller(t, local, session, "arn:aws-cn:sts::999988887777:assumed-role/local/nightly")
}

func TestTheSeedMayReferToWhatStartCreates(t *testing.T) {
	local := awsauthtest.StartConfig(t, awsauthtest.Config{Seed: emulator.Seed{
		Users:    []emulator.SeedUser{{Name: "legacy"}},
		Roles:    []emulator.SeedRole{{Name: "archive", TrustAnchor: "local"}},
		Profiles: []emulator.SeedProfile{{Name: "archive", Roles: []string{"archive", "local"}, AcceptRoleSessionName: true}},
	}})
	session := local.Session(local.Client("backup-01"))
	session.RoleARN, session.ProfileARN = local.Created.Roles["archive"], local.Created.Profiles["archive"]
	session.SessionName = "nightly"
	wantCaller(t, local, session, "arn:aws:sts::123456789012:assumed-role/archive/nightly")

	legacy := local.Created.Users["legacy"]
	static := awsauth.Static{AccessKeyID: legacy.AccessKeyID, SecretAccessKey: awsauth.NewSecret(legacy.SecretAccessKey)}
	wantCaller(t, local, static, "arn:aws:iam::123456789012:user/legacy")
}

func TestAMistakeInTheConfigurationFailsTheTest(t *testing.T) {
	for _, c := range []struct {
		name   string
		config awsauthtest.Config
		want   string
	}{
		{"account", awsauthtest.Config{Emulator: emulator.Config{AccountID: "1"}}, `start: new emulator: account "1" is not 12 digits`},
		{
			"seed",
			awsauthtest.Config{Seed: emulator.Seed{Profiles: []emulator.SeedProfile{{Name: "p", Roles: []string{"none"}}}}},
			`start: seed profiles[1] "p": role "none" does not exist`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := failure(t, func(fake testing.TB) { awsauthtest.StartConfig(fake, c.config) }); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestSessionsEndByTheClock(t *testing.T) {
	clock := awsauthtest.NewClock(time.Now())
	local := awsauthtest.StartConfig(t, awsauthtest.Config{Emulator: emulator.Config{Now: clock.Now, Skew: 24 * time.Hour}})
	session := local.Session(local.Client("backup-01"))
	session.Duration = awsauth.MinDuration
	credentials := retrieve(t, session)
	held := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return credentials, nil })

	clock.Advance(awsauth.MinDuration - time.Minute)
	if _, err := caller(t, local, held); err != nil {
		t.Errorf("a minute before the end: %v", err)
	}
	clock.Advance(2 * time.Minute)
	_, err := caller(t, local, held)
	var refused smithy.APIError
	if !errors.As(err, &refused) || refused.ErrorCode() != "ExpiredToken" {
		t.Errorf("a minute after the end: got %v, want ExpiredToken", err)
	}
}

func TestTheClockDatesCertificates(t *testing.T) {
	clock := awsauthtest.NewClock(time.Now())
	local := awsauthtest.StartConfig(t, awsauthtest.Config{Emulator: emulator.Config{Now: clock.Now}})
	old := local.Client("backup-01")
	clock.Advance(91 * 24 * time.Hour)
	young := local.Client("backup-01")
	if err := old.Identity.Check(clock.Now()); err == nil {
		t.Error("the certificate of three months ago is still valid")
	}
	if err := young.Identity.Check(clock.Now()); err != nil {
		t.Errorf("the certificate of today: %v", err)
	}
}

func TestRevokedClientsStayRevoked(t *testing.T) {
	local := awsauthtest.Start(t)
	one, two, three := local.Client("one"), local.Client("two"), local.Client("three", awsauthtest.ThroughIntermediate)
	local.Revoke(one)
	local.Revoke(two)
	local.Revoke(three)
	for _, c := range []struct {
		client  *awsauthtest.Client
		refused bool
	}{{one, true}, {two, true}, {local.Client("four"), false}} {
		_, err := local.Session(c.client).Retrieve(t.Context())
		refused := new(rolesanywhere.Error)
		if got := errors.As(err, &refused) && refused.Message == "Certificate revoked"; got != c.refused || !got && err != nil {
			t.Errorf("%s: got %v, want refused %v", c.client.Identity.Origin, err, c.refused)
		}
	}
}

func TestCreateSessionsCountsRefusalsToo(t *testing.T) {
	local := awsauthtest.Start(t)
	session := local.Session(local.Client("backup-01"))
	retrieve(t, session)
	wantCaller(t, local, local.Admin, "arn:aws:iam::123456789012:user/admin")
	session.RoleARN += "-of-nobody"
	if _, err := session.Retrieve(t.Context()); err == nil {
		t.Error("got a session of a role that does not exist")
	}
	if got := local.CreateSessions(); got != 2 {
		t.Errorf("got %d, want 2", got)
	}
}

func TestTheReasonOfARefusalIsInTheLogAndNoSecretIs(t *testing.T) {
	fake := &logging{TB: t}
	local := awsauthtest.Start(fake)
	credentials := retrieve(t, local.Session(local.Client("backup-01")))
	if _, err := send(t, local, local.Client("backup-01", awsauthtest.Expired)); err == nil {
		t.Fatal("got a session for an expired certificate")
	}
	log := fake.log()
	if !strings.Contains(log, "the certificate expired at ") {
		t.Errorf("got log %q, want the reason in it", log)
	}
	for _, secret := range []string{credentials.SecretAccessKey, credentials.SessionToken, local.Admin.SecretAccessKey.Reveal()} {
		if strings.Contains(log, secret) {
			t.Error("a secret is in the log")
		}
	}
}

func TestNothingIsLeftWhenTheTestEnds(t *testing.T) {
	dir := t.TempDir()
	for _, variable := range []string{"TMPDIR", "TMP", "TEMP", "HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"} {
		t.Setenv(variable, dir)
	}
	t.Chdir(dir)
	before := runtime.NumGoroutine()
	var endpoint string
	t.Run("a whole test, with a request that hangs", func(t *testing.T) {
		local := awsauthtest.Start(t)
		endpoint = local.Endpoint
		client := local.Client("backup-01")
		client.WriteFiles(t.TempDir())
		wantCaller(t, local, local.Admin, "arn:aws:iam::123456789012:user/admin")
		local.Fail(emulator.Hang(1))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := local.Session(client).Retrieve(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		local.Fail(emulator.Hang(1))
		arrived := local.CreateSessions() // of the first, whose time was over on a busy host before it was sent, none
		go func() {                       // left behind by a careless program
			if _, err := local.Session(client).Retrieve(context.Background()); err == nil {
				t.Error("got a session out of a request that hangs")
			}
		}()
		for end := time.Now().Add(5 * time.Second); local.CreateSessions() == arrived; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the second request does not arrive")
			}
		}
	})
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if _, err := (&rolesanywhere.Client{Region: "eu-west-1", Endpoint: rolesanywhere.Endpoint{URL: endpoint}}).CreateSession(
		t.Context(), awsauthtest.NewCA(t, "Acme CA").Issue("backup-01").Identity, rolesanywhere.Request{},
	); err == nil {
		t.Error("the port still answers")
	}
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("got %d goroutines, want %d:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
