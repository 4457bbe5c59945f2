package certstore

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// seeds adds the files of a store to a fuzz test, whole and cut short.
func seeds(f *testing.F, paths ...string) {
	f.Helper()
	for _, path := range paths {
		data := read(f, path)
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
}

func FuzzEntry(f *testing.F) {
	s := freshStore(f)
	add(f, s, "Web", "MY S3", "größe")
	id := issue(f, "linked")
	path := filepath.Join(f.TempDir(), "client.pem")
	write(f, path, append(certificatesPEM(id), keyPEM(f, id)...))
	link(f, s, "linked", Link{Certificate: path, Password: "env:PASSWORD"})
	seeds(f, s.path(entryDir, "id-web.json"), s.path(entryDir, "id-linked.json"))
	f.Add([]byte(`{"awsauth_certificate": 2, "identifier": 7}`))
	f.Add([]byte(`{"awsauth_certificate": 1, "identifier": "WEB", "aliases": ["\u0000"], "link": {"certificate": "/a"}}`))
	f.Add([]byte(`{"awsauth_certificate": 1, "identifier": "\u212Aeb", "certificates": "x", "private_key": "AAAA"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := parseEntry(raw, "web")
		if err != nil {
			if len(err.Error()) > 200 {
				t.Errorf("a long error: %v", err)
			}
			if e != nil {
				t.Error("an entry too")
			}
			return
		}
		if !strings.EqualFold(e.Identifier, "web") || len(e.Identifier) != 3 {
			t.Errorf("the entry of %q", e.Identifier)
		}
		for _, alias := range e.Aliases {
			if checkAlias(alias) != nil {
				t.Errorf("alias %q", alias)
			}
		}
		if e.Link != nil {
			if !filepath.IsAbs(e.Link.Certificate) {
				t.Errorf("a relative path: %q", e.Link.Certificate)
			}
			return
		}
		if c := s.describe(t.Context(), e, &parsed{}); c.Err == nil && c.Certificate == nil {
			t.Error("neither a certificate nor a reason")
		}
		if id, err := s.identity(t.Context(), e); err == nil {
			if err := matches(id); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"puts":{"id-web.json":".awsauth-123.tmp"},"removes":["id-mail.json"]}`))
	f.Add([]byte(`{"puts":{},"removes":null}`))
	for _, place := range []string{"../x", "id-../x.json", "id-a/../../x.json", `id-a\..\x.json`, "id-.json", "id-a.json/", "/etc/passwd", "id-a\x00.json"} {
		f.Add([]byte(toJSON(f, journal{Puts: map[string]string{place: ".awsauth-1.tmp"}})))
		f.Add([]byte(toJSON(f, journal{Puts: map[string]string{"id-a.json": place}, Removes: []string{place}})))
		f.Add([]byte(toJSON(f, journal{Puts: map[string]string{"id-a.json": ".awsauth-" + place + ".tmp"}})))
	}
	dir := filepath.FromSlash("/store")
	f.Fuzz(func(t *testing.T, raw []byte) {
		j, err := parseJournal(raw)
		if err != nil {
			return
		}
		for place, onItsWay := range j.Puts {
			checkInside(t, filepath.Join(dir, entryDir), place)
			checkInside(t, dir, onItsWay)
			if !strings.HasPrefix(onItsWay, ".awsauth-") || !strings.HasSuffix(onItsWay, ".tmp") {
				t.Errorf("renames %q", onItsWay)
			}
		}
		for _, place := range j.Removes {
			checkInside(t, filepath.Join(dir, entryDir), place)
		}
	})
}

// checkInside demands a name of a file that is in the directory itself, on every system.
func checkInside(t *testing.T, dir, name string) {
	t.Helper()
	if filepath.Dir(filepath.Join(dir, name)) != dir || strings.ContainsAny(name, "/\\:\x00") && !strings.HasPrefix(name, ".awsauth-") || strings.ContainsAny(name, "/\\\x00") {
		t.Errorf("%q leads out of %s", name, dir)
	}
}

func FuzzStore(f *testing.F) {
	s := freshStore(f)
	seeds(f, s.path(storeFile))
	f.Add([]byte(`{"awsauth_certificate_store":2,"id":7}`))
	f.Add([]byte(`{"awsauth_certificate_store":-1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := s.parseMeta(raw)
		if err != nil {
			if bytes.Contains([]byte(err.Error()), raw) && len(raw) > 8 {
				t.Errorf("the error repeats the file: %v", err)
			}
			return
		}
		if m.Version != Version || m.ID == "" || !m.Key.known() {
			t.Errorf("got %+v", m)
		}
	})
}

func FuzzClientCertificates(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil || len(paths) == 0 {
		f.Fatal("no examples", err)
	}
	seeds(f, paths...)
	f.Add([]byte(clientCertificates(f, `, "pin_to": ["MY S3", "größe", "1"]`, "")))
	f.Add([]byte(`[{"pfx": "", "pin": "\u0000", "pin_to": [""]}]`))
	f.Add([]byte(`[{"pin_to": ["A b"]}, {"pin_to": ["a-b"]}, {"pin": "a/b"}, {"pin": "2"}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if bytes.Count(raw, []byte("{")) > 20 {
			return // more of the same takes longer and shows nothing
		}
		checkNames(t, raw)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		additions, err := ParseClientCertificates(ctx, raw)
		if err != nil {
			return
		}
		for _, a := range additions {
			if a.Identity == nil || a.Identity.Key == nil {
				t.Errorf("%q has no identity", a.Identifier)
			}
		}
	})
}

// checkNames demands that entries get names that are theirs alone.
func checkNames(t *testing.T, raw []byte) {
	t.Helper()
	entries, err := decodeClientCertificates(raw)
	if err != nil {
		return
	}
	owners := map[string]int{}
	additions := make([]Addition, len(entries))
	mistakes := make([]error, len(entries))
	for i, e := range entries {
		additions[i], mistakes[i] = e.named(owners, i+1)
	}
	seen := map[string]int{}
	for i, e := range entries {
		if mistakes[i] != nil {
			continue
		}
		a := additions[i]
		if a.Identifier == "" {
			if a.Identifier, mistakes[i] = e.madeUp(owners, i+1); mistakes[i] != nil {
				continue
			}
		}
		if CheckIdentifier(a.Identifier) != nil {
			t.Errorf("entry %d: identifier %q", i+1, a.Identifier)
		}
		for _, name := range append([]string{a.Identifier}, a.Aliases...) {
			if checkAlias(name) != nil {
				t.Errorf("entry %d: name %q", i+1, name)
			}
			if other, taken := seen[fold(name)]; taken && other != i {
				t.Errorf("entries %d and %d: both have %q", other+1, i+1, name)
			}
			seen[fold(name)] = i
		}
	}
}
