package gotest

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/aws/smithy-go"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/awsauthtest"
	"github.com/awsauth-go/awsauth/emulator"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// start makes a local AWS: Roles Anywhere and STS, and before an S3 that is a map the check of who calls and whether they may.
func start(t *testing.T) (local *awsauthtest.Local, objects map[string]string) {
	objects = map[string]string{}
	var mu sync.Mutex // guards objects: requests may come at once
	s3 := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		objects[r.URL.Path] = string(content)
	}))
	t.Cleanup(s3.Close)
	backend, err := url.Parse(s3.URL)
	if err != nil {
		t.Fatal(err)
	}
	return awsauthtest.StartConfig(t, awsauthtest.Config{
		Emulator: emulator.Config{Gateway: map[string]*url.URL{"s3": backend}},
		Policies: map[string]emulator.Document{
			"reports": `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::reports/*"}}`,
		},
	}), objects
}

func TestReportsAreKept(t *testing.T) {
	local, objects := start(t)
	session := &awsauth.Cache{Provider: local.Session(local.Client("reports-01"))}
	archive := New(local.AWSConfig(session), "reports")
	for _, name := range []string{"monday", "tuesday", "wednesday"} {
		if err := archive.Keep(t.Context(), name, "all is well"); err != nil {
			t.Fatal(err)
		}
	}
	if len(objects) != 3 || objects["/reports/tuesday"] != "all is well" {
		t.Errorf("got %v", objects)
	}
	if got := local.CreateSessions(); got != 1 {
		t.Errorf("three reports have cost %d sessions, want 1", got)
	}
}

func TestACertificateThatIsRevokedKeepsNothing(t *testing.T) {
	local, objects := start(t)
	client := local.Client("reports-01")
	local.Revoke(client)
	err := New(local.AWSConfig(local.Session(client)), "reports").Keep(t.Context(), "monday", "all is well")
	if refused, ok := errors.AsType[*rolesanywhere.Error](err); !ok || refused.Message != "Certificate revoked" {
		t.Errorf("got %v, want Certificate revoked", err)
	}
	if len(objects) > 0 {
		t.Errorf("got %v, want nothing", objects)
	}
}

func TestOthersBucketsAreNotWritten(t *testing.T) {
	local, _ := start(t)
	err := New(local.AWSConfig(local.Session(local.Client("reports-01"))), "invoices").Keep(t.Context(), "monday", "all is well")
	if refused, ok := errors.AsType[smithy.APIError](err); !ok || refused.ErrorCode() != "AccessDenied" {
		t.Errorf("got %v, want AccessDenied", err)
	}
}

func TestAWrongKeyIsSaid(t *testing.T) {
	local, _ := start(t)
	static := awsauth.Static{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: awsauth.NewSecret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")}
	err := New(local.AWSConfig(static), "reports").Keep(t.Context(), "monday", "all is well")
	if refused, ok := errors.AsType[smithy.APIError](err); !ok || refused.ErrorCode() != "InvalidAccessKeyId" {
		t.Errorf("got %v, want InvalidAccessKeyId", err)
	}
}
