package sts

import (
	"slices"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/query"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

type callerIdentity struct {
	ARN     string `xml:"Arn"`
	UserID  string `xml:"UserId"`
	Account string
}

// getCallerIdentity needs no permission, and no policy can deny it.
func getCallerIdentity(r *request) (any, error) {
	c := r.call.Caller
	return callerIdentity{c.ARN, c.UserID, c.Account}, nil
}

type sessionToken struct{ Credentials credentials }

// sessionTokenDuration is what a user may ask for, in seconds.
var sessionTokenDuration = query.Range{Min: 900, Max: 129_600, Default: 43_200}

// getSessionToken makes temporary credentials of a user from the user's long-term key. Policies have no say.
func getSessionToken(r *request) (any, error) {
	seconds := r.Int("DurationSeconds", sessionTokenDuration)
	if err := r.Err(); err != nil {
		return nil, err
	}
	if r.call.Caller.Session != nil {
		return nil, &wire.Refusal{
			Status: 403, Code: "AccessDenied", Message: "Cannot call GetSessionToken with session credentials",
			Remedy: "sign with the user's long-term access key",
		}
	}
	if err := r.checkMFA(); err != nil {
		return nil, err
	}
	u := r.call.Caller.User
	c := r.account.Issue(account.Session{UserName: u.Name, UserID: u.ID}, time.Duration(seconds)*time.Second)
	return sessionToken{issued(c)}, nil
}

type accessKeyInfo struct{ Account string }

var accessKeyID = query.Constraint{Required: true, Min: 16, Max: 128, Pattern: query.NewPattern(`[\w]*`)}

// getAccessKeyInfo says only whose an access key ID is, not whether the key is good or ever was.
func getAccessKeyInfo(r *request) (any, error) {
	id := r.String("AccessKeyId", accessKeyID)
	if err := r.Err(); err != nil {
		return nil, err
	}
	if c := r.call.Caller; c.User != nil && c.Session != nil {
		return nil, &wire.Refusal{
			Status: 403, Code: "AccessDenied", Message: "Cannot call GetAccessKeyInfo with session credentials",
			Reason: "credentials of GetSessionToken may call AssumeRole and GetCallerIdentity only",
			Remedy: "sign with the user's long-term access key",
		}
	}
	if err := r.call.Authorize(r.now, "sts:GetAccessKeyInfo", "*", nil); err != nil {
		return nil, err
	}
	if !r.owns(id) {
		return nil, &wire.Refusal{
			Status: 400, Code: "ValidationError", Message: "Invalid access key ID",
			Reason: "the access key ID is not of account " + r.account.ID + ", the only one there is",
		}
	}
	return accessKeyInfo{r.account.ID}, nil
}

// owns reports whether an access key ID is of this account: one that the emulator has made, or that it was given.
func (r *request) owns(id string) (owned bool) {
	made := func(prefix string) bool { return strings.HasPrefix(id, prefix) }
	if len(id) == 20 && slices.ContainsFunc([]string{account.PrefixAccessKey, account.PrefixSessionAccessKey}, made) {
		return true
	}
	r.account.Read(func(s *account.State) { owned = s.AccessKeys[id] != nil })
	return owned
}

// checkMFA refuses an MFA device: the emulator's users have none.
func (r *request) checkMFA() error {
	if !r.Has("SerialNumber") && !r.Has("TokenCode") {
		return nil
	}
	return &wire.Refusal{
		Status: 403, Code: "AccessDenied",
		Message: "MultiFactorAuthentication failed with invalid MFA one time pass code.",
		Reason:  "the emulator's users have no MFA devices", Remedy: "leave out SerialNumber and TokenCode",
	}
}
