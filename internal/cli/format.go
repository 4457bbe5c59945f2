package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/serve/process"
)

// formats write credentials for machines, by name.
var formats = map[string]func(obtained) []byte{
	"process":    func(got obtained) []byte { return append(process.Marshal(got.credentials), '\n') },
	"json":       formatJSON,
	"ini":        formatINI,
	"env":        func(got obtained) []byte { return exports(got, "export %s=%s\n", "unset %s\n", quotePOSIX) },
	"fish":       func(got obtained) []byte { return exports(got, "set -gx %s %s\n", "set -e %s\n", quoteFish) },
	"powershell": func(got obtained) []byte { return exports(got, "$Env:%s = %s\n", "$Env:%s = $null\n", quotePowerShell) },
}

func formatNames() []string { return slices.Sorted(maps.Keys(formats)) }

// variables are the credentials as the SDKs read them from the environment. An empty value means that a variable left
// over from before must go.
func variables(got obtained) [][2]string {
	c := got.credentials
	all := [][2]string{
		{"AWS_ACCESS_KEY_ID", c.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", c.SecretAccessKey},
		{"AWS_SESSION_TOKEN", c.SessionToken},
		{"AWS_CREDENTIAL_EXPIRATION", ""},
		{"AWS_ACCOUNT_ID", c.AccountID},
	}
	if c.CanExpire {
		all[3][1] = c.Expires.UTC().Format(time.RFC3339)
	}
	return all
}

func exports(got obtained, set, unset string, quote func(string) string) []byte {
	var b []byte
	for _, v := range variables(got) {
		if v[1] == "" {
			b = fmt.Appendf(b, unset, v[0])
		} else {
			b = fmt.Appendf(b, set, v[0], quote(v[1]))
		}
	}
	return b
}

func quotePOSIX(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func quoteFish(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}

func quotePowerShell(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// formatINI is a profile of the shared credentials file.
func formatINI(got obtained) []byte {
	c := got.credentials
	b := fmt.Appendf(nil, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", c.AccessKeyID, c.SecretAccessKey)
	if c.SessionToken != "" {
		b = fmt.Appendf(b, "aws_session_token = %s\n", c.SessionToken)
	}
	if c.AccountID != "" {
		b = fmt.Appendf(b, "aws_account_id = %s\n", c.AccountID)
	}
	return b
}

func formatJSON(got obtained) []byte {
	c := got.credentials
	expiration := ""
	if c.CanExpire {
		expiration = c.Expires.UTC().Format(time.RFC3339)
	}
	b, err := json.MarshalIndent(struct {
		Type            string `json:"type"`
		AccessKeyID     string `json:"access_key_id"`
		SecretAccessKey string `json:"secret_access_key"`
		SessionToken    string `json:"session_token,omitempty"`
		Expiration      string `json:"expiration,omitempty"`
		AccountID       string `json:"account_id,omitempty"`
		ARN             string `json:"arn,omitempty"`
	}{got.kind, c.AccessKeyID, c.SecretAccessKey, c.SessionToken, expiration, c.AccountID, got.arn}, "", "  ")
	if err != nil {
		panic(err) // strings always encode
	}
	return append(b, '\n')
}
