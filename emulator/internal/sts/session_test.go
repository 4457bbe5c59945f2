package sts_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/query/querytest"
)

// chain makes alice, the role first that she may assume, and the role second that sessions of first may assume.
func chain(t *testing.T, trust string) (s *querytest.Server, first aws.Credentials, second *account.Role) {
	t.Helper()
	s = querytest.New(t)
	user := s.User(t, "alice")
	one := s.Role(t, "first", querytest.Trust(alice, assumeAs, ""))
	second = s.Role(t, "second", trust)
	out, err := s.STS(user).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: &one.ARN, RoleSessionName: aws.String("nightly"), SourceIdentity: aws.String("host"),
		Tags: []types.Tag{tag("team", "blue"), tag("cost", "1")}, TransitiveTagKeys: []string{"team"},
	})
	wantError(t, err, "", "")
	return s, credentials(out.Credentials), second
}

const (
	firstRole    = "arn:aws:iam::123456789012:role/first"
	firstSession = "arn:aws:sts::123456789012:assumed-role/first/nightly"
)

func TestChainedSessions(t *testing.T) {
	denied := func(action string) string {
		return "User: " + firstSession + " is not authorized to perform: " + action + " on resource: arn:aws:iam::123456789012:role/second"
	}
	tests := []struct {
		name    string
		trust   string
		change  func(*sts.AssumeRoleInput)
		code    string
		message string
	}{
		{name: "a role trusts another role", trust: querytest.Trust(firstRole, assumeAs, "")},
		{name: "a role trusts a session", trust: querytest.Trust(firstSession, assumeAs, "")},
		{
			name: "a role trusts another session", trust: querytest.Trust(firstSession+"2", assumeAs, ""),
			code: "AccessDenied", message: denied(assume),
		},
		{
			name: "a role that trusts the user does not trust the session", trust: querytest.Trust(alice, assumeAs, ""),
			code: "AccessDenied", message: denied(assume),
		},
		{
			name: "inherited tags need sts:TagSession", trust: querytest.Trust(firstRole, "sts:AssumeRole,sts:SetSourceIdentity", ""),
			code: "AccessDenied", message: denied("sts:TagSession"),
		},
		{
			name: "an inherited source identity needs sts:SetSourceIdentity", trust: querytest.Trust(firstRole, "sts:AssumeRole,sts:TagSession", ""),
			code: "AccessDenied", message: denied("sts:SetSourceIdentity"),
		},
		{
			name:  "the transitive tag is a principal tag of the caller",
			trust: querytest.Trust(firstRole, assumeAs, `{"StringEquals":{"aws:PrincipalTag/team":"blue","aws:PrincipalTag/cost":"1"}}`),
		},
		{
			name:  "the transitive tag is handed down, the other is not",
			trust: querytest.Trust(firstRole, assumeAs, `{"StringEquals":{"aws:RequestTag/team":"blue"},"Null":{"aws:RequestTag/cost":"true"}}`),
		},
		{
			name: "an hour succeeds", trust: querytest.Trust(firstRole, assumeAs, ""),
			change: func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(3600) },
		},
		{
			name: "more than an hour", trust: querytest.Trust(firstRole, assumeAs, ""),
			change: func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(3601) },
			code:   "ValidationError", message: "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
		},
		{
			name: "a transitive tag cannot be changed", trust: querytest.Trust(firstRole, assumeAs, ""),
			change: func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag("Team", "red")} },
			code:   "InvalidParameterValue", message: "One of the specified tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
		},
		{
			name: "fifty tags beside one that is handed down", trust: querytest.Trust(firstRole, assumeAs, ""),
			change: func(in *sts.AssumeRoleInput) {
				for i := range 50 {
					in.Tags = append(in.Tags, tag("k"+strconv.Itoa(i), "v"))
				}
			},
			code: "PackedPolicyTooLarge", message: "A session has at most 50 tags.",
		},
		{
			name: "a tag that is not transitive can be set anew", trust: querytest.Trust(firstRole, assumeAs, ""),
			change: func(in *sts.AssumeRoleInput) { in.Tags = []types.Tag{tag("cost", "2")} },
		},
		{
			name: "the source identity may be repeated", trust: querytest.Trust(firstRole, assumeAs, ""),
			change: func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("host") },
		},
		{
			name: "the source identity cannot be changed", trust: querytest.Trust(firstRole, assumeAs, ""),
			change: func(in *sts.AssumeRoleInput) { in.SourceIdentity = aws.String("other") },
			code:   "AccessDenied", message: "The source identity of the calling session cannot be changed.",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, first, second := chain(t, tt.trust)
			in := &sts.AssumeRoleInput{RoleArn: &second.ARN, RoleSessionName: aws.String("chained")}
			if tt.change != nil {
				tt.change(in)
			}
			out, err := s.STS(first).AssumeRole(t.Context(), in)
			wantError(t, err, tt.code, tt.message)
			if tt.code != "" {
				return
			}
			if got := aws.ToString(out.SourceIdentity); got != "host" {
				t.Errorf("got source identity %q, want host", got)
			}
			session, _, err := s.Account.OpenToken(*out.Credentials.AccessKeyId, *out.Credentials.SessionToken)
			if err != nil {
				t.Fatal(err)
			}
			if session.Tags["team"] != "blue" || session.Tags["cost"] == "1" {
				t.Errorf("got tags %v, want team alone handed down", session.Tags)
			}
			if len(session.TransitiveTags) != 1 || session.TransitiveTags[0] != "team" {
				t.Errorf("got transitive tags %v, want team", session.TransitiveTags)
			}
		})
	}
}

func TestASessionPolicyRestrictsWhatTheSessionMayDo(t *testing.T) {
	tests := []struct {
		name     string
		policy   *string
		managed  []string
		user     string // code of iam:GetUser
		role     string // code of iam:GetRole
		assuming string // code of assuming a role that trusts the session's role
	}{
		{name: "without one the role's policies decide"},
		{
			name: "what it does not allow is refused", policy: aws.String(querytest.Policy("Allow", "iam:GetUser", "*")),
			role: "AccessDenied", assuming: "AccessDenied",
		},
		{
			name: "it limits resources", policy: aws.String(querytest.Policy("Allow", "iam:*", "arn:aws:iam::123456789012:role/backup")),
			user: "AccessDenied", assuming: "AccessDenied",
		},
		{name: "its denial wins", policy: aws.String(querytest.Policy("Deny", "iam:*", "*")), user: "AccessDenied", role: "AccessDenied", assuming: "AccessDenied"},
		{name: "a managed one that allows everything", managed: []string{querytest.Admin}},
		{
			name: "a managed one that allows another service", managed: []string{"arn:aws:iam::aws:policy/AmazonS3FullAccess"},
			user: "AccessDenied", role: "AccessDenied", assuming: "AccessDenied",
		},
		{
			name: "one of two is enough", policy: aws.String(querytest.Policy("Allow", "iam:*", "*")),
			managed: []string{"arn:aws:iam::aws:policy/AmazonS3FullAccess"}, assuming: "AccessDenied",
		},
		{
			name: "it may allow what a trust policy grants", policy: aws.String(querytest.Policy("Allow", "sts:AssumeRole", "*")),
			user: "AccessDenied", role: "AccessDenied",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := querytest.New(t)
			user := s.User(t, "alice")
			role := s.Role(t, "backup", querytest.Trust(alice, assume, ""))
			s.Change(t, func(state *account.State) {
				changed := role.Clone()
				changed.Policies = changed.WithInline("iam", querytest.Policy("Allow", "iam:*", "*"))
				state.Roles["backup"] = changed
			})
			next := s.Role(t, "next", querytest.Trust(backupARN, assume, ""))
			in := &sts.AssumeRoleInput{RoleArn: &role.ARN, RoleSessionName: aws.String("nightly"), Policy: tt.policy}
			for _, m := range tt.managed {
				in.PolicyArns = append(in.PolicyArns, types.PolicyDescriptorType{Arn: &m})
			}
			out, err := s.STS(user).AssumeRole(t.Context(), in)
			wantError(t, err, "", "")
			c := credentials(out.Credentials)
			const who = "User: arn:aws:sts::123456789012:assumed-role/backup/nightly is not authorized to perform: "
			_, err = s.IAM(c).GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("alice")})
			wantError(t, err, tt.user, who+"iam:GetUser on resource: "+alice)
			_, err = s.IAM(c).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("backup")})
			wantError(t, err, tt.role, who+"iam:GetRole on resource: "+backupARN)
			_, err = s.STS(c).AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &next.ARN, RoleSessionName: aws.String("next")})
			wantError(t, err, tt.assuming, who+"sts:AssumeRole on resource: "+next.ARN)
			_, err = s.STS(c).GetCallerIdentity(t.Context(), nil)
			wantError(t, err, "", "")
		})
	}
}

func TestAnExpiredSessionIsRefused(t *testing.T) {
	s := querytest.New(t)
	user := s.User(t, "alice")
	role := s.Role(t, "backup", querytest.Trust(alice, assume, ""))
	out, err := s.STS(user).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: &role.ARN, RoleSessionName: aws.String("nightly"), DurationSeconds: aws.Int32(900),
	})
	wantError(t, err, "", "")
	session := s.STS(credentials(out.Credentials))
	s.Clock.Advance(15*time.Minute - time.Second)
	_, err = session.GetCallerIdentity(t.Context(), nil)
	wantError(t, err, "", "")
	s.Clock.Advance(time.Second)
	_, err = session.GetCallerIdentity(t.Context(), nil)
	wantError(t, err, "ExpiredToken", "The security token included in the request is expired")
	_, err = s.STS(user).GetCallerIdentity(t.Context(), nil)
	wantError(t, err, "", "")
}

func TestNoPolicyDeniesGetCallerIdentity(t *testing.T) {
	s := querytest.New(t)
	user := s.User(t, "alice")
	s.Change(t, func(state *account.State) {
		changed := *state.Users["alice"]
		changed.Policies = changed.WithInline("none", querytest.Policy("Deny", "*", "*"))
		state.Users["alice"] = &changed
	})
	who, err := s.STS(user).GetCallerIdentity(t.Context(), nil)
	wantError(t, err, "", "")
	if *who.Arn != alice || !strings.HasPrefix(*who.UserId, "AIDA") {
		t.Errorf("got %s %s, want alice", *who.Arn, *who.UserId)
	}
}

func TestGetSessionToken(t *testing.T) {
	s := querytest.New(t)
	user := s.User(t, "alice", querytest.Admin)
	role := s.Role(t, "backup", querytest.Trust(alice, assume, ""))
	for _, tt := range []struct {
		seconds       *int32
		lifetime      time.Duration
		code, message string
	}{
		{nil, 12 * time.Hour, "", ""},
		{aws.Int32(900), 15 * time.Minute, "", ""},
		{aws.Int32(129600), 36 * time.Hour, "", ""},
		{aws.Int32(899), 0, "ValidationError", one("Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900")},
		{aws.Int32(129601), 0, "ValidationError", one("Value '129601' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 129600")},
	} {
		out, err := s.STS(user).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: tt.seconds})
		wantError(t, err, tt.code, tt.message)
		if tt.code == "" && !out.Credentials.Expiration.Equal(s.Clock.Now().Add(tt.lifetime)) {
			t.Errorf("got expiration %v, want in %v", out.Credentials.Expiration, tt.lifetime)
		}
	}

	out, err := s.STS(user).GetSessionToken(t.Context(), nil)
	wantError(t, err, "", "")
	session := s.STS(credentials(out.Credentials))
	who, err := session.GetCallerIdentity(t.Context(), nil)
	wantError(t, err, "", "")
	if *who.Arn != alice {
		t.Errorf("got caller %s, want %s", *who.Arn, alice)
	}
	_, err = session.GetSessionToken(t.Context(), nil)
	wantError(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
	_, err = session.GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: &user.AccessKeyID})
	wantError(t, err, "AccessDenied", "Cannot call GetAccessKeyInfo with session credentials")
	_, err = s.IAM(credentials(out.Credentials)).GetUser(t.Context(), nil)
	wantError(t, err, "InvalidClientTokenId", "The security token included in the request is invalid")
	assumed, err := session.AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: &role.ARN, RoleSessionName: aws.String("nightly"), DurationSeconds: aws.Int32(7200),
	})
	wantError(t, err, "", "") // a user's session is no role's: more than an hour is no chaining
	_, err = s.STS(credentials(assumed.Credentials)).GetSessionToken(t.Context(), nil)
	wantError(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
}

func TestGetAccessKeyInfo(t *testing.T) {
	s := querytest.New(t)
	user, nobody := s.User(t, "alice"), s.User(t, "bob")
	s.Allow(t, "alice", "sts:GetAccessKeyInfo")
	given := account.AccessKey{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "x", UserName: "bob", Active: true}
	s.Change(t, func(state *account.State) { state.AccessKeys[given.ID] = &given })
	for _, tt := range []struct {
		name, id, code, message string
		by                      aws.Credentials
	}{
		{"a key that exists", user.AccessKeyID, "", "", user},
		{"a key that was deleted", account.NewAccessKeyID(account.PrefixAccessKey), "", "", user},
		{"a session's key", account.NewAccessKeyID(account.PrefixSessionAccessKey), "", "", user},
		{"a key that was given", given.ID, "", "", user},
		{"a key of another account", "AKIAI44QH8DHBEXAMPLE", "ValidationError", "Invalid access key ID", user},
		{"a short key", "AKIAEMU", "ValidationError", one("Value 'AKIAEMU' at 'accessKeyId' failed to satisfy constraint: Member must have length greater than or equal to 16"), user},
		{"a key with a hyphen", "AKIAEMU-ABCDEFGHIJKL", "ValidationError", one(`Value 'AKIAEMU-ABCDEFGHIJKL' at 'accessKeyId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w]*`), user},
		{"no permission", user.AccessKeyID, "AccessDenied", "User: arn:aws:iam::123456789012:user/bob is not authorized to perform: sts:GetAccessKeyInfo on resource: *", nobody},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := s.STS(tt.by).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoInput{AccessKeyId: &tt.id})
			wantError(t, err, tt.code, tt.message)
			if tt.code == "" && *out.Account != querytest.AccountID {
				t.Errorf("got account %s, want %s", *out.Account, querytest.AccountID)
			}
		})
	}
}

func TestCallersDoNotMixWhenConcurrent(t *testing.T) {
	s := querytest.New(t)
	var group sync.WaitGroup
	for _, name := range []string{"alice", "bob"} {
		client := s.STS(s.User(t, name))
		arn := "arn:aws:iam::123456789012:user/" + name
		role := s.Role(t, name, querytest.Trust(arn, assume, ""))
		group.Go(func() {
			for range 20 {
				who, err := client.GetCallerIdentity(t.Context(), nil)
				if err != nil || *who.Arn != arn {
					t.Errorf("got caller %v, %v, want %s", who, err, arn)
					return
				}
				out, err := client.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: &role.ARN, RoleSessionName: &name})
				if err != nil || *out.AssumedRoleUser.Arn != "arn:aws:sts::123456789012:assumed-role/"+name+"/"+name {
					t.Errorf("got session %v, %v", out, err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestRequestsThatNoSDKSends(t *testing.T) {
	s := querytest.New(t)
	user := s.User(t, "alice")
	const v = "&Version=" + querytest.STSVersion
	for _, tt := range []struct {
		name, body    string
		status        int
		code, message string
	}{
		{"an unknown action", "Action=AssumeRoleWithSAML" + v, 400, "InvalidAction", "The action AssumeRoleWithSAML is not valid for this endpoint."},
		{"another version", "Action=GetCallerIdentity&Version=2011-06-16", 400, "InvalidAction", "The action GetCallerIdentity is not valid for this endpoint."},
		{"no version", "Action=GetCallerIdentity", 400, "InvalidAction", "The action GetCallerIdentity is not valid for this endpoint."},
		{"no action", v[1:], 400, "MissingAction", "The request is missing an action or a required parameter."},
		{"nothing that is required", "Action=AssumeRole" + v, 400, "ValidationError", "2 validation errors detected: " +
			"Value null at 'roleArn' failed to satisfy constraint: Member must not be null; " +
			"Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null"},
		{
			"a duration that is no number", "Action=GetSessionToken&DurationSeconds=1h" + v, 400, "ValidationError",
			one("Value at 'durationSeconds' failed to satisfy constraint: Member must be an integer"),
		},
		{
			"tags numbered from nought", "Action=AssumeRole&RoleArn=" + backupARN + "&RoleSessionName=ab&Tags.member.0.Key=a&Tags.member.0.Value=b" + v,
			400, "ValidationError", one("Value at 'tags' failed to satisfy constraint: Members must be numbered from 1"),
		},
		{"a form of its own order", "Version=2011-06-15&x=y&Action=GetCallerIdentity", 200, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := s.Send(t, user, "sts", tt.body)
			if got.Status != tt.status || got.Code != tt.code || got.Message != tt.message {
				t.Errorf("got  %d %s: %s\nwant %d %s: %s", got.Status, got.Code, got.Message, tt.status, tt.code, tt.message)
			}
		})
	}
}
