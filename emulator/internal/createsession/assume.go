package createsession

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/internal/policy"
)

// principal is who assumes roles for Roles Anywhere, in every partition.
const principal = "rolesanywhere.amazonaws.com"

// checkTrust asks the role's trust policy for each action that the session needs (User Guide, "Trust model").
func (a *attempt) checkTrust() error {
	actions := []string{"sts:AssumeRole", "sts:SetSourceIdentity"}
	if len(a.assumption.Tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	request := policy.Request{
		Resource:  a.role.ARN,
		Principal: policy.Principal{Service: principal},
		Context:   a.context(),
	}
	for _, action := range actions {
		request.Action = action
		if a.role.Trust().Evaluate(request).Decision != policy.Allow {
			return denied(a.unable(), "the trust policy of role "+a.role.Name+" does not allow "+action+": "+
				a.role.Trust().Explain(request),
				"aws iam update-assume-role-policy --role-name "+a.role.Name+" --policy-document FILE")
		}
	}
	return nil
}

// context holds the condition keys of the AssumeRole that Roles Anywhere makes. The mapped attributes are there both as
// the principal's tags and as the request's.
func (a *attempt) context() policy.Context {
	var x policy.Context
	x.Set("aws:SourceArn", a.anchor.ARN)
	x.Set("aws:SourceAccount", a.Account.ID)
	x.Set("aws:PrincipalIsAWSService", "true")
	x.Set("aws:PrincipalServiceName", principal)
	x.Set("aws:CurrentTime", a.now.UTC().Format(time.RFC3339))
	x.Set("sts:SourceIdentity", a.assumption.SourceIdentity)
	x.Set("sts:RoleSessionName", a.assumption.SessionName)
	for key, value := range a.assumption.Tags {
		x.Set("aws:PrincipalTag/"+key, value)
		x.Set("aws:RequestTag/"+key, value)
	}
	x.Set("aws:TagKeys", slices.Sorted(maps.Keys(a.assumption.Tags))...)
	return x
}

// checkDuration takes the shorter of the profile's duration and the one asked for; what the role does not allow fails.
func (a *attempt) checkDuration() error {
	d := time.Duration(a.profile.DurationSeconds) * time.Second
	if a.input.Duration > 0 {
		d = min(d, a.input.Duration)
	}
	if most := time.Duration(a.role.MaxSessionDuration) * time.Second; d > most {
		return denied(a.unable()+" The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
			fmt.Sprintf("%s seconds, the shorter of what was asked for and the profile's, exceed the role's %s", seconds(d), seconds(most)),
			"aws iam update-role --role-name "+a.role.Name+" --max-session-duration "+seconds(d)+", or ask for less")
	}
	a.assumption.Duration = d
	return nil
}

// checkSize demands that tags and session policies fit into a session.
func (a *attempt) checkSize() error {
	s := a.session()
	if a.packed = s.PackedSize(); a.packed > 100 {
		return denied(a.unable(), fmt.Sprintf("session tags and policies take %d %% of what a session holds", a.packed),
			"map fewer attributes, or shorten the profile's session policy")
	}
	return nil
}

// session is what is to be issued.
func (a *attempt) session() account.Session {
	var policies []string
	if p := a.assumption.SessionPolicy; p != "" {
		policies = []string{p}
	}
	return account.Session{
		RoleName:        a.role.Name,
		RoleID:          a.role.ID,
		SessionName:     a.assumption.SessionName,
		SourceIdentity:  a.assumption.SourceIdentity,
		Tags:            a.assumption.Tags,
		Policies:        policies,
		ManagedPolicies: a.assumption.ManagedPolicyARNs,
	}
}
