package endurance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// bystanders are other profiles, as much as a read does not get in one page.
var bystanders = strings.Repeat("[someone-else]\r\naws_access_key_id=AKIAIOSFODNN7EXAMPLE # theirs\r\n\r\n", 70)

// around is what stands before and behind the settings of the profile that is kept fresh.
var around = [2]string{bystanders + "[c0]\n", "\n# the end\n" + bystanders + "[z]"}

// versions are the contents of the profile that have been seen, by access key: one that comes in two forms is torn.
type versions struct {
	mu   sync.Mutex // guards seen
	seen map[string]string
}

// check answers why a file is not whole.
func (v *versions) check(file []byte) error {
	text, found := strings.CutPrefix(string(file), around[0])
	settings, ends := strings.CutSuffix(text, around[1])
	if !found || !ends {
		return fmt.Errorf("other profiles are not as they were, in %d bytes", len(file))
	}
	var keys []string
	key := ""
	for line := range strings.Lines(settings) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " = ")
		if name == "" {
			continue
		}
		if keys = append(keys, name); name == "aws_access_key_id" {
			key = value
		}
	}
	if got := strings.Join(keys, " "); got != "aws_access_key_id aws_secret_access_key aws_session_token aws_account_id" || !strings.HasPrefix(key, "ASIAEMU") {
		return fmt.Errorf("the profile has %q", got)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if before, there := v.seen[key]; there && before != settings {
		return fmt.Errorf("the credentials of one key have two forms")
	}
	v.seen[key] = settings
	return nil
}

// The check finds what is planted.
func TestTheCheckOfFilesFindsTornOnes(t *testing.T) {
	whole := around[0] + "aws_access_key_id = ASIAEMU1\naws_secret_access_key = s\naws_session_token = t\naws_account_id = 1\n" + around[1]
	v := versions{seen: map[string]string{}}
	if err := v.check([]byte(whole)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty": "", "half": whole[:len(whole)/2], "without its end": whole[:len(whole)-1], "another's profile is gone": strings.Replace(whole, "[someone-else]\r\n", "", 1),
		"half a token": strings.Replace(whole, "= t\n", "= \n", 1), "no token": strings.Replace(whole, "aws_session_token = t\n", "", 1),
	} {
		if v.check([]byte(text)) == nil {
			t.Errorf("%s: not found", name)
		}
	}
}

// K1: awsauth update is killed at random moments, and all the time somebody reads the file.
func TestAKilledUpdateLeavesTheFileWhole(t *testing.T) {
	kills, wantReads := full(t, 40, 10_000), full(t, 1000, 1_000_000)
	random := chaos(t)
	h := newHost(t, options{credentials: 1})
	dir := filepath.Join(h.dir, "aws")
	file := filepath.Join(dir, "credentials")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(around[0]+around[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	update := func() *exec.Cmd {
		c := exec.Command(binary, "update", "c0", "--once", "--no-cache", "--config", filepath.Join(h.dir, "config.yaml"))
		c.Env = append(environment(h.dir), "AWS_SHARED_CREDENTIALS_FILE="+file)
		return c
	}
	whole := func() time.Duration {
		t.Helper()
		began := time.Now()
		if out, err := update().CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return time.Since(began)
	}
	whole()
	v := &versions{seen: map[string]string{}}
	look := func() error {
		text, err := os.ReadFile(file)
		if err == nil {
			err = v.check(text)
		}
		return err
	}
	if err := look(); err != nil {
		t.Fatal(err)
	}
	var reads atomic.Int64
	stop := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := look(); err != nil {
				t.Errorf("a reader: %v", err)
				return
			}
			reads.Add(1)
			time.Sleep(50 * time.Microsecond) // or the writers have no processor
		}
	})
	took := whole()
	killed, littered := 0, 0
	began := time.Now()
	cycle := 0
	for ; killed < kills; cycle++ {
		c := update()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond + time.Duration(random.Int64N(int64(min(took*5/4, 39*time.Millisecond)))))
		_ = c.Process.Kill()                        // unless it has ended
		if _ = c.Wait(); !c.ProcessState.Exited() { // it says no more than that
			killed++
		}
		if err := look(); err != nil {
			t.Fatalf("cycle %d: %v", cycle, err)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "*.awsauth-*")); err != nil || len(left) > 0 {
			littered++
		}
		took = whole()
		if err := look(); err != nil {
			t.Fatalf("cycle %d: %v", cycle, err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if got := strings.Join(names, " "); got != "credentials credentials.awsauth.bak credentials.lock" {
			t.Fatalf("cycle %d: after the next start there is %s", cycle, got)
		}
	}
	for reads.Load() < int64(wantReads) && !t.Failed() {
		time.Sleep(10 * time.Millisecond)
	}
	close(stop)
	reading.Wait()
	t.Logf("%d cycles in %s: %d killed, %d of which left temporary files until the next start; %d reads of %d versions",
		cycle, time.Since(began).Round(time.Second), killed, littered, reads.Load(), len(v.seen))
	if soak() && littered == 0 {
		t.Error("none was killed while it wrote")
	}
}
