package sts

import (
	"compress/flate"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/query"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
)

// SessionName is what a role session name and a source identity must satisfy.
var SessionName = query.Constraint{Min: 2, Max: 64, Pattern: query.Names}

// Duration is how long an assumed role's session may be asked to last, in seconds.
var Duration = query.Range{Min: 900, Max: 43_200, Default: 3600}

// maxChained is how long the session of a role assumed by another role's session may last (IAM User Guide, "Role
// chaining").
const maxChained = time.Hour

// CheckSessionName checks a role session name. Its errors are of type *wire.Refusal.
func CheckSessionName(name string) error {
	return query.Invalid(SessionName.Check("RoleSessionName", name))
}

// CheckDuration checks how long a session of a role is to last; chained says that a session of another role asks. Its
// errors are of type *wire.Refusal.
func CheckDuration(d time.Duration, r *account.Role, chained bool) error {
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

// packedLimit is how many bytes session policies and tags may take when packed.
const packedLimit = 2048

// PackedPolicySize answers how much of the space for session policies and tags these take, in per cent: 0 for none, more
// than 100 for too much. AWS does not publish how it packs; here they are compressed with DEFLATE.
func PackedPolicySize(policy string, managedPolicyARNs []string, tags map[string]string) int {
	if policy == "" && len(managedPolicyARNs) == 0 && len(tags) == 0 {
		return 0
	}
	var packed counter
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		panic(err) // the level is a constant
	}
	parts := append([]string{policy}, managedPolicyARNs...)
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		parts = append(parts, key, tags[key])
	}
	if _, err := w.Write([]byte(strings.Join(parts, "\x00"))); err != nil {
		panic(err) // a counter takes everything
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return (int(packed)*100 + packedLimit - 1) / packedLimit
}

// counter counts the bytes written to it.
type counter int

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
