package certstore

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/identity"
)

func TestACertificateIsFoundByAnyOfItsNamesWithoutCase(t *testing.T) {
	s := freshStore(t)
	web := add(t, s, "Web-1", "MY S3", "größe")
	con := add(t, s, "con")
	for _, name := range []string{"Web-1", "web-1", "WEB-1", "MY S3", "my s3", "GRÖSSE"[:0] + "GRÖßE"} {
		checkUsable(t, s, name, web)
		checkUsable(t, reopen(t, s), name, web)
		c, err := s.Certificate(t.Context(), name)
		if err != nil || c.Identifier != "Web-1" || !slices.Equal(c.Aliases, []string{"MY S3", "größe"}) || c.Err != nil {
			t.Errorf("%q: got %+v, %v", name, c, err)
		}
	}
	checkUsable(t, s, "CON", con)
	if got := names(t, s.path(entryDir)); !slices.Equal(got, []string{"id-con.json", "id-web-1.json"}) {
		t.Errorf("got files %q: Windows reserves con, and does not tell cases apart", got)
	}
	if got, err := s.Names(); err != nil || !slices.Equal(got, []string{"con", "Web-1", "MY S3", "größe"}) {
		t.Errorf("got names %q, %v", got, err)
	}
}

func TestAnUnknownIdentifierIsToldWhatThereIs(t *testing.T) {
	empty, few, many := freshStore(t), freshStore(t), freshStore(t)
	add(t, few, "backup-client")
	add(t, few, "Web", "MY S3")
	for i := range most + 2 {
		add(t, many, fmt.Sprintf("client-%d", i))
	}
	for _, test := range []struct {
		name         string
		store        *Store
		typed        string
		text, advice string
	}{
		{"an empty store", empty, "web", `certificate "web": no certificate has this identifier`, "the store is empty; awsauth certificate add IDENTIFIER FILE puts one there"},
		{"nothing near", few, "mail", `certificate "mail": no certificate has this identifier`, "the store has backup-client, Web; awsauth certificate list shows them"},
		{"a letter wrong", few, "backup-cleint", `certificate "backup-cleint": no certificate has this identifier`, "did you mean backup-client? the store has backup-client, Web; awsauth certificate list shows them"},
		{"more than a hint has room for", many, "x", `certificate "x": no certificate has this identifier`, "the store has client-0, client-1, client-2, client-3, client-4, client-5, client-6, client-7, …; awsauth certificate list shows them"},
		{"what may be a secret is not repeated", few, "hunter2 and more", "no certificate has this identifier", "the store has backup-client, Web; awsauth certificate list shows them"},
		{"a path", few, "../web", "no certificate has this identifier", "the store has backup-client, Web; awsauth certificate list shows them"},
		{"nothing", few, "", "no certificate has this identifier", "the store has backup-client, Web; awsauth certificate list shows them"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.store.Certificate(t.Context(), test.typed)
			checkError(t, err, ErrNotFound, test.text, test.advice)
			_, err = test.store.Source(test.typed).Identity(t.Context())
			checkError(t, err, ErrNotFound, test.text, test.advice)
			checkError(t, test.store.Exists(test.typed), ErrNotFound, test.text, test.advice)
			checkError(t, test.store.Remove(t.Context(), test.typed), ErrNotFound, test.text, test.advice)
		})
	}
}

func TestADamagedCertificateHarmsNoOther(t *testing.T) {
	const text, advice = `certificate "web": the store is damaged: its file is not what was written`, "awsauth certificate add web --replace FILE puts it back"
	type want struct {
		is           error
		text, advice string
		usable       bool // certificates are not encrypted: List may still tell what there is
	}
	gone := want{ErrDamaged, text, advice, false}
	keyAlone := want{ErrDamaged, text, advice, true}
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, s *Store, path string)
		want  want
	}{
		{"empty", func(t *testing.T, _ *Store, path string) { write(t, path, nil) }, gone},
		{"cut short", func(t *testing.T, _ *Store, path string) {
			alter(t, path, func(b []byte) []byte { return b[:len(b)/2] })
		}, gone},
		{"the key's encryption changed", func(t *testing.T, _ *Store, path string) {
			alter(t, path, func(b []byte) []byte { return flip(b, `"private_key": "`) })
		}, keyAlone},
		{"another's file in its place", func(t *testing.T, s *Store, path string) { write(t, path, read(t, s.path(entryDir, "id-mail.json"))) }, gone},
		{"another's file under its name", func(t *testing.T, s *Store, path string) {
			write(t, path, replace(`"mail"`, `"web"`)(read(t, s.path(entryDir, "id-mail.json"))))
		}, keyAlone},
		{"the file of another store", func(t *testing.T, _ *Store, path string) {
			other := freshStore(t)
			add(t, other, "web")
			write(t, path, read(t, other.path(entryDir, "id-web.json")))
		}, keyAlone},
		{"no key", func(t *testing.T, _ *Store, path string) { alter(t, path, replace("private_key", "private")) }, gone},
		{"no certificate", func(t *testing.T, _ *Store, path string) { alter(t, path, replace(`"certificates"`, `"certificate"`)) }, gone},
		{"an alias that draws on the terminal", func(t *testing.T, _ *Store, path string) {
			alter(t, path, replace(`"identifier"`, `"aliases": ["\u001b[2J"], "identifier"`))
		}, gone},
		{"another version", func(t *testing.T, _ *Store, path string) {
			write(t, path, []byte(`{"awsauth_certificate": 2, "identifier": ["web"]}`))
		}, want{ErrVersion, `certificate "web": the store is of another version: version 2, and this program knows version 1`, "use the version of awsauth that has added it", false}},
		{"no version", func(t *testing.T, _ *Store, path string) {
			alter(t, path, replace(`"awsauth_certificate": 1`, `"awsauth_certificate": 0`))
		}, gone},
		{"a link to nowhere", func(t *testing.T, _ *Store, path string) {
			write(t, path, []byte(`{"awsauth_certificate": 1, "identifier": "web", "link": {"certificate": "relative.pem"}}`))
		}, gone},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := freshStore(t)
			mail, zone := add(t, s, "mail", "My Mail"), add(t, s, "zone", "My Zone") // one before it, and one behind
			add(t, s, "web")
			test.spoil(t, s, s.path(entryDir, "id-web.json"))
			s = reopen(t, s)
			_, err := s.Source("web").Identity(t.Context())
			checkError(t, err, test.want.is, test.want.text, test.want.advice)
			checkUsable(t, s, "mail", mail)
			checkUsable(t, s, "my mail", mail)
			checkUsable(t, s, "my zone", zone)
			all, err := s.List(t.Context())
			if err != nil || len(all) != 3 || all[0].Err != nil || all[1].Identifier != "web" || all[2].Err != nil {
				t.Fatalf("got %v, %v, want all three", all, err)
			}
			if (all[1].Err == nil) != test.want.usable {
				t.Errorf("list: got %v, want it readable: %t", all[1].Err, test.want.usable)
			}
			// The advice works, and so does taking it out.
			web := issue(t, "web")
			if err := s.Add(t.Context(), "web", web, AddOptions{Replace: true}); err != nil {
				t.Fatal(err)
			}
			checkUsable(t, s, "web", web)
			test.spoil(t, s, s.path(entryDir, "id-web.json"))
			if err := s.Remove(t.Context(), "web"); err != nil {
				t.Error(err)
			}
			if got := slices.Sorted(maps.Keys(listed(t, s))); !slices.Equal(got, []string{"mail", "zone"}) {
				t.Errorf("got %q, want the others", got)
			}
		})
	}
}

// flip changes a bit behind a text.
func flip(b []byte, behind string) []byte {
	i := strings.Index(string(b), behind) + len(behind) + 20
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return b
}

// A certificate is not encrypted, and still none but the key's own is ever used.
func TestACertificateThatIsNotTheKeysIsNotUsed(t *testing.T) {
	s := freshStore(t)
	add(t, s, "web")
	other := issue(t, "web")
	e, err := s.load("web")
	if err != nil {
		t.Fatal(err)
	}
	path := s.path(entryDir, "id-web.json")
	before, after := strings.ReplaceAll(e.Certificates, "\n", `\n`), strings.ReplaceAll(string(certificatesPEM(other)), "\n", `\n`)
	alter(t, path, replace(before, after))
	if _, err := s.Source("web").Identity(t.Context()); !errors.Is(err, identity.ErrKeyMismatch) {
		t.Errorf("got %v, want ErrKeyMismatch", err)
	}
}

func TestForeignFilesAmongCertificatesAreIgnored(t *testing.T) {
	s := freshStore(t)
	id := add(t, s, "web")
	for _, name := range []string{"id-.json", "web.json", "id-web", ".DS_Store", "id-a b.json", "id-..json"} {
		write(t, s.path(entryDir, name), []byte("x"))
	}
	if err := os.Mkdir(s.path(entryDir, "id-directory.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	checkUsable(t, s, "web", id)
	all, err := s.List(t.Context())
	if err != nil || len(all) != 2 || all[1].Identifier != "web" {
		t.Fatalf("got %v, %v", all, err)
	}
	checkError(t, all[0].Err, ErrDamaged, s.path(entryDir, "id-directory.json")+": the store is damaged: not a regular file", "restore it from a backup")
}

func TestAPipeInAFilesPlaceIsNotWaitedFor(t *testing.T) {
	s := freshStore(t)
	add(t, s, "web")
	path := s.path(entryDir, "id-web.json")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	switch err := mkfifo(path); {
	case errors.Is(err, errors.ErrUnsupported):
		t.Skip("left out: there are no pipes in the file system")
	case err != nil:
		t.Fatal(err)
	}
	checkError(t, s.Exists("web"), ErrDamaged, path+": the store is damaged: not a regular file", "restore it from a backup")
}

func TestNothingOfAKeyStandsInAFile(t *testing.T) {
	s := freshStore(t)
	id := add(t, s, "web")
	key := keyPEM(t, id)
	lines := strings.Split(strings.TrimSpace(string(key)), "\n")
	err := filepath.WalkDir(s.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text := string(read(t, path))
		for _, line := range lines[1 : len(lines)-1] {
			if strings.Contains(text, line) || strings.Contains(text, "PRIVATE") {
				t.Errorf("%s holds the key", path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
