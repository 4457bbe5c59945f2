package query_test

import (
	"errors"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/iam"
	"github.com/awsauth-go/awsauth/emulator/internal/query/querytest"
	"github.com/awsauth-go/awsauth/emulator/internal/sts"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// FuzzForm sends forms to every operation: nothing panics, and every error is a refusal.
func FuzzForm(f *testing.F) {
	const stsVersion, iamVersion = "&Version=" + querytest.STSVersion, "&Version=" + querytest.IAMVersion
	document := url.QueryEscape(querytest.Policy("Allow", "s3:GetObject", "*"))
	trust := url.QueryEscape(querytest.Trust(querytest.AccountID, "sts:AssumeRole", ""))
	for _, seed := range []string{
		"Action=GetCallerIdentity" + stsVersion,
		"Action=GetSessionToken&DurationSeconds=900" + stsVersion,
		"Action=GetAccessKeyInfo&AccessKeyId=AKIAIOSFODNN7EXAMPLE" + stsVersion,
		"Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fbackup&RoleSessionName=nightly&DurationSeconds=3600" +
			"&Tags.member.1.Key=team&Tags.member.1.Value=blue&TransitiveTagKeys.member.1=team&SourceIdentity=host&ExternalId=secret-1" +
			"&PolicyArns.member.1.arn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FAdministratorAccess&Policy=" + document + stsVersion,
		"Action=CreateUser&UserName=carol&Path=%2Fteam%2F&Tags.member.1.Key=a&Tags.member.1.Value=" + iamVersion,
		"Action=GetUser" + iamVersion,
		"Action=CreateAccessKey&UserName=admin" + iamVersion,
		"Action=UpdateAccessKey&AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=Inactive" + iamVersion,
		"Action=ListUsers&MaxItems=1&Marker=YWRtaW4&PathPrefix=%2F" + iamVersion,
		"Action=PutUserPolicy&UserName=admin&PolicyName=p&PolicyDocument=" + document + iamVersion,
		"Action=CreateRole&RoleName=web&MaxSessionDuration=7200&Description=d&AssumeRolePolicyDocument=" + trust + iamVersion,
		"Action=UpdateAssumeRolePolicy&RoleName=backup&PolicyDocument=" + trust + iamVersion,
		"Action=UntagRole&RoleName=backup&TagKeys.member.1=a&TagKeys.member.2=b" + iamVersion,
		"Action=AttachRolePolicy&RoleName=backup&PolicyArn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FAdministratorAccess" + iamVersion,
		"Tags.member.99999999999999999999.Key=a&Tags.member..Key=b&Tags.member.-1=c&Action=TagUser&UserName=admin" + iamVersion,
		"Action=%00&Version=%FF",
		"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return // the server refuses it before any service sees it
		}
		w := querytest.NewState(t)
		key := w.User(t, "admin", querytest.Admin)
		w.Role(t, "backup", querytest.Trust(querytest.AccountID, "sts:AssumeRole,sts:TagSession,sts:SetSourceIdentity", ""))
		var user *account.User
		w.Account.Read(func(s *account.State) { user = s.Users["admin"] })
		caller := w.Account.NewUserCaller(key.AccessKeyID, user, nil)
		for _, handle := range []func(*account.Account, *wire.Call) (any, error){sts.Handle, iam.Handle} {
			answer, err := handle(w.Account, &wire.Call{Form: form, Caller: caller})
			var refusal *wire.Refusal
			switch {
			case err == nil:
				wire.QueryService{}.XML(httptest.NewRecorder(), "Fuzzed", "id", answer)
			case !errors.As(err, &refusal):
				t.Errorf("got error %v, want a refusal", err)
			default:
				if refusal.Status < 400 || refusal.Status > 499 || refusal.Code == "" || refusal.Message == "" {
					t.Errorf("got refusal %+v, want status, code and message", *refusal)
				}
				wire.QueryService{}.XMLRefusal(httptest.NewRecorder(), "id", refusal)
			}
		}
	})
}
