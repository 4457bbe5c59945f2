package credfile

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// bystanders are other profiles, as much as a read does not get in one page.
var bystanders = strings.Repeat("[someone-else]\r\naws_access_key_id=AKIAIOSFODNN7EXAMPLE # theirs\r\n\r\n", 70)

// counted is the credentials file whose profile a has come to a number; all its settings change, and their length.
func counted(n int) string {
	text := bystanders + "[a]\n"
	for _, s := range counting(n).Set {
		text += s.Key + " = " + s.Value + "\n"
	}
	return text + "\n# the end\n" + bystanders + "[z]"
}

// counting is the change that brings it to a number.
func counting(n int) Change {
	value := strconv.Itoa(n) + strings.Repeat("/", n%7*100)
	return Change{Section: "a", Set: []Setting{{"aws_access_key_id", value}, {"aws_secret_access_key", value}, {"aws_session_token", value}}}
}

// number answers what a file has come to, and an error unless it is whole.
func number(file []byte) (int, error) {
	_, value, _ := strings.Cut(string(file), "[a]\naws_access_key_id = ")
	value, _, _ = strings.Cut(value, "\n")
	n, err := strconv.Atoi(strings.TrimRight(value, "/"))
	if err != nil || string(file) != counted(n) {
		return 0, fmt.Errorf("neither the old nor the new content: %d bytes, at %q", len(file), value)
	}
	return n, nil
}

// countOn counts on for ever, and says each number that it has written.
func countOn(ctx context.Context, path string, n int) error {
	fmt.Println("go")
	for {
		n++
		if _, err := Write(ctx, path, counting(n)); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// TestAKilledWriterLeavesTheOldOrTheNewContent is K1: writers are killed at random moments, and all the time somebody reads.
func TestAKilledWriterLeavesTheOldOrTheNewContent(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("left out: there is no SIGKILL")
	}
	kills := full(t, 60, 1000)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	chaos := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	path := filepath.Join(dir, "credentials")
	put(t, path, counted(0))
	finish := readAlways(t, path)
	n, writes, littered := 0, 0, 0
	began := time.Now()
	step := func() {
		t.Helper()
		n++
		if changed, err := Write(t.Context(), path, counting(n)); err != nil || !changed {
			t.Fatalf("the next one: got %v, %v", changed, err)
		}
	}
	step()
	took := time.Since(began)
	for cycle := range kills {
		p := start(t, fmt.Sprintf("count %d", n), path)
		time.Sleep(time.Duration(chaos.Int64N(int64(3 * took))))
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		said, count, err := p.finish()
		if p.ProcessState.ExitCode() >= 0 {
			t.Fatalf("cycle %d: it ended by itself: %v, %s", cycle, err, said)
		}
		last := n + count
		if count > 0 && said != strconv.Itoa(last) {
			t.Fatalf("cycle %d: it said %q, want %d", cycle, said, last)
		}
		writes += count
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n, err = number(file); err != nil {
			t.Fatalf("cycle %d: %v", cycle, err)
		}
		if n != last && n != last+1 {
			t.Fatalf("cycle %d: got the content of %d, want that of %d or its successor", cycle, n, last)
		}
		if len(temporaries(t, dir)) > 0 {
			littered++
		}
		step()
		if got := strings.Join(names(t, dir), " "); got != "credentials credentials.awsauth.bak credentials.lock" {
			t.Fatalf("cycle %d: after the next change there is %s", cycle, got)
		}
		holds(t, path, counted(n))
		holds(t, path+".awsauth.bak", counted(n-1))
		free(t, path+".lock")
	}
	t.Logf("%d kills, %d of which left temporary files; %d changes by those killed, and %d reads at the same time", kills, littered, writes, finish())
	if soak() && littered < kills/50 {
		t.Error("hardly one was killed while it wrote")
	}
}

// readAlways reads a file again and again, and fails the test for what is not whole or older than what it read before. It
// does so until it is told to finish, or the test ends, and answers how often.
func readAlways(t *testing.T, path string) (finish func() (reads int)) {
	stop, done := make(chan struct{}), make(chan struct{})
	reads := 0
	go func() {
		defer close(done)
		for before := 0; ; reads++ {
			select {
			case <-stop:
				return
			default:
			}
			file, err := os.ReadFile(path)
			n := 0
			if err == nil {
				n, err = number(file)
			}
			if err != nil || n < before {
				t.Errorf("a reader got %d after %d, %v", n, before, err)
				return
			}
			before = n
			time.Sleep(100 * time.Microsecond) // or the writers have no processor
		}
	}()
	running := true
	finish = func() int {
		if running {
			close(stop)
			<-done
			running = false
		}
		return reads
	}
	t.Cleanup(func() { finish() })
	return finish
}

// temporaries answers what writers have left beside a file.
func temporaries(t testing.TB, dir string) []string {
	t.Helper()
	return slices.DeleteFunc(names(t, dir), func(name string) bool { return !strings.Contains(name, ".awsauth-") })
}

// free fails the test if somebody holds a lock.
func free(t testing.TB, path string) {
	t.Helper()
	lock := flock.New(path)
	if ok, err := lock.TryLock(); !ok || err != nil {
		t.Errorf("the lock holds: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Error(err)
	}
}

// update adds settings to a profile, one at a time, and says when the lock was not to be had.
func update(ctx context.Context, path, action string) error {
	section, times, _ := strings.Cut(action, " ")
	count, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	fmt.Println("go")
	refused := 0
	for n := 0; n < count; {
		changed, err := Write(ctx, path, Change{Section: section, Set: []Setting{{fmt.Sprintf("n_%d", n), section}}})
		switch {
		case err == nil && changed:
			n++
		case errors.Is(err, ErrLocked) && refused < 30: // the lock is not fair
			refused++
			fmt.Println(err)
		default:
			return fmt.Errorf("update %d: got %v, %w", n, changed, err)
		}
	}
	return nil
}

// TestNoUpdateOfEightWritersIsLost is K2.
func TestNoUpdateOfEightWritersIsLost(t *testing.T) {
	const writers = 8
	updates := full(t, 12, 1000)
	path := filepath.Join(t.TempDir(), "credentials")
	put(t, path, others)
	var all []*process
	for w := range writers {
		all = append(all, start(t, fmt.Sprintf("update w%d %d", w, updates), path))
	}
	refused := 0
	for _, p := range all {
		last, count, err := p.finish()
		if err != nil {
			t.Fatalf("%v: %s", err, last)
		}
		refused += count
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(file), others) {
		t.Error("other profiles have changed")
	}
	found, r := map[string]string{}, new(sdk)
	for line := range r.lines(string(file)) {
		is := r.read(line)
		found[is.section+" "+is.key] = is.value
	}
	present := 0
	for w := range writers {
		section := fmt.Sprintf("w%d", w)
		for n := range updates {
			if found[fmt.Sprintf("%s n_%d", section, n)] == section {
				present++
			}
		}
	}
	t.Logf("%d of %d updates present; the lock was not to be had in its ten seconds %d times", present, writers*updates, refused)
	if present != writers*updates {
		t.Error("updates are lost")
	}
	free(t, path+".lock")
}
