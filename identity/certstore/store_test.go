package certstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestANewStoreHasItsFilesAndNothingElse(t *testing.T) {
	s := freshStore(t)
	if got, want := names(t, s.dir), []string{"certificates", "lock", "store.json", "store.key"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if s.KeySource() != FileKey || s.Directory() != s.dir {
		t.Errorf("got %v in %s", s.KeySource(), s.Directory())
	}
	if all, err := s.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("got %v, %v, want none", all, err)
	}
	again, err := Create(s.dir, Options{})
	if err != nil || again.meta.ID != s.meta.ID {
		t.Errorf("got store %v, %v, want the one that is there", again, err)
	}
}

func TestAStoreThatIsNotThereIsNotOpened(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "none")} {
		if s, err := Open(path, Options{}); !errors.Is(err, fs.ErrNotExist) || s != nil {
			t.Errorf("got %v, %v, want fs.ErrNotExist", s, err)
		}
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("Open has made %q", got)
	}
}

func TestADirectoryOfOthersFilesIsNotTidied(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, ".awsauth-1.tmp"), nil) // such as of credentials that are being written
	if _, err := Open(dir, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("got %q, want the file alone", got)
	}
}

// What a store cannot be opened with is said with the command or the step that mends it.
func TestAStoreThatIsNotAsItWasWrittenIsRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		spoil  func(t *testing.T, s *Store)
		is     error
		text   string // DIR is the store's directory
		advice string
	}{
		{
			"store.json is cut short", func(t *testing.T, s *Store) {
				alter(t, s.path(storeFile), func(b []byte) []byte { return b[:len(b)/2] })
			}, ErrDamaged,
			"DIR/store.json: the store is damaged: it is not what was written", "restore it from a backup",
		},
		{
			"store.json is empty", func(t *testing.T, s *Store) { write(t, s.path(storeFile), nil) }, ErrDamaged,
			"DIR/store.json: the store is damaged: it is not what was written", "restore it from a backup",
		},
		{
			"the key is nowhere", func(t *testing.T, s *Store) { alter(t, s.path(storeFile), replace(`"key":"file"`, `"key":"safe"`)) }, ErrDamaged,
			"DIR/store.json: the store is damaged: it does not say where the key is", "restore it from a backup",
		},
		{
			"store.json has another form", func(t *testing.T, s *Store) { alter(t, s.path(storeFile), replace(`"key":"file"`, `"key":7`)) }, ErrDamaged,
			"DIR/store.json: the store is damaged: it is not what was written", "restore it from a backup",
		},
		{
			"the store is of another version", func(t *testing.T, s *Store) {
				write(t, s.path(storeFile), []byte(`{"awsauth_certificate_store":2,"id":"x","key":"file"}`))
			}, ErrVersion,
			"store DIR: the store is of another version: version 2, and this program knows version 1", "use the version of awsauth that has made it",
		},
		{
			"the store is of another version, which has another form", func(t *testing.T, s *Store) {
				write(t, s.path(storeFile), []byte(`{"awsauth_certificate_store":3,"id":7,"key":{"in":["tpm"]}}`))
			}, ErrVersion,
			"store DIR: the store is of another version: version 3, and this program knows version 1", "use the version of awsauth that has made it",
		},
		{
			"store.json is a directory", func(t *testing.T, s *Store) {
				if err := errors.Join(os.Remove(s.path(storeFile)), os.Mkdir(s.path(storeFile), 0o700)); err != nil {
					t.Fatal(err)
				}
			}, ErrDamaged,
			"DIR/store.json: the store is damaged: not a regular file", "restore it from a backup",
		},
		{
			"store.json is too long", func(t *testing.T, s *Store) {
				alter(t, s.path(storeFile), func(b []byte) []byte { return append(b, make([]byte, maxFile)...) })
			}, ErrDamaged,
			"DIR/store.json: the store is damaged: longer than 2097152 bytes", "restore it from a backup",
		},
		{
			"the journal is not one", func(t *testing.T, s *Store) { write(t, s.path(journalFile), []byte("{")) }, ErrDamaged,
			"DIR/journal.json: the store is damaged: it is not what was written", "remove it, and make the last change again",
		},
		{
			"the journal leads out of the store", func(t *testing.T, s *Store) {
				write(t, s.path(journalFile), []byte(`{"puts":{},"removes":["id-a/../../../x.json"]}`))
			}, ErrDamaged,
			"DIR/journal.json: the store is damaged: it is not what was written", "remove it, and make the last change again",
		},
		{
			"a file of the journal is gone", func(t *testing.T, s *Store) {
				write(t, s.path(journalFile), []byte(`{"puts":{"id-gone.json":".awsauth-1.tmp"},"removes":null}`))
			}, ErrDamaged,
			"DIR/journal.json: the store is damaged: a file that it names is gone", "remove it, and make the last change again",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := freshStore(t)
			test.spoil(t, s)
			opened, err := Open(s.dir, Options{})
			checkError(t, err, test.is, strings.ReplaceAll(test.text, "DIR", s.dir), test.advice)
			if opened != nil {
				t.Error("got a store too")
			}
			if _, created := Create(s.dir, Options{}); created == nil || created.Error() != err.Error() {
				t.Errorf("Create: got %v, want the same", created)
			}
		})
	}
}

func TestAFileInTheStoresPlaceIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, nil)
	_, err := Open(path, Options{})
	checkError(t, err, ErrDamaged, "store "+path+": the store is damaged: it is not a directory", "name a directory")
	_, err = Create(filepath.Join(path, "below"), Options{})
	checkError(t, err, syscall.ENOTDIR, "stat "+path+"/below: not a directory", "")
}

func TestCertificatesWithoutTheirStoreFileAreNotTakenForANewStore(t *testing.T) {
	s := freshStore(t)
	add(t, s, "web")
	if err := os.Remove(s.path(storeFile)); err != nil {
		t.Fatal(err)
	}
	key := read(t, s.path(keyFile))
	for name, open := range map[string]func(string, Options) (*Store, error){"Create": Create, "Open": Open} {
		_, err := open(s.dir, Options{})
		checkError(t, err, ErrDamaged, s.path(storeFile)+": the store is damaged: it is missing, and there are certificates",
			"restore it from a backup, or move the directory away")
		if errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %v, want no fs.ErrNotExist", name, err)
		}
	}
	if err := s.Remove(t.Context(), "web"); !errors.Is(err, ErrDamaged) {
		t.Errorf("remove, when it was open: got %v, want ErrDamaged", err)
	}
	if string(read(t, s.path(keyFile))) != string(key) {
		t.Error("the key was replaced")
	}
}

func TestAStoreWithoutItsDirectoryOfCertificatesSaysSo(t *testing.T) {
	s := freshStore(t)
	if err := os.Remove(s.path(entryDir)); err != nil {
		t.Fatal(err)
	}
	text, advice := s.path(entryDir)+": the store is damaged: there is no such directory", "restore it from a backup"
	_, err := s.List(t.Context())
	checkError(t, err, ErrDamaged, text, advice)
	checkError(t, s.Exists("web"), ErrDamaged, text, advice)
	checkError(t, s.Add(t.Context(), "web", issue(t, "web"), AddOptions{}), ErrDamaged, text, advice)
	// What is no identifier must not become a part of a path, whatever else is wrong.
	outside := filepath.Join(filepath.Dir(s.dir), "x.json")
	write(t, outside, nil)
	checkError(t, s.Remove(t.Context(), "../../../x"), ErrDamaged, text, advice)
	if _, err := os.Stat(outside); err != nil {
		t.Errorf("a file outside was removed: %v", err)
	}
}

func TestAnotherVersionsUnfinishedChangeIsLeftToIt(t *testing.T) {
	s := freshStore(t)
	write(t, s.path(storeFile), []byte(`{"awsauth_certificate_store":2}`))
	write(t, s.path(".awsauth-1.tmp"), nil)
	write(t, s.path(journalFile), []byte(`{"puts":{"id-a.json":".awsauth-1.tmp"},"removes":[]}`))
	if _, err := Open(s.dir, Options{}); !errors.Is(err, ErrVersion) {
		t.Errorf("got %v, want ErrVersion", err)
	}
	if left := leftBehind(t, s.dir); len(left) != 2 {
		t.Errorf("got %q, want both files", left)
	}
}

func TestAnOpenStoreThatBecomesOneOfAnotherVersionIsNotChanged(t *testing.T) {
	s := freshStore(t)
	add(t, s, "web")
	alter(t, s.path(storeFile), replace(`_store":1`, `_store":2`))
	if err := s.Add(t.Context(), "more", issue(t, "more"), AddOptions{}); !errors.Is(err, ErrVersion) {
		t.Errorf("add: got %v, want ErrVersion", err)
	}
	if err := s.Remove(t.Context(), "web"); !errors.Is(err, ErrVersion) {
		t.Errorf("remove: got %v, want ErrVersion", err)
	}
	if got := names(t, s.path(entryDir)); !slices.Equal(got, []string{"id-web.json"}) {
		t.Errorf("got %q", got)
	}
}

func TestAnOpenStoreFollowsOneThatIsMadeAnewInItsPlace(t *testing.T) {
	s := freshStore(t)
	add(t, s, "web")
	source := s.Source("web")
	if _, err := source.Identity(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(s.dir); err != nil {
		t.Fatal(err)
	}
	anew, err := Create(s.dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := add(t, anew, "web")
	checkUsable(t, s, "web", want)
	// What the old one adds is for the new one's key.
	if err := os.RemoveAll(s.dir); err != nil {
		t.Fatal(err)
	}
	if anew, err = Create(s.dir, Options{}); err != nil {
		t.Fatal(err)
	}
	added := add(t, s, "web")
	checkUsable(t, anew, "web", added)
}

func TestTheStoresDirectoryMayHaveAnyName(t *testing.T) {
	for _, name := range []string{"[", "[a-z]*?", `back\slash`, "two words", "größe", "%d", "'quoted'"} {
		s, err := Create(filepath.Join(t.TempDir(), name, "store"), Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		write(t, s.path(".awsauth-1.tmp"), nil)
		id := add(t, s, "web")
		write(t, s.path(".awsauth-2.tmp"), nil)
		checkUsable(t, reopen(t, s), "web", id)
		if left := leftBehind(t, s.dir); len(left) != 0 {
			t.Errorf("%s: %q is left", name, left)
		}
	}
}

func TestAChangeWaitsForAnotherAndThenSaysSo(t *testing.T) {
	s := freshStore(t)
	lock := s.lock(os.O_CREATE)
	if mine, err := lock.TryLock(); err != nil || !mine {
		t.Fatal(mine, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.Remove(ctx, "web"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's end", err)
	}
	// Readers do not wait.
	if _, err := Open(s.dir, Options{}); err != nil {
		t.Error(err)
	}
	go func() {
		time.Sleep(30 * time.Millisecond)
		_ = lock.Unlock()
	}()
	id := add(t, s, "web")
	checkUsable(t, s, "web", id)
}

func TestALockThatIsNeverReleasedIsAnErrorWithAdvice(t *testing.T) {
	t.Parallel() // it takes ten seconds
	s := freshStore(t)
	lock := s.lock(os.O_CREATE)
	if mine, err := lock.TryLock(); err != nil || !mine {
		t.Fatal(mine, err)
	}
	err := s.Remove(t.Context(), "web")
	runtime.KeepAlive(lock) // or collecting garbage releases it
	checkError(t, err, ErrLocked, "store "+s.dir+": the store is being changed by another program", "wait until it is done, and try again")
}

func TestIdentifiers(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "9": true, "web-1": true, "My_S3.cert": true, "con": true, "a..": true, strings.Repeat("a", 63): true,
		"": false, "-a": false, ".a": false, "_a": false, "a b": false, "a/b": false, `a\b`: false, "a:b": false, "é": false, "a\n": false, "\na": false,
		"\u212Aelvin": false, "..": false, "a\x00": false, strings.Repeat("a", 64): false,
	} {
		if got := CheckIdentifier(name) == nil; got != want {
			t.Errorf("%q: got %t, want %t", name, got, want)
		}
	}
}
