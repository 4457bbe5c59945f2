package iam

import (
	"net/url"
	"strings"

	"github.com/awsauth-go/awsauth/emulator/internal/query"
)

// Constraints of the service model.
var (
	newUserName  = query.Constraint{Required: true, Min: 1, Max: 64, Pattern: query.Names}
	userName     = query.Constraint{Min: 1, Max: 128, Pattern: query.Names}
	roleName     = query.Constraint{Required: true, Min: 1, Max: 64, Pattern: query.Names}
	policyName   = query.Constraint{Required: true, Min: 1, Max: 128, Pattern: query.Names}
	path         = query.Constraint{Min: 1, Max: 512, Pattern: query.NewPattern(`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`)}
	pathPrefix   = query.Constraint{Min: 1, Max: 512, Pattern: query.NewPattern(`\u002F[\u0021-\u007E]*`)}
	description  = query.Constraint{Max: 1000, Pattern: query.NewPattern(`[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*`)}
	document     = query.Constraint{Required: true, Min: 1, Max: 131_072, Pattern: query.Documents, Sensitive: true}
	policyARN    = query.Constraint{Required: true, Min: 20, Max: 2048, Pattern: query.NewPattern(`[\x21-\x7E]+`)}
	accessKeyID  = query.Constraint{Required: true, Min: 16, Max: 128, Pattern: query.NewPattern(`[\w]+`)}
	keyStatus    = query.Constraint{Required: true, Enum: []string{"Active", "Inactive"}}
	sessionRange = query.Range{Min: 3600, Max: 43_200, Default: 3600}
)

// path answers the Path parameter, "/" when it was not sent.
func (r *request) path() string {
	if !r.Has("Path") {
		return "/"
	}
	return r.String("Path", path)
}

// encode percent-encodes a policy document as answers hold it (RFC 3986).
func encode(document string) string {
	return strings.ReplaceAll(url.QueryEscape(document), "+", "%20")
}
