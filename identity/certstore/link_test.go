package certstore

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/pki"
)

// world is a certificate's files, a tool that renews them in every way there is, and what a linkSource makes of them.
type world struct {
	t      *testing.T
	dir    string
	link   Link
	layout string
	chaos  *rand.Rand
	settle time.Duration
	pause  time.Duration // the longest that a writer rests between two pieces
	serial int

	issued sync.Map     // serial numbers of all that was ever written as a whole pair
	gap    atomic.Int64 // the longest time that a file has been incomplete without a write, in ns
	tally  map[string]int
}

// layouts are the ways in which certificates lie in directories.
var layouts = []string{"certificate and key", "one file", "certificate, chain and key", "kubernetes", "certbot"}

func newWorld(t *testing.T, seed uint64, layout string, settle, pause time.Duration) *world {
	w := &world{
		t: t, dir: t.TempDir(), layout: layout, chaos: rand.New(rand.NewPCG(seed, 1)), settle: settle, pause: pause, tally: map[string]int{},
	}
	at := func(name string) string { return filepath.Join(w.dir, name) }
	switch layout {
	case "one file":
		w.link = Link{Certificate: at("bundle.pem")}
	case "certificate, chain and key":
		w.link = Link{Certificate: at("cert.pem"), PrivateKey: at("privkey.pem"), Chain: at("chain.pem")}
	default:
		w.link = Link{Certificate: at("tls.crt"), PrivateKey: at("tls.key")}
	}
	id := w.issue()
	switch layout {
	case "kubernetes":
		w.swapDirectory(id)
		for _, path := range []string{w.link.Certificate, w.link.PrivateKey} {
			w.must(os.Symlink(filepath.Join("..data", filepath.Base(path)), path))
		}
	case "certbot":
		w.must(os.Mkdir(at("archive"), 0o700))
		w.swapLinks(id)
	default:
		for path, data := range w.files(id) {
			w.must(os.WriteFile(path, data, 0o600))
		}
	}
	return w
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Error(err)
	}
}

func (w *world) issue() *identity.Identity {
	id, err := authority().Issue(pki.Leaf{CommonName: "client"})
	w.must(err)
	w.issued.Store(id.Certificate.SerialNumber.String(), true)
	return id
}

// files are what an identity's files hold.
func (w *world) files(id *identity.Identity) map[string][]byte {
	key, err := pki.KeyPEM(id.Key)
	w.must(err)
	switch {
	case w.link.PrivateKey == "":
		parts := [][]byte{MarshalCertificates(id.Certificate, nil), MarshalCertificates(id.Chain[0], nil), key}
		w.chaos.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		return map[string][]byte{w.link.Certificate: bytes.Join(parts, nil)}
	case w.link.Chain != "":
		return map[string][]byte{
			w.link.Certificate: MarshalCertificates(id.Certificate, nil), w.link.PrivateKey: key, w.link.Chain: MarshalCertificates(id.Chain[0], nil),
		}
	}
	return map[string][]byte{w.link.Certificate: certificatesPEM(id), w.link.PrivateKey: key}
}

// rotate replaces the pair, in a way that the layout's tools have, and perhaps after a try that went wrong.
func (w *world) rotate() *identity.Identity {
	id := w.issue()
	switch w.layout {
	case "kubernetes":
		w.swapDirectory(id)
		return id
	case "certbot":
		w.swapLinks(id)
		return id
	}
	if w.chaos.IntN(4) == 0 { // the wrong pair first: a key and a certificate that are not each other's
		w.tally["wrong pair first"]++
		wrong := w.files(w.issue())
		paths := slices.Sorted(maps.Keys(wrong))
		path := paths[w.chaos.IntN(len(paths))]
		if path != w.link.Certificate || w.link.PrivateKey != "" {
			w.put(path, wrong[path])
			w.rest()
		}
	}
	files := w.files(id)
	paths := slices.Sorted(maps.Keys(files))
	w.chaos.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
	w.tally["first "+filepath.Base(paths[0])]++
	for _, path := range paths {
		w.put(path, files[path])
		w.rest()
	}
	return id
}

// rest rests for a random time, often none.
func (w *world) rest() {
	if w.chaos.IntN(2) == 0 && w.pause > 0 {
		time.Sleep(time.Duration(w.chaos.Int64N(int64(w.pause))))
	}
}

// put replaces one file, in place or by renaming.
func (w *world) put(path string, data []byte) {
	w.serial++
	switch w.chaos.IntN(4) {
	case 0:
		w.tally["renamed"]++
		temporary := filepath.Join(w.dir, fmt.Sprintf("tmp-%d", w.serial))
		w.must(os.WriteFile(temporary, data, 0o600))
		if w.chaos.IntN(2) == 0 { // as mv and cp -p do, with the time that it had elsewhere
			old := time.Now().Add(-time.Hour)
			w.must(os.Chtimes(temporary, old, old))
		}
		w.must(os.Rename(temporary, path))
	default:
		w.tally["in place"]++
		w.overwrite(path, data)
	}
}

// overwrite truncates a file and writes it in pieces, which may end anywhere, also between two certificates.
func (w *world) overwrite(path string, data []byte) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		w.must(err)
		return
	}
	last := time.Now()
	for len(data) > 0 {
		n := 1 + w.chaos.IntN(len(data))
		if between := bytes.Index(data[1:], []byte("-----BEGIN")); between >= 0 && w.chaos.IntN(2) == 0 {
			n = between + 1
		}
		w.rest()
		_, err := f.Write(data[:n])
		w.must(err)
		w.gap.Store(max(w.gap.Load(), int64(time.Since(last))))
		last = time.Now()
		data = data[n:]
	}
	w.must(f.Close())
}

// swapDirectory is how the kubelet renews what it has mounted: a new directory, and a link renamed over that to the old.
func (w *world) swapDirectory(id *identity.Identity) {
	w.serial++
	w.tally["directory swapped"]++
	name := fmt.Sprintf("..%d", w.serial)
	w.must(os.Mkdir(filepath.Join(w.dir, name), 0o700))
	for path, data := range w.files(id) {
		w.must(os.WriteFile(filepath.Join(w.dir, name, filepath.Base(path)), data, 0o600))
	}
	before, _ := os.Readlink(filepath.Join(w.dir, "..data"))
	w.must(os.Symlink(name, filepath.Join(w.dir, "..data_tmp")))
	w.must(os.Rename(filepath.Join(w.dir, "..data_tmp"), filepath.Join(w.dir, "..data")))
	w.rest()
	if before != "" {
		w.must(os.RemoveAll(filepath.Join(w.dir, before)))
	}
}

// swapLinks is how certbot does: new files in its archive, and then each link is removed and made again.
func (w *world) swapLinks(id *identity.Identity) {
	w.serial++
	w.tally["links swapped"]++
	files := w.files(id)
	paths := slices.Sorted(maps.Keys(files))
	for _, path := range paths {
		w.must(os.WriteFile(filepath.Join(w.dir, "archive", fmt.Sprintf("%d-%s", w.serial, filepath.Base(path))), files[path], 0o600))
	}
	w.chaos.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
	for _, path := range paths {
		_ = os.Remove(path)
		w.rest()
		w.must(os.Symlink(filepath.Join("archive", fmt.Sprintf("%d-%s", w.serial, filepath.Base(path))), path))
		w.rest()
	}
}

// source is what a program has that has used the pair already.
func (w *world) source() *linkSource {
	s := &Store{}
	l := s.linkSource("web", w.link)
	l.settle = w.settle
	return l
}

// anyChain, as the quiet time of check, lets a chain be missing: a reader that has just started cannot tell one that is still
// being written from one that is short, when the writer is held up for longer than the reader waits.
const anyChain = 0

// check demands a whole pair that was written as one. A chain may be missing only when the writer, which runs on a machine
// that may be busy, was held up for about as long as a reader waits: files are dated by a clock that ticks coarsely.
func (w *world) check(id *identity.Identity, quiet time.Duration) {
	serial := id.Certificate.SerialNumber.String()
	if _, known := w.issued.Load(serial); !known {
		w.t.Errorf("%s: got a certificate that was never written", w.layout)
	}
	if err := matches(id); err != nil {
		w.t.Errorf("%s: %v", w.layout, err)
	}
	if len(id.Chain) != 1 && time.Duration(w.gap.Load()) < quiet/2 {
		w.t.Errorf("%s: got a chain of %d, and no writer was held up for %s", w.layout, len(id.Chain), quiet/2)
	}
}

// interleave rotates while programs read: one that has used the pair before, and others that have just started.
func (w *world) interleave(rotations int) {
	veteran := w.source()
	first, err := veteran.Identity(w.t.Context())
	if err != nil {
		w.t.Errorf("%s: %v", w.layout, err)
		return
	}
	w.check(first, anyChain)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			id, err := veteran.Identity(w.t.Context())
			if err != nil { // never, once a good pair is known
				w.t.Errorf("%s: %v", w.layout, err)
				return
			}
			w.check(id, shortened*w.settle)
			time.Sleep(time.Millisecond)
		}
	})
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			id, err := w.source().Identity(w.t.Context())
			switch {
			case err == nil:
				w.check(id, anyChain)
			case errors.Is(err, identity.ErrUnsupported) && time.Duration(w.gap.Load()) < w.settle/2: // a few bytes are no other format
				w.t.Errorf("%s: %v", w.layout, err)
			}
			time.Sleep(time.Millisecond)
		}
	})
	for range rotations {
		id := w.rotate()
		if w.chaos.IntN(4) != 0 {
			w.pickUp(veteran, id)
		}
	}
	w.pickUp(veteran, w.rotate())
	close(stop)
	readers.Wait()
}

// pickUp waits until the new pair is used.
func (w *world) pickUp(l *linkSource, want *identity.Identity) {
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		id, err := l.Identity(w.t.Context())
		if err != nil {
			w.t.Errorf("%s: %v", w.layout, err)
			return
		}
		if id.Certificate.Equal(want.Certificate) && len(id.Chain) == 1 {
			return
		}
		if time.Since(start) > patienceOfTests {
			w.t.Errorf("%s: the new pair is not used", w.layout)
			return
		}
	}
}

func TestOnlyWholePairsAreUsedHoweverFilesAreReplaced(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("left out: it needs symbolic links, and files that can be renamed over while they are read")
	}
	const (
		settle = 20 * time.Millisecond // more than a tick of a file system's clock
		worlds = 20
	)
	interleavings := full(t, 400, 6000)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var all sync.WaitGroup
	every := make([]*world, worlds)
	for i := range worlds {
		every[i] = newWorld(t, seed+uint64(i), layouts[i%len(layouts)], settle, settle/4)
		all.Go(func() { every[i].interleave(interleavings / worlds) })
	}
	all.Wait()
	tally, held := map[string]int{}, 0
	for _, w := range every {
		for what, n := range w.tally {
			tally[what] += n
		}
		if time.Duration(w.gap.Load()) >= settle {
			held++
		}
	}
	t.Logf("%d interleavings in %d places, in %d of which a writer was held up for %s or more: %v", interleavings, worlds, held, settle, tally)
}

// The rule is the same with the times that programs use, and what was written is used well within five seconds.
func TestTheRealTimesOfALink(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("left out: it needs symbolic links, and files that can be renamed over while they are read")
	}
	// A shortened chain is waited for longest: this, and that, and a reading.
	if wait := settleTime + shortened*settleTime; wait >= 5*time.Second-time.Second {
		t.Errorf("a new pair may take %s to be used, which leaves too little of five seconds", wait)
	}
	if settleTime < 5*10*time.Millisecond {
		t.Errorf("files rest for %s: that is not far above a tick of the clock of times of files, which is 10 ms at most", settleTime)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var all sync.WaitGroup
	for i, layout := range layouts {
		w := newWorld(t, seed+uint64(i), layout, settleTime, settleTime/4)
		all.Go(func() { w.interleave(full(t, 2, 50)) })
	}
	all.Wait()
}

// A writer that is held up between leaf and chain takes the chain from nobody who has one, and a chain that is meant to be
// shorter is used all the same.
func TestAChainThatBecomesShorterIsWaitedForLonger(t *testing.T) {
	s, l, _ := linked(t)
	source := s.linkSource("web", l)
	source.settle = 20 * time.Millisecond
	if _, err := source.Identity(t.Context()); err != nil {
		t.Fatal(err)
	}
	renewed := issue(t, "renewed")
	write(t, l.PrivateKey, keyPEM(t, renewed))
	write(t, l.Certificate, MarshalCertificates(renewed.Certificate, nil))
	start := time.Now()
	for {
		id, err := source.Identity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if id.Certificate.Equal(renewed.Certificate) {
			break
		}
		if time.Since(start) > patienceOfTests {
			t.Fatal("the new pair is not used")
		}
	}
	if took := time.Since(start); took < shortened*source.settle*9/10 {
		t.Errorf("a chain that may be incomplete was used after %s", took)
	}
}
