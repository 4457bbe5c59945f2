package awsauth

import (
	"context"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Static gives the access key of an IAM user. It may be used as a literal; it never expires and calls nobody.
type Static struct {
	AccessKeyID     string // 16 to 128 letters and digits, as AKIA… (IAM API Reference, AccessKey)
	SecretAccessKey Secret
	// SessionToken belongs to temporary credentials obtained elsewhere, whose access key ID begins with ASIA.
	SessionToken Secret
	// AccountID of the user, 12 digits; may be left out.
	AccountID string
}

var _ aws.CredentialsProvider = Static{}

// StaticSource is the Source of the credentials that Static gives.
const StaticSource = "awsauth.Static"

// Retrieve returns the access key, or *ParameterError.
func (s Static) Retrieve(context.Context) (aws.Credentials, error) {
	if err := s.check(); err != nil {
		return aws.Credentials{}, err
	}
	return aws.Credentials{
		AccessKeyID:     s.AccessKeyID,
		SecretAccessKey: s.SecretAccessKey.Reveal(),
		SessionToken:    s.SessionToken.Reveal(),
		Source:          StaticSource,
		AccountID:       s.AccountID,
	}, nil
}

var (
	accessKeyIDForm = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)
	// opaqueForm keeps out what would break a line of an INI file, a header or a terminal.
	opaqueForm    = regexp.MustCompile(`^[!-~]+$`)
	accountIDForm = regexp.MustCompile(`^[0-9]{12}$`)
)

func (s Static) check() error {
	var m mistakes
	switch {
	case s.AccessKeyID == "":
		m.add("AccessKeyID", "is required")
	case !accessKeyIDForm.MatchString(s.AccessKeyID):
		m.add("AccessKeyID", "is not 16 to 128 capital letters and digits, as AKIA…; was the secret access key given in its place?")
	case strings.HasPrefix(s.AccessKeyID, "ASIA") && s.SessionToken.IsZero():
		m.add("SessionToken", "is required with an access key ID that begins with ASIA: such a key is temporary")
	case strings.HasPrefix(s.AccessKeyID, "AKIA") && !s.SessionToken.IsZero():
		m.add("SessionToken", "does not go with an access key ID that begins with AKIA: such a key is long-term")
	}
	switch secret := s.SecretAccessKey.Reveal(); {
	case secret == "":
		m.add("SecretAccessKey", "is required")
	case !opaqueForm.MatchString(secret):
		m.add("SecretAccessKey", "has characters that none has: it is printable ASCII without spaces")
	}
	if token := s.SessionToken.Reveal(); token != "" && !opaqueForm.MatchString(token) {
		m.add("SessionToken", "has characters that none has: it is printable ASCII without spaces")
	}
	if s.AccountID != "" && !accountIDForm.MatchString(s.AccountID) {
		m.add("AccountID", "is not 12 digits")
	}
	return m.err("static credentials")
}
