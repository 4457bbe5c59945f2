package awsauthtest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// The program under test: backup gets its credentials from Roles Anywhere and calls AWS with them.
type backup struct {
	sts *sts.Client
}

// newBackup takes what a deployment sets: the session, and where AWS is.
func newBackup(session awsauth.Session, config aws.Config) *backup {
	config.Credentials = aws.NewCredentialsCache(session)
	return &backup{sts.NewFromConfig(config)}
}

func (b *backup) run(ctx context.Context) (report string, err error) {
	out, err := b.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return "", fmt.Errorf("back up: %w", err)
	}
	return "backed up as " + *out.Arn, nil
}

// And its tests.

func TestBackupRunsAsItsRole(t *testing.T) {
	local := awsauthtest.Start(t)
	session := local.Session(local.Client("backup-01"))
	session.SessionName = "nightly"

	report, err := newBackup(session, local.AWSConfig(nil)).run(t.Context())
	if want := "backed up as arn:aws:sts::123456789012:assumed-role/local/nightly"; err != nil || report != want {
		t.Errorf("got %q, %v, want %q", report, err, want)
	}
}

func TestBackupReadsItsCertificateFromFiles(t *testing.T) {
	local := awsauthtest.Start(t)
	client := local.Client("backup-01", awsauthtest.ThroughIntermediate)
	files := client.WriteFiles(t.TempDir())
	session := local.Session(client)
	session.Identity = identity.File{Certificate: files.Certificate, PrivateKey: files.PrivateKey}

	if _, err := newBackup(session, local.AWSConfig(nil)).run(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAHundredBackupsBuyOneSession(t *testing.T) {
	local := awsauthtest.Start(t)
	program := newBackup(local.Session(local.Client("backup-01")), local.AWSConfig(nil))
	for range 100 {
		if _, err := program.run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := local.CreateSessions(); got != 1 {
		t.Errorf("got %d CreateSession calls, want 1", got)
	}
}

func TestBackupSurvivesABusyService(t *testing.T) {
	local := awsauthtest.Start(t)
	local.Fail(emulator.Throttle(2))
	if _, err := newBackup(local.Session(local.Client("backup-01")), local.AWSConfig(nil)).run(t.Context()); err != nil {
		t.Error(err)
	}
	if got := local.CreateSessions(); got != 3 {
		t.Errorf("got %d CreateSession calls, want 3: two that were throttled, and one", got)
	}
}

func TestBackupGivesUpWhenTheServiceStaysBusy(t *testing.T) {
	local := awsauthtest.Start(t)
	local.Fail(emulator.Throttle(1000))
	_, err := newBackup(local.Session(local.Client("backup-01")), local.AWSConfig(nil)).run(t.Context())
	refused := new(rolesanywhere.Error)
	if !errors.As(err, &refused) || !refused.Temporary() || refused.Code != "ThrottlingException" {
		t.Errorf("got %v, want a temporary refusal with ThrottlingException", err)
	}
}

func TestBackupNeverSendsAnExpiredCertificate(t *testing.T) {
	local := awsauthtest.Start(t)
	client := local.Client("backup-01", awsauthtest.Expired)
	_, err := newBackup(local.Session(client), local.AWSConfig(nil)).run(t.Context())
	if !errors.Is(err, identity.ErrExpired) {
		t.Errorf("got %v, want identity.ErrExpired", err)
	}
	if got := local.CreateSessions(); got != 0 {
		t.Errorf("got %d CreateSession calls, want none", got)
	}
}

func TestBackupIsRefusedOnceItsCertificateIsRevoked(t *testing.T) {
	local := awsauthtest.Start(t)
	client := local.Client("backup-01")
	local.Revoke(client)
	_, err := newBackup(local.Session(client), local.AWSConfig(nil)).run(t.Context())
	refused := new(rolesanywhere.Error)
	if !errors.As(err, &refused) || refused.Message != "Certificate revoked" {
		t.Errorf("got %v, want Certificate revoked", err)
	}
}

// A Provider stands in where a program takes any aws.CredentialsProvider, and needs no test to be tried.
func ExampleProvider() {
	clock := awsauthtest.NewClock(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	provider := &awsauthtest.Provider{Now: clock.Now}
	ctx := context.Background()

	provider.SetLifetime(15 * time.Minute)
	credentials, _ := provider.Retrieve(ctx)
	fmt.Println(credentials.AccessKeyID, "until", credentials.Expires.Format(time.TimeOnly))

	clock.Advance(20 * time.Minute)
	provider.Fail(errors.New("the network is down"))
	_, err := provider.Retrieve(ctx)
	fmt.Println(err)
	fmt.Println(provider.Calls(), "calls")
	// Output:
	// ASIAFAKE000000000001 until 12:15:00
	// the network is down
	// 2 calls
}
