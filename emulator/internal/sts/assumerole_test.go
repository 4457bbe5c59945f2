package sts_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/query/querytest"
)

const (
	alice     = "arn:aws:iam::123456789012:user/alice"
	backupARN = "arn:aws:iam::123456789012:role/backup"
	deniedFmt = "User: arn:aws:iam::123456789012:user/alice is not authorized to perform: %s on resource: " + backupARN

	assume   = "sts:AssumeRole"
	assumeAs = "sts:AssumeRole,sts:TagSession,sts:SetSourceIdentity"
)

// wantError checks the code and the message of an SDK's error.
func wantError(t *testing.T, err error, code, message string) {
	t.Helper()
	var api smithy.APIError
	switch {
	case code == "" && err != nil:
		t.Fatalf("got error %v, want none", err)
	case code == "":
	case !errors.As(err, &api):
		t.Fatalf("got error %v, want %s", err, code)
	case api.ErrorCode() != code || api.ErrorMessage() != message:
		t.Errorf("got  %s: %s\nwant %s: %s", api.ErrorCode(), api.ErrorMessage(), code, message)
	}
}

func credentials(c *types.Credentials) aws.Credentials {
	return aws.Credentials{
		AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken,
		CanExpire: true, Expires: *c.Expiration,
	}
}

func tag(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }

func one(problem string) string { return "1 validation error detected: " + problem }

func TestAssumeRole(t *testing.T) {
	long := strings.Repeat("a", 3000)
	many := func(n int) []types.Tag {
		var tags []types.Tag
		for i := range n {
			tags = append(tags, tag(fmt.Sprintf("k%d", i), "v"))
		}
		return tags
	}
	allow := func(actions string) string { return querytest.Policy("Allow", actions, "*") }
	when := func(operator, key, value string) string {
		return querytest.Trust(alice, assumeAs, `{"`+operator+`":{"`+key+`":"`+value+`"}}`)
	}
	denied := func(action string) string { return fmt.Sprintf(deniedFmt, action) }
	const namePattern = "Member must satisfy regular expression pattern: [\\w+=,.@-]*"
	tests := []struct {
		name    string
		trust   string // alice may do everything when ""
		allowed string // actions of alice's own policy
		change  func(*sts.AssumeRoleInput)
		code    string // "" succeeds
		message string
	}{
		{name: "the plain call succeeds"},

		{name: "no such role looks like one that does not trust", change: func(in *sts.AssumeRoleInput) {
			in.RoleArn = aws.String("arn:aws:iam::123456789012:role/none")
		}, code: "AccessDenied", message: "User: " + alice + " is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/none"},
		{name: "a role's path is part of its ARN", change: func(in *sts.AssumeRoleInput) {
			in.RoleArn = aws.String("arn:aws:iam::123456789012:role/x/backup")
		}, code: "AccessDenied", message: "User: " + alice + " is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::123456789012:role/x/backup"},
		{name: "a role of another account", change: func(in *sts.AssumeRoleInput) {
			in.RoleArn = aws.String("arn:aws:iam::210987654321:role/backup")
		}, code: "AccessDenied", message: "User: " + alice + " is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::210987654321:role/backup"},
		{
			name: "a role ARN that is a user's", change: func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String(alice) },
			code: "ValidationError", message: "Request ARN is invalid",
		},
		{
			name: "a role ARN that is too short", change: func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("backup") },
			code: "ValidationError", message: one("Value 'backup' at 'roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20"),
		},

		{
			name: "a session name of one character", change: func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("x") },
			code: "ValidationError", message: one("Value 'x' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2"),
		},
		{name: "a session name of 64 characters succeeds", change: func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String(long[:64]) }},
		{
			name: "a session name of 65 characters", change: func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String(long[:65]) },
			code: "ValidationError", message: one("Value '" + long[:65] + "' at 'roleSessionName' failed to satisfy constraint: Member must have length less than or equal to 64"),
		},
		{
			name: "a session name with a slash", change: func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("a/b") },
			code: "ValidationError", message: one("Value 'a/b' at 'roleSessionName' failed to satisfy constraint: " + namePattern),
		},
		{
			name: "a session name that ends in a line feed", change: func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("ab\n") },
			code: "ValidationError", message: one("Value 'ab\n' at 'roleSessionName' failed to satisfy constraint: " + namePattern),
		},
		{name: "two faults are told at once", change: func(in *sts.AssumeRoleInput) {
			in.RoleSessionName, in.DurationSeconds = aws.String("x"), aws.Int32(1)
		}, code: "ValidationError", message: "2 validation errors detected: " +
			"Value 'x' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2; " +
			"Value '1' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},

		{name: "the shortest duration succeeds", change: func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(900) }},
		{name: "the role's longest duration succeeds", change: func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7200) }},
		{
			name: "a duration below 900", change: func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(899) },
			code: "ValidationError", message: one("Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"),
		},
		{
			name: "a duration above 43200", change: func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(43201) },
			code: "ValidationError", message: one("Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200"),
		},
		{
			name: "a duration above the role's", change: func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(7201) },
			code: "ValidationError", message: "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
		},

		{
			name: "a role that trusts another user", trust: querytest.Trust("arn:aws:iam::123456789012:user/bob", assume, ""), allowed: assume,
			code: "AccessDenied", message: denied(assume),
		},
		{
			name: "a role that trusts a service", trust: strings.Replace(querytest.Trust("x", assume, ""), `"AWS":"x"`, `"Service":"rolesanywhere.amazonaws.com"`, 1), allowed: assume,
			code: "AccessDenied", message: denied(assume),
		},
		{
			name: "a role that trusts the account leaves it to identity policies", trust: querytest.Trust(querytest.AccountID, assume, ""),
			code: "AccessDenied", message: denied(assume),
		},
		{
			name: "a role that trusts the account's root leaves it to identity policies", trust: querytest.Trust("arn:aws:iam::123456789012:root", assume, ""),
			code: "AccessDenied", message: denied(assume),
		},
		{name: "an identity policy allows what the account is trusted with", trust: querytest.Trust(querytest.AccountID, assume, ""), allowed: assume},
		{name: "a role that trusts everyone", trust: querytest.Trust("*", assume, "")},
		{
			name: "a denial in the trust policy wins", trust: strings.Replace(querytest.Trust(alice, assume, ""), `"Statement":[`,
				`"Statement":[{"Effect":"Deny","Principal":{"AWS":"`+alice+`"},"Action":"sts:*"},`, 1), allowed: assume,
			code: "AccessDenied", message: denied(assume),
		},

		{
			name: "the external ID that is asked for", trust: when("StringEquals", "sts:ExternalId", "secret-1"),
			change: func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("secret-1") },
		},
		{
			name: "no external ID although one is asked for", trust: when("StringEquals", "sts:ExternalId", "secret-1"),
			code: "AccessDenied", message: denied(assume),
		},
		{
			name: "another external ID", trust: when("StringEquals", "sts:ExternalId", "secret-1"),
			change: func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("secret-2") },
			code:   "AccessDenied", message: denied(assume),
		},
		{
			name: "an external ID of one character", change: func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("x") },
			code: "ValidationError", message: one("Value at 'externalId' failed to satisfy constraint: Member must have length greater than or equal to 2"),
		},
		{
			name: "an external ID with a space", change: func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("a b") },
			code: "ValidationError", message: one(`Value at 'externalId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@:\/-]*`),
		},
		{
			name: "another session name than the role wants", trust: when("StringLike", "sts:RoleSessionName", "${aws:username}"),
			code: "AccessDenied", message: denied(assume),
		},
		{
			name: "the session name that the role wants", trust: when("StringLike", "sts:RoleSessionName", "${aws:username}"),
			change: func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("alice") },
		},
		{
			name: "a user cannot fake a trust anchor", trust: when("ArnEquals", "aws:SourceArn", "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/x"),
			code: "AccessDenied", message: denied(assume),
		},

		{name: "tags succeed", change: func(in *sts.AssumeRoleInput) { in.Tags = many(50) }},
		{
			name: "tags without sts:TagSession", trust: querytest.Trust(alice, assume, ""), change: func(in *sts.AssumeRoleInput) { in.Tags = many(1) },
			code: "AccessDenied", message: denied("sts:TagSession"),
		},
		{
			name: "a tag that the role does not want", trust: when("StringEquals", "aws:RequestTag/team", "blue"),
			change: func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag("team", "red")} },
			code:   "AccessDenied", message: denied(assume),
		},
		{
			name: "a tag that the role wants", trust: when("StringEquals", "aws:RequestTag/team", "blue"),
			change: func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag("team", "blue")} },
		},
		{
			name: "a tag key that the role does not list", trust: when("ForAllValues:StringEquals", "aws:TagKeys", "team"),
			change: func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag("team", "blue"), tag("cost", "1")} },
			code:   "AccessDenied", message: denied(assume),
		},
		{
			name: "a transitive key that the role does not list", trust: when("ForAllValues:StringEquals", "sts:TransitiveTagKeys", "team"),
			change: func(in *sts.AssumeRoleInput) {
				in.Tags, in.TransitiveTagKeys = []types.Tag{tag("cost", "1")}, []string{"cost"}
			}, code: "AccessDenied", message: denied(assume),
		},
		{
			name: "51 tags", change: func(in *sts.AssumeRoleInput) { in.Tags = many(51) },
			code: "ValidationError", message: one("Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50"),
		},
		{
			name: "two tags whose keys differ in case", change: func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag("team", "a"), tag("Team", "b")} },
			code: "InvalidInput", message: "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
		},
		{
			name: "a tag key of 129 characters", change: func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag(long[:129], "")} },
			code: "ValidationError", message: one("Value '" + long[:129] + "' at 'tags.1.member.key' failed to satisfy constraint: Member must have length less than or equal to 128"),
		},
		{
			name: "a tag without a key", change: func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag("", "v")} },
			code: "ValidationError", message: one("Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1"),
		},
		{
			name: "a tag value of 257 characters", change: func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag("a", "v"), tag("k", long[:257])} },
			code: "ValidationError", message: one("Value '" + long[:257] + "' at 'tags.2.member.value' failed to satisfy constraint: Member must have length less than or equal to 256"),
		},
		{
			name: "a tag value with a parenthesis", change: func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag("k", "(")} },
			code: "ValidationError", message: one(`Value '(' at 'tags.1.member.value' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*`),
		},
		{
			name: "a tag of AWS's", change: func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag("AWS:x", "v")} },
			code: "ValidationError", message: one("Value at 'tags.1.member.key' failed to satisfy constraint: Member must not begin with aws:"),
		},
		{
			name: "a transitive key without its tag", change: func(in *sts.AssumeRoleInput) { in.TransitiveTagKeys = []string{"team"} },
			code: "InvalidParameterValue", message: "The specified transitive tag key must be included in the requested tags.",
		},

		{name: "a source identity succeeds", change: func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("CN=host") }},
		{
			name: "a source identity without sts:SetSourceIdentity", trust: querytest.Trust(alice, "sts:AssumeRole,sts:TagSession", ""),
			change: func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("host") },
			code:   "AccessDenied", message: denied("sts:SetSourceIdentity"),
		},
		{
			name: "another source identity than the role wants", trust: when("StringLike", "sts:SourceIdentity", "CN=*"),
			change: func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("host") },
			code:   "AccessDenied", message: denied(assume),
		},
		{
			name: "a source identity with a space", change: func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("a b") },
			code: "ValidationError", message: one("Value 'a b' at 'sourceIdentity' failed to satisfy constraint: " + namePattern),
		},

		{name: "a session policy succeeds", change: func(in *sts.AssumeRoleInput) { in.Policy = aws.String(allow("iam:GetUser")) }},
		{
			name: "a session policy of 2049 characters", change: func(in *sts.AssumeRoleInput) { in.Policy = aws.String(long[:2049]) },
			code: "ValidationError", message: one("Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048"),
		},
		{
			name: "an empty session policy", change: func(in *sts.AssumeRoleInput) { in.Policy = aws.String("") },
			code: "ValidationError", message: one("Value at 'policy' failed to satisfy constraint: Member must have length greater than or equal to 1"),
		},
		{
			name: "a session policy with a principal", change: func(in *sts.AssumeRoleInput) { in.Policy = aws.String(querytest.Trust("*", "sts:*", "")) },
			code: "MalformedPolicyDocument",
		},
		{
			name: "a session policy that is not JSON", change: func(in *sts.AssumeRoleInput) { in.Policy = aws.String("allow") },
			code: "MalformedPolicyDocument",
		},
		{name: "a managed session policy succeeds", change: func(in *sts.AssumeRoleInput) {
			in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String(querytest.Admin)}}
		}},
		{name: "a managed session policy that is not there", change: func(in *sts.AssumeRoleInput) {
			in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/None")}}
		}, code: "ValidationError", message: "Policy arn:aws:iam::aws:policy/None does not exist or is not attachable."},
		{name: "eleven managed session policies", change: func(in *sts.AssumeRoleInput) {
			in.PolicyArns = make([]types.PolicyDescriptorType, 11)
			for i := range in.PolicyArns {
				in.PolicyArns[i].Arn = aws.String(querytest.Admin)
			}
		}, code: "ValidationError", message: one("Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to 10")},
		{name: "a session policy and ARNs that are too long together", change: func(in *sts.AssumeRoleInput) {
			in.Policy = aws.String(allow("iam:GetUser") + strings.Repeat(" ", 1930))
			in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String(querytest.Admin)}}
		}, code: "PackedPolicyTooLarge", message: "The session policy and the ARNs of managed policies have more than 2048 characters together."},

		{name: "a code of an MFA device", change: func(in *sts.AssumeRoleInput) {
			in.SerialNumber, in.TokenCode = aws.String("arn:aws:iam::123456789012:mfa/alice"), aws.String("123456")
		}, code: "AccessDenied", message: "MultiFactorAuthentication failed with invalid MFA one time pass code."},
		{name: "a provided context", change: func(in *sts.AssumeRoleInput) {
			in.ProvidedContexts = []types.ProvidedContext{{ProviderArn: aws.String("arn:aws:iam::aws:contextProvider/x"), ContextAssertion: aws.String("x")}}
		}, code: "ValidationError", message: "ProvidedContexts are not supported"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := querytest.New(t)
			user := s.User(t, "alice")
			if tt.allowed != "" {
				s.Allow(t, "alice", tt.allowed)
			}
			if tt.trust == "" {
				tt.trust = querytest.Trust(alice, assumeAs, "")
			}
			role := s.Role(t, "backup", tt.trust)
			in := &sts.AssumeRoleInput{RoleArn: &role.ARN, RoleSessionName: aws.String("nightly")}
			if tt.change != nil {
				tt.change(in)
			}
			out, err := s.STS(user).AssumeRole(t.Context(), in)
			if tt.code == "MalformedPolicyDocument" {
				if _, ok := errors.AsType[*types.MalformedPolicyDocumentException](err); !ok {
					t.Fatalf("got error %v, want MalformedPolicyDocument", err)
				}
				return
			}
			wantError(t, err, tt.code, tt.message)
			if tt.code == "" {
				checkSession(t, s, in, out, role)
			}
		})
	}
}

// checkSession checks what was answered, and that the credentials work.
func checkSession(t *testing.T, s *querytest.Server, in *sts.AssumeRoleInput, out *sts.AssumeRoleOutput, role *account.Role) {
	t.Helper()
	seconds := time.Duration(aws.ToInt32(in.DurationSeconds)) * time.Second
	if seconds == 0 {
		seconds = time.Hour
	}
	if want := s.Clock.Now().Add(seconds); !out.Credentials.Expiration.Equal(want) {
		t.Errorf("got expiration %v, want %v", out.Credentials.Expiration, want)
	}
	if got, want := *out.AssumedRoleUser.AssumedRoleId, role.ID+":"+*in.RoleSessionName; got != want {
		t.Errorf("got assumed role ID %s, want %s", got, want)
	}
	if aws.ToString(out.SourceIdentity) != aws.ToString(in.SourceIdentity) {
		t.Errorf("got source identity %v, want %v", out.SourceIdentity, in.SourceIdentity)
	}
	who, err := s.STS(credentials(out.Credentials)).GetCallerIdentity(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if *who.Arn != *out.AssumedRoleUser.Arn || *who.UserId != *out.AssumedRoleUser.AssumedRoleId || *who.Account != querytest.AccountID {
		t.Errorf("got caller %s %s %s, want %s", *who.Account, *who.Arn, *who.UserId, *out.AssumedRoleUser.Arn)
	}
	if want := "arn:aws:sts::123456789012:assumed-role/backup/" + *in.RoleSessionName; *who.Arn != want {
		t.Errorf("got ARN %s, want %s", *who.Arn, want)
	}
}

func TestTagsThatDoNotFitAreRefused(t *testing.T) {
	s := querytest.New(t)
	user := s.User(t, "alice")
	role := s.Role(t, "backup", querytest.Trust(alice, assumeAs, ""))
	var tags []types.Tag
	for range 50 {
		tags = append(tags, tag(account.NewUUID(), strings.ReplaceAll(account.NewUUID()+account.NewUUID()+account.NewUUID(), "-", "")))
	}
	_, err := s.STS(user).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role.ARN, RoleSessionName: aws.String("nightly"), Tags: tags})
	if _, ok := errors.AsType[*types.PackedPolicyTooLargeException](err); !ok {
		t.Errorf("got error %v, want PackedPolicyTooLarge", err)
	}
}

func TestARoleWithAPathIsAssumedByItsWholeARN(t *testing.T) {
	s := querytest.New(t)
	user := s.User(t, "alice")
	role := s.Role(t, "backup", querytest.Trust(alice, assume, ""))
	s.Change(t, func(state *account.State) {
		changed := role.Clone()
		changed.Path, changed.ARN = "/team/", "arn:aws:iam::123456789012:role/team/backup"
		state.Roles["backup"] = changed
	})
	out, err := s.STS(user).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::123456789012:role/team/backup"), RoleSessionName: aws.String("nightly"),
	})
	wantError(t, err, "", "")
	if got, want := *out.AssumedRoleUser.Arn, "arn:aws:sts::123456789012:assumed-role/backup/nightly"; got != want {
		t.Errorf("got ARN %s, want %s", got, want)
	}
}

func TestTheAnswerSaysHowMuchSpaceTagsAndPoliciesTake(t *testing.T) {
	s := querytest.New(t)
	user := s.User(t, "alice")
	s.Role(t, "backup", querytest.Trust(alice, assumeAs, ""))
	const form = "Action=AssumeRole&Version=" + querytest.STSVersion + "&RoleSessionName=nightly&RoleArn=" + backupARN
	if got := s.Send(t, user, "sts", form); got.Status != 200 || strings.Contains(got.Body, "PackedPolicySize") {
		t.Errorf("got %d %s, want no size without tags", got.Status, got.Body)
	}
	const tags = "&Tags.member.1.Key=team&Tags.member.1.Value=blue"
	if got := s.Send(t, user, "sts", form+tags); !strings.Contains(got.Body, "<PackedPolicySize>1</PackedPolicySize>") {
		t.Errorf("got %d %s, want a size of 1", got.Status, got.Body)
	}
}

func TestADenialInAnIdentityPolicyWinsOverATrustPolicyThatNamesTheUser(t *testing.T) {
	s := querytest.New(t)
	user := s.User(t, "alice")
	role := s.Role(t, "backup", querytest.Trust(alice, assume, ""))
	s.Change(t, func(state *account.State) {
		changed := *state.Users["alice"]
		changed.Policies = changed.WithInline("never", querytest.Policy("Deny", assume, backupARN))
		state.Users["alice"] = &changed
	})
	_, err := s.STS(user).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role.ARN, RoleSessionName: aws.String("nightly")})
	wantError(t, err, "AccessDenied", fmt.Sprintf(deniedFmt, assume))
}

func TestASessionOfManagedPoliciesThatAreNotKnownMayDoNothing(t *testing.T) {
	s := querytest.New(t)
	role := s.Role(t, "backup", querytest.Trust(alice, assume, ""), querytest.Admin)
	c := s.Account.Issue(account.Session{
		RoleName: role.Name, RoleID: role.ID, SessionName: "nightly", ManagedPolicies: []string{"arn:aws:iam::123456789012:policy/own"},
	}, time.Hour)
	session := aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
	_, err := s.IAM(session).ListUsers(t.Context(), nil)
	wantError(t, err, "AccessDenied", "User: arn:aws:sts::123456789012:assumed-role/backup/nightly is not authorized to perform: "+
		"iam:ListUsers on resource: arn:aws:iam::123456789012:user/")
}
