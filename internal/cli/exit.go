package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/identity/certstore"
	"github.com/awsauth-go/awsauth/internal/agent"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/printable"
	"github.com/awsauth-go/awsauth/internal/secret"
	"github.com/awsauth-go/awsauth/internal/stsclient"
	"github.com/awsauth-go/awsauth/named"
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

// ExitCode is what the command's exit code says.
type ExitCode struct {
	Code          int
	Name, Meaning string
}

// ExitCodes are all of them.
var ExitCodes = []ExitCode{
	{ExitDone, "done", "It worked. For what runs until Ctrl-C: it was stopped by Ctrl-C, as intended."},
	{ExitFailed, "failed", "Something that the other codes do not name, such as a full disk."},
	{ExitUsage, "usage", "A flag or an argument is missing, unknown or wrong."},
	{ExitConfiguration, "configuration", "An environment variable or a file that is referred to is missing or wrong."},
	{ExitIdentity, "identity", "The certificate or its private key cannot be used."},
	{ExitRefused, "refused by AWS", "AWS has answered, and refused."},
	{ExitUnreachable, "unreachable", "AWS has not answered, or something answered in its place."},
	{exitNotExecutable, "not executable", "The command of exec is there and cannot be run."},
	{exitNotFound, "not found", "The command of exec is not there."},
	{ExitInterrupted, "interrupted", "Ctrl-C or SIGTERM came before it was done."},
}

// configurationError is a mistake in what surrounds the command: a variable, a file that a reference names.
type configurationError struct {
	error
	hint string
}

func (e configurationError) Unwrap() error { return e.error }

// Hint answers what to do.
func (e configurationError) Hint() string { return e.hint }

// exitStatus is the exit code of a program that this one has run, and that has said what there was to say.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit code %d", int(s)) }

// exitCode classifies an error.
func exitCode(err error) int {
	var (
		started       programError
		ofAgent       *agent.RefusalError
		usage         usageError
		configuration configurationError
		parameter     *awsauth.ParameterError
		name          *config.NameError
		override      *config.OverrideError
		id            *identity.Error
		setting       *named.SettingError
		value         *named.ValueError
		store         *certstore.Error
		refused       *rolesanywhere.Error
		connection    *rolesanywhere.ConnectionError
		sts           *stsclient.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.As(err, &started):
		return started.code
	case errors.As(err, &ofAgent):
		if ofAgent.Unavailable() {
			return ExitUnreachable
		}
		return ExitRefused
	case errors.As(err, &override) && (override.Origin.Flag == "" || errors.Is(err, secret.ErrReference)):
		return ExitConfiguration
	case errors.As(err, &usage), errors.As(err, &parameter), errors.As(err, &name), errors.As(err, &override):
		return ExitUsage
	case errors.As(err, &configuration), errors.As(err, &value), errors.Is(err, config.ErrCABundle):
		return ExitConfiguration
	case errors.As(err, &refused): // before identity: a refusal may carry the identity's errors
		return ExitRefused
	case errors.As(err, &connection):
		return ExitUnreachable
	case errors.As(err, &sts):
		if sts.Refused() {
			return ExitRefused
		}
		return ExitUnreachable
	case errors.As(err, &store):
		return storeExit(store)
	case errors.As(err, &id):
		return ExitIdentity
	case errors.As(err, &setting):
		return ExitUsage
	}
	return ExitFailed
}

// storeExit classifies an error of the certificate store: one certificate is at fault, or what was typed, or the store.
func storeExit(err *certstore.Error) int {
	for _, cause := range []error{certstore.ErrIdentifier, certstore.ErrAlias, certstore.ErrExists} {
		if errors.Is(err, cause) {
			return ExitUsage
		}
	}
	for _, cause := range []error{certstore.ErrAccess, certstore.ErrReadOnly, certstore.ErrVersion, certstore.ErrKey, certstore.ErrLocked, certstore.ErrClientCertificates} {
		if errors.Is(err, cause) {
			return ExitConfiguration
		}
	}
	return ExitIdentity
}

// report prints an error in one line, and in another what to do about it and where that is explained.
func report(w io.Writer, c *cobra.Command, err error) int {
	name := strings.TrimPrefix(strings.TrimPrefix(c.CommandPath(), "awsauth"), " ")
	about := new(nameError)
	if errors.As(err, about) {
		if shown := aboutName(about); shown != "" {
			name += " " + shown
		}
	}
	if name != "" {
		name += ": "
	}
	code := exitCode(err)
	text, byVariable := nameVariables(c, describe(err))
	if code == ExitUsage && byVariable {
		code = ExitConfiguration
	}
	fmt.Fprintf(w, "awsauth: %s%s\n", name, printable.Lines(text))
	if hint := hint(c, err); hint != "" {
		hint, _ = nameVariables(c, hint)
		fmt.Fprintf(w, "awsauth: hint: %s (%s)\n", printable.Line(hint), link(err, code))
	}
	return code
}

// aboutName is the name of an argument as a message shows it: what nobody has and looks as no name does may be a secret.
func aboutName(e *nameError) string {
	switch unknown, store := new(config.NameError), new(certstore.Error); {
	case errors.As(e.error, &unknown):
		return unknown.Name
	case errors.As(e.error, &store) && (strings.EqualFold(store.Where, "certificate "+strconv.Quote(e.name)) || store.Where == "" && (errors.Is(store, certstore.ErrIdentifier) || errors.Is(store, certstore.ErrNotFound))):
		return "" // the error itself says it, where it may
	case certstore.CheckIdentifier(e.name) != nil || len(e.name) > longestName:
		return ""
	}
	return e.name
}

// longestName is how long an argument may be that a message repeats: what is longer may be a secret.
const longestName = 32

// describe writes an error for a person: parameters by their flags, and each of several errors on a line.
func describe(err error) string {
	if parameter := new(awsauth.ParameterError); errors.As(err, &parameter) {
		return describeParameters(parameter)
	}
	if setting := new(named.SettingError); errors.As(err, &setting) && setting.Key != "" {
		return flagWord(setting.Key) + ": " + strings.TrimPrefix(setting.Err.Error(), "endpoint: ")
	}
	// A password that cannot be had is said by its flag, and not of the file that needs it.
	if configuration := new(configurationError); errors.As(err, configuration) {
		err = *configuration
	}
	if unknown := new(config.NameError); errors.As(err, &unknown) {
		err = config.ErrNotConfigured // what was typed stands before it already
	}
	text := strings.Replace(err.Error(), "identity: identity ", "identity ", 1)
	text = strings.Replace(text, "identity: certificate ", "certificate ", 1)
	return strings.ReplaceAll(text, "\n", "\n  ")
}

// describeParameters lists every mistake, by the flag's name.
func describeParameters(e *awsauth.ParameterError) string {
	problem := func(m awsauth.Mistake) string {
		separator := " "
		if m.Field == "Endpoint" {
			separator = ": "
		}
		return config.TranslateFields(flagWord(config.KeyOf(m.Field))+separator+m.Problem, flagWord)
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
