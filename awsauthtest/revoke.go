package awsauthtest

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	management "github.com/aws/aws-sdk-go-v2/service/rolesanywhere"
)

// Revoke revokes clients' certificates, with those revoked before: the emulator refuses them from now on, and sessions
// that they have bought go on to their end, as with AWS. It calls the emulator's management API, which faults strike too,
// and is not called concurrently with itself.
func (l *Local) Revoke(clients ...*Client) {
	l.t.Helper()
	l.revoked = append(l.revoked, clients...)
	list := l.CA.Revoke(l.revoked...)
	api := management.NewFromConfig(l.AWSConfig(l.Admin))
	if l.crlID != "" {
		if _, err := api.UpdateCrl(l.t.Context(), &management.UpdateCrlInput{CrlId: &l.crlID, CrlData: list}); err != nil {
			l.t.Fatalf("revoke: %v", err)
		}
		return
	}
	out, err := api.ImportCrl(l.t.Context(), &management.ImportCrlInput{
		Name: aws.String(name), CrlData: list, TrustAnchorArn: &l.TrustAnchorARN, Enabled: aws.Bool(true),
	})
	if err != nil {
		l.t.Fatalf("revoke: %v", err)
	}
	l.crlID = *out.Crl.CrlId
}
