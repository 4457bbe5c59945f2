package createsession

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// checkTime demands that the request was signed about now, in this region.
func (a *attempt) checkTime() error {
	s := a.signature
	if off := a.now.Sub(s.SignedAt); off.Abs() > a.Skew {
		when := "too long ago"
		if off < 0 {
			when = "in the future"
		}
		return denied("Signature expired", fmt.Sprintf("the request was signed %s: %s, and it is %s",
			when, at(s.SignedAt), at(a.now)), "set the clock right, and sign each attempt anew")
	}
	if s.Region != a.Account.Region {
		return denied(badSignature, fmt.Sprintf("the request is signed for region %s, and this is %s", s.Region, a.Account.Region),
			"sign for the region of the trust anchor")
	}
	return nil
}

// findResources looks the ARNs up; the role is judged later.
func (a *attempt) findResources() error {
	in := a.input
	a.Account.Read(func(s *account.State) {
		a.anchor = s.TrustAnchors[resourceID(in.TrustAnchorARN)]
		a.profile = s.Profiles[resourceID(in.ProfileARN)]
		a.role = s.RoleByARN(in.RoleARN)
		for _, crl := range s.CRLs {
			if crl.Enabled && crl.TrustAnchorARN == in.TrustAnchorARN {
				a.crls = append(a.crls, crl)
			}
		}
	})
	missing := func(what, arn string) error {
		return &wire.Refusal{
			Status: http.StatusNotFound, Code: "ResourceNotFoundException", Message: what + " not found",
			Reason: "this account has no such " + strings.ToLower(what) + " in this region: " + arn,
			Remedy: "compare the ARN with aws rolesanywhere list-" + strings.ReplaceAll(strings.ToLower(what), " ", "-") + "s",
		}
	}
	if a.anchor == nil || a.anchor.ARN != in.TrustAnchorARN {
		return missing("Trust anchor", in.TrustAnchorARN)
	}
	if a.profile == nil || a.profile.ARN != in.ProfileARN {
		return missing("Profile", in.ProfileARN)
	}
	return nil
}

func resourceID(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func (a *attempt) checkEnabled() error {
	if !a.anchor.Enabled {
		return denied("Trust anchor is disabled", "", "aws rolesanywhere enable-trust-anchor --trust-anchor-id "+a.anchor.ID)
	}
	if !a.profile.Enabled {
		return denied("Profile is disabled", "", "aws rolesanywhere enable-profile --profile-id "+a.profile.ID)
	}
	return nil
}

// unable is AWS's text for a role that is not to be had.
func (a *attempt) unable() string { return "Unable to assume role for " + a.input.RoleARN + "." }

func (a *attempt) checkRole() error {
	if !slices.Contains(a.profile.RoleARNs, a.input.RoleARN) {
		return denied(a.unable(), "the role is not one of the profile's: "+a.profile.Name+" has "+list(a.profile.RoleARNs),
			"aws rolesanywhere update-profile --profile-id "+a.profile.ID+" --role-arns with "+a.input.RoleARN+" among them")
	}
	if a.role == nil {
		return denied(a.unable(), "the account has no such role", "create the role, or compare its ARN, path included")
	}
	return nil
}

func list(items []string) string {
	if len(items) == 0 {
		return "none"
	}
	return strings.Join(items, ", ")
}

func (a *attempt) checkSessionName() error {
	if a.input.SessionName != "" && !a.profile.AcceptRoleSessionName {
		return denied("Not authorized to set roleSessionName.", "the profile "+a.profile.Name+" does not accept session names",
			"aws rolesanywhere update-profile --profile-id "+a.profile.ID+" --accept-role-session-name, or leave the name out")
	}
	return nil
}
