package iam_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	emulated "github.com/awsauth-go/awsauth/emulator/internal/iam"
	"github.com/awsauth-go/awsauth/emulator/internal/query/querytest"
)

func TestErrors(t *testing.T) {
	none, bob, backup, read, admin := aws.String("none"), aws.String("bob"), aws.String("backup"), aws.String("read"), aws.String(querytest.Admin)
	unknownKey := aws.String("AKIAIOSFODNN7EXAMPLE")
	document := aws.String(allowed)
	noUser, noRole := "The user with name none cannot be found.", "The role with name none cannot be found."
	constraint := func(problem string) string { return "1 validation error detected: " + problem }
	tags := func(n int) []types.Tag {
		var all []types.Tag
		for i := range n {
			all = append(all, types.Tag{Key: aws.String(fmt.Sprintf("k%d", i)), Value: aws.String("v")})
		}
		return all
	}
	long := querytest.Policy("Allow", "s3:"+strings.Repeat("a", 2100), "*")
	tests := []struct {
		name          string
		do            func(context.Context, *world) error
		code, message string
	}{
		{"CreateUser of a user who exists", func(ctx context.Context, w *world) error {
			_, err := w.CreateUser(ctx, &iam.CreateUserInput{UserName: bob})
			return err
		}, "EntityAlreadyExists", "User with name bob already exists."},
		{"CreateUser with a space", func(ctx context.Context, w *world) error {
			_, err := w.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("a b")})
			return err
		}, "ValidationError", constraint(`Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`)},
		{"CreateUser with 65 characters", func(ctx context.Context, w *world) error {
			_, err := w.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String(strings.Repeat("a", 65))})
			return err
		}, "ValidationError", constraint("Value '" + strings.Repeat("a", 65) + "' at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64")},
		{"CreateUser with a path that does not end in a slash", func(ctx context.Context, w *world) error {
			_, err := w.CreateUser(ctx, &iam.CreateUserInput{UserName: none, Path: aws.String("/a")})
			return err
		}, "ValidationError", constraint(`Value '/a' at 'path' failed to satisfy constraint: Member must satisfy regular expression pattern: (\u002F)|(\u002F[\u0021-\u007E]+\u002F)`)},
		{"CreateUser with tags twice", func(ctx context.Context, w *world) error {
			_, err := w.CreateUser(ctx, &iam.CreateUserInput{UserName: none, Tags: append(tags(1), tags(1)...)})
			return err
		}, "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		{"GetUser of nobody", func(ctx context.Context, w *world) error {
			_, err := w.GetUser(ctx, &iam.GetUserInput{UserName: none})
			return err
		}, "NoSuchEntity", noUser},
		{"DeleteUser of nobody", func(ctx context.Context, w *world) error {
			_, err := w.DeleteUser(ctx, &iam.DeleteUserInput{UserName: none})
			return err
		}, "NoSuchEntity", noUser},
		{"DeleteUser with access keys", func(ctx context.Context, w *world) error {
			_, err := w.DeleteUser(ctx, &iam.DeleteUserInput{UserName: bob})
			return err
		}, "DeleteConflict", "Cannot delete entity, must delete access keys first."},
		{"DeleteUser with an inline policy", func(ctx context.Context, w *world) error {
			_, err := w.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("inline")})
			return err
		}, "DeleteConflict", "Cannot delete entity, must delete policies first."},
		{"DeleteUser with a managed policy", func(ctx context.Context, w *world) error {
			_, err := w.DeleteUser(ctx, &iam.DeleteUserInput{UserName: aws.String("managed")})
			return err
		}, "DeleteConflict", "Cannot delete entity, must detach all policies first."},

		{"CreateAccessKey for nobody", func(ctx context.Context, w *world) error {
			_, err := w.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: none})
			return err
		}, "NoSuchEntity", noUser},
		{"UpdateAccessKey of nobody", func(ctx context.Context, w *world) error {
			_, err := w.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: none, AccessKeyId: unknownKey, Status: types.StatusTypeActive})
			return err
		}, "NoSuchEntity", noUser},
		{"UpdateAccessKey of an unknown key", func(ctx context.Context, w *world) error {
			_, err := w.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: bob, AccessKeyId: unknownKey, Status: types.StatusTypeActive})
			return err
		}, "NoSuchEntity", "The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found."},
		{"UpdateAccessKey to an unknown status", func(ctx context.Context, w *world) error {
			_, err := w.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: bob, AccessKeyId: &w.key.AccessKeyID, Status: "Off"})
			return err
		}, "ValidationError", constraint("Value 'Off' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]")},
		{"DeleteAccessKey of another user's key", func(ctx context.Context, w *world) error {
			_, err := w.DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: aws.String("managed"), AccessKeyId: &w.key.AccessKeyID})
			return err
		}, "NoSuchEntity", "\x00"},
		{"ListAccessKeys of nobody", func(ctx context.Context, w *world) error {
			_, err := w.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: none})
			return err
		}, "NoSuchEntity", noUser},
		{"ListAccessKeys with no items", func(ctx context.Context, w *world) error {
			_, err := w.ListAccessKeys(ctx, &iam.ListAccessKeysInput{MaxItems: aws.Int32(0)})
			return err
		}, "ValidationError", constraint("Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1")},
		{"GetAccessKeyLastUsed of an unknown key", func(ctx context.Context, w *world) error {
			_, err := w.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: unknownKey})
			return err
		}, "AccessDenied", "User: arn:aws:iam::123456789012:user/admin is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key AKIAIOSFODNN7EXAMPLE"},

		{"CreateRole of a role that exists", func(ctx context.Context, w *world) error {
			_, err := w.CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("Backup"), AssumeRolePolicyDocument: &trust})
			return err
		}, "EntityAlreadyExists", "Role with name Backup already exists."},
		{"CreateRole with an identity policy for a trust policy", func(ctx context.Context, w *world) error {
			_, err := w.CreateRole(ctx, &iam.CreateRoleInput{RoleName: none, AssumeRolePolicyDocument: document})
			return err
		}, "MalformedPolicyDocument", "\x00"},
		{"CreateRole with a session of half an hour", func(ctx context.Context, w *world) error {
			_, err := w.CreateRole(ctx, &iam.CreateRoleInput{RoleName: none, AssumeRolePolicyDocument: &trust, MaxSessionDuration: aws.Int32(1800)})
			return err
		}, "ValidationError", constraint("Value '1800' at 'maxSessionDuration' failed to satisfy constraint: Member must have value greater than or equal to 3600")},
		{"CreateRole with a trust policy that is too long", func(ctx context.Context, w *world) error {
			_, err := w.CreateRole(ctx, &iam.CreateRoleInput{RoleName: none, AssumeRolePolicyDocument: aws.String(
				querytest.Trust(querytest.AccountID, "sts:AssumeRole", `{"StringEquals":{"sts:ExternalId":"`+strings.Repeat("a", 2048)+`"}}`))})
			return err
		}, "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for role none"},
		{"GetRole of none", func(ctx context.Context, w *world) error {
			_, err := w.GetRole(ctx, &iam.GetRoleInput{RoleName: none})
			return err
		}, "NoSuchEntity", noRole},
		{"UpdateRole of none", func(ctx context.Context, w *world) error {
			_, err := w.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: none})
			return err
		}, "NoSuchEntity", noRole},
		{"UpdateAssumeRolePolicy of none", func(ctx context.Context, w *world) error {
			_, err := w.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: none, PolicyDocument: &trust})
			return err
		}, "NoSuchEntity", noRole},
		{"UpdateAssumeRolePolicy with an identity policy", func(ctx context.Context, w *world) error {
			_, err := w.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: backup, PolicyDocument: document})
			return err
		}, "MalformedPolicyDocument", "\x00"},
		{"DeleteRole of none", func(ctx context.Context, w *world) error {
			_, err := w.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: none})
			return err
		}, "NoSuchEntity", noRole},
		{"DeleteRole with an inline policy", func(ctx context.Context, w *world) error {
			_, err := w.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("inline")})
			return err
		}, "DeleteConflict", "Cannot delete entity, must delete policies first."},
		{"DeleteRole with a managed policy", func(ctx context.Context, w *world) error {
			_, err := w.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("managed")})
			return err
		}, "DeleteConflict", "Cannot delete entity, must detach all policies first."},

		{"PutUserPolicy of nobody", func(ctx context.Context, w *world) error {
			_, err := w.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: none, PolicyName: read, PolicyDocument: document})
			return err
		}, "NoSuchEntity", noUser},
		{"PutUserPolicy with a trust policy", func(ctx context.Context, w *world) error {
			_, err := w.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: bob, PolicyName: read, PolicyDocument: &trust})
			return err
		}, "MalformedPolicyDocument", "\x00"},
		{"PutUserPolicy that is too long", func(ctx context.Context, w *world) error {
			_, err := w.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: bob, PolicyName: read, PolicyDocument: &long})
			return err
		}, "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user bob"},
		{"PutRolePolicy of none", func(ctx context.Context, w *world) error {
			_, err := w.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: none, PolicyName: read, PolicyDocument: document})
			return err
		}, "NoSuchEntity", noRole},
		{"PutRolePolicy that is not JSON", func(ctx context.Context, w *world) error {
			_, err := w.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: backup, PolicyName: read, PolicyDocument: aws.String("{")})
			return err
		}, "MalformedPolicyDocument", "\x00"},
		{"PutRolePolicy with a slash in its name", func(ctx context.Context, w *world) error {
			_, err := w.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: backup, PolicyName: aws.String("a/b"), PolicyDocument: document})
			return err
		}, "ValidationError", constraint(`Value 'a/b' at 'policyName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*`)},
		{"ListUserPolicies of nobody", func(ctx context.Context, w *world) error {
			_, err := w.ListUserPolicies(ctx, &iam.ListUserPoliciesInput{UserName: none})
			return err
		}, "NoSuchEntity", noUser},
		{"DeleteUserPolicy of none", func(ctx context.Context, w *world) error {
			_, err := w.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: bob, PolicyName: read})
			return err
		}, "NoSuchEntity", "The user policy with name read cannot be found."},
		{"DeleteRolePolicy of none", func(ctx context.Context, w *world) error {
			_, err := w.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: backup, PolicyName: read})
			return err
		}, "NoSuchEntity", "The role policy with name read cannot be found."},

		{"AttachUserPolicy of nobody", func(ctx context.Context, w *world) error {
			_, err := w.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: none, PolicyArn: admin})
			return err
		}, "NoSuchEntity", noUser},
		{"AttachRolePolicy of a policy that is not there", func(ctx context.Context, w *world) error {
			_, err := w.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: backup, PolicyArn: aws.String("arn:aws:iam::aws:policy/None")})
			return err
		}, "NoSuchEntity", "Policy arn:aws:iam::aws:policy/None does not exist or is not attachable."},
		{"DetachUserPolicy that is not attached", func(ctx context.Context, w *world) error {
			_, err := w.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: bob, PolicyArn: admin})
			return err
		}, "NoSuchEntity", "Policy " + querytest.Admin + " was not found."},
		{"DetachRolePolicy of none", func(ctx context.Context, w *world) error {
			_, err := w.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: none, PolicyArn: admin})
			return err
		}, "NoSuchEntity", noRole},
		{"ListAttachedRolePolicies of none", func(ctx context.Context, w *world) error {
			_, err := w.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: none})
			return err
		}, "NoSuchEntity", noRole},

		{"TagUser of nobody", func(ctx context.Context, w *world) error {
			_, err := w.TagUser(ctx, &iam.TagUserInput{UserName: none, Tags: tags(1)})
			return err
		}, "NoSuchEntity", noUser},
		{"TagRole with more than fifty in all", func(ctx context.Context, w *world) error {
			if _, err := w.TagRole(ctx, &iam.TagRoleInput{RoleName: backup, Tags: tags(50)}); err != nil {
				return err
			}
			_, err := w.TagRole(ctx, &iam.TagRoleInput{RoleName: backup, Tags: []types.Tag{{Key: aws.String("one"), Value: aws.String("more")}}})
			return err
		}, "LimitExceeded", "Cannot exceed quota for TagsPerRole: 50"},
		{"UntagRole of none", func(ctx context.Context, w *world) error {
			_, err := w.UntagRole(ctx, &iam.UntagRoleInput{RoleName: none, TagKeys: []string{"a"}})
			return err
		}, "NoSuchEntity", noRole},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			for name, p := range map[string]account.Policies{
				"inline":  account.Policies{}.WithInline("p", allowed),
				"managed": {Attached: []string{querytest.Admin}},
			} {
				w.Role(t, name, trust)
				w.Change(t, func(s *account.State) {
					role := s.Roles[name].Clone()
					role.Policies = p
					s.Roles[name] = role
					s.Users[name] = &account.User{Name: name, Path: "/", ARN: "arn:aws:iam::123456789012:user/" + name, Policies: p}
				})
			}
			err := tt.do(t.Context(), w)
			message := tt.message
			switch {
			case message != "\x00":
			case tt.code == "MalformedPolicyDocument":
				message = malformedText(t, err)
			default:
				message = "The Access Key with id " + w.key.AccessKeyID + " cannot be found."
			}
			wantCode(t, err, tt.code, message)
		})
	}
}

// malformedText answers the message if it says where the document is wrong.
func malformedText(t *testing.T, err error) string {
	t.Helper()
	_, text, found := strings.Cut(err.Error(), "parse policy: ")
	if !found {
		t.Errorf("got error %v, want what is wrong with the policy", err)
	}
	return "parse policy: " + text
}

// every is a call of each operation that would succeed, were the caller allowed to.
var every = map[string]string{
	"CreateUser":               "UserName=new",
	"GetUser":                  "UserName=bob",
	"ListUsers":                "",
	"DeleteUser":               "UserName=bob",
	"CreateAccessKey":          "UserName=bob",
	"UpdateAccessKey":          "UserName=bob&AccessKeyId=KEY&Status=Active",
	"DeleteAccessKey":          "UserName=bob&AccessKeyId=KEY",
	"ListAccessKeys":           "UserName=bob",
	"GetAccessKeyLastUsed":     "AccessKeyId=KEY",
	"PutUserPolicy":            "UserName=bob&PolicyName=p&PolicyDocument=%7B%7D",
	"GetUserPolicy":            "UserName=bob&PolicyName=p",
	"ListUserPolicies":         "UserName=bob",
	"DeleteUserPolicy":         "UserName=bob&PolicyName=p",
	"AttachUserPolicy":         "UserName=bob&PolicyArn=" + querytest.Admin,
	"DetachUserPolicy":         "UserName=bob&PolicyArn=" + querytest.Admin,
	"ListAttachedUserPolicies": "UserName=bob",
	"TagUser":                  "UserName=bob&Tags.member.1.Key=a&Tags.member.1.Value=b",
	"UntagUser":                "UserName=bob&TagKeys.member.1=a",
	"CreateRole":               "RoleName=new&AssumeRolePolicyDocument=%7B%7D",
	"GetRole":                  "RoleName=backup",
	"ListRoles":                "",
	"UpdateRole":               "RoleName=backup",
	"UpdateAssumeRolePolicy":   "RoleName=backup&PolicyDocument=%7B%7D",
	"DeleteRole":               "RoleName=backup",
	"PutRolePolicy":            "RoleName=backup&PolicyName=p&PolicyDocument=%7B%7D",
	"GetRolePolicy":            "RoleName=backup&PolicyName=p",
	"ListRolePolicies":         "RoleName=backup",
	"DeleteRolePolicy":         "RoleName=backup&PolicyName=p",
	"AttachRolePolicy":         "RoleName=backup&PolicyArn=" + querytest.Admin,
	"DetachRolePolicy":         "RoleName=backup&PolicyArn=" + querytest.Admin,
	"ListAttachedRolePolicies": "RoleName=backup",
	"TagRole":                  "RoleName=backup&Tags.member.1.Key=a&Tags.member.1.Value=b",
	"UntagRole":                "RoleName=backup&TagKeys.member.1=a",
}

func TestEveryOperationAsksForPermission(t *testing.T) {
	w := newWorld(t)
	for _, action := range emulated.Operations() {
		parameters, known := every[action]
		if !known {
			t.Errorf("%s: not tested", action)
		}
		parameters = strings.ReplaceAll(parameters, "KEY", w.key.AccessKeyID)
		body := "Action=" + action + "&Version=" + querytest.IAMVersion + "&" + parameters
		got := w.Send(t, w.key, "iam", body)
		want := "User: arn:aws:iam::123456789012:user/bob is not authorized to perform: iam:" + action + " on resource: arn:aws:iam::123456789012:"
		if got.Status != http.StatusForbidden || got.Code != "AccessDenied" || !strings.HasPrefix(got.Message, want) {
			t.Errorf("%s: got %d %s: %s, want AccessDenied", action, got.Status, got.Code, got.Message)
		}
	}
}

func TestRequestsThatNoSDKSends(t *testing.T) {
	w := newWorld(t)
	admin := w.User(t, "root", querytest.Admin)
	role := w.Role(t, "session", trust, querytest.Admin)
	c := w.Account.Issue(account.Session{RoleName: "session", RoleID: role.ID, SessionName: "nightly"}, time.Hour)
	session := aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
	const v = "&Version=2010-05-08"
	tests := []struct {
		name    string
		by      aws.Credentials
		body    string
		status  int
		code    string
		message string
	}{
		{"an unknown action", admin, "Action=CreateGroup" + v, 400, "InvalidAction", "The action CreateGroup is not valid for this endpoint."},
		{"an action of another case", admin, "Action=getuser" + v, 400, "InvalidAction", "The action getuser is not valid for this endpoint."},
		{"an action that is no name", admin, "Action=%3Cx%3E" + v, 400, "InvalidAction", "The action (unprintable) is not valid for this endpoint."},
		{"no action", admin, "x=y" + v, 400, "MissingAction", "The request is missing an action or a required parameter."},
		{"a parameter twice", admin, "Action=GetUser&UserName=bob&UserName=root" + v, 404, "MalformedQueryString", "The query string contains a syntax error."},
		{"a parameter that is not UTF-8", admin, "Action=GetUser&UserName=%FF" + v, 404, "MalformedQueryString", "The query string contains a syntax error."},
		{"a required parameter is missing", admin, "Action=GetRole" + v, 400, "ValidationError", "1 validation error detected: Value null at 'roleName' failed to satisfy constraint: Member must not be null"},
		{"a tag without a value", admin, "Action=TagRole&RoleName=backup&Tags.member.1.Key=a" + v, 400, "ValidationError", "1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy constraint: Member must not be null"},
		{"a list with a gap", admin, "Action=UntagRole&RoleName=backup&TagKeys.member.2=a" + v, 400, "ValidationError", "1 validation error detected: Value at 'tagKeys' failed to satisfy constraint: Members must be numbered from 1"},
		{"a list numbered with a leading zero", admin, "Action=UntagRole&RoleName=backup&TagKeys.member.01=a" + v, 400, "ValidationError", "1 validation error detected: Value at 'tagKeys' failed to satisfy constraint: Members must be numbered from 1"},
		{"a number that is none", admin, "Action=ListUsers&MaxItems=ten" + v, 400, "ValidationError", "1 validation error detected: Value at 'maxItems' failed to satisfy constraint: Member must be an integer"},
		{"a session without UserName", session, "Action=GetUser" + v, 400, "ValidationError", "Must specify userName when calling with non-User credentials"},
		{"a session without UserName for a new key", session, "Action=CreateAccessKey" + v, 400, "ValidationError", "Must specify userName when calling with non-User credentials"},
		{"a user without UserName succeeds", admin, "Action=GetUser" + v, 200, "", ""},
		{"a session with UserName succeeds", session, "Action=GetUser&UserName=bob" + v, 200, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := w.Send(t, tt.by, "iam", tt.body)
			if got.Status != tt.status || got.Code != tt.code || got.Message != tt.message {
				t.Errorf("got  %d %s: %s\nwant %d %s: %s", got.Status, got.Code, got.Message, tt.status, tt.code, tt.message)
			}
		})
	}
}

func TestPermissionMayDependOnPathTagsAndPolicy(t *testing.T) {
	tests := []struct {
		name, policy, code string
		do                 func(context.Context, *world, *iam.Client) error
	}{
		{
			"a path that is allowed", querytest.Policy("Allow", "iam:CreateUser", "arn:aws:iam::123456789012:user/team/*"), "",
			func(ctx context.Context, _ *world, c *iam.Client) error {
				_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("new"), Path: aws.String("/team/")})
				return err
			},
		},
		{
			"a path that is not allowed", querytest.Policy("Allow", "iam:CreateUser", "arn:aws:iam::123456789012:user/team/*"), "AccessDenied",
			func(ctx context.Context, _ *world, c *iam.Client) error {
				_, err := c.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("new")})
				return err
			},
		},
		{
			"a managed policy that may not be attached", strings.Replace(querytest.Policy("Allow", "iam:AttachUserPolicy", "*"), `"Resource"`,
				`"Condition":{"ArnEquals":{"iam:PolicyARN":"arn:aws:iam::aws:policy/AmazonS3FullAccess"}},"Resource"`, 1), "AccessDenied",
			func(ctx context.Context, _ *world, c *iam.Client) error {
				_, err := c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String("bob"), PolicyArn: aws.String(querytest.Admin)})
				return err
			},
		},
		{
			"a role with another tag", strings.Replace(querytest.Policy("Allow", "iam:DeleteRole", "*"), `"Resource"`,
				`"Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}},"Resource"`, 1), "AccessDenied",
			func(ctx context.Context, _ *world, c *iam.Client) error {
				_, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("backup")})
				return err
			},
		},
		{
			"a role with the tag", strings.Replace(querytest.Policy("Allow", "iam:DeleteRole", "*"), `"Resource"`,
				`"Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}},"Resource"`, 1), "",
			func(ctx context.Context, w *world, c *iam.Client) error {
				tag := types.Tag{Key: aws.String("team"), Value: aws.String("blue")}
				if _, err := w.TagRole(ctx, &iam.TagRoleInput{RoleName: aws.String("backup"), Tags: []types.Tag{tag}}); err != nil {
					return err
				}
				_, err := c.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: aws.String("backup")})
				return err
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.Change(t, func(s *account.State) {
				bob := *s.Users["bob"]
				bob.Policies = bob.WithInline("p", tt.policy)
				s.Users["bob"] = &bob
			})
			err := tt.do(t.Context(), w, w.IAM(w.key))
			if tt.code == "" && err != nil || tt.code != "" && (err == nil || !strings.Contains(err.Error(), tt.code)) {
				t.Errorf("got error %v, want %q", err, tt.code)
			}
		})
	}
}
