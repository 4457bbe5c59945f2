// Package iam is as much of AWS Identity and Access Management as setting up Roles Anywhere and rotating access keys
// take: users, their access keys, roles, their policies and tags, in the Query protocol. It has no groups, no managed
// policies of the customer's, no permissions boundaries and no MFA devices. A change takes effect at once.
//
// Source: IAM API Reference, version 2010-05-08; IAM User Guide, "IAM and AWS STS quotas".
package iam

import (
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/query"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
	"github.com/awsauth-go/awsauth/internal/policy"
)

// version is that of the API.
const version = "2010-05-08"

// request is one call of an operation.
type request struct {
	*query.Form
	action  string
	account *account.Account
	call    *wire.Call
	now     time.Time // whole seconds, UTC
}

var operations = map[string]func(*request) (any, error){
	"CreateUser": createUser,
	"GetUser":    getUser,
	"ListUsers":  listUsers,
	"DeleteUser": deleteUser,

	"CreateAccessKey":      createAccessKey,
	"UpdateAccessKey":      updateAccessKey,
	"DeleteAccessKey":      deleteAccessKey,
	"ListAccessKeys":       listAccessKeys,
	"GetAccessKeyLastUsed": getAccessKeyLastUsed,

	"CreateRole":             createRole,
	"GetRole":                getRole,
	"ListRoles":              listRoles,
	"UpdateRole":             updateRole,
	"UpdateAssumeRolePolicy": updateAssumeRolePolicy,
	"DeleteRole":             deleteRole,

	"PutUserPolicy":            users.putPolicy,
	"GetUserPolicy":            users.getPolicy,
	"ListUserPolicies":         users.listPolicies,
	"DeleteUserPolicy":         users.deletePolicy,
	"AttachUserPolicy":         users.attachPolicy,
	"DetachUserPolicy":         users.detachPolicy,
	"ListAttachedUserPolicies": users.listAttached,
	"TagUser":                  users.tag,
	"UntagUser":                users.untag,

	"PutRolePolicy":            roles.putPolicy,
	"GetRolePolicy":            roles.getPolicy,
	"ListRolePolicies":         roles.listPolicies,
	"DeleteRolePolicy":         roles.deletePolicy,
	"AttachRolePolicy":         roles.attachPolicy,
	"DetachRolePolicy":         roles.detachPolicy,
	"ListAttachedRolePolicies": roles.listAttached,
	"TagRole":                  roles.tag,
	"UntagRole":                roles.untag,
}

// Handle answers one authenticated call. The operation is the form's Action; an answer of nil has no result element.
// Errors are of type *wire.Refusal, except for a state that could not be saved.
func Handle(a *account.Account, c *wire.Call) (answer any, err error) {
	action, err := query.Action(c.Form, version)
	if err != nil {
		return nil, err
	}
	operation, known := operations[action]
	if !known {
		return nil, query.InvalidAction(action, "the emulator's IAM has no such operation")
	}
	if c.Caller.User != nil && c.Caller.Session != nil {
		return nil, &wire.Refusal{
			Status: 403, Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid",
			Reason: "credentials of GetSessionToken without MFA cannot call IAM", Remedy: "sign with the user's long-term access key",
		}
	}
	return operation(&request{
		Form: query.NewForm(c.Form), action: action, account: a, call: c, now: a.Now().UTC().Truncate(time.Second),
	})
}

// authorize asks whether the caller may do the operation to a resource; extra may be nil.
func (r *request) authorize(resource string, extra func(*policy.Context)) error {
	return r.call.Authorize(r.now, "iam:"+r.action, resource, extra)
}
