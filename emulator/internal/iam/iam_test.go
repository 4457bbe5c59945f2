package iam_test

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/query/querytest"
)

var (
	trust   = querytest.Trust(querytest.AccountID, "sts:AssumeRole", "")
	allowed = querytest.Policy("Allow", "s3:GetObject", "*")
)

// world is an account with an administrator, and a user and a role to work on.
type world struct {
	*querytest.Server
	*iam.Client // the administrator's
	key         aws.Credentials
}

func newWorld(t *testing.T) *world {
	s := querytest.New(t)
	w := &world{Server: s, Client: s.IAM(s.User(t, "admin", querytest.Admin)), key: s.User(t, "bob")}
	s.Role(t, "backup", trust)
	return w
}

// wantCode checks the code and the message of an SDK's error; no code is no error.
func wantCode(t *testing.T, err error, code, message string) {
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

func must[T any](t *testing.T) func(T, error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func decoded(t *testing.T, document *string) string {
	t.Helper()
	s, err := url.PathUnescape(*document)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestUsersLive(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	created := must[*iam.CreateUserOutput](t)(w.CreateUser(ctx, &iam.CreateUserInput{
		UserName: aws.String("carol"), Path: aws.String("/team/a/"),
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}, {Key: aws.String("cost"), Value: aws.String("")}},
	})).User
	if *created.Arn != "arn:aws:iam::123456789012:user/team/a/carol" || len(*created.UserId) != 21 || !strings.HasPrefix(*created.UserId, "AIDA") {
		t.Errorf("got user %s %s", *created.Arn, *created.UserId)
	}
	if !created.CreateDate.Equal(w.Clock.Now()) {
		t.Errorf("got creation %v, want %v", created.CreateDate, w.Clock.Now())
	}
	got := must[*iam.GetUserOutput](t)(w.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("carol")})).User
	if *got.Path != "/team/a/" || len(got.Tags) != 2 || *got.Tags[0].Key != "cost" || *got.Tags[1].Value != "blue" {
		t.Errorf("got user %+v", got)
	}
	listed := must[*iam.ListUsersOutput](t)(w.ListUsers(ctx, &iam.ListUsersInput{PathPrefix: aws.String("/team/")})).Users
	if len(listed) != 1 || *listed[0].UserName != "carol" || len(listed[0].Tags) != 0 {
		t.Errorf("got list %+v", listed)
	}
	_, err := w.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("Carol")})
	if _, ok := errors.AsType[*types.EntityAlreadyExistsException](err); !ok {
		t.Errorf("got error %v, want EntityAlreadyExists", err)
	}
	must[*iam.DeleteUserOutput](t)(w.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("carol")}))
	_, err = w.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("carol")})
	if _, ok := errors.AsType[*types.NoSuchEntityException](err); !ok {
		t.Errorf("got error %v, want NoSuchEntity", err)
	}
}

func TestAccessKeysRotate(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.Allow(t, "bob", "iam:*")
	bob := w.IAM(w.key) // leaves UserName out
	created := must[*iam.CreateAccessKeyOutput](t)(bob.CreateAccessKey(ctx, nil)).AccessKey
	if *created.UserName != "bob" || len(*created.AccessKeyId) != 20 || len(*created.SecretAccessKey) != 40 || created.Status != types.StatusTypeActive {
		t.Errorf("got access key of %s, status %s", *created.UserName, created.Status)
	}
	_, err := bob.CreateAccessKey(ctx, nil)
	if _, ok := errors.AsType[*types.LimitExceededException](err); !ok {
		t.Fatalf("got error %v, want LimitExceeded", err)
	}
	wantCode(t, err, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2")

	fresh := aws.Credentials{AccessKeyID: *created.AccessKeyId, SecretAccessKey: *created.SecretAccessKey}
	unused := must[*iam.GetAccessKeyLastUsedOutput](t)(bob.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: created.AccessKeyId}))
	if u := unused.AccessKeyLastUsed; *unused.UserName != "bob" || u.LastUsedDate != nil || *u.ServiceName != "N/A" || *u.Region != "N/A" {
		t.Errorf("got last use %+v of a new key", u)
	}
	w.Clock.Advance(time.Minute)
	must[*sts.GetCallerIdentityOutput](t)(w.STS(fresh).GetCallerIdentity(ctx, nil))
	used := must[*iam.GetAccessKeyLastUsedOutput](t)(bob.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: created.AccessKeyId})).AccessKeyLastUsed
	if !used.LastUsedDate.Equal(w.Clock.Now()) || *used.ServiceName != "sts" || *used.Region != querytest.Region {
		t.Errorf("got last use %v %s %s", used.LastUsedDate, *used.ServiceName, *used.Region)
	}

	old := w.key.AccessKeyID
	must[*iam.UpdateAccessKeyOutput](t)(w.IAM(fresh).UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{AccessKeyId: &old, Status: types.StatusTypeInactive}))
	_, err = w.STS(w.key).GetCallerIdentity(ctx, nil)
	wantCode(t, err, "InvalidClientTokenId", "The security token included in the request is invalid.")
	must[*iam.UpdateAccessKeyOutput](t)(w.IAM(fresh).UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{AccessKeyId: &old, Status: types.StatusTypeActive}))
	must[*sts.GetCallerIdentityOutput](t)(w.STS(w.key).GetCallerIdentity(ctx, nil))
	must[*iam.DeleteAccessKeyOutput](t)(w.IAM(fresh).DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{AccessKeyId: &old}))
	_, err = w.STS(w.key).GetCallerIdentity(ctx, nil)
	wantCode(t, err, "InvalidClientTokenId", "The security token included in the request is invalid.")

	keys := must[*iam.ListAccessKeysOutput](t)(w.IAM(fresh).ListAccessKeys(ctx, nil)).AccessKeyMetadata
	if len(keys) != 1 || *keys[0].AccessKeyId != fresh.AccessKeyID || keys[0].Status != types.StatusTypeActive || keys[0].CreateDate == nil {
		t.Errorf("got keys %+v", keys)
	}
}

func TestRolesLive(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	created := must[*iam.CreateRoleOutput](t)(w.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName: aws.String("web"), Path: aws.String("/app/"), AssumeRolePolicyDocument: &trust, Description: aws.String("web servers"),
		MaxSessionDuration: aws.Int32(7200), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("blue")}},
	})).Role
	if *created.Arn != "arn:aws:iam::123456789012:role/app/web" || len(*created.RoleId) != 21 || !strings.HasPrefix(*created.RoleId, "AROA") {
		t.Errorf("got role %s %s", *created.Arn, *created.RoleId)
	}
	got := must[*iam.GetRoleOutput](t)(w.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("web")})).Role
	if decoded(t, got.AssumeRolePolicyDocument) != trust || *got.Description != "web servers" || *got.MaxSessionDuration != 7200 || len(got.Tags) != 1 {
		t.Errorf("got role %+v", got)
	}
	if strings.ContainsAny(*got.AssumeRolePolicyDocument, `{" +`) {
		t.Errorf("got document %s, want it percent-encoded", *got.AssumeRolePolicyDocument)
	}
	must[*iam.UpdateRoleOutput](t)(w.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: aws.String("web"), MaxSessionDuration: aws.Int32(3600)}))
	narrower := querytest.Trust("arn:aws:iam::123456789012:user/bob", "sts:AssumeRole", "")
	must[*iam.UpdateAssumeRolePolicyOutput](t)(w.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("web"), PolicyDocument: &narrower}))
	got = must[*iam.GetRoleOutput](t)(w.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("web")})).Role
	if decoded(t, got.AssumeRolePolicyDocument) != narrower || *got.Description != "web servers" || *got.MaxSessionDuration != 3600 || *got.RoleId != *created.RoleId {
		t.Errorf("got role %+v after its update", got)
	}
	// The compiled trust policy changes with the document.
	must[*sts.AssumeRoleOutput](t)(w.STS(w.key).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: got.Arn, RoleSessionName: aws.String("bob")}))

	listed := must[*iam.ListRolesOutput](t)(w.ListRoles(ctx, nil)).Roles
	if len(listed) != 2 || *listed[0].RoleName != "backup" || *listed[1].RoleName != "web" {
		t.Errorf("got list %+v", listed)
	}
	must[*iam.DeleteRoleOutput](t)(w.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("web")}))
	_, err := w.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("web")})
	wantCode(t, err, "NoSuchEntity", "The role with name web cannot be found.")
}

func TestInlinePolicies(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	name, odd := aws.String("read"), aws.String(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::a/~+b%20"}}`)
	must[*iam.PutUserPolicyOutput](t)(w.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: name, PolicyDocument: odd}))
	must[*iam.PutRolePolicyOutput](t)(w.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String("backup"), PolicyName: name, PolicyDocument: odd}))
	user := must[*iam.GetUserPolicyOutput](t)(w.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: aws.String("bob"), PolicyName: name}))
	role := must[*iam.GetRolePolicyOutput](t)(w.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: aws.String("backup"), PolicyName: name}))
	if *user.UserName != "bob" || *user.PolicyName != *name || decoded(t, user.PolicyDocument) != *odd {
		t.Errorf("got user policy %s", *user.PolicyDocument)
	}
	if *role.RoleName != "backup" || *role.PolicyName != *name || decoded(t, role.PolicyDocument) != *odd {
		t.Errorf("got role policy %s", *role.PolicyDocument)
	}
	users := must[*iam.ListUserPoliciesOutput](t)(w.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: aws.String("bob")}))
	roles := must[*iam.ListRolePoliciesOutput](t)(w.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: aws.String("backup")}))
	if !slices.Equal(users.PolicyNames, []string{"read"}) || !slices.Equal(roles.PolicyNames, []string{"read"}) {
		t.Errorf("got lists %v and %v, want read", users.PolicyNames, roles.PolicyNames)
	}
	must[*iam.DeleteUserPolicyOutput](t)(w.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: aws.String("bob"), PolicyName: name}))
	must[*iam.DeleteRolePolicyOutput](t)(w.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: aws.String("backup"), PolicyName: name}))
	_, err := w.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: aws.String("bob"), PolicyName: name})
	wantCode(t, err, "NoSuchEntity", "The user policy with name read cannot be found.")
	_, err = w.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: aws.String("backup"), PolicyName: name})
	wantCode(t, err, "NoSuchEntity", "The role policy with name read cannot be found.")
}

func TestManagedPolicies(t *testing.T) {
	w := newWorld(t)
	ctx, arn := t.Context(), aws.String(querytest.Admin)
	for range 2 { // attaching twice is attaching once
		must[*iam.AttachUserPolicyOutput](t)(w.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("bob"), PolicyArn: arn}))
		must[*iam.AttachRolePolicyOutput](t)(w.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String("backup"), PolicyArn: arn}))
	}
	must[*iam.ListUsersOutput](t)(w.IAM(w.key).ListUsers(ctx, nil)) // in force at once
	users := must[*iam.ListAttachedUserPoliciesOutput](t)(w.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesInput{UserName: aws.String("bob")})).AttachedPolicies
	roles := must[*iam.ListAttachedRolePoliciesOutput](t)(w.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: aws.String("backup")})).AttachedPolicies
	for _, got := range [][]types.AttachedPolicy{users, roles} {
		if len(got) != 1 || *got[0].PolicyArn != *arn || *got[0].PolicyName != "AdministratorAccess" {
			t.Errorf("got attached policies %+v", got)
		}
	}
	must[*iam.DetachUserPolicyOutput](t)(w.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: aws.String("bob"), PolicyArn: arn}))
	must[*iam.DetachRolePolicyOutput](t)(w.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: aws.String("backup"), PolicyArn: arn}))
	_, err := w.IAM(w.key).ListUsers(ctx, nil)
	wantCode(t, err, "AccessDenied", "User: arn:aws:iam::123456789012:user/bob is not authorized to perform: iam:ListUsers on resource: arn:aws:iam::123456789012:user/")
}

func TestTags(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	set := func(key, value string) []types.Tag { return []types.Tag{{Key: &key, Value: &value}} }
	must[*iam.TagUserOutput](t)(w.TagUser(ctx, &iam.TagUserInput{UserName: aws.String("bob"), Tags: set("team", "blue")}))
	must[*iam.TagRoleOutput](t)(w.TagRole(ctx, &iam.TagRoleInput{RoleName: aws.String("backup"), Tags: set("team", "blue")}))
	must[*iam.TagUserOutput](t)(w.TagUser(ctx, &iam.TagUserInput{UserName: aws.String("bob"), Tags: set("Team", "red")}))
	must[*iam.TagRoleOutput](t)(w.TagRole(ctx, &iam.TagRoleInput{RoleName: aws.String("backup"), Tags: set("cost", "1")}))
	must[*iam.UntagRoleOutput](t)(w.UntagRole(ctx, &iam.UntagRoleInput{RoleName: aws.String("backup"), TagKeys: []string{"team", "none"}}))
	user := must[*iam.GetUserOutput](t)(w.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("bob")})).User
	if len(user.Tags) != 1 || *user.Tags[0].Key != "Team" || *user.Tags[0].Value != "red" {
		t.Errorf("got user's tags %v, want Team=red alone", user.Tags)
	}
	role := must[*iam.GetRoleOutput](t)(w.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("backup")})).Role
	if len(role.Tags) != 1 || *role.Tags[0].Key != "cost" {
		t.Errorf("got role's tags %v, want cost alone", role.Tags)
	}
	must[*iam.UntagUserOutput](t)(w.UntagUser(ctx, &iam.UntagUserInput{UserName: aws.String("bob"), TagKeys: []string{"TEAM"}}))
	user = must[*iam.GetUserOutput](t)(w.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("bob")})).User
	if len(user.Tags) != 0 {
		t.Errorf("got user's tags %v, want none", user.Tags)
	}
}

func TestListsComeInPages(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, name := range []string{"u1", "u2", "u3", "u4", "u5"} {
		w.User(t, name)
	}
	var names []string
	pages := iam.NewListUsersPaginator(w.Client, &iam.ListUsersInput{MaxItems: aws.Int32(2)})
	for n := 0; pages.HasMorePages(); n++ {
		page := must[*iam.ListUsersOutput](t)(pages.NextPage(ctx))
		for _, u := range page.Users {
			names = append(names, *u.UserName)
		}
		if n == 0 { // what is deleted between pages does not make another be missed
			w.Change(t, func(s *account.State) { delete(s.Users, "bob") })
		}
	}
	if want := []string{"admin", "bob", "u1", "u2", "u3", "u4", "u5"}; !slices.Equal(names, want) {
		t.Errorf("got users %v, want %v", names, want)
	}
	w.Change(t, func(s *account.State) {
		for i := range 3 {
			id := account.NewAccessKeyID(account.PrefixAccessKey)
			s.AccessKeys[id] = &account.AccessKey{ID: id, UserName: "u1", CreatedAt: w.Clock.Now().Add(time.Duration(i))}
		}
	})
	var keys []string
	for in := (&iam.ListAccessKeysInput{UserName: aws.String("u1"), MaxItems: aws.Int32(3)}); ; {
		out := must[*iam.ListAccessKeysOutput](t)(w.ListAccessKeys(ctx, in))
		for _, k := range out.AccessKeyMetadata {
			keys = append(keys, *k.AccessKeyId)
		}
		if !out.IsTruncated {
			break
		}
		in.Marker = out.Marker
	}
	if slices.Sort(keys); len(slices.Compact(keys)) != 4 {
		t.Errorf("got %d access keys, want 4", len(keys))
	}
	_, err := w.ListUsers(ctx, &iam.ListUsersInput{Marker: aws.String("!")})
	wantCode(t, err, "ValidationError", "1 validation error detected: Value at 'marker' failed to satisfy constraint: Member must be the Marker of an answer")
}

func TestAChangeSurvivesARestart(t *testing.T) {
	config := account.Config{ID: querytest.AccountID, Region: querytest.Region, Dir: t.TempDir()}
	a := must[*account.Account](t)(account.New(config))
	w := &querytest.Server{Account: a, Clock: new(querytest.Clock)}
	key := w.User(t, "admin", querytest.Admin)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b := must[*account.Account](t)(account.New(config))
	b.Read(func(s *account.State) {
		if s.Users["admin"] == nil || s.AccessKeys[key.AccessKeyID] == nil {
			t.Error("the user or the access key is lost")
		}
	})
}
