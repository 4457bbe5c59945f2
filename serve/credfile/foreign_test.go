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
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// cli is a program that changes its own profile as writer.py of the AWS CLI does: it takes no lock, reads the file, truncates it
// where it is, and writes all of it anew, at once.
type cli struct {
	*rand.Rand
	path    string
	updates int
	stood   time.Duration // at most, between truncating and writing
}

// dawdle takes any time from a microsecond to four milliseconds.
func dawdle(r *rand.Rand) { time.Sleep(time.Microsecond << r.IntN(13)) }

func (c *cli) update() error {
	content, err := os.ReadFile(c.path)
	if err != nil {
		return err
	}
	c.updates++
	lines, how := strings.SplitAfter(string(content), "\n"), os.O_TRUNC
	value := fmt.Sprintf("aws_session_token = %d%s\n", c.updates, strings.Repeat("/", c.updates%7*100))
	if at := slices.Index(lines, "[theirs]\n"); at >= 0 && at+1 < len(lines) {
		lines[at+1] = value
	} else { // as there is none, one is added
		lines, how = []string{"[theirs]\n", value}, os.O_APPEND
	}
	dawdle(c.Rand)
	f, err := os.OpenFile(c.path, os.O_WRONLY|how, 0)
	if err != nil {
		return err
	}
	began := time.Now()
	dawdle(c.Rand)
	_, err = f.WriteString(strings.Join(lines, ""))
	c.stood = max(c.stood, time.Since(began))
	return errors.Join(err, f.Close())
}

// always updates until it is told to stop.
func (c *cli) always() (stop func() error) {
	told, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-told:
				done <- nil
				return
			default:
			}
			if err := c.update(); err != nil {
				done <- err
				return
			}
			time.Sleep(time.Duration(c.Int64N(int64(20 * time.Millisecond))))
		}
	}()
	return func() error {
		close(told)
		return <-done
	}
}

// contest is what came of a writer's updates of one profile, while a cli was at work on another of the same file.
type contest struct {
	lost        []string // of other profiles: the first line of what is no longer there
	refused     int      // updates, which were tried again
	overwritten bool     // our last update, by the cli
	cli         cli
	err         error
}

type writeFunc = func(ctx context.Context, path string, c Change) (changed bool, err error)

// contend has a writer make twenty updates of a profile, in a file and at moments that the seed chooses.
func contend(ctx context.Context, dir string, seed uint64, write writeFunc) (got contest) {
	r := rand.New(rand.NewPCG(seed, 0))
	others := []string{"aws_access_key_id = THEIRS\n"} // which they do not bring back when their profile is lost
	profiles := []string{"[theirs]\naws_session_token = 0\n" + others[0] + "\n", "[ours]\naws_session_token = 0\n\n"}
	for n := range 1 + r.IntN(100) {
		other := fmt.Sprintf("[other-%d]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = %s-\n\n", n, strings.Repeat("/", r.IntN(100)))
		others, profiles = append(others, other), append(profiles, other)
	}
	r.Shuffle(len(profiles), func(i, j int) { profiles[i], profiles[j] = profiles[j], profiles[i] })
	path := filepath.Join(dir, "credentials")
	if got.err = os.WriteFile(path, []byte(strings.Join(profiles, "")), 0o600); got.err != nil {
		return got
	}
	got.cli = cli{Rand: rand.New(rand.NewPCG(seed, 1)), path: path}
	stop := got.cli.always()
	value := ""
	for n := 0; n < 20 && got.err == nil; {
		value = fmt.Sprint(n+1, strings.Repeat("/", n%5*100))
		switch _, err := write(ctx, path, Change{Section: "ours", Set: []Setting{{"aws_session_token", value}}}); {
		case err == nil:
			n++
			dawdle(r)
		case (errors.Is(err, ErrBusy) || errors.Is(err, ErrShrunk)) && got.refused < 100:
			got.refused++
		default:
			got.err = err
		}
	}
	got.err = errors.Join(got.err, stop())
	file, err := os.ReadFile(path)
	if err != nil {
		got.err = errors.Join(got.err, err)
		return got
	}
	for _, other := range others {
		if !strings.Contains(string(file), other) {
			name, _, _ := strings.Cut(other, "\n")
			got.lost = append(got.lost, name)
		}
	}
	last, _ := Lookup(file, "ours", "aws_session_token")
	got.overwritten = last != value
	return got
}

// contests has a writer take part in many, eight at a time as they mostly wait.
func contests(t *testing.T, count int, write writeFunc) []contest {
	if runtime.GOOS == "windows" {
		t.Skip("left out: what one program has open no other can replace")
	}
	seed := rand.Uint64()
	t.Logf("seed %d, and for each trial one more", seed)
	all := make([]contest, count)
	var next atomic.Int64
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for n := int(next.Add(1)) - 1; n < count; n = int(next.Add(1)) - 1 {
				all[n] = contend(t.Context(), t.TempDir(), seed+uint64(n), write)
			}
		})
	}
	running.Wait()
	for n, got := range all {
		if got.err != nil {
			t.Fatalf("trial %d: %v", n, got.err)
		}
	}
	return all
}

// TestAWriterWithoutALockCostsNoProfile is K3: Write and a program that truncates change one file at random moments. Each may
// overwrite what the other has just written, so that is only counted; the profiles of others stay.
func TestAWriterWithoutALockCostsNoProfile(t *testing.T) {
	lost, overwritten, refused, theirs, stood := 0, 0, 0, 0, 0
	trials := contests(t, full(t, 16, 1000), Write)
	for n, got := range trials {
		theirs += got.cli.updates
		refused += got.refused
		if got.overwritten {
			overwritten++
		}
		switch {
		case got.cli.stood > 2*time.Second: // the machine did, and Write waits no longer
			stood++
			t.Logf("trial %d is not judged: the file was empty for %s; lost %q", n, got.cli.stood, got.lost)
		case len(got.lost) > 0:
			lost++
			t.Errorf("trial %d: lost %q", n, got.lost)
		}
	}
	t.Logf("%d trials of 20 updates, against %d of a program without a lock: %d lost a profile; %d updates were refused and tried again; the last of ours was overwritten in %d",
		len(trials)-stood, theirs, lost, refused, overwritten)
	if stood > len(trials)/100 {
		t.Error("too few trials")
	}
}

// The check finds a writer that takes a file as it is just after it has been truncated.
func TestTheCheckOfProfilesFindsACarelessWriter(t *testing.T) {
	trials := contests(t, full(t, 16, 300), func(_ context.Context, path string, c Change) (bool, error) {
		old, err := os.ReadFile(path)
		if err != nil {
			return false, err
		}
		out, err := Apply(old, c)
		if err != nil {
			return false, err
		}
		return true, errors.Join(os.WriteFile(path+".new", out, 0o600), os.Rename(path+".new", path))
	})
	found := 0
	for _, got := range trials {
		if len(got.lost) > 0 {
			found++
		}
	}
	t.Logf("%d of %d trials lost a profile", found, len(trials))
	if found < len(trials)/2 {
		t.Error("want most")
	}
}
