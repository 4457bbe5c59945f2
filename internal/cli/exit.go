package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/secret"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// The exit codes, documented in help and in docs/errors.md.
const (
	ExitDone          = 0
	ExitFailed        = 1
	ExitUsage         = 2
	ExitConfiguration = 3
	ExitIdentity      = 4
	ExitRefused       = 5
	ExitUnreachable   = 6
	ExitInterrupted   = 130
)

const exitCodes = `0 done  1 failed  2 usage  3 configuration  4 identity  5 refused by AWS
6 unreachable  130 interrupted`

// usageError is a mistake on the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// configurationError is a mistake in what surrounds the command: a variable, a file that a reference names.
type configurationError struct {
	error
	hint string
}

func (e configurationError) Unwrap() error { return e.error }

// Hint answers what to do.
func (e configurationError) Hint() string { return e.hint }

// exitCode classifies an error.
func exitCode(err error) int {
	var (
		usage         usageError
		configuration configurationError
		parameter     *awsauth.ParameterError
		id            *identity.Error
		refused       *rolesanywhere.Error
		connection    *rolesanywhere.ConnectionError
		sts           *stsError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.As(err, &usage), errors.As(err, &parameter):
		return ExitUsage
	case errors.As(err, &configuration), errors.Is(err, config.ErrCABundle):
		return ExitConfiguration
	case errors.As(err, &refused): // before identity: a refusal may carry the identity's errors
		return ExitRefused
	case errors.As(err, &connection):
		return ExitUnreachable
	case errors.As(err, &sts):
		return sts.exit()
	case errors.As(err, &id):
		return ExitIdentity
	}
	return ExitFailed
}

// report prints an error in one line, and what to do about it in another.
func report(w io.Writer, c *cobra.Command, err error) int {
	name := strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), "awsauth"), " ")
	if name != "" {
		name += ": "
	}
	text := err.Error()
	if parameter := new(awsauth.ParameterError); errors.As(err, &parameter) {
		text = describeParameters(parameter)
	}
	fmt.Fprintf(w, "awsauth: %s%s\n", name, strings.TrimPrefix(text, name))
	if hint := hint(c, err); hint != "" {
		fmt.Fprintf(w, "awsauth: hint: %s\n", hint)
	}
	return exitCode(err)
}

// flagNames are the flags behind the fields of awsauth.Static and awsauth.Session.
var flagNames = map[string]string{
	"AccessKeyID": "--access-key-id", "SecretAccessKey": "--secret-access-key", "SessionToken": "--session-token",
	"Region": "--region", "RoleARN": "--role-arn", "ProfileARN": "--profile-arn", "TrustAnchorARN": "--trust-anchor-arn",
	"Identity": "--certificate", "Duration": "--duration", "SessionName": "--session-name",
	"InstanceProperties": "--instance-property", "Endpoint": "--endpoint-url", "AccountID": "--account-id",
}

// describeParameters lists every mistake, by the flag's name.
func describeParameters(e *awsauth.ParameterError) string {
	problem := func(m awsauth.Mistake) string {
		text := flagNames[m.Field] + " " + m.Problem
		for field, flag := range flagNames {
			text = strings.ReplaceAll(text, " "+field+" ", " "+flag+" ")
		}
		return text
	}
	if len(e.Mistakes) == 1 {
		return problem(e.Mistakes[0])
	}
	lines := make([]string, len(e.Mistakes))
	for i, m := range e.Mistakes {
		lines[i] = "\n  " + problem(m)
	}
	return fmt.Sprintf("%d parameters cannot be used", len(e.Mistakes)) + strings.Join(lines, "")
}

// referenceHint says what to do about a reference that cannot be read.
func referenceHint(err error) string {
	if text := knownHint(err); text != "" {
		return text
	}
	return "a secret is named by " + secret.References
}

// hint chooses what to do about an error.
func hint(c *cobra.Command, err error) string {
	var (
		usage     usageError
		parameter *awsauth.ParameterError
		hinter    interface{ Hint() string }
	)
	if errors.As(err, &hinter) && hinter.Hint() != "" {
		return hinter.Hint()
	}
	if errors.As(err, &usage) || errors.As(err, &parameter) {
		return c.CommandPath() + " --help"
	}
	return knownHint(err)
}

// knownHint looks an error up among the hints.
func knownHint(err error) string {
	for _, h := range hints {
		if errors.Is(err, h.cause) {
			return h.text
		}
	}
	return ""
}

// hints are what to do about the errors that say no more than what is wrong.
var hints = []struct {
	cause error
	text  string
}{
	{identity.ErrPasswordRequired, "--password file:PATH or env:NAME, or run it on a terminal to be asked"},
	{identity.ErrWrongPassword, "check the password, and that it belongs to this file"},
	{identity.ErrNoStore, "--certificate file:leaf.pem?key=leaf.key or file:client.p12"},
	{identity.ErrURI, "--certificate file:leaf.pem?key=leaf.key&chain=intermediates.pem or file:client.p12"},
	{identity.ErrKeyMismatch, "give the private key that was made with this certificate's request"},
	{identity.ErrNoPrivateKey, "name its file: --certificate 'file:leaf.pem?key=leaf.key'"},
	{identity.ErrNoCertificate, "give the end-entity certificate itself, in PEM, DER or PKCS#12"},
	{identity.ErrExpired, "renew the certificate; if it is not old, check this host's clock"},
	{identity.ErrNotYetValid, "wait, or check this host's clock"},
	{identity.ErrCertificateAuthority, "use an end-entity certificate that this CA has issued"},
	{identity.ErrKeyUsage, "have the certificate issued anew with key usage digitalSignature"},
	{identity.ErrWeakSignature, "have the certificate issued anew, signed with SHA-256 or stronger"},
	{identity.ErrVersion, "have the certificate issued anew as X.509 version 3"},
	{identity.ErrEmptySubject, "have the certificate issued anew with a subject, such as CN=NAME"},
	{identity.ErrUnsupportedKey, "use RSA of 2048 to 8192 bits, or ECDSA on P-256, P-384 or P-521"},
	{identity.ErrChain, "give the certificates between the leaf and the trust anchor, and no others"},
	{identity.ErrAmbiguous, "give one certificate and its key in files of their own"},
	{secret.ErrMode, "a secret's file is for its owner alone"},
	{secret.ErrReference, "a secret is never an argument: it is named by " + secret.References},
}
