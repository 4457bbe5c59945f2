package query

import (
	"net/url"
	"unicode/utf8"

	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

var actionName = NewPattern(`[A-Za-z0-9]{1,64}`)

// Action answers the operation that a request names. It refuses a request without one, a request for another version of
// the API than the given, and parameters that are repeated or not UTF-8.
func Action(values url.Values, version string) (string, error) {
	for name, value := range values {
		if len(value) != 1 || !utf8.ValidString(name) || !utf8.ValidString(value[0]) {
			return "", &wire.Refusal{
				Status: 404, Code: "MalformedQueryString", Message: "The query string contains a syntax error.",
				Reason: "a parameter is repeated or not UTF-8", Remedy: "send the parameters as an AWS SDK does",
			}
		}
	}
	action := values.Get("Action")
	switch {
	case action == "":
		return "", &wire.Refusal{
			Status: 400, Code: "MissingAction", Message: "The request is missing an action or a required parameter.",
			Reason: "there is no Action parameter", Remedy: "send parameters as a form in the body of a POST, or in the query of a GET",
		}
	case values.Get("Version") != version:
		return "", InvalidAction(action, "the Version parameter is not "+version)
	}
	return action, nil
}

// InvalidAction refuses an operation that is not there, for the given reason.
func InvalidAction(action, reason string) error {
	if !actionName.matches.MatchString(action) {
		action = "(unprintable)"
	}
	return &wire.Refusal{
		Status: 400, Code: "InvalidAction", Message: "The action " + action + " is not valid for this endpoint.", Reason: reason,
		Remedy: "the emulator's documentation lists the operations it knows",
	}
}
