package iam

import (
	"strconv"

	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

func noSuchEntity(message string) error {
	return &wire.Refusal{Status: 404, Code: "NoSuchEntity", Message: message}
}

func entityAlreadyExists(message string) error {
	return &wire.Refusal{Status: 409, Code: "EntityAlreadyExists", Message: message, Remedy: "use another name, or delete it first"}
}

func deleteConflict(message string) error {
	return &wire.Refusal{Status: 409, Code: "DeleteConflict", Message: message}
}

func quotaExceeded(quota string, limit int) error {
	return &wire.Refusal{
		Status: 409, Code: "LimitExceeded", Message: "Cannot exceed quota for " + quota + ": " + strconv.Itoa(limit),
	}
}

func policyTooLong(limit int, owner string) error {
	return &wire.Refusal{
		Status: 409, Code: "LimitExceeded",
		Message: "Maximum policy size of " + strconv.Itoa(limit) + " bytes exceeded for " + owner,
	}
}

func malformedPolicy(err error) error {
	return &wire.Refusal{Status: 400, Code: "MalformedPolicyDocument", Message: err.Error()}
}
