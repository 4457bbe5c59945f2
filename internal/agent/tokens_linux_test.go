package agent

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/awsauth-go/awsauth/serve/container"
)

// giveNothingAway takes CAP_CHOWN from this goroutine for good, as the shipped unit has none. Its thread ends with it.
func giveNothingAway(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err := unix.Capget(&header, &data[0])
	data[0].Effective &^= 1 << unix.CAP_CHOWN
	if err := errors.Join(err, unix.Capset(&header, &data[0])); err != nil {
		t.Error(err)
	}
}

// A token file that cannot be given to its user is told until it can be, whatever else becomes of the others, which are made and
// renewed as ever.
func TestWhatCannotBeGivenAwayIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		giveNothingAway(t)
		me, others := os.Getuid(), os.Getuid()+1001
		both := rule{users: []uint32{uint32(me), uint32(others)}}
		g := &generation{served: map[string]*served{"one": {name: "one", rule: both}, "two": {name: "two", rule: both}}}
		tokens, err := newTokens(filepath.Join(t.TempDir(), "agent.sock"), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		theirs, mine := "user-"+strconv.Itoa(others)+"/", filepath.Join(tokens.dir, "user-"+strconv.Itoa(me), "one")
		told := func(when string) {
			t.Helper()
			want := theirs + "one, " + theirs + "two: " + errNotGiven.Error()
			if got := tokens.problem(); got != want {
				t.Errorf("%s: got %q, want %q", when, got, want)
			}
		}
		read := func() string {
			t.Helper()
			text, err := os.ReadFile(mine)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		if err := tokens.write(g); err == nil || !strings.Contains(err.Error(), "CAP_CHOWN") {
			t.Errorf("got %v", err)
		}
		told("at the start")
		if err := os.Remove(mine); err != nil {
			t.Fatal(err)
		}
		tokens.restore(g)
		told("when a file of somebody else's was gone")
		first := read()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			giveNothingAway(t)
			tokens.rotate(ctx, func() *generation { return g })
		}()
		for range 2 {
			time.Sleep(tokenLife + 2*tokenOverlap + time.Minute) // what was restored waits for the next turn
			synctest.Wait()
			told("after a rotation")
			second := read()
			if _, good := tokens.find(container.Hash(first)); good || second == first {
				t.Errorf("the tokens of who has a file: another %t, the one before good %t", second != first, good)
			}
			first = second
		}
		g.served["one"].rule, g.served["two"].rule = rule{users: []uint32{uint32(me)}}, rule{users: []uint32{uint32(me)}}
		if err := tokens.write(g); err != nil || tokens.problem() != "" {
			t.Errorf("once they are not wanted: got %v, %q", err, tokens.problem())
		}
	})
}
