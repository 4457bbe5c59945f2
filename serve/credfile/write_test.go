package credfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gofrs/flock"
)

// others is a file of other profiles, in which the one that is changed stands in the middle.
const others = "# by hand\n[default]\nregion = eu-west-1\n\n[profile a]\nregion = y\n\n[profile b]\noutput = text\n"

// put writes a file for a test.
func put(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// holds fails the test unless the file has the content.
func holds(t testing.TB, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s: got %q, %v, want %q", filepath.Base(path), got, err, want)
	}
}

// names answers what lies in a directory.
func names(t testing.TB, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestWriteMakesFileAndDirectoryForTheirOwnerAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home", ".aws")
	path := filepath.Join(dir, "config")
	changed, err := Write(t.Context(), path, region("x"))
	if err != nil || !changed {
		t.Fatalf("got %v, %v", changed, err)
	}
	holds(t, path, "[profile a]\nregion = x\n")
	if got := strings.Join(names(t, dir), " "); got != "config config.lock" {
		t.Errorf("got %s, want no backup of nothing", got)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, path: 0o600, path + ".lock": 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got mode %v, %v, want %v", path, info.Mode().Perm(), err, want)
		}
	}
}

func TestWriteKeepsOneGeneration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	put(t, path, others)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	want := others
	for _, value := range []string{"x", "z", "z"} {
		changed, err := Write(t.Context(), path, region(value))
		if err != nil {
			t.Fatal(err)
		}
		if !changed {
			break
		}
		holds(t, path+".awsauth.bak", want)
		want = strings.Replace(others, "= y", "= "+value, 1)
		holds(t, path, want)
	}
	holds(t, path+".awsauth.bak", strings.Replace(others, "= y", "= x", 1))
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]os.FileMode{path: 0o644, path + ".awsauth.bak": 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: got mode %v, %v, want %v", path, info.Mode().Perm(), err, want)
		}
	}
}

func TestWriteLeavesAFileAloneThatIsAsItShouldBe(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	put(t, path, others)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := Write(t.Context(), path, region("y"))
	if err != nil || changed {
		t.Fatalf("got %v, %v, want no change", changed, err)
	}
	after, err := os.Stat(path)
	if err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the file has been written")
	}
	if changed, err = Write(t.Context(), filepath.Join(dir, "none", "config"), Change{Section: "a", Remove: []string{"region"}}); err != nil || changed {
		t.Errorf("got %v, %v, want no change", changed, err)
	}
	if got := strings.Join(names(t, dir), " "); got != "config" {
		t.Errorf("got %s, want config alone", got)
	}
}

func TestAnEmptyFileDoesNotTakeTheBackupOfAFullOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	put(t, path+".awsauth.bak", others)
	put(t, path, "")
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, past, past); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), path, region("x")); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "[profile a]\nregion = x\n")
	holds(t, path+".awsauth.bak", others)
}

func TestTheLockIsWaitedForTenSecondsOrUntilTheContextEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	put(t, path, others)
	lock := flock.New(path + ".lock")
	if ok, err := lock.TryLock(); !ok {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		_, err := Write(t.Context(), path, region("x"))
		if waited := time.Since(start); !errors.Is(err, ErrLocked) || waited != 10*time.Second {
			t.Errorf("got %v after %v, want ErrLocked after 10s", err, waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		_, err = Write(ctx, path, region("x"))
		if waited := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || waited != time.Second {
			t.Errorf("got %v after %v, want the context's error after 1s", err, waited)
		}
	})
	holds(t, path, others)
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), path, region("x")); err != nil {
		t.Errorf("with the lock free: %v", err)
	}
}

// writing is a writer as Write makes it, with somebody who interferes.
func writing(patience time.Duration, at map[string]func()) writer {
	return writer{lockPatience: 10 * time.Second, patience: patience, at: func(stage string) {
		if f := at[stage]; f != nil {
			f()
		}
	}}
}

func TestAFileThatHasJustLostSectionsIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		name   string
		first  string // what Write sees at first
		backup string
		state  string // what becomes of it while Write takes the lock
	}{
		{"a truncated file", others, "", ""},
		{"a part of a file", others, "", others[:40]},
		{"a file that was empty from the start", "", "", ""},
		{"a part of a file from the start, of which there is a backup", others[:40], others, others[:40]},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config")
			put(t, path, c.first)
			if c.backup != "" {
				put(t, path+".awsauth.bak", c.backup)
			}
			waits := 0
			w := writing(time.Hour, map[string]func(){
				"locked": func() { put(t, path, c.state) },
				"waiting": func() {
					if waits++; waits == 3 {
						put(t, path, others)
					}
				},
			})
			if changed, err := w.write(t.Context(), path, region("x")); err != nil || !changed {
				t.Fatalf("got %v, %v", changed, err)
			}
			if waits != 3 {
				t.Errorf("got %d waits, want 3", waits)
			}
			holds(t, path, strings.Replace(others, "= y", "= x", 1))
		})
	}
}

func TestAFileThatStaysShortIsTakenAsItIsUnlessItWasSeenLonger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	put(t, path+".awsauth.bak", others)
	put(t, path, "[default]\n")
	w := writing(50*time.Millisecond, nil)
	if _, err := w.write(t.Context(), path, region("x")); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "[default]\n\n[profile a]\nregion = x\n")
	w = writing(50*time.Millisecond, map[string]func(){"locked": func() { put(t, path, "[default]\n") }})
	if _, err := w.write(t.Context(), path, region("z")); !errors.Is(err, ErrShrunk) {
		t.Fatalf("got %v, want ErrShrunk", err)
	}
	holds(t, path, "[default]\n")
}

// TestAWriterThatTruncatesLosesNothingOfOthers is K3 without chance: a program that takes no lock is stopped between
// truncating the file and writing it.
func TestAWriterThatTruncatesLosesNothingOfOthers(t *testing.T) {
	for _, stage := range []string{"locked", "staged"} {
		path := filepath.Join(t.TempDir(), "config")
		put(t, path, others)
		interfered := false
		var foreign *os.File
		w := writing(time.Hour, map[string]func(){
			stage: func() {
				if interfered {
					return
				}
				interfered = true
				var err error
				if foreign, err = os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0); err != nil {
					t.Fatal(err)
				}
			},
			"waiting": func() {
				if foreign == nil {
					return
				}
				_, err := foreign.WriteString(others + "[profile c]\n")
				if err := errors.Join(err, foreign.Close()); err != nil {
					t.Fatal(err)
				}
				foreign = nil
			},
		})
		if _, err := w.write(t.Context(), path, region("x")); err != nil {
			t.Fatal(err)
		}
		holds(t, path, strings.Replace(others, "= y", "= x", 1)+"[profile c]\n")
	}
}

func TestALockThatHasBeenRemovedIsTakenAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	put(t, path, others)
	d, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	lock := flock.New(path + ".lock")
	if ok, err := lock.TryLock(); !ok {
		t.Fatal(err)
	}
	taken := make(chan error)
	go func() {
		// It opens the file that is locked, and gets that lock when the file has long lost its name.
		second, err := writing(0, nil).lock(t.Context(), d)
		if err == nil {
			held, _ := second.Stat()
			there, e := os.Stat(path + ".lock")
			if e != nil || !os.SameFile(held, there) {
				err = errors.New("the lock is on a file without a name")
			}
			err = errors.Join(err, second.Close())
		}
		taken <- err
	}()
	if err := errors.Join(os.Remove(path+".lock"), lock.Unlock()); err != nil {
		t.Fatal(err)
	}
	if err := <-taken; err != nil {
		t.Error(err)
	}
}

func TestErrorsNameTheFileAndNoValue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	put(t, path, "[profile a]\nregion = topsecret\n  output = topsecret\n")
	_, err := Write(t.Context(), path, region("othersecret"))
	if !errors.Is(err, ErrAmbiguous) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkWrite(b *testing.B) {
	path := filepath.Join(b.TempDir(), "config")
	put(b, path, strings.Repeat("[profile someone-else]\nregion = eu-west-1\noutput = json\n\n", 20))
	values := []string{"x", "y"}
	for i := 0; b.Loop(); i++ {
		if _, err := Write(b.Context(), path, region(values[i%2])); err != nil {
			b.Fatal(err)
		}
	}
}

func TestOnlyFilesOfTheRightNameAreSwept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "config")
	for _, name := range []string{".config.awsauth-OLD", ".credentials.awsauth-OLD", "config.awsauth-OLD", ".config.swp"} {
		put(t, filepath.Join(dir, name), "")
	}
	if _, err := Write(t.Context(), path, region("x")); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(names(t, dir), " "); got != ".config.swp .credentials.awsauth-OLD config config.awsauth-OLD config.lock" {
		t.Errorf("got %s", got)
	}
}

func TestSectionsAreCountedAsTheyAreRead(t *testing.T) {
	if n := sections([]byte("# [no]\n[a]\nk = [v]\n[profile b] # c\ns3 =\n  [k] = v\n")); n != 2 {
		t.Errorf("got %d sections, want 2", n)
	}
}
