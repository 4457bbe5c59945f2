package cli

import (
	"crypto/x509"
	"encoding/json"
	"strings"
	"testing"
)

// A subject is what a stranger has written.
const hostileName = "ev\x1b[31mil\u202egnp\u009b1m"

// checkHarmless demands that nothing in a text could move a cursor or turn the direction of text.
func checkHarmless(t *testing.T, what, text string) {
	t.Helper()
	if strings.ContainsAny(text, "\x1b\u202e\u009b") {
		t.Errorf("%s: got %q, want nothing that draws on the terminal", what, text)
	}
}

func TestASubjectCannotDrawOnTheTerminal(t *testing.T) {
	s := newShelf(t)
	id := s.issue("ev", func(c *x509.Certificate) { c.Subject.CommonName = hostileName })
	if id.Certificate.Subject.CommonName != hostileName {
		t.Fatalf("the certificate is of %q", id.Certificate.Subject.CommonName)
	}
	pins, err := json.Marshal([]map[string]any{{"pfx": s.pkcs12(id), "password": shelfPassword, "pin": "imported"}})
	if err != nil {
		t.Fatal(err)
	}
	s.write("certificates.json", pins)
	checkHarmless(t, "add", s.must("certificate", "add", "ev", "$DIR/ev.pem", "$DIR/ev.key", "--store-key", "file"))
	checkHarmless(t, "add --link", s.must("certificate", "add", "linked", "$DIR/ev.pem", "$DIR/ev.key", "--link"))
	checkHarmless(t, "import", s.must("certificate", "import", "--client-certificates", "$DIR/certificates.json"))
	checkHarmless(t, "list", s.must("certificate", "list"))
	checkHarmless(t, "show", s.must("certificate", "show", "ev"))

	list, show := s.must("certificate", "list", "--json"), s.must("certificate", "show", "ev", "--json")
	checkHarmless(t, "list --json", list)
	checkHarmless(t, "show --json", show)
	var read certificateView
	if err := json.Unmarshal([]byte(show), &read); err != nil || read.Subject != "CN="+hostileName {
		t.Errorf("got %q, %v; want the subject as it is", read.Subject, err)
	}
	if !strings.Contains(show, `\u202e`) {
		t.Errorf("got %s, want U+202E escaped", show)
	}
}
