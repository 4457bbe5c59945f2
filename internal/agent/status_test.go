package agent

import (
	"fmt"
	"testing"
	"time"
)

// The watchdog is not told that all is well when nobody renews what is to be renewed.
func TestAnAgentThatRenewsNothingIsNotWell(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		next time.Time
		want string
	}{
		{now.Add(time.Minute), "<nil>"},
		{now.Add(-grace), "<nil>"}, // a host that has slept
		{time.Time{}, "<nil>"},     // it is being asked, or waits for its turn
		{now.Add(-time.Minute), "nobody renews backup, which was to be renewed at 2026-11-27T11:59:00Z"},
	} {
		s := Status{Credentials: []Credential{{Name: "other", Next: now.Add(time.Hour)}, {Name: "backup", Next: c.next}}}
		if got := fmt.Sprint(s.overdue(now)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.next, got, c.want)
		}
	}
}
