// Package sts is the emulator's AWS Security Token Service: AssumeRole, GetCallerIdentity, GetSessionToken and
// GetAccessKeyInfo, in the Query protocol. It asks for no MFA code, as the emulator's users have no devices, and knows no
// web identities or SAML.
//
// Source: AWS STS API Reference, version 2011-06-15.
package sts

import (
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/query"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// version is that of the API.
const version = "2011-06-15"

// request is one call of an operation.
type request struct {
	*query.Form
	account *account.Account
	call    *wire.Call
	now     time.Time
}

var operations = map[string]func(*request) (any, error){
	"AssumeRole":        assumeRole,
	"GetAccessKeyInfo":  getAccessKeyInfo,
	"GetCallerIdentity": getCallerIdentity,
	"GetSessionToken":   getSessionToken,
}

// Handle answers one authenticated call. The operation is the form's Action; errors are of type *wire.Refusal.
func Handle(a *account.Account, c *wire.Call) (answer any, err error) {
	action, err := query.Action(c.Form, version)
	if err != nil {
		return nil, err
	}
	operation, known := operations[action]
	if !known {
		return nil, query.InvalidAction(action, "the emulator's STS has no such operation")
	}
	return operation(&request{Form: query.NewForm(c.Form), account: a, call: c, now: a.Now()})
}

// credentials are temporary credentials as answers hold them.
type credentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      wire.Seconds
}

func issued(c account.Credentials) credentials {
	return credentials{c.AccessKeyID, c.SecretAccessKey, c.SessionToken, wire.Seconds(c.Expiration)}
}
