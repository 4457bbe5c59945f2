package diskcache

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/internal/boottime"
)

var testKey = bytes.Repeat([]byte{7}, 32)

const secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

// source gives credentials of a life, and counts.
type source struct {
	mu    sync.Mutex
	life  time.Duration
	calls int
	fails error
	slow  time.Duration
}

func (s *source) obtain(ctx context.Context) (Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	select {
	case <-time.After(s.slow):
	case <-ctx.Done():
		return Entry{}, ctx.Err()
	}
	if s.fails != nil {
		return Entry{}, s.fails
	}
	return Entry{Credentials: aws.Credentials{
		AccessKeyID: fmt.Sprintf("ASIA%016d", s.calls), SecretAccessKey: secretKey, SessionToken: "token", AccountID: "123456789012", Source: "test",
		CanExpire: true, Expires: time.Now().Add(s.life).UTC().Truncate(time.Second),
	}, Extra: json.RawMessage(`{"arn":"x"}`)}, nil
}

func open(t *testing.T, dir string) *Cache {
	t.Helper()
	c, err := Open(dir, testKey)
	if err != nil {
		t.Fatal(err)
	}
	c.Problem = func(err error) { t.Errorf("the cache cannot be used: %v", err) }
	return c
}

func mustGet(t *testing.T, c *Cache, request string, s *source) Entry {
	t.Helper()
	e, err := c.Get(t.Context(), []byte(request), s.obtain)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWhatIsHeldIsGivenWithoutACall(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	s := &source{life: time.Hour}
	first := mustGet(t, open(t, dir), "request", s)
	second := mustGet(t, open(t, dir), "request", s)
	if s.calls != 1 || first.Credentials != second.Credentials || string(second.Extra) != `{"arn":"x"}` {
		t.Errorf("got %d calls, %+v", s.calls, second.Extra)
	}
	if mustGet(t, open(t, dir), "another request", s); s.calls != 2 {
		t.Errorf("got %d calls for two requests, want 2", s.calls)
	}
	all, err := open(t, dir).List()
	if err != nil || len(all) != 2 || !all[0].Readable || !strings.HasPrefix(all[0].Credentials.AccessKeyID, "ASIA") {
		t.Errorf("got %v, %v", all, err)
	}
	n, err := open(t, dir).Clear(t.Context())
	if left := names(t, dir); n != 2 || err != nil || left != "" {
		t.Errorf("cleared %d, %v; left %s", n, err, left)
	}
	if mustGet(t, open(t, dir), "request", s); s.calls != 3 {
		t.Errorf("got %d calls, want another after it was cleared", s.calls)
	}
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// age moves all times of what is held into the past.
func age(t *testing.T, c *Cache, request string, by time.Duration) {
	t.Helper()
	name := c.name([]byte(request))
	r, err := c.read(name)
	if err != nil || r == nil {
		t.Fatal(r, err)
	}
	for _, moment := range []*time.Time{&r.Obtained, &r.Renew, &r.Expires} {
		*moment = moment.Add(-by)
	}
	if !r.Retry.IsZero() {
		r.Retry = r.Retry.Add(-by)
	}
	if err := c.write(name, r); err != nil {
		t.Fatal(err)
	}
}

// Renewal is at 50 to 75 % of the life; while it fails, what is held serves to its end.
func TestRenewal(t *testing.T) {
	c := open(t, t.TempDir())
	if err := os.Chmod(c.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &source{life: time.Hour}
	mustGet(t, c, "r", s)
	age(t, c, "r", 29*time.Minute)
	if mustGet(t, c, "r", s); s.calls != 1 {
		t.Fatalf("got %d calls before half of the life", s.calls)
	}
	age(t, c, "r", 17*time.Minute)
	away := errors.New("nobody answers")
	s.fails = away
	for range 5 {
		if got := mustGet(t, c, "r", s); got.Credentials.AccessKeyID != "ASIA0000000000000001" {
			t.Fatalf("got %s, want what is held", got.Credentials.AccessKeyID)
		}
	}
	if s.calls < 2 || s.calls > 4 {
		t.Errorf("got %d calls, want few: there is a wait between them", s.calls)
	}
	age(t, c, "r", 15*time.Minute)
	if _, err := c.Get(t.Context(), []byte("r"), s.obtain); !errors.Is(err, away) {
		t.Errorf("after the end: got %v, want %v", err, away)
	}
	s.fails = nil
	if got := mustGet(t, c, "r", s); time.Until(got.Credentials.Expires) < 59*time.Minute {
		t.Errorf("got an end at %s", got.Credentials.Expires)
	}
	age(t, c, "r", 50*time.Minute)
	before := s.calls
	if mustGet(t, c, "r", s); s.calls != before+1 {
		t.Error("after 75 % of the life it is not renewed")
	}
}

// An attempt to renew does not hold up what is good for long.
func TestASlowRenewalIsLeft(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "c"))
	s := &source{life: time.Hour}
	mustGet(t, c, "r", s)
	age(t, c, "r", 50*time.Minute)
	s.slow = time.Hour
	start := time.Now()
	mustGet(t, c, "r", s)
	if took := time.Since(start); took < patience || took > patience+10*time.Second {
		t.Errorf("it took %s, want %s", took, patience)
	}
}

// What was obtained at a time that is yet to come was obtained before the clock was set back: nobody knows how old it is.
func TestAClockThatWasSetBack(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "c"))
	s := &source{life: time.Hour}
	mustGet(t, c, "r", s)
	age(t, c, "r", -2*time.Hour)
	if mustGet(t, c, "r", s); s.calls != 2 {
		t.Errorf("got %d calls, want 2", s.calls)
	}
}

// What was obtained while the clock was ahead has the end that its life has, and is not given beyond it.
func TestAClockThatWasAhead(t *testing.T) {
	if boottime.Boot() == "" {
		t.Skip("left out: this system does not name its boots")
	}
	c := open(t, filepath.Join(t.TempDir(), "c"))
	s := &source{life: time.Hour}
	mustGet(t, c, "r", s)
	passed := func(by time.Duration, boot string) {
		t.Helper()
		name := c.name([]byte("r"))
		r, err := c.read(name)
		if err != nil {
			t.Fatal(err)
		}
		r.Since -= by
		r.Boot = boot
		if err := c.write(name, r); err != nil {
			t.Fatal(err)
		}
	}
	passed(70*time.Minute, "another host's")
	if mustGet(t, c, "r", s); s.calls != 1 {
		t.Errorf("got %d calls, want 1: the clock of another host says nothing", s.calls)
	}
	passed(-50*time.Minute, boottime.Boot())
	if got := mustGet(t, c, "r", s); s.calls != 1 || time.Until(got.Credentials.Expires).Round(time.Minute) != 40*time.Minute {
		t.Errorf("got an end in %s after %d calls, want 40m0s after 1", time.Until(got.Credentials.Expires), s.calls)
	}
	passed(50*time.Minute, boottime.Boot())
	if mustGet(t, c, "r", s); s.calls != 2 {
		t.Errorf("got %d calls, want 2: the life is over", s.calls)
	}
}

func TestWhatHasNoEndIsNotHeld(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "c"))
	calls := 0
	for range 2 {
		if _, err := c.Get(t.Context(), nil, func(context.Context) (Entry, error) {
			calls++
			return Entry{Credentials: aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "s"}}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := c.List(); calls != 2 || len(all) != 0 || err != nil {
		t.Errorf("got %d calls, %v, %v", calls, all, err)
	}
}

// Every flipped byte and every cut, another version, another request's file and another key: it is as if there were nothing.
func TestWhatCannotBeUsedIsObtainedAnew(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "c"))
	s := &source{life: time.Hour}
	mustGet(t, c, "r", s)
	path := filepath.Join(c.dir, c.name([]byte("r"))+suffix)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(good, []byte(secretKey[:8])) || bytes.Contains(good, []byte("ASIA")) {
		t.Error("the file is not encrypted")
	}
	check := func(what string, content []byte) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := c.read(c.name([]byte("r"))); r != nil || err != nil {
			t.Errorf("%s: got %v, %v, want nothing", what, r, err)
		}
	}
	for i := range good {
		flipped := bytes.Clone(good)
		flipped[i] ^= 1
		check(fmt.Sprintf("byte %d flipped", i), flipped)
		check(fmt.Sprintf("cut to %d bytes", i), good[:i])
	}
	check("another version", append([]byte("awsauth credentials 0\n"), good[len(magic):]...))
	check("a plain file", []byte(`{"access_key_id":"AKIA","secret_access_key":"s"}`))
	if mustGet(t, c, "r", s); s.calls != 2 {
		t.Errorf("got %d calls, want another", s.calls)
	}

	mustGet(t, c, "other", s)
	others, err := os.ReadFile(filepath.Join(c.dir, c.name([]byte("other"))+suffix))
	if err != nil {
		t.Fatal(err)
	}
	check("another request's", others)
	if _, err := Open(c.dir, []byte("short")); err == nil {
		t.Error("a short key is taken")
	}
	mustGet(t, c, "r", s)
	foreign, err := Open(c.dir, bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := foreign.read(c.name([]byte("r"))); r != nil || err != nil {
		t.Errorf("another key: got %v, %v", r, err)
	}
}

// A directory or file of others is neither read nor written: credentials are obtained without it, and that is told.
func TestWhatIsNotForItsOwnerAloneIsLeftAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("left out: there are no modes")
	}
	for name, spoil := range map[string]func(t *testing.T, c *Cache) string{
		"a directory that others can read": func(t *testing.T, c *Cache) string {
			if err := os.Chmod(c.dir, 0o755); err != nil {
				t.Fatal(err)
			}
			return c.dir + " has mode 0755: chmod go= " + c.dir
		},
		"a file that others can read": func(t *testing.T, c *Cache) string {
			path := filepath.Join(c.dir, c.name([]byte("r"))+suffix)
			if err := os.Chmod(path, 0o644); err != nil {
				t.Fatal(err)
			}
			return path + " has mode 0644: chmod go= " + path
		},
		"a directory of another user": func(t *testing.T, c *Cache) string {
			if os.Getuid() != 0 {
				t.Skip("left out: only root can give files away")
			}
			if err := os.Chown(c.dir, 54321, 54321); err != nil {
				t.Fatal(err)
			}
			return c.dir + " belongs to another user"
		},
		"a file in the directory's place": func(t *testing.T, c *Cache) string {
			if err := errors.Join(os.RemoveAll(c.dir), os.WriteFile(c.dir, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
			return "not a directory"
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t, filepath.Join(t.TempDir(), "c"))
			s := &source{life: time.Hour}
			mustGet(t, c, "r", s)
			want := spoil(t, c)
			var told []string
			c.Problem = func(err error) { told = append(told, err.Error()) }
			mustGet(t, c, "r", s)
			if s.calls != 2 || len(told) != 1 || !strings.Contains(told[0], want) {
				t.Errorf("got %d calls, %q, want %q", s.calls, told, want)
			}
		})
	}
}

// childVariable makes the test's program one that gets credentials once.
const childVariable = "AWSAUTH_DISKCACHE_TEST"

func TestMain(m *testing.M) {
	dir := os.Getenv(childVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	c, err := Open(filepath.Join(dir, "cache"), testKey)
	if err == nil {
		c.Problem = func(err error) { fmt.Println("problem:", err) }
		_, err = c.Get(context.Background(), []byte("r"), func(ctx context.Context) (Entry, error) {
			f, err := os.CreateTemp(dir, "call-")
			if err != nil {
				return Entry{}, err
			}
			if err := f.Close(); err != nil {
				return Entry{}, err
			}
			return (&source{life: time.Hour, slow: 300 * time.Millisecond}).obtain(ctx)
		})
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func TestFiftyProcessesMakeOneCall(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			c := exec.CommandContext(t.Context(), self)
			c.Env = append(os.Environ(), childVariable+"="+dir, "GORACE=atexit_sleep_ms=0")
			if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	all.Wait()
	calls, err := filepath.Glob(filepath.Join(dir, "call-*"))
	if err != nil || len(calls) != 1 {
		t.Errorf("got %d calls, %v, want 1", len(calls), err)
	}
}

// What nobody can use any more goes, and what a killed writer has left.
func TestOldFilesGo(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "c"))
	s := &source{life: time.Hour}
	mustGet(t, c, "old", s)
	left := filepath.Join(c.dir, ".awsauth-1234.tmp")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-25 * time.Hour)
	for _, path := range []string{left, filepath.Join(c.dir, c.name([]byte("old"))+suffix)} {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	mustGet(t, c, "new", s)
	if got := names(t, c.dir); strings.Contains(got, "tmp") || strings.Count(got, suffix) != 1 {
		t.Errorf("left: %s", got)
	}
}

func FuzzFile(f *testing.F) {
	c := &Cache{key: testKey}
	good, err := c.seal("n", []byte(`{"access_key_id":"ASIA","secret_access_key":"s","expires":"2026-11-27T12:00:00Z"}`))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{good, nil, []byte(magic), good[:len(good)-1]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sealed []byte) {
		plain, err := c.unseal("n", sealed)
		if err == nil && !bytes.Equal(sealed, good) {
			t.Errorf("a file that nobody has sealed opens: %q", plain)
		}
	})
}

// Who holds credentials itself is told when a renewal has failed.
func TestRenewSaysWhatHasFailed(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "c"))
	s := &source{life: time.Hour}
	mustGet(t, c, "r", s)
	if e, err := c.Renew(t.Context(), []byte("r"), s.obtain); err != nil || e.Credentials.AccessKeyID != "ASIA0000000000000001" || s.calls != 1 {
		t.Errorf("before it is due: got %s, %v, %d calls", e.Credentials.AccessKeyID, err, s.calls)
	}
	age(t, c, "r", 50*time.Minute)
	s.fails = errors.New("nobody answers")
	if _, err := c.Renew(t.Context(), []byte("r"), s.obtain); !errors.Is(err, s.fails) {
		t.Errorf("got %v, want %v", err, s.fails)
	}
	mustGet(t, c, "r", s) // others are given what is good
}

func TestAKeyOfItsOwn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	var keys [10][]byte
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			var err error
			if keys[i], err = OwnKey(t.Context(), dir); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, key := range keys {
		if len(key) != keySize || !bytes.Equal(key, keys[0]) {
			t.Fatalf("got different keys: %x and %x", key, keys[0])
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if key, err := OwnKey(t.Context(), dir); err != nil || len(key) != keySize {
		t.Errorf("a damaged key: got %x, %v, want another", key, err)
	}
}

// Locks of what is no longer held go with it.
func TestOldLocksGo(t *testing.T) {
	c := open(t, filepath.Join(t.TempDir(), "c"))
	s := &source{life: time.Hour}
	for i := range 5 {
		mustGet(t, c, fmt.Sprint("old ", i), s)
	}
	old := time.Now().Add(-25 * time.Hour)
	for _, name := range strings.Fields(names(t, c.dir)) {
		if err := os.Chtimes(filepath.Join(c.dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	mustGet(t, c, "new", s) // removes the files
	mustGet(t, c, "newer", s)
	if got := names(t, c.dir); strings.Count(got, lockSuffix) != 2 || strings.Count(got, suffix) != 2 {
		t.Errorf("left: %s", got)
	}
}
