package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/identity"
)

// pinned writes certificates.json: each certificate with its pins.
func (s *shelf) pinned(entries ...pinnedEntry) {
	s.t.Helper()
	var all []map[string]any
	for _, e := range entries {
		all = append(all, map[string]any{"pfx": s.pkcs12(e.id), "password": shelfPassword, "pin_to": e.pins})
	}
	raw, err := json.Marshal(all)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write("certificates.json", raw)
}

type pinnedEntry struct {
	id   *identity.Identity
	pins []string
}

func importCommand(more ...string) []string {
	return append([]string{"certificate", "import", "--client-certificates", "$DIR/certificates.json", "--store-key", "file"}, more...)
}

func TestAPinThatIsThereIsReplacedByImport(t *testing.T) {
	s := newShelf(t)
	one, two := s.issue("one", nil), s.issue("two", nil)
	s.pinned(pinnedEntry{one, []string{"my_s3", "a pin"}})
	s.must(importCommand()...)
	s.refused(ExitUsage, "certificate import: nothing was imported\n  entry 1: certificate \"my_s3\": a certificate has this identifier already",
		"awsauth certificate import --replace puts what is imported in its place", importCommand()...)
	s.pinned(pinnedEntry{two, []string{"other", "A Pin"}})
	for _, more := range [][]string{nil, {"--replace"}} { // it would not help
		s.refused(ExitUsage, "certificate import: nothing was imported\n  entry 1: certificate \"other\": a certificate has this identifier already: its alias \"A Pin\" is of \"my_s3\"",
			"leave the pin out, or remove the certificate that has it", importCommand(more...)...)
	}
	s.pinned(pinnedEntry{two, []string{"my_s3", "another pin"}})
	s.must(importCommand("--replace")...)
	s.must("certificate", "show", "another pin")
}

func TestAnExpiredEntryIsRefusedAsEveryOtherOne(t *testing.T) {
	s := newShelf(t)
	good, old := s.issue("good", nil), s.expired("old", 3)
	ended := old.Certificate.NotAfter.UTC().Format(time.DateOnly)
	s.pinned(pinnedEntry{good, []string{"good"}}, pinnedEntry{old, []string{"old"}})
	s.refused(ExitConfiguration, "certificate import: nothing was imported\n  entry 2: identity \"old\": certificate has expired: \"CN=old\" ended on "+ended+", 3 days ago",
		"correct the entries; docs/coming-from-mendix.md shows their form; --force imports them all the same", importCommand()...)
	if got := s.must(importCommand("--force")...); !strings.Contains(got, "2 certificates imported") {
		t.Errorf("got %q", got)
	}
}
