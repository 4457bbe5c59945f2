package actions

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Outcome is what every answer begins with: all keys are always there, so that a platform that makes its model of one answer knows
// them. The last three are empty but for an error in the body.
type Outcome struct {
	OK           bool   `json:"ok"`
	ErrorCode    string `json:"errorCode"`
	ErrorMessage string `json:"errorMessage"`
	Hint         string `json:"hint"`
}

// CredentialsAnswer is what static and session answer: the Credentials object.
type CredentialsAnswer struct {
	Outcome
	Type            string  `json:"type"`
	AccessKeyID     string  `json:"accessKeyId"`
	SecretAccessKey string  `json:"secretAccessKey"`
	SessionToken    string  `json:"sessionToken"` // "" of an access key
	Expiration      *string `json:"expiration"`   // RFC 3339, in whole seconds; null for never
	Region          string  `json:"region"`       // "" where it is not known
	AssumedRoleARN  string  `json:"assumedRoleArn"`
}

// ValidateAnswer is what validate answers.
type ValidateAnswer struct {
	Outcome
	Valid      bool    `json:"valid"`
	Reason     string  `json:"reason"` // why they are not valid
	Type       string  `json:"type"`
	Account    string  `json:"account"`
	ARN        string  `json:"arn"`
	UserID     string  `json:"userId"`
	Expiration *string `json:"expiration"`
}

// SignAnswer is what sign answers: the headers to send, each under a name of its own, or a presigned URL.
type SignAnswer struct {
	Outcome
	Method            string  `json:"method"`
	URL               string  `json:"url"`
	Host              string  `json:"host"`
	Authorization     string  `json:"authorization"`
	XAmzDate          string  `json:"xAmzDate"`
	XAmzContentSHA256 string  `json:"xAmzContentSha256"`
	XAmzSecurityToken string  `json:"xAmzSecurityToken"` // "" of an access key
	XAmzTarget        string  `json:"xAmzTarget"`
	ContentType       string  `json:"contentType"`
	PresignedURL      string  `json:"presignedUrl"`
	Expiration        *string `json:"expiration"` // when the signature or the URL is good no longer
}

func credentialsAnswer(c Credentials) *CredentialsAnswer {
	return &CredentialsAnswer{
		Outcome: Outcome{OK: true}, Type: c.Type, AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken,
		Expiration: expiration(c.Credentials), Region: c.Region, AssumedRoleARN: c.ARN,
	}
}

func expiration(c aws.Credentials) *string {
	if !c.CanExpire {
		return nil
	}
	return stamp(c.Expires)
}

// stamp writes a time as platforms take it for one: in whole seconds, and rather too early than too late.
func stamp(t time.Time) *string {
	return aws.String(t.UTC().Truncate(time.Second).Format(time.RFC3339))
}

// failure is an error in the form of an action's answer.
func failure(a Action, e *Error) any {
	outcome := Outcome{ErrorCode: e.Code, ErrorMessage: e.Message, Hint: e.Hint}
	switch a {
	case Validate:
		return &ValidateAnswer{Outcome: outcome}
	case Sign:
		return &SignAnswer{Outcome: outcome}
	}
	return &CredentialsAnswer{Outcome: outcome}
}
