package wire

import (
	"time"

	"github.com/awsauth-go/awsauth/internal/policy"
)

// Authorize refuses what the caller's policies do not allow, in the words of STS and IAM; extra adds the request's own
// condition keys and may be nil. The code is AccessDenied; restJson1 services name it AccessDeniedException.
func (c *Call) Authorize(now time.Time, action, resource string, extra func(*policy.Context)) error {
	verdict, why := c.Caller.Authorize(now, action, resource, extra)
	if verdict.Decision == policy.Allow {
		return nil
	}
	code := "AccessDenied"
	if c.Form == nil {
		code = "AccessDeniedException"
	}
	return &Refusal{
		Status:  403,
		Code:    code,
		Message: "User: " + c.Caller.ARN + " is not authorized to perform: " + action + " on resource: " + resource,
		Reason:  why,
		Remedy:  "allow " + action + " in a policy of the caller, and in the session policy if there is one",
	}
}
