package identity

import (
	"bytes"
	"context"
	"crypto/x509"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

func TestLinksToRegularFilesAreFollowed(t *testing.T) {
	dir := t.TempDir()
	for _, l := range [][2]string{{"..data", "..2026"}, {"client.pem", "..data/client.pem"}} {
		if err := os.Symlink(l[1], filepath.Join(dir, l[0])); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "..2026"), 0o700); err != nil {
		t.Fatal(err)
	}
	leaf := newLeaf(t, "leaf", nil)
	writeFile(t, filepath.Join(dir, "..2026", "client.pem"), join(certPEM(leaf), keyPEM(t, leaf.key)))
	id, err := File{Certificate: filepath.Join(dir, "client.pem")}.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkIdentity(t, id, leaf.Certificate)
}

func TestThePasswordIsAskedForOnceAUseAndOnlyWhenNeeded(t *testing.T) {
	var asked []string
	f := File{
		Certificate: vector("p384.pem"), // does not belong to the key, which is found out late
		PrivateKey:  vector("p256.enc.key"),
		Password: func(_ context.Context, file string) ([]byte, error) {
			asked = append(asked, file)
			return []byte("secret"), nil
		},
	}
	_, err := f.Identity(t.Context())
	checkError(t, err, ErrKeyMismatch)
	if len(asked) != 1 || asked[0] != f.PrivateKey {
		t.Errorf("asked for %q", asked)
	}
	f.Certificate = vector("p256.pem")
	if _, err := f.Identity(t.Context()); err != nil || len(asked) != 2 {
		t.Errorf("asked for %q: %v", asked, err)
	}
}

func TestAPasswordIsNotAskedForAgainWhenFilesChangeMeanwhile(t *testing.T) {
	cert := filepath.Join(t.TempDir(), "cert")
	writeFile(t, cert, readFile(t, vector("p384.pem")))
	asked := 0
	f := File{Certificate: cert, PrivateKey: vector("p256.enc.key")}
	f.Password = func(context.Context, string) ([]byte, error) {
		asked++
		writeFile(t, cert, readFile(t, vector("p256.pem")))
		return []byte("secret"), nil
	}
	id, err := f.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checkInvariant(t, id)
	if asked != 1 {
		t.Errorf("asked %d times, want once", asked)
	}
}

// A host that takes all the time for one look looks again all the same.
func TestABusyHostLooksAgain(t *testing.T) {
	cert := filepath.Join(t.TempDir(), "cert")
	writeFile(t, cert, readFile(t, vector("p384.pem")))
	f := File{Certificate: cert, PrivateKey: vector("p256.enc.key")}
	f.Password = func(context.Context, string) ([]byte, error) {
		time.Sleep(2 * patience)
		writeFile(t, cert, readFile(t, vector("p256.pem")))
		return []byte("secret"), nil
	}
	if _, err := f.Identity(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTwoEncryptedKeysInAFileNeedThePasswordOnce(t *testing.T) {
	asked := 0
	b := one(bytes.Repeat(readFile(t, "testdata/seeds/encrypted.pem"), 2))
	b.Password = func(context.Context, string) ([]byte, error) {
		asked++
		return []byte("secret"), nil
	}
	if _, err := Parse(t.Context(), b); err != nil || asked != 1 {
		t.Errorf("asked %d times, want once: %v", asked, err)
	}
}

func TestWaitingForFilesEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := File{Certificate: filepath.Join(t.TempDir(), "missing")}.Identity(ctx)
	checkError(t, err, context.Canceled, "missing")
}

// rotation replaces the files of a pair in one of the ways that tools have.
type rotation func(t *testing.T, dir string, cert, key []byte)

func TestARotatedPairIsReadAsOne(t *testing.T) {
	for _, test := range []struct {
		name   string
		rotate rotation
	}{
		{"written in place, certificate first", func(t *testing.T, dir string, cert, key []byte) {
			writeFile(t, dir+"/live/cert", cert)
			writeFile(t, dir+"/live/key", key)
		}},
		{"written in place, key first and slowly", func(t *testing.T, dir string, cert, key []byte) {
			for name, data := range map[string][]byte{"key": key, "cert": cert} {
				file, err := os.Create(dir + "/live/" + name)
				if err != nil {
					t.Fatal(err)
				}
				for _, half := range [][]byte{data[:len(data)/2], data[len(data)/2:]} {
					if _, err := file.Write(half); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Millisecond)
				}
				if err := file.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"renamed", func(t *testing.T, dir string, cert, key []byte) {
			for name, data := range map[string][]byte{"key": key, "cert": cert} {
				writeFile(t, dir+"/new", data)
				if err := os.Rename(dir+"/new", dir+"/live/"+name); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"swapped by a link, as Kubernetes does", func(t *testing.T, dir string, cert, key []byte) {
			next, err := os.MkdirTemp(dir, "data")
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, next+"/cert", cert)
			writeFile(t, next+"/key", key)
			old, _ := os.Readlink(dir + "/live")
			if old == "" { // the directory of the first pair
				if err := os.Rename(dir+"/live", dir+"/first"); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(next, dir+"/link"); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(dir+"/link", dir+"/live"); err != nil {
				t.Fatal(err)
			}
			if old != "" {
				if err := os.RemoveAll(old); err != nil {
					t.Fatal(err)
				}
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) { readWhileRotating(t, test.rotate) })
	}
}

func readWhileRotating(t *testing.T, rotate rotation) {
	const reads = 600
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/live", 0o700); err != nil {
		t.Fatal(err)
	}
	type pair struct{ cert, key []byte }
	var pairs []pair
	for range 4 {
		leaf := newLeaf(t, "leaf", nil)
		pairs = append(pairs, pair{certPEM(leaf), keyPEM(t, leaf.key)})
	}
	writeFile(t, dir+"/live/cert", pairs[0].cert)
	writeFile(t, dir+"/live/key", pairs[0].key)

	done := make(chan struct{})
	rotations := 0
	var writer sync.WaitGroup
	writer.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(3 * time.Millisecond):
				rotations++
				p := pairs[rotations%len(pairs)]
				rotate(t, dir, p.cert, p.key)
			}
		}
	})
	f := File{Certificate: dir + "/live/cert", PrivateKey: dir + "/live/key"}
	seen := map[string]bool{}
	for range reads {
		id, err := f.Identity(t.Context())
		if err != nil {
			t.Error(err)
			break
		}
		checkInvariant(t, id)
		seen[id.Certificate.SerialNumber.String()] = true
	}
	close(done)
	writer.Wait()
	if len(seen) < 2 {
		t.Errorf("saw %d pairs in %d rotations, want at least 2", len(seen), rotations)
	}
}

// Every certificate here links with every chain, so only reading all files as
// of one moment keeps those of a generation together.
func TestFilesOfTwoGenerationsAreNeverMixed(t *testing.T) {
	dir := t.TempDir()
	p := newPKI(t)
	const generations, reads = 64, 400
	for g := range generations {
		numbered := func(c *x509.Certificate) { c.SerialNumber = big.NewInt(int64(g + 1)) }
		generation := filepath.Join(dir, strconv.Itoa(g))
		if err := os.Mkdir(generation, 0o700); err != nil {
			t.Fatal(err)
		}
		leaf := newCertificate(t, "leaf", p.leaf.key, p.intermediate, numbered)
		intermediate := newCertificate(t, "Intermediate", p.intermediate.key, p.root, func(c *x509.Certificate) { authority(c); numbered(c) })
		writeFile(t, generation+"/cert", join(certPEM(leaf), keyPEM(t, leaf.key)))
		writeFile(t, generation+"/chain", certPEM(intermediate))
	}
	live := filepath.Join(dir, "live")
	swap := func(g int) {
		if err := os.Symlink(strconv.Itoa(g%generations), live+".new"); err != nil {
			t.Error(err)
		}
		if err := os.Rename(live+".new", live); err != nil {
			t.Error(err)
		}
	}
	swap(0)
	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for g := 1; ; g++ {
			select {
			case <-done:
				return
			case <-time.After(200 * time.Microsecond):
				swap(g)
			}
		}
	})
	f := File{Certificate: live + "/cert", Chain: live + "/chain"}
	for range reads {
		id, err := f.Identity(t.Context())
		if err != nil {
			t.Error(err)
			break
		}
		if leaf, issuer := id.Certificate.SerialNumber, id.Chain[0].SerialNumber; leaf.Cmp(issuer) != 0 {
			t.Errorf("got the leaf of generation %v with the chain of %v", leaf, issuer)
		}
	}
	close(done)
	writer.Wait()
}

func TestARenewedCertificateIsSeenAtTheNextUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "client.pem")
	f := File{Certificate: path}
	for range 3 {
		leaf := newLeaf(t, "leaf", nil)
		writeFile(t, path, join(certPEM(leaf), keyPEM(t, leaf.key)))
		id, err := f.Identity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkIdentity(t, id, leaf.Certificate)
	}
}
