package cli

import (
	"testing"
	"time"
)

func TestACertificateThatEndsSoonIsWarnedOf(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name       string
		life, left time.Duration
		want       string
	}{
		{"more than 30 days are left", 365 * day, 30*day + time.Second, ""},
		{"30 days are left", 365 * day, 30 * day, "certificate web expires in 30 days (2026-12-25)"},
		{"14 days are left", 365 * day, 14 * day, "certificate web expires in 14 days (2026-12-09)"},
		{"7 days are left", 365 * day, 7 * day, "certificate web expires soon: in 7 days (2026-12-02)"},
		{"3 days are left", 365 * day, 3 * day, "certificate web expires soon: in 3 days (2026-11-28)"},
		{"1 day is left", 365 * day, day, "certificate web expires soon: in 24 hours (2026-11-26)"},
		{"nothing is left", 365 * day, 0, ""},
		{"a certificate of a day has most of it before it", day, 20 * time.Hour, ""},
		{"a certificate of a day is in its last quarter", day, 6 * time.Hour, "certificate web expires soon: in 6 hours (2026-11-25)"},
	} {
		if got := expiryWarning("web", now.Add(c.left-c.life), now.Add(c.left), now); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
