package nearest_test

import (
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/nearest"
)

func TestANameThatWasProbablyMeantIsFound(t *testing.T) {
	names := []string{"backup", "archive", "web", "role_arn"}
	for typed, want := range map[string]string{
		"bakup": "backup", "bcakup": "backup", "backup-client": "backup", "arch": "archive", "rol_arn": "role_arn",
		"BACKUP": "backup", "wbe": "web", "x": "", "": "", "wJalrXUtnFEMI": "", strings.Repeat("backup", 1000): "backup",
	} {
		if got := nearest.Name(typed, names); got != want {
			t.Errorf("%.20q: got %q, want %q", typed, got, want)
		}
	}
}

func TestFlagsAndCommandsAreRecognised(t *testing.T) {
	names := []string{"certificate", "role-arn", "profile-arn", "get", "demo"}
	for typed, want := range map[string]string{
		"certficate": "certificate", "role-anr": "role-arn", "profile": "profile-arn", "gte": "get", "got": "get",
		"profile-arns": "profile-arn", "x": "", "key": "", "wJalrXUtnFEMI": "", "": "",
	} {
		if got := nearest.Name(typed, names); got != want {
			t.Errorf("%q: got %q, want %q", typed, got, want)
		}
	}
}

func TestDistanceCountsLetters(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "axc", 1}, {"abc", "xyz", 3}, {"kitten", "sitting", 3}} {
		if got := nearest.Distance(c.a, c.b); got != c.want {
			t.Errorf("%q, %q: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
