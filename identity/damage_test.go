package identity

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cheap limits keep a file that damage made costly from slowing tests down.
func cheap() limits {
	l := standard()
	l.iterations, l.hashes, l.scryptMemory = 64, 512, 64<<10
	return l
}

type seed struct {
	name string
	data []byte
}

func seeds(t testing.TB, pattern string) []seed {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no seeds for %s: %v", pattern, err)
	}
	var all []seed
	for _, path := range paths {
		all = append(all, seed{path, readFile(t, path)})
	}
	return all
}

// bundleOf puts a seed where it belongs: a single object beside the other
// half of the pair.
func bundleOf(t testing.TB, name string, data []byte) Bundle {
	t.Helper()
	damaged := Part{"damaged", data}
	b := Bundle{Certificate: damaged, Password: with("secret")}
	switch {
	case strings.HasSuffix(name, "leaf.der"), strings.HasSuffix(name, "leaf.pem"):
		b.PrivateKey = Part{"leaf.key", readFile(t, "testdata/seeds/pkcs8.der")}
	case strings.HasSuffix(name, ".der"):
		b.Certificate, b.PrivateKey = Part{"leaf.pem", readFile(t, "testdata/seeds/leaf.der")}, damaged
	}
	return b
}

func TestEverySeedIsGood(t *testing.T) {
	for _, s := range seeds(t, "seeds/*") {
		id, err := parse(t.Context(), bundleOf(t, s.name, s.data), cheap())
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		checkInvariant(t, id)
	}
}

func TestNoTruncationAndNoFlippedByteDoesHarm(t *testing.T) {
	files := 0
	for _, s := range seeds(t, "seeds/*") {
		quotes := map[string]bool{}
		for line := range bytes.Lines(s.data) {
			if bytes.HasPrefix(line, []byte("-----")) {
				continue // not content
			}
			for i := range len(line) - 11 {
				quotes[string(line[i:i+12])] = true
			}
		}
		b := bundleOf(t, s.name, bytes.Clone(s.data))
		try := func(data []byte) {
			files++
			if b.PrivateKey.Name == "damaged" {
				b.PrivateKey.Data = data
			} else {
				b.Certificate.Data = data
			}
			var id *Identity
			var err error
			ends(t, func() { id, err = parse(t.Context(), b, cheap()) })
			if err == nil {
				if !samePublicKey(id.Key.Public(), id.Certificate.PublicKey) {
					t.Errorf("%s: the key does not match the leaf", s.name)
				}
				return
			}
			checkDamageError(t, err, quotes)
		}
		for n := range s.data {
			try(s.data[:n])
		}
		data := bytes.Clone(s.data)
		for i := range data {
			for _, flip := range []byte{0x01, 0x20, 0x80, 0xff} {
				data[i] ^= flip
				try(data)
				data[i] ^= flip
			}
		}
	}
	t.Logf("%d files", files)
	if files < 20_000 {
		t.Errorf("got %d files, want 20,000", files)
	}
}

// checkDamageError fails unless err is one of the package's, names a file and
// repeats nothing of what was read.
func checkDamageError(t *testing.T, err error, quotes map[string]bool) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.File == "" {
		t.Errorf("%v names no file", err)
		return
	}
	if !isSentinel(e.Err) {
		t.Errorf("%v is none of the package's errors", err)
	}
	text := err.Error()
	for i := range len(text) - 11 {
		if quotes[text[i:i+12]] {
			t.Errorf("%q quotes the file", text)
		}
	}
}

func isSentinel(err error) bool {
	for _, s := range everySentinel {
		if err == s {
			return true
		}
	}
	return false
}

func TestAKeyWhoseTwoHalvesDisagreeNeverComesOut(t *testing.T) {
	a, b := newLeaf(t, "leaf", nil), newLeaf(t, "leaf", nil)
	dir := t.TempDir()
	writeFile(t, dir+"/cert", certPEM(a))
	writeFile(t, dir+"/key", keyPEM(t, b.key))
	_, err := File{Certificate: dir + "/cert", PrivateKey: dir + "/key"}.Identity(t.Context())
	checkError(t, err, ErrKeyMismatch, dir+"/key")
	if err := os.WriteFile(dir+"/key", keyPEM(t, a.key), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (File{Certificate: dir + "/cert", PrivateKey: dir + "/key"}).Identity(t.Context()); err != nil {
		t.Error(err)
	}
}
