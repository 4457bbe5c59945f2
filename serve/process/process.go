// Package process writes credentials as credential_process asks for them.
//
// Source: AWS SDKs and Tools Reference Guide, "Process credential provider".
package process

import (
	"encoding/json"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// document is the output, version 1.
type document struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string `json:",omitempty"`
	Expiration      string `json:",omitempty"`
	AccountID       string `json:"AccountId,omitempty"`
}

// Marshal encodes credentials on one line, without a line ending. It holds the secret: it is for standard output alone.
func Marshal(c aws.Credentials) []byte {
	d := document{
		Version:         1,
		AccessKeyID:     c.AccessKeyID,
		SecretAccessKey: c.SecretAccessKey,
		SessionToken:    c.SessionToken,
		AccountID:       c.AccountID,
	}
	if c.CanExpire {
		d.Expiration = c.Expires.UTC().Format(time.RFC3339)
	}
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // strings always encode
	}
	return b
}
