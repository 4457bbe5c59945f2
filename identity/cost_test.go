package identity

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

func TestADerivationIsChargedAllItsWork(t *testing.T) {
	f := forge{t, nil}
	mac := func(data []byte) func(*budget) error {
		return func(b *budget) error {
			_, err := readMAC((*cryptobyte.String)(&data), b)
			return err
		}
	}
	encryption := func(data []byte) func(*budget) error {
		return func(b *budget) error {
			_, err := readScheme((*cryptobyte.String)(&data), b)
			return err
		}
	}
	for _, test := range []struct {
		name string
		read func(*budget) error
		want int64 // hashes
	}{
		{"a MAC for three passwords", mac(f.mac(1000)), 3000},
		{"a MAC with SHA-1", mac(f.macOf(oidSHA1, 1000)), 3000},
		{"a MAC with SHA-384, which is dear", mac(f.macOf(oidSHA384, 1000)), 9000},
		{"a MAC with SHA-512, which is dear", mac(f.macOf(oidSHA512, 1000)), 9000},
		{"PBMAC1 for two passwords", mac(f.pbmac1(1000)), 4000},
		{"PBMAC1 with a key of two hashes", mac(f.pbmac1Of(oidHMACSHA256, 1000, 33)), 8000},
		{"PBMAC1 with a key of four hashes", mac(f.pbmac1Of(oidHMACSHA1, 1000, 64)), 16000},
		{"PBMAC1 with SHA-512", mac(f.pbmac1Of(oidHMACSHA512, 1000, 64)), 12000},
		{"AES-128", encryption(f.pbes2(f.pbkdf2(1000))), 2000},
		{"AES-256 with SHA-256", encryption(f.pbes2Of(oidAES256CBC, f.pbkdf2(1000))), 2000},
		{"AES-256 with SHA-1, a key of two hashes", encryption(f.pbes2Of(oidAES256CBC, f.pbkdf2Of(oidHMACSHA1, 1000))), 4000},
		{"AES-256 with SHA-384", encryption(f.pbes2Of(oidAES256CBC, f.pbkdf2Of(oidHMACSHA384, 1000))), 6000},
		{"3DES in PKCS#12, a key of two hashes and an IV", encryption(f.pbe(1000)), 3000},
		{"RC2 of 40 bits, a key and an IV", encryption(f.pbeOf(oidPBERC2Bits40, 1000)), 2000},
		{"scrypt", encryption(f.pbes2(f.scrypt(1<<10, 8, 2))), 1 << 17},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := budget{limits: standard()}
			if err := test.read(&b); err != nil {
				t.Fatal(err)
			}
			if b.spent != test.want {
				t.Errorf("charged %d hashes, want %d", b.spent, test.want)
			}
		})
	}
}

func TestTheFilesOfABundleShareTheBudget(t *testing.T) {
	f := forge{t, newLeaf(t, "leaf", nil)}
	safe := der(0x30, f.data(der(0x30, f.certBag(f.leaf))))
	proved := der(0x30, f.integer(3), f.data(safe), f.macProving([]byte{}, safe))
	for _, test := range []struct {
		iterations int64
		want       error
	}{
		{1_999_999, ErrWrongPassword},
		{2_000_000, ErrTooCostly}, // alone it would be allowed,
	} {
		key := f.pkcs8(f.pbes2Of(oidAES256CBC, f.pbkdf2Of(oidHMACSHA1, test.iterations)))
		b := Bundle{Certificate: Part{"store", proved}, PrivateKey: Part{"key", key}, Password: with("secret")}
		_, err := Parse(t.Context(), b)
		checkError(t, err, test.want, "key")
	}
}

// costliest are the files that take the most work under the standard limits,
// or under a part of them.
func costliest(t testing.TB, part int64) map[string][]byte {
	f := forge{t, newLeaf(t, "leaf", nil)}
	clear := f.data(der(0x30, f.certBag(f.leaf)))
	return map[string][]byte{
		"the MAC":                          f.pfx(f.mac(2_000_000/part), clear),
		"the MAC with SHA-512":             f.pfx(f.macOf(oidSHA512, 888_880/part), clear),
		"PBMAC1":                           f.pfx(f.pbmac1(2_000_000/part), clear),
		"PBMAC1 with a key of four hashes": f.pfx(f.pbmac1Of(oidHMACSHA1, 500_000/part, 64), clear),
		"PBMAC1 with SHA-512":              f.pfx(f.pbmac1Of(oidHMACSHA512, 666_660/part, 64), clear),
		"encrypted PKCS#8 with SHA-1":      f.pkcs8(f.pbes2Of(oidAES256CBC, f.pbkdf2Of(oidHMACSHA1, 2_000_000/part))),
	}
}

func TestTheCostliestFilesThatAreAllowedAreRead(t *testing.T) {
	const part = 10
	tenth := standard()
	tenth.iterations /= part
	tenth.hashes /= part
	for name, data := range costliest(t, part) {
		t.Run(name, func(t *testing.T) {
			b := one(data)
			b.Password = with("secret")
			ends(t, func() {
				_, err := parse(t.Context(), b, tenth)
				checkError(t, err, ErrWrongPassword)
			})
		})
	}
}

// The aim is 1.5 s.
func BenchmarkCostliest(b *testing.B) {
	for name, data := range costliest(b, 1) {
		b.Run(name, func(b *testing.B) {
			bundle := one(data)
			bundle.Password = with("secret")
			for b.Loop() {
				if _, err := Parse(b.Context(), bundle); !errors.Is(err, ErrWrongPassword) {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestFilesOfAMillionIterationsAreRead(t *testing.T) {
	leaf := newLeaf(t, "leaf", nil)
	dir := t.TempDir()
	writeFile(t, dir+"/leaf.pem", certPEM(leaf))
	writeFile(t, dir+"/leaf.key", keyPEM(t, leaf.key))
	openssl(t, dir, "pkcs12", "-export", "-in", "leaf.pem", "-inkey", "leaf.key", "-iter", "1000000", "-out", "leaf.p12", "-passout", "pass:secret")
	openssl(t, dir, "pkcs8", "-topk8", "-in", "leaf.key", "-iter", "1000000", "-out", "encrypted.key", "-passout", "pass:secret")
	for name, file := range map[string]File{
		"PKCS#12":          {Certificate: dir + "/leaf.p12"},
		"encrypted PKCS#8": {Certificate: dir + "/leaf.pem", PrivateKey: dir + "/encrypted.key"},
	} {
		t.Run(name, func(t *testing.T) {
			file.Password = with("secret")
			id, err := file.Identity(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			checkIdentity(t, id, leaf.Certificate)
		})
	}
}

func TestScryptNeverHoldsMuchMoreThanItsLimit(t *testing.T) {
	f := forge{t, newLeaf(t, "leaf", nil)}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // so that garbage would pile up
	key := pkcs8(t, f.leaf.key)
	of16 := f.scryptSealed(key, 1<<14, 8, 1)
	of32 := f.scryptSealed(key, 1<<15, 8, 1)
	of64 := f.scryptSealed(key, 1<<16, 8, 1)
	for _, test := range []struct {
		name string
		keys [][]byte
	}{
		{"seven keys of 16 MiB", slices.Repeat([][]byte{of16}, 7)},
		{"keys of 16, 32 and 64 MiB", [][]byte{of16, of32, of64}},
		{"seven keys of 64 MiB", slices.Repeat([][]byte{of64}, 7)},
		{"a key with a large r", [][]byte{f.pkcs8(f.pbes2(f.scrypt(2, 1<<18, 1)))}},
		{"a key with a large p", [][]byte{f.pkcs8(f.pbes2(f.scrypt(2, 1, 1<<20)))}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bags := [][]byte{f.certBag(f.leaf)}
			for _, key := range test.keys {
				bags = append(bags, f.bag(oidShroudedKeyBag, key))
			}
			safe := der(0x30, f.data(der(0x30, bags...)))
			b := one(der(0x30, f.integer(3), f.data(safe), f.macProving([]byte{}, safe)))
			grown := peakOf(func() {
				_, err := Parse(t.Context(), b)
				if err != nil && !errors.Is(err, ErrTooCostly) {
					t.Error(err)
				}
			})
			t.Logf("%d MiB", grown>>20)
			if grown > 80<<20 {
				t.Errorf("took %d MiB", grown>>20)
			}
		})
	}
}

// peakOf returns by how many bytes the memory of the program grows while f
// runs.
func peakOf(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	held := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64() - sample[1].Value.Uint64()
	}
	debug.FreeOSMemory()
	before := held()
	peak := before
	var done sync.WaitGroup
	stop := make(chan struct{})
	done.Go(func() {
		for {
			peak = max(peak, held())
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	f()
	close(stop)
	done.Wait()
	return peak - before
}

func TestTheEndOfTheContextEndsTheWaitForADerivation(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	_, err := derive(ctx, func() ([]byte, error) {
		cancel()
		<-release
		return nil, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	_, err = derive(ctx, func() ([]byte, error) {
		t.Error("a derivation was started after the end")
		return nil, nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestEveryDerivationEndsWithTheContext(t *testing.T) {
	f := forge{t, newLeaf(t, "leaf", nil)}
	clear := f.data(der(0x30, f.certBag(f.leaf)))
	for name, data := range map[string][]byte{
		"the MAC":                      f.pfx(f.mac(2_000_000), clear),
		"PBMAC1":                       f.pfx(f.pbmac1(2_000_000), clear),
		"encrypted PKCS#8":             f.pkcs8(f.pbes2(f.pbkdf2(2_000_000))),
		"encrypted PKCS#8, scrypt":     f.pkcs8(f.pbes2(f.scrypt(1<<10, 8, 100))),
		"the old encryption":           f.pfx(nil, f.encryptedData(f.pbe(2_000_000), make([]byte, 64))),
		"a shrouded key without a MAC": f.pfx(nil, f.data(der(0x30, f.shrouded(f.pbe(2_000_000))))),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			b := one(data)
			b.Password = with("secret")
			_, err := Parse(ctx, b)
			checkError(t, err, context.DeadlineExceeded, fmt.Sprintf("%q", "client"))
		})
	}
}
