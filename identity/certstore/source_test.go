package certstore

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/identity"
)

// patienceOfTests is how long a test waits for another program before it takes it for hung.
const patienceOfTests = 2 * time.Minute

// A program that was started before a rotation signs with the new pair after it, and never with neither.
func TestAnotherProgramSignsWithTheRotatedPair(t *testing.T) {
	s := freshStore(t)
	add(t, s, "web", "MY S3")
	for _, name := range []string{"web", "my s3"} {
		t.Run(name, func(t *testing.T) {
			c := child(t, "sign "+name, s.dir)
			in, err := c.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			lines := make(chan string)
			go func() {
				defer close(lines)
				for scanner := bufio.NewScanner(out); scanner.Scan(); {
					lines <- scanner.Text()
				}
			}()
			<-lines // the first pair
			slowest := time.Duration(0)
			rotations := full(t, 30, 1000)
			for range rotations {
				id := issue(t, "web")
				err := s.AddAll(t.Context(), []Addition{
					{Identifier: "web", Identity: id, AddOptions: AddOptions{Replace: true}},
					{Identifier: "other", Identity: id, AddOptions: AddOptions{Replace: true}},
				})
				if err != nil {
					t.Fatal(err)
				}
				start := time.Now()
				for {
					line := ""
					select {
					case line = <-lines:
					case <-time.After(patienceOfTests):
						t.Fatal("the other program does not see the new pair")
					}
					if line == id.Certificate.SerialNumber.String() {
						break
					}
					if line == "" || strings.HasPrefix(line, "failed") {
						t.Fatalf("the other program: %s", line)
					}
				}
				slowest = max(slowest, time.Since(start))
			}
			if err := in.Close(); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d rotations, %s; the slowest was seen after %s", rotations, <-lines, slowest)
			if err := c.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// linked is a pair of files, and a store that links to them.
func linked(t *testing.T) (s *Store, l Link, id *identity.Identity) {
	t.Helper()
	s = freshStore(t)
	dir := t.TempDir()
	l = Link{Certificate: filepath.Join(dir, "tls.crt"), PrivateKey: filepath.Join(dir, "tls.key")}
	id = issue(t, "web")
	write(t, l.Certificate, certificatesPEM(id))
	write(t, l.PrivateKey, keyPEM(t, id))
	link(t, s, "web", l)
	return s, l, id
}

func TestALinkedPairStaysInForceWhileAnotherIsWritten(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, l Link)
	}{
		{"a new certificate and the old key", func(t *testing.T, l Link) { write(t, l.Certificate, certificatesPEM(issue(t, "new"))) }},
		{"a new key and the old certificate", func(t *testing.T, l Link) { write(t, l.PrivateKey, keyPEM(t, issue(t, "new"))) }},
		{"an empty certificate", func(t *testing.T, l Link) { write(t, l.Certificate, nil) }},
		{"half a key", func(t *testing.T, l Link) { alter(t, l.PrivateKey, func(b []byte) []byte { return b[:len(b)/2] }) }},
		{"half a chain", func(t *testing.T, l Link) {
			alter(t, l.Certificate, func(b []byte) []byte { return b[:len(b)-100] })
		}},
		{"no certificate", func(t *testing.T, l Link) { remove(t, l.Certificate) }},
		{"no directory", func(t *testing.T, l Link) {
			if err := os.RemoveAll(filepath.Dir(l.Certificate)); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, l, id := linked(t)
			source := s.Source("web")
			for range 3 {
				got, err := source.Identity(t.Context())
				if err != nil || !got.Certificate.Equal(id.Certificate) || len(got.Chain) != 1 {
					t.Fatalf("got %v, %v, want the pair that was there", got, err)
				}
				test.spoil(t, l)
				if _, err := os.Stat(l.Certificate); err != nil {
					test.spoil = func(*testing.T, Link) {}
				}
			}
			// Whoever asks for the state is told.
			all, err := s.List(t.Context())
			if err != nil || len(all) != 1 || all[0].Err == nil || all[0].Identifier != "web" || all[0].Link == nil || !strings.HasPrefix(all[0].Err.Error(), `certificate "web": `) {
				t.Errorf("got %+v, %v, want the reason", all[0], err)
			}
		})
	}
}

func TestAnExpiredPairIsNotUsedInPlaceOfAnError(t *testing.T) {
	s, l, _ := linked(t)
	source := s.linkSource("web", l)
	source.patience = 0
	soon := issueWith(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) })
	write(t, l.Certificate, certificatesPEM(soon))
	write(t, l.PrivateKey, keyPEM(t, soon))
	if _, err := source.Identity(t.Context()); err != nil { // reading does not look at the time
		t.Fatal(err)
	}
	remove(t, l.Certificate)
	_, err := source.Identity(t.Context())
	if want := `certificate "web": identity "` + l.Certificate + `": no such file or directory`; !errors.Is(err, fs.ErrNotExist) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestALinkFollowsItsEntry(t *testing.T) {
	s, _, _ := linked(t)
	source := s.Source("web")
	if _, err := source.Identity(t.Context()); err != nil {
		t.Fatal(err)
	}
	elsewhere := issue(t, "elsewhere")
	path := filepath.Join(t.TempDir(), "client.pem")
	write(t, path, append(certificatesPEM(elsewhere), keyPEM(t, elsewhere)...))
	if err := s.AddLink(t.Context(), "web", Link{Certificate: path}, AddOptions{Replace: true}); err != nil {
		t.Fatal(err)
	}
	got, err := source.Identity(t.Context())
	if err != nil || !got.Certificate.Equal(elsewhere.Certificate) || got.Origin != "web ("+path+")" {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := s.Remove(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	if _, err := source.Identity(t.Context()); !errors.Is(err, ErrNotFound) { // removed is removed
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestALinkedKeyThatIsEncryptedGetsItsPasswordFromTheReference(t *testing.T) {
	s := freshStore(t)
	l := Link{Certificate: "../testdata/vectors/p256.pem", PrivateKey: "../testdata/vectors/p256.enc.key", Password: "env:KEY_PASSWORD"}
	err := s.AddLink(t.Context(), "web", l, AddOptions{})
	if !errors.Is(err, identity.ErrPasswordRequired) {
		t.Errorf("got %v, want ErrPasswordRequired", err)
	}
	s.options.Password = func(_ context.Context, reference, file string) ([]byte, error) {
		if reference != "env:KEY_PASSWORD" || !strings.HasSuffix(file, "p256.enc.key") {
			t.Errorf("asked for %q of %q", reference, file)
		}
		return []byte("secret"), nil
	}
	link(t, s, "web", l)
	if _, err := s.Source("web").Identity(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAFileOfNoFormatIsWaitedForWhileItMayBeInTheMaking(t *testing.T) {
	s, l, _ := linked(t)
	source := s.linkSource("web", l)
	source.patience = time.Hour
	write(t, l.PrivateKey, []byte("-----"))
	_, err := source.once(t.Context())
	if got := source.patienceFor(err); !errors.Is(err, identity.ErrUnsupported) || got != time.Hour {
		t.Errorf("a fresh one: got a patience of %s for %v, want an hour for ErrUnsupported", got, err)
	}
	old := time.Now().Add(-2 * time.Hour)
	for _, path := range []string{l.Certificate, l.PrivateKey} {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	if got := source.patienceFor(err); got != 0 {
		t.Errorf("an old one: got a patience of %s, want none", got)
	}
	// The same for what is awaited whatever its age, because it can be a matter of links and renaming.
	if got := source.patienceFor(identity.ErrKeyMismatch); got != time.Hour {
		t.Errorf("a key of another certificate: got a patience of %s, want an hour", got)
	}
	if got := source.patienceFor(fs.ErrNotExist); got != absence {
		t.Errorf("no file: got a patience of %s, want %s", got, absence)
	}
	if got := source.patienceFor(identity.ErrPasswordRequired); got != 0 {
		t.Errorf("no password: got a patience of %s, want none", got)
	}
}

func TestWaitingForALinkedPairEndsWithTheContext(t *testing.T) {
	s, l, _ := linked(t)
	source := s.linkSource("web", l)
	source.settle = time.Hour
	write(t, l.PrivateKey, keyPEM(t, issue(t, "new")))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := source.Identity(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's end", err)
	}
}

func TestFilesFromTheFutureAreWaitedForOnce(t *testing.T) {
	s, l, id := linked(t)
	future := time.Now().Add(time.Hour)
	for _, path := range []string{l.Certificate, l.PrivateKey} {
		if err := os.Chtimes(path, future, future); err != nil {
			t.Fatal(err)
		}
	}
	source := s.linkSource("web", l)
	now, err := source.state()
	if err != nil {
		t.Fatal(err)
	}
	if got := source.unrest(now, pair{}); got != settleTime {
		t.Errorf("got a wait of %s, want %s", got, settleTime)
	}
	for range 2 {
		got, err := source.Identity(t.Context())
		if err != nil || !got.Certificate.Equal(id.Certificate) {
			t.Fatal(got, err)
		}
		if wait := source.unrest(now, source.known()); wait != 0 {
			t.Errorf("got a wait of %s for what is known, want none", wait)
		}
	}
}

// How long files rest before they are used is a rule of its own, of their times and of what was used last.
func TestTheRestOfFiles(t *testing.T) {
	now := time.Now()
	l := &linkSource{settle: time.Minute}
	old, fresh := state{newest: now.Add(-time.Hour)}, state{newest: now}
	used := func(s state) pair { return pair{&identity.Identity{}, s} }
	for _, test := range []struct {
		name        string
		now         state
		last        pair
		least, most time.Duration
	}{
		{"files that have long been there", old, pair{}, -time.Hour, 0},
		{"files that have just been written", fresh, pair{}, 50 * time.Second, time.Minute},
		{"files from the future", state{newest: now.Add(time.Hour)}, pair{}, time.Minute, time.Minute},
		{"files that were used", fresh, used(fresh), 0, 0},
		{"files that have just been written over others", fresh, used(old), time.Minute, time.Minute},
		{"files with old times that have been renamed over others", old, used(fresh), time.Minute, time.Minute},
	} {
		if got := l.unrest(test.now, test.last); got < test.least || got > test.most {
			t.Errorf("%s: got %s, want %s to %s", test.name, got, test.least, test.most)
		}
	}
}

func TestConcurrentUsesOfOneSource(t *testing.T) {
	s, _, _ := linked(t)
	add(t, s, "kept", "An Alias")
	var all sync.WaitGroup
	for _, name := range []string{"web", "kept", "an alias"} {
		source := s.Source(name)
		for range 4 {
			all.Go(func() {
				for range 5 {
					if id, err := source.Identity(context.Background()); err != nil {
						t.Error(err)
					} else if err := matches(id); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
}
