package cli

import (
	"fmt"
	"time"

	"github.com/awsauth-go/awsauth/internal/printable"
	"github.com/awsauth-go/awsauth/named"
)

const day = 24 * time.Hour

// warningDays are how many days before its end a certificate is warned of: each is more urgent than the one before.
var warningDays = []int{30, 14, 7, 3, 1}

// shortLived is the life of a certificate that no person renews: its last quarter is what counts.
const shortLived = 7 * day

// expiryWarning says when a certificate ends, from the first of the warning days on; "" before. One that lives for a week at
// most is warned of in its last quarter.
func expiryWarning(name string, notBefore, notAfter, now time.Time) string {
	left, life := notAfter.Sub(now), notAfter.Sub(notBefore)
	switch {
	case left <= 0:
		return "" // an error says so
	case life <= shortLived && left > life/4, left > time.Duration(warningDays[0])*day:
		return ""
	}
	urgency := "expires"
	for _, days := range warningDays[2:] {
		if left <= time.Duration(days)*day {
			urgency = "expires soon:"
		}
	}
	return fmt.Sprintf("certificate %s %s in %s (%s)", name, urgency, inDays(left), notAfter.UTC().Format(time.DateOnly))
}

// inDays writes a time span in the unit that matters for a certificate.
func inDays(d time.Duration) string {
	switch days := int(d / day); {
	case days >= 2:
		return fmt.Sprintf("%d days", days)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d/time.Hour))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(d/time.Minute))
	}
	return fmt.Sprintf("%d seconds", int(d/time.Second))
}

// warnOfExpiry warns on standard error of a certificate that ends soon.
func warnOfExpiry(streams IO, store *named.Store, u named.Use, now time.Time) {
	name := u.Identifier
	if name == "" {
		name = u.File
	}
	leaf := u.Identity.Certificate
	warning := expiryWarning(name, leaf.NotBefore, leaf.NotAfter, now)
	if warning == "" {
		return
	}
	fmt.Fprintln(streams.Err, "awsauth: warning: "+printable.Line(warning+"; "+renewal(store, u.Identifier)))
}

// renewal says how a certificate's successor is put in force.
func renewal(store *named.Store, identifier string) string {
	if identifier != "" {
		if opened, err := store.Open(); err == nil && !opened.IsLink(identifier) {
			return "awsauth certificate add " + identifier + " --replace FILE puts its successor in force"
		}
	}
	return "once its files are renewed they are used"
}
