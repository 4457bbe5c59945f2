package emulator

import (
	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/authn"
	"github.com/awsauth-go/awsauth/internal/sigv4"
)

// Principal is who signs with an access key. It is for a service beside the emulator, such as a local S3, that verifies signatures
// itself and leaves it to the emulator whose the keys are and what they may do:
//
//	p, err := e.Principal(accessKeyID, sessionToken)
//	key := p.SigningKey("20261122", "eu-west-1", "s3")
//	may := p.Decide("s3:GetObject", "arn:aws:s3:::bucket/key") == "allow"
//
// It is good for one request: what its owner may do changes, and a session ends.
type Principal struct {
	ARN     string // as GetCallerIdentity gives it
	RoleARN string // of an assumed role; empty for a user

	emulator *Emulator
	caller   *account.Caller
	secret   string
}

// Principal looks up an access key; sessionToken is empty for a user's own. It fails for one that the emulator does not know, that
// is inactive or has ended, or that does not belong to the token; the error says which.
func (e *Emulator) Principal(accessKeyID, sessionToken string) (*Principal, error) {
	caller, secret, err := authn.Find(e.account, accessKeyID, sessionToken)
	if err != nil {
		return nil, plain(err)
	}
	p := &Principal{ARN: caller.ARN, emulator: e, caller: caller, secret: secret}
	if caller.Role != nil {
		p.RoleARN = caller.Role.ARN
	}
	return p, nil
}

// SigningKey is the key that Signature Version 4 derives from the secret access key for one day, as 20261122, one region and one
// service. It is as good as the secret, for that day and service.
func (p *Principal) SigningKey(date, region, service string) []byte {
	return sigv4.SigningKey(p.secret, date, region, service)
}

// Decide says what the principal's policies say about an action on a resource: "allow", "deny", or "no match", which is an implicit
// denial unless the resource has a policy of its own that allows it.
func (p *Principal) Decide(action, resource string) string {
	verdict, _ := p.caller.Authorize(p.emulator.now(), action, resource, nil)
	return verdict.Decision.String()
}
