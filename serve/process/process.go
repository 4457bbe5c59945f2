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

// longestAhead bounds by how much Expiration comes before the end.
const longestAhead = time.Minute

// Marshal encodes credentials on one line, without a line ending. It holds the secret: it is for standard output alone.
//
// Expiration is when to run the process again: before the end by a quarter of what is left, a minute at most. The SDK for Go, and what
// is made with it, runs it at Expiration and no sooner; what it signs a moment before the end would be refused on its arrival.
func Marshal(c aws.Credentials) []byte { return marshal(c, time.Now()) }

func marshal(c aws.Credentials, now time.Time) []byte {
	d := document{
		Version:         1,
		AccessKeyID:     c.AccessKeyID,
		SecretAccessKey: c.SecretAccessKey,
		SessionToken:    c.SessionToken,
		AccountID:       c.AccountID,
	}
	if c.CanExpire {
		d.Expiration = expiration(c.Expires, now)
	}
	b, err := json.Marshal(d)
	if err != nil {
		panic(err) // strings always encode
	}
	return b
}

// expiration writes when to ask again, in whole seconds, as AWS does. Of the last minute each part of a second counts.
func expiration(ends, now time.Time) string {
	left := ends.Sub(now)
	ahead := ends.Add(-min(left/4, longestAhead)).UTC()
	switch {
	case left <= 0:
		return ends.UTC().Format(time.RFC3339)
	case left < time.Minute:
		return ahead.Format("2006-01-02T15:04:05.000Z07:00")
	}
	return ahead.Format(time.RFC3339)
}
