package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// keyringOf is a keyring with these entries.
type keyringOf map[string]string

func (k keyringOf) Get(_ context.Context, service, key string) (Secret, error) {
	value, ok := k[service+"/"+key]
	if !ok {
		return Secret{}, ErrNotInKeyring
	}
	return New(value), nil
}

func TestSecretsAreReadFromTheKeyringAndFromSystemd(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "aws"), []byte(canary+"\n"), 0o440); err != nil { // as systemd leaves it
		t.Fatal(err)
	}
	r := Resolver{Keyring: keyringOf{"awsauth/legacy": canary, "a/b/c": "deep"}, CredentialsDirectory: dir}
	for _, test := range []struct{ reference, value, problem string }{
		{"keyring:awsauth/legacy", canary, ""},
		{"keyring:a/b/c", "deep", ""},
		{"keyring:awsauth/none", "", "keyring:awsauth/none: the keyring has no such entry"},
		{"systemd:aws", canary, ""},
		{"systemd:none", "", "systemd:none: no such file or directory"},
	} {
		got, err := resolve(t, r, test.reference)
		if got.Reveal() != test.value || fmt.Sprint(err) != test.problem && (err != nil || test.problem != "") {
			t.Errorf("%s: got %q, %v, want %q, %s", test.reference, got.Reveal(), err, test.value, test.problem)
		}
	}
	for reference, want := range map[string]string{
		"keyring:awsauth/legacy": "keyring:awsauth/legacy: the keyring is not available",
		"systemd:aws":            "systemd:aws: systemd has given this process no credentials: CREDENTIALS_DIRECTORY is not set",
	} {
		if _, err := resolve(t, Resolver{}, reference); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestWhatIsNoReferenceIsRefused(t *testing.T) {
	for _, text := range []string{"keyring:", "keyring:awsauth", "keyring:/x", "keyring:x/", "systemd:", "systemd:..", "systemd:a/b", `systemd:a\b`, "file:a\x00b", "vault:x"} {
		if _, err := ParseReference(text); !errors.Is(err, ErrReference) {
			t.Errorf("%q: got %v, want ErrReference", text, err)
		}
	}
}

// A reference may be a secret that stands in the wrong place: it is shown only where it looks as a reference does.
func TestAReferencePrintsWithoutItsSecret(t *testing.T) {
	command, err := CommandReference([]string{"/usr/bin/pass", "show", canary})
	if err != nil {
		t.Fatal(err)
	}
	variable, err := ParseReference("env:" + canary)
	if err != nil {
		t.Fatal(err)
	}
	for want, r := range map[string]Reference{
		Redacted: LiteralReference(New(canary)), "command:/usr/bin/pass": command, "env:": variable, "": {},
	} {
		encoded, err := json.Marshal(struct{ R Reference }{r})
		if err != nil || string(encoded) != fmt.Sprintf(`{"R":%q}`, want) {
			t.Errorf("got %s, %v, want %q", encoded, err, want)
		}
		for _, verb := range verbs {
			if text := fmt.Sprintf(verb, struct{ R any }{r}); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s shows the secret", verb)
			}
		}
		if text := logged(map[string]any{"r": r}, true) + logged(r, false); strings.Contains(text, canary) {
			t.Error("a log shows the secret")
		}
	}
}

func TestATextIsWhatParseReferenceReads(t *testing.T) {
	for _, text := range []string{"env:NAME", "file:/a b", "keyring:a/b", "systemd:x", "-"} {
		r, err := ParseReference(text)
		if err != nil || r.Text() != text {
			t.Errorf("got %q, %v, want %q", r.Text(), err, text)
		}
	}
	if got := LiteralReference(New(canary)).Text(); got != "" {
		t.Error("the secret itself is no text to keep")
	}
}
