package sts

import (
	"strconv"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/query"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// sessionName is what a role session name and a source identity must satisfy.
var sessionName = query.Constraint{Min: 2, Max: 64, Pattern: query.Names}

// durationSeconds is how long an assumed role's session may be asked to last, in seconds.
var durationSeconds = query.Range{Min: 900, Max: 43_200, Default: 3600}

// maxChained is how long the session of a role assumed by another role's session may last (IAM User Guide, "Role
// chaining").
const maxChained = time.Hour

// checkDuration checks how long a session of a role is to last; chained says that a session of another role asks. Its
// errors are of type *wire.Refusal.
func checkDuration(d time.Duration, r *account.Role, chained bool) error {
	if longest := time.Duration(r.MaxSessionDuration) * time.Second; d > longest {
		return &wire.Refusal{
			Status: 400, Code: "ValidationError",
			Message: "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
			Reason:  seconds(d) + " are asked for, role " + r.Name + " allows " + seconds(longest),
			Remedy:  "ask for less, or aws iam update-role --role-name " + r.Name + " --max-session-duration …",
		}
	}
	if chained && d > maxChained {
		return &wire.Refusal{
			Status: 400, Code: "ValidationError",
			Message: "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
			Reason:  seconds(d) + " are asked for by a session of a role",
			Remedy:  "ask for 3600 seconds at most, or assume the role from a user",
		}
	}
	return nil
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) + " seconds" }
