package sts

import (
	"maps"
	"slices"
	"strconv"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
	"github.com/awsauth-go/awsauth/internal/policy"
)

type assumedRole struct {
	Credentials      credentials
	AssumedRoleUser  assumedRoleUser
	PackedPolicySize int    `xml:",omitempty"`
	SourceIdentity   string `xml:",omitempty"`
}

type assumedRoleUser struct {
	AssumedRoleID string `xml:"AssumedRoleId"`
	ARN           string `xml:"Arn"`
}

func assumeRole(r *request) (any, error) {
	in, err := readAssumption(r)
	if err != nil {
		return nil, err
	}
	role, err := r.checkTrust(in)
	if err != nil {
		return nil, err
	}
	if err := checkDuration(in.duration, role, r.call.Caller.Role != nil); err != nil {
		return nil, err
	}
	session := account.Session{
		RoleName: role.Name, RoleID: role.ID, SessionName: in.sessionName,
		SourceIdentity:  in.sourceIdentity,
		Tags:            in.allTags(),
		TransitiveTags:  slices.Concat(slices.Sorted(maps.Keys(in.inherited)), in.transitiveTags),
		ManagedPolicies: in.managed,
	}
	if in.policy != "" {
		session.Policies = []string{in.policy}
	}
	size := session.PackedSize()
	if size > 100 {
		return nil, &wire.Refusal{
			Status: 400, Code: "PackedPolicyTooLarge",
			Message: "Packed size of session policies and tags consumes " + strconv.Itoa(size) + "% of allotted space.",
			Remedy:  "pass fewer tags or a shorter policy",
		}
	}
	return assumedRole{
		Credentials: issued(r.account.Issue(session, in.duration)),
		AssumedRoleUser: assumedRoleUser{
			role.ID + ":" + in.sessionName, r.account.AssumedRoleARN(role.Name, in.sessionName),
		},
		PackedPolicySize: size,
		SourceIdentity:   in.sourceIdentity,
	}, nil
}

// checkTrust answers the role if the caller may assume it as asked. A role that is not there is refused like one that
// does not trust the caller.
func (r *request) checkTrust(in *assumption) (*account.Role, error) {
	var role *account.Role
	r.account.Read(func(s *account.State) { role = s.RoleByARN(in.roleARN) })
	if role == nil {
		return nil, r.denied("sts:AssumeRole", in.roleARN, "there is no such role in account "+r.account.ID,
			"check the ARN, path included")
	}
	actions := []string{"sts:AssumeRole"}
	if len(in.tags)+len(in.inherited) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if in.sourceIdentity != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	for _, action := range actions {
		if err := r.checkAction(action, role, in); err != nil {
			return nil, err
		}
	}
	return role, nil
}

// checkAction asks for one action. The role's trust policy must allow it. If that names the caller, the caller's session
// policies alone limit it; if it names the account, the account decides by the caller's identity policies. A denial
// anywhere wins (IAM User Guide, "Policy evaluation logic").
func (r *request) checkAction(action string, role *account.Role, in *assumption) error {
	caller := r.call.Caller
	x := caller.Context(r.now)
	in.addKeys(&x)
	trusted := policy.Request{Action: action, Resource: role.ARN, Principal: caller.Principal(), Context: x}
	if role.Trust().Evaluate(trusted).Decision != policy.Allow {
		return r.denied(action, role.ARN, "trust policy of role "+role.Name+": "+role.Trust().Explain(trusted),
			"allow "+action+" for the caller in the role's trust policy")
	}
	own, why := caller.Authorize(r.now, action, role.ARN, in.addKeys)
	if own.Decision == policy.Allow {
		return nil
	}
	trusted.Principal.Account = "" // without it, a statement that names the account does not match
	named := role.Trust().Evaluate(trusted).Decision == policy.Allow
	if own.Decision == policy.NoMatch && named && caller.SessionAllows(r.now, action, role.ARN, in.addKeys) {
		return nil
	}
	return r.denied(action, role.ARN, why, "allow "+action+" in a policy of the caller, and in the session policy if there is one")
}

// addKeys adds the condition keys of AssumeRole (IAM User Guide, "Keys available for AWS STS").
func (in *assumption) addKeys(x *policy.Context) {
	x.Set("sts:RoleSessionName", in.sessionName)
	x.Set("sts:DurationSeconds", strconv.Itoa(int(in.duration.Seconds())))
	if in.externalID != "" {
		x.Set("sts:ExternalId", in.externalID)
	}
	if in.sourceIdentity != "" {
		x.Set("sts:SourceIdentity", in.sourceIdentity)
	}
	tags := in.allTags()
	for key, value := range tags {
		x.Set("aws:RequestTag/"+key, value)
	}
	x.Set("aws:TagKeys", slices.Sorted(maps.Keys(tags))...)
	x.Set("sts:TransitiveTagKeys", slices.Concat(slices.Sorted(maps.Keys(in.inherited)), in.transitiveTags)...)
}

func (r *request) denied(action, resource, reason, remedy string) error {
	return &wire.Refusal{
		Status: 403, Code: "AccessDenied",
		Message: "User: " + r.call.Caller.ARN + " is not authorized to perform: " + action + " on resource: " + resource,
		Reason:  reason, Remedy: remedy,
	}
}
