// Package createsession is the emulator's CreateSession: it checks a request as IAM Roles Anywhere does, assumes the role,
// and remembers the subject.
//
// The checks run in the order of the steps below. AWS documents the conditions but not the order, and not every text: what
// is guessed is marked so in docs/emulator.md.
//
// Source: IAM Roles Anywhere User Guide, "Trust model", "CreateSession", "Attribute mapping".
package createsession

import (
	"context"
	"crypto/x509"
	"net/http"
	"strconv"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

// Service answers CreateSession for an account.
type Service struct {
	Account *account.Account
	// Skew is how far a request's time may be off.
	Skew time.Duration
	// Assume issues the credentials; nil means the account does.
	Assume func(context.Context, Assumption) (account.Credentials, error)
}

// Assumption is the sts:AssumeRole that a granted CreateSession comes down to.
type Assumption struct {
	RoleARN           string
	SessionName       string
	Duration          time.Duration
	SourceIdentity    string
	Tags              map[string]string
	SessionPolicy     string // JSON; empty for none
	ManagedPolicyARNs []string
}

// attempt is one request on its way through the checks.
type attempt struct {
	*Service
	now       time.Time
	input     input
	signature *sigv4x509.Signature
	leaf      *x509.Certificate
	signed    bool // by the leaf's key, the leaf being the trust anchor's

	anchor  *account.TrustAnchor
	profile *account.Profile
	role    *account.Role // nil when the account has no such role
	crls    []*account.CRL
	path    []*x509.Certificate // from the leaf to a certificate of the trust anchor

	assumption Assumption
	packed     int // per cent of a session's space
}

// Handle answers a POST to /sessions: a value for wire.JSON with status 201, or a *wire.Refusal.
func (s *Service) Handle(r *http.Request, body []byte) (any, error) {
	a := &attempt{Service: s, now: s.Account.Now()}
	err := a.check(r, body)
	var issued account.Credentials
	if err == nil {
		issued, err = a.assume(r.Context())
	}
	subject := a.remember(err != nil)
	if err != nil {
		return nil, err
	}
	return a.output(issued, subject), nil
}

// check runs the steps in order and stops at the first refusal.
func (a *attempt) check(r *http.Request, body []byte) error {
	for _, step := range []func() error{
		func() error { return a.parse(r, body) },
		a.checkTime,
		a.findResources,
		a.checkEnabled,
		a.checkLeaf,
		a.checkPath,
		a.checkSignature,
		a.checkRevocation,
		a.checkRole,
		a.checkSessionName,
		a.checkAttributes,
		a.checkTrust,
		a.checkDuration,
		a.checkSize,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (a *attempt) assume(ctx context.Context) (account.Credentials, error) {
	if a.Assume != nil {
		return a.Assume(ctx, a.assumption)
	}
	return a.Account.Issue(a.session(), a.assumption.Duration), nil
}

// The shapes of the answer.
type (
	output struct {
		CredentialSet []credentialSet `json:"credentialSet"`
		SubjectARN    string          `json:"subjectArn"`
	}
	credentialSet struct {
		AssumedRoleUser  assumedRoleUser `json:"assumedRoleUser"`
		Credentials      credentials     `json:"credentials"`
		PackedPolicySize int             `json:"packedPolicySize"`
		RoleARN          string          `json:"roleArn"`
		SourceIdentity   string          `json:"sourceIdentity"`
	}
	assumedRoleUser struct {
		ARN           string `json:"arn"`
		AssumedRoleID string `json:"assumedRoleId"`
	}
	credentials struct {
		AccessKeyID     string       `json:"accessKeyId"`
		Expiration      wire.Seconds `json:"expiration"`
		SecretAccessKey string       `json:"secretAccessKey"`
		SessionToken    string       `json:"sessionToken"`
	}
)

func (a *attempt) output(issued account.Credentials, subjectARN string) output {
	return output{
		CredentialSet: []credentialSet{{
			AssumedRoleUser: assumedRoleUser{
				ARN:           a.Account.AssumedRoleARN(a.role.Name, a.assumption.SessionName),
				AssumedRoleID: a.role.ID + ":" + a.assumption.SessionName,
			},
			Credentials: credentials{
				AccessKeyID:     issued.AccessKeyID,
				Expiration:      wire.Seconds(issued.Expiration),
				SecretAccessKey: issued.SecretAccessKey,
				SessionToken:    issued.SessionToken,
			},
			PackedPolicySize: a.packed,
			RoleARN:          a.input.RoleARN,
			SourceIdentity:   a.assumption.SourceIdentity,
		}},
		SubjectARN: subjectARN,
	}
}

// denied is the refusal of almost every check: 403 AccessDeniedException.
func denied(message, reason, remedy string) error {
	return &wire.Refusal{
		Status: http.StatusForbidden, Code: "AccessDeniedException", Message: message, Reason: reason, Remedy: remedy,
	}
}

func invalid(message, reason, remedy string) error {
	return &wire.Refusal{
		Status: http.StatusBadRequest, Code: "ValidationException", Message: message, Reason: reason, Remedy: remedy,
	}
}

// constraint is a ValidationException in AWS's form.
func constraint(value, member, rule, remedy string) error {
	return invalid(
		"1 validation error detected: Value '"+value+"' at '"+member+"' failed to satisfy constraint: "+rule, "", remedy,
	)
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
