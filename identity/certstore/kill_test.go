package certstore

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/identity"
)

// victim is a store whose writers are killed.
type victim struct {
	dir   string // of the store; the writers' files are beside it
	ids   map[string]*identity.Identity
	chaos *rand.Rand
}

// deed is a change that a writer is started for, and what the store has before and after it.
type deed struct {
	kind          string
	names         []string
	before, after map[string]*identity.Identity
}

var killNames = []string{"a", "b", "c", "d", "e", "f"}

func (v *victim) next(t *testing.T, kind string) deed {
	d := deed{kind: kind, before: maps.Clone(v.ids), after: maps.Clone(v.ids)}
	there := slices.Sorted(maps.Keys(v.ids))
	free := slices.DeleteFunc(slices.Clone(killNames), func(name string) bool { return v.ids[name] != nil })
	pick := func(list []string) []string { return []string{list[v.chaos.IntN(len(list))]} }
	switch {
	case kind == "add" && len(free) > 0:
		d.names = pick(free)
	case kind == "remove" && len(there) > 0:
		d.names = pick(there)
		delete(d.after, d.names[0])
		return d
	case kind == "replace" && len(there) > 0:
		d.names = pick(there)
	default:
		d.kind = "import"
		for _, i := range v.chaos.Perm(len(killNames))[:4] {
			d.names = append(d.names, killNames[i])
		}
	}
	for _, name := range d.names {
		id := issue(t, name)
		d.after[name] = id
		write(t, filepath.Join(filepath.Dir(v.dir), name+".pem"), append(certificatesPEM(id), keyPEM(t, id)...))
	}
	return d
}

// run starts a writer and, unless it is to live, kills it within span of its beginning. It answers how long it took.
func (d deed) run(t *testing.T, v *victim, span time.Duration) (took time.Duration, killed bool) {
	t.Helper()
	c := child(t, strings.Join(append([]string{"change", d.kind}, d.names...), " "), v.dir)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "go" {
		t.Errorf("%s: got %q", d.kind, lines.Text())
	}
	start := time.Now()
	if span > 0 {
		time.Sleep(rand.N(span))
		if err := c.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
	}
	rest := ""
	for lines.Scan() {
		rest += lines.Text()
	}
	err = c.Wait()
	killed = err != nil && c.ProcessState.ExitCode() < 0
	if err != nil && !killed {
		t.Errorf("%s: %v: %s", d.kind, err, rest)
	}
	return time.Since(start), killed
}

// check demands the store as it was before a deed or as it is after it, whole, and takes note of which.
func (v *victim) check(t *testing.T, d deed) (done bool) {
	t.Helper()
	s, err := Open(v.dir, Options{})
	if err != nil && d.kind == "create" && errors.Is(err, fs.ErrNotExist) {
		if _, gone := os.Stat(v.dir); gone == nil {
			if left := leftBehind(t, v.dir); len(left) != 0 {
				t.Errorf("create: %q is left", left)
			}
		}
		return false
	}
	if err != nil {
		t.Fatalf("%s: %v", d.kind, err)
	}
	got := listed(t, s)
	switch {
	case maps.Equal(got, serials(d.after)):
		v.ids, done = d.after, true
	case maps.Equal(got, serials(d.before)):
	default:
		t.Fatalf("%s %q: half changed: got %v, want %v or %v", d.kind, d.names, got, serials(d.before), serials(d.after))
	}
	for name, id := range v.ids {
		checkUsable(t, s, name, id)
	}
	if left := leftBehind(t, v.dir); len(left) != 0 {
		t.Errorf("%s: %q is left", d.kind, left)
	}
	lock := s.lock(0)
	if mine, err := lock.TryLock(); err != nil || !mine {
		t.Errorf("%s: the lock holds: %v", d.kind, err)
	}
	if err := lock.Unlock(); err != nil {
		t.Error(err)
	}
	return done
}

func serials(ids map[string]*identity.Identity) map[string]string {
	all := map[string]string{}
	for name, id := range ids {
		all[name] = id.Certificate.SerialNumber.String()
	}
	return all
}

// A writer may be killed at any moment: the store has its change or has it not, and whoever comes next finds nothing left.
func TestAKilledWriterLeavesTheOldOrTheNewState(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("left out: there is no SIGKILL")
	}
	kills := full(t, 60, 1000)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	v := &victim{dir: place(t), ids: map[string]*identity.Identity{}, chaos: rand.New(rand.NewPCG(seed, 0))}
	if _, err := Create(v.dir, Options{}); err != nil {
		t.Fatal(err)
	}
	kinds := []string{"add", "replace", "remove", "import", "create"}
	spans := map[string]time.Duration{}
	counts := map[string]int{}
	for n, tries := 0, 0; n < kills; tries++ {
		kind := kinds[v.chaos.IntN(len(kinds))]
		target, d := v, deed{kind: kind}
		if kind == "create" {
			target = &victim{dir: filepath.Join(filepath.Dir(v.dir), fmt.Sprintf("new-%d", tries)), chaos: v.chaos}
		} else {
			d = v.next(t, kind)
		}
		if spans[d.kind] == 0 { // how long it takes is measured, so that kills hit all of it
			took, _ := d.run(t, target, 0)
			spans[d.kind] = max(took*5/4, time.Millisecond)
			if done := target.check(t, d); !done && d.kind != "create" {
				t.Fatalf("%s: it was not done", d.kind)
			}
			continue
		}
		_, killed := d.run(t, target, spans[d.kind])
		if killed {
			n++
		}
		counts[fmt.Sprintf("%s killed=%t done=%t", d.kind, killed, target.check(t, d))]++
		if d.kind == "create" { // and then it can be made and used
			s, err := Create(target.dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			id := add(t, s, "web")
			checkUsable(t, reopen(t, s), "web", id)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		t.Logf("%5d × %s", counts[what], what)
	}
}
