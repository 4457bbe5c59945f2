package awsauth_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rolesanywhere"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

func TestASessionIsWhoSTSSaysItIs(t *testing.T) {
	local := awsauthtest.Start(t)
	session := local.Session(local.Client("backup-01"))
	session.SessionName = "nightly"
	session.Duration = 2 * time.Hour
	before := time.Now()
	created, err := session.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := created.Credentials
	if life := c.Expires.Sub(before); !c.CanExpire || life < 2*time.Hour-2*time.Second || life > 2*time.Hour+time.Minute {
		t.Errorf("expires in %s, want 2 h", life)
	}
	if c.AccountID != local.AccountID || c.Source != rolesanywhere.Source || !strings.HasPrefix(c.AccessKeyID, "ASIAEMU") {
		t.Errorf("got account %s, source %s, access key ID %s", c.AccountID, c.Source, c.AccessKeyID)
	}
	out, err := sts.NewFromConfig(local.AWSConfig(session)).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "arn:aws:sts::" + local.AccountID + ":assumed-role/local/nightly"
	if *out.Arn != want || created.AssumedRoleARN != want {
		t.Errorf("got %s and %s, want %s", *out.Arn, created.AssumedRoleARN, want)
	}
}

func TestEveryRetrieveIsACall(t *testing.T) {
	local := awsauthtest.Start(t)
	session := local.Session(local.Client("backup-01"))
	for range 3 {
		if _, err := session.Retrieve(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := local.CreateSessions(); got != 3 {
		t.Errorf("got %d CreateSessions, want 3", got)
	}
}

func TestACertificateCanBeNamedByURI(t *testing.T) {
	local := awsauthtest.Start(t)
	client := local.Client("backup-01")
	files := client.WriteFiles(t.TempDir())
	session := local.Session(client)
	session.Identity, session.Certificate = nil, "file:"+files.Certificate+"?key="+files.PrivateKey
	if _, err := session.Retrieve(t.Context()); err != nil {
		t.Error(err)
	}
}

// What is wrong with the certificate is known before anything is sent.
func TestAnUnusableIdentityIsNotSent(t *testing.T) {
	local := awsauthtest.Start(t)
	_, err := local.Session(local.Client("old", awsauthtest.Expired)).Retrieve(t.Context())
	if !errors.Is(err, identity.ErrExpired) || !strings.HasPrefix(err.Error(), "identity: ") {
		t.Errorf("got %v, want identity: … ErrExpired", err)
	}
	if got := local.CreateSessions(); got != 0 {
		t.Errorf("got %d CreateSessions, want none", got)
	}
}

func TestARefusedSessionNameIsExplained(t *testing.T) {
	local := awsauthtest.Start(t)
	created, err := local.Emulator.Apply(seedWithoutSessionNames)
	if err != nil {
		t.Fatal(err)
	}
	session := local.Session(local.Client("backup-01"))
	session.ProfileARN, session.SessionName = created.Profiles["strict"], "nightly"
	_, err = session.Retrieve(t.Context())
	refused := new(rolesanywhere.Error)
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want *rolesanywhere.Error", err)
	}
	if refused.Message != "Not authorized to set roleSessionName." || refused.Status != 403 || refused.RequestID == "" {
		t.Errorf("got %v", refused)
	}
	id := session.ProfileARN[strings.LastIndexByte(session.ProfileARN, '/')+1:]
	if want := "the profile does not accept session names; leave the session name out, or " +
		"aws rolesanywhere update-profile --accept-role-session-name --profile-id " + id; refused.Hint() != want {
		t.Errorf("got  %s\nwant %s", refused.Hint(), want)
	}
	session.SessionName = ""
	if _, err := session.Retrieve(t.Context()); err != nil {
		t.Errorf("without a name: %v", err)
	}
}

func TestInstancePropertiesAreShownWithTheSubject(t *testing.T) {
	local := awsauthtest.Start(t)
	session := local.Session(local.Client("backup-01"))
	session.InstanceProperties = map[string]string{"rack": "12"}
	created, err := session.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	management := sdk.NewFromConfig(local.AWSConfig(local.Admin))
	out, err := management.GetSubject(t.Context(), &sdk.GetSubjectInput{
		SubjectId: aws.String(created.SubjectARN[strings.LastIndexByte(created.SubjectARN, '/')+1:]),
	})
	if err != nil {
		t.Fatal(err)
	}
	if p := out.Subject.InstanceProperties; len(p) != 1 || p[0].Properties["rack"] != "12" {
		t.Errorf("got %v, want rack 12", p)
	}
}

// AWS's clients compare Expires with this host's clock.
func TestExpiresIsByThisHostsClockWhenThatIsOff(t *testing.T) {
	local := awsauthtest.Start(t)
	session := local.Session(local.Client("backup-01"))
	for _, off := range []time.Duration{30 * time.Second, 10 * time.Minute, 10 * time.Hour} {
		local.Fail(emulator.Skew(off))
		credentials, err := session.Retrieve(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", off, err)
		}
		want := time.Hour
		if off <= time.Minute {
			want += off // as AWS has it: a minute does not matter
		}
		if life := time.Until(credentials.Expires); (life - want).Abs() > 5*time.Second {
			t.Errorf("AWS's clock %s ahead: got credentials for %s, want %s", off, life, want)
		}
	}
}

// misdated changes the Date of every answer.
type misdated time.Duration

func (off misdated) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		answer.Header.Set("Date", time.Now().UTC().Add(time.Duration(off)).Format(http.TimeFormat))
	}
	return answer, err
}

// A Date that is not AWS's, as a proxy may write it, shortens the life of what comes, or has it refused, and never makes it longer.
func TestAWrongDateMakesNothingLiveLonger(t *testing.T) {
	local := awsauthtest.Start(t)
	session := local.Session(local.Client("backup-01"))
	for off, most := range map[time.Duration]time.Duration{
		-30 * time.Second: time.Hour, -2 * time.Minute: time.Hour, -4 * time.Minute: time.Hour, -time.Hour: 0, -24 * time.Hour: 0,
		10 * time.Minute: 50 * time.Minute, 24 * time.Hour: 0,
	} {
		session.Transport = misdated(off)
		before := time.Now()
		credentials, err := session.Retrieve(t.Context())
		if life := credentials.Expires.Sub(before); err == nil && life > most+2*time.Second || (err == nil) != (most > 0) {
			t.Errorf("Date %s off: got credentials for %s, %v, want %s", off, life, err, most)
		}
	}
}

func TestASessionIsSafeForConcurrentUse(t *testing.T) {
	local := awsauthtest.Start(t)
	session := local.Session(local.Client("backup-01"))
	results := make(chan error, 8)
	for range cap(results) {
		go func() {
			_, err := session.Retrieve(t.Context())
			results <- err
		}()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestASessionNeedsNoMoreThanItSays(t *testing.T) {
	var session awsauth.Session
	if _, err := session.Retrieve(t.Context()); err == nil {
		t.Error("the zero Session gave credentials")
	}
}
