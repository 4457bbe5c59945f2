package boottime

import (
	"runtime"
	"testing"
	"time"
)

func TestItGoesOnAsTimePasses(t *testing.T) {
	began, ok := Now()
	if known := runtime.GOOS == "linux" || runtime.GOOS == "darwin" || runtime.GOOS == "windows"; ok != known {
		t.Fatalf("got %t on %s, want %t", ok, runtime.GOOS, known)
	}
	if !ok {
		return
	}
	const pause = 50 * time.Millisecond
	start := time.Now()
	time.Sleep(pause)
	ended, _ := Now()
	took := time.Since(start)
	const step = 20 * time.Millisecond // of the coarsest clock
	if passed := ended - began; passed < pause-step || passed > took+step {
		t.Errorf("got %s, want %s to %s", passed, pause, took)
	}
}

func TestABootHasOneName(t *testing.T) {
	name := Boot()
	if known := runtime.GOOS == "linux" || runtime.GOOS == "darwin"; (name != "") != known || name != Boot() {
		t.Errorf("got %q, then %q", name, Boot())
	}
}
