package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awsauth-go/awsauth/internal/foreign"
	"github.com/awsauth-go/awsauth/internal/pki"
	"github.com/awsauth-go/awsauth/sigv4x509"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		name   string
		values []float64
		want   float64
	}{
		{"of one value it is that value", []float64{3}, 3},
		{"of an odd number it is the one in the middle", []float64{9, 1, 2}, 2},
		{"of an even number it is between the two in the middle", []float64{4, 1, 9, 2}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := median(test.values); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestCompareLetsBothSidesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order strings.Builder
		takes := func(name string, d time.Duration) side {
			return side{run: func(n int) error {
				order.WriteString(name)
				time.Sleep(time.Duration(n) * d)
				return nil
			}}
		}
		got, err := compare(t.Context(), 4, 10, takes("o", 3*time.Millisecond), takes("b", 2*time.Millisecond))
		want := comparison{ours: 3 * time.Millisecond, bare: 2 * time.Millisecond, ratio: 1.5}
		if err != nil || got != want {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
		if got, want := order.String(), "obboobboob"; got != want {
			t.Errorf("got turns %s, want %s", got, want)
		}
	})
}

func TestCompareEndsWithTheFirstFailure(t *testing.T) {
	broken := errors.New("broken")
	fails := repeat(func() error { return broken })
	if _, err := compare(t.Context(), 1, 1, fails, fails); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := compare(ctx, 1, 1, fails, fails); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestVerdicts(t *testing.T) {
	c := comparison{ours: 3 * time.Microsecond, bare: 2 * time.Microsecond, ratio: 1.5}
	for _, test := range []struct {
		name string
		got  result
		want string
	}{
		{"a ratio at its limit is well", atMost("a", c, 1.5), "a|3.0 µs|2.0 µs|1.500|≤ 1.50|ok"},
		{"a ratio above its limit is over", atMost("a", c, 1.4), "a|3.0 µs|2.0 µs|1.500|≤ 1.40|OVER"},
		{"a rate above its limit is well", rateAtLeast("a", c, 0.6), "a|333333/s|500000/s|0.667|≥ 0.60|ok"},
		{"a rate below its limit is over", rateAtLeast("a", c, 0.7), "a|333333/s|500000/s|0.667|≥ 0.70|OVER"},
		{"a time at its limit is well", within("a", time.Second, time.Second), "a|1.0 s|-|-|≤ 1.0 s|ok"},
		{"a time above its limit is over", within("a", 60*time.Millisecond, 50*time.Millisecond), "a|60.0 ms|-|-|≤ 50.0 ms|OVER"},
		{"a size at its limit is well", sized("a", 15_000_000, 15), "a|15.0 MB|-|-|≤ 15 MB|ok"},
		{"a size above its limit is over", sized("a", 15_000_001, 15), "a|15.0 MB|-|-|≤ 15 MB|OVER"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(test.got.cells(), "|"); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestAllocationsAreCountedPerOperation(t *testing.T) {
	var sink []byte
	ours := repeat(func() error { sink = make([]byte, 1024); return nil })
	bare := repeat(func() error { return nil })
	got, err := moreAllocations("a", ours, bare, 0)
	if err != nil || got.ours != "1" || got.bare != "0" || got.ratio != "+1" || !got.over {
		t.Errorf("got %v, %v, want one more allocation, over the limit", got, err)
	}
	runtime.KeepAlive(sink)
}

func TestSignSideSigns(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := signSide(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.time(2); err != nil {
		t.Error(err)
	}
	id, err := newIdentity(key)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sigv4x509.NewSigner(id.Certificate, nil, key)
	if err != nil {
		t.Fatal(err)
	}
	r, err := newRequest("https://example.com")
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.Sign(r, []byte(body), region, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := sigv4x509.Verify(r, []byte(body)); err != nil {
		t.Error(err)
	}
}

func TestEmulatorIsAskedForWhatItGrants(t *testing.T) {
	now := time.Now()
	root, err := pki.NewCA("root", now)
	if err != nil {
		t.Fatal(err)
	}
	intermediate, err := root.Intermediate("intermediate")
	if err != nil {
		t.Fatal(err)
	}
	e, r, err := emulate(root, intermediate, now)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := ask(e, r); err != nil {
			t.Error(err)
		}
		if err := verify(r, root.Certificate, now); err != nil {
			t.Error(err)
		}
	}
	r.Header.Set("X-Amz-Date", "20260101T000000Z")
	if err := ask(e, r); err == nil {
		t.Errorf("a changed request got status %d", http.StatusCreated)
	}
}

func TestProgramIsMeasured(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "awsauth.exe")
	if err := foreign.BuildAwsauth(binary); err != nil {
		t.Fatal(err)
	}
	p := program(binary)
	c, memory, err := p.compareSession(t.Context(), 1)
	if err != nil || c.ours <= 0 || c.bare <= 0 || memory.ours == "0.0 MB" {
		t.Errorf("got %v, %v, %v, want times and memory", c, memory, err)
	}
	if took, err := p.timeReady(t.Context(), 1); err != nil || took <= 0 {
		t.Errorf("ready: got %v, %v, want a time", took, err)
	}
	if took, err := p.timeDemo(t.Context(), 1); err != nil || took <= 0 {
		t.Errorf("demo: got %v, %v, want a time", took, err)
	}
	if _, err := p.run(t.Context(), "", "no-such-command"); err == nil || !strings.Contains(err.Error(), "awsauth no-such-command: exit status 2") {
		t.Errorf("got %v, want the command's failure", err)
	}
}

const page = `# Benchmarks

| date | commit | machine | what | ours | bare | ratio | limit | verdict |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
`

func TestResultsAreAppendedToTheTable(t *testing.T) {
	document := filepath.Join(t.TempDir(), "benchmarks.md")
	if err := os.WriteFile(document, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	results := []result{sized("the binary", 1_500_000, 15), within("demo", 4*time.Second, 3*time.Second)}
	at := origin{date: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), commit: "0123abc", machine: "2 cores, linux/amd64"}
	for range 2 {
		if err := appendTo(document, rows(at, results)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	set := "| 2026-01-02 | 0123abc | 2 cores, linux/amd64 | the binary | 1.5 MB | - | - | ≤ 15 MB | ok |\n" +
		"| 2026-01-02 | 0123abc | 2 cores, linux/amd64 | demo | 4.0 s | - | - | ≤ 3.0 s | OVER |\n"
	if want := page + set + set; string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestResultsAreNotAppendedToAnythingElse(t *testing.T) {
	document := filepath.Join(t.TempDir(), "readme.md")
	if err := os.WriteFile(document, []byte(page+"\nThe end.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := appendTo(document, "| a |\n"); err == nil {
		t.Error("got no error")
	}
}

func TestReportIsATable(t *testing.T) {
	var out bytes.Buffer
	if err := report(&out, []result{within("demo", 4*time.Second, 3*time.Second)}); err != nil {
		t.Fatal(err)
	}
	want := "what  ours   bare  ratio  limit    \ndemo  4.0 s  -     -      ≤ 3.0 s  OVER\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
