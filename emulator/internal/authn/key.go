package authn

import (
	"strings"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/internal/sigv4"
)

// key is what an access key ID, with its session token, stands for.
type key struct {
	secret  string
	caller  *account.Caller  // nil when the session's role or user is gone
	session *account.Session // nil for a long-term key
}

// find looks up the access key that a request claims to be signed with.
func (c attempt) find(auth *sigv4.Authorization) (key, error) {
	switch {
	case isSession(auth.AccessKeyID):
		return c.findSession(auth)
	case auth.SessionToken != "":
		return key{}, c.refuse(invalidToken, invalidTokenText,
			"the request has a session token, and its access key ID is not a session's",
			"send X-Amz-Security-Token only with the access key that was issued with it")
	}
	return c.findLongTerm(auth.AccessKeyID)
}

// Find answers whose an access key with its session token is at the moment, and its secret access key. Its errors are those of
// Authenticate, as STS has them.
func Find(a *account.Account, accessKeyID, sessionToken string) (caller *account.Caller, secret string, err error) {
	c := attempt{account: a, service: Service{Name: "sts"}, now: a.Now().UTC()}
	k, err := c.find(&sigv4.Authorization{AccessKeyID: accessKeyID, SessionToken: sessionToken})
	if err == nil {
		err = c.checkSession(k)
	}
	if err != nil {
		return nil, "", err
	}
	return k.caller, k.secret, nil
}

// isSession tells access keys of sessions from long-term ones (IAM User Guide, "IAM identifiers").
func isSession(accessKeyID string) bool { return strings.HasPrefix(accessKeyID, "ASIA") }

func (c attempt) findLongTerm(accessKeyID string) (key, error) {
	var access *account.AccessKey
	var user *account.User
	c.account.Read(func(s *account.State) {
		if access = s.AccessKeys[accessKeyID]; access != nil {
			user = s.Users[access.UserName]
		}
	})
	switch {
	case access == nil || user == nil:
		return key{}, c.refuse(invalidToken, invalidTokenText, "there is no such access key in account "+c.account.ID,
			"use an access key of this account; an emulator without kept state makes new keys at every start")
	case !access.Active:
		return key{}, c.refuse(invalidToken, invalidTokenText, "access key "+accessKeyID+" is inactive",
			"set it active with UpdateAccessKey, or use another")
	}
	return key{secret: access.Secret, caller: c.account.NewUserCaller(accessKeyID, user, nil)}, nil
}

func (c attempt) findSession(auth *sigv4.Authorization) (key, error) {
	if auth.SessionToken == "" {
		return key{}, c.refuse(invalidToken, invalidTokenText,
			"access key "+auth.AccessKeyID+" needs its session token in X-Amz-Security-Token",
			"set all three parts of the credentials: access key ID, secret access key and session token")
	}
	session, secret, err := c.account.OpenToken(auth.AccessKeyID, auth.SessionToken)
	if err != nil {
		return key{}, c.refuse(invalidToken, invalidTokenText,
			"the session token was not issued with access key "+auth.AccessKeyID+", or not by this emulator",
			"get new credentials and use their three parts together")
	}
	k := key{secret: secret, session: session}
	c.account.Read(func(s *account.State) {
		if u := s.Users[session.UserName]; u != nil && u.ID == session.UserID {
			k.caller = c.account.NewUserCaller(session.AccessKeyID, u, session)
		}
		if r := s.Roles[session.RoleName]; r != nil && r.ID == session.RoleID {
			k.caller = c.account.NewRoleCaller(r, session)
		}
	})
	return k, nil
}

// checkSession refuses credentials that were good once.
func (c attempt) checkSession(k key) error {
	if k.session == nil {
		return nil
	}
	if !c.now.Before(k.session.Expiration) {
		return c.refuse(expiredToken, "The security token included in the request is expired",
			"the session expired at "+k.session.Expiration.Format("2006-01-02T15:04:05Z"), "get new credentials")
	}
	if k.caller == nil {
		return c.refuse(invalidToken, invalidTokenText, "the role or user of this session has been deleted since",
			"create it again and get new credentials")
	}
	return nil
}
