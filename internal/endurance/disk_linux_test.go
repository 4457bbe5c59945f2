package endurance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// disk is a small file system of a test's own.
type disk struct {
	testing.TB
	dir string
}

// newDisk mounts one at a directory until the test ends.
func newDisk(t testing.TB, dir string) disk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("left out: only root can mount a file system")
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=1m,mode=755"); errors.Is(err, fs.ErrPermission) {
		t.Skipf("left out: no file system can be mounted here: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return disk{t, dir}
}

// filling is the file that takes all the room.
func (d disk) filling() string { return filepath.Join(d.dir, "filling") }

// fill leaves no room.
func (d disk) fill() {
	d.Helper()
	f, err := os.OpenFile(d.filling(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, os.Getpagesize()))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		d.Fatal(err)
	}
}

// remount makes it read-only, or no longer.
func (d disk) remount(flags uintptr) {
	d.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		err := unix.Mount("none", d.dir, "", unix.MS_REMOUNT|flags, "size=1m")
		if err == nil {
			return
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) { // the agent may just be writing
			d.Fatal(err)
		}
	}
}

// A disk that is full, and then read-only, is told by status, and nobody else notices: what is held is given at every door, tokens stay
// good, and once there is room everything is written that could not be.
func TestAFullOrReadOnlyDiskIsToldAndFailsNobody(t *testing.T) {
	o := options{credentials: 1, container: true, imds: true, life: 8 * time.Second, users: []int{other(1)}}
	h := newHost(t, o)
	run := filepath.Dir(h.socket)
	profile := filepath.Join(run, "aws", "credentials")
	o.more = fmt.Sprintf("  update: [{credential: c0, file: %q}]\n", profile)
	h.configure(o)
	d := newDisk(t, run)
	m := h.manage() // or the lock beside the socket, which is open, keeps the disk from being made read-only
	m.start()
	h.settled()
	written := func() bool {
		s := h.status()
		text, err := os.ReadFile(profile)
		return err == nil && s.Updates[0].Error == "" && strings.Contains(string(text), s.Credentials[0].AccessKeyID)
	}
	h.eventually("the profile is written", written)
	me, next := h.tokenFile(os.Getuid(), "c0"), h.tokenFile(other(2), "c0")
	doors := map[string]*Door{
		"the socket": Socket(h.socket, "c0", 0), "the metadata service": Metadata(h.imds, 0),
		"the container endpoint, another user": Container(h.container, h.tokenFile(other(1), "c0"), 0),
		"the same, a token from before":        Container(h.container, h.copyOfToken(os.Getuid(), "c0"), 0),
	}
	given := func(when string) {
		h.Helper()
		for name, d := range doors {
			if err := d.Ask(t.Context()); err != nil {
				h.Errorf("%s: %s: %v", when, name, err)
			}
		}
	}
	unmade := func(uid int) bool { return strings.Contains(h.status().Tokens, fmt.Sprintf("user-%d/c0: ", uid)) }
	// told waits until status tells of the tokens of this user and of one who is new, and of the profile, and asks at every door
	// meanwhile.
	told := func(why string) {
		h.Helper()
		h.eventually(why, func() bool {
			given(why)
			s := h.status()
			return unmade(os.Getuid()) && unmade(other(2)) && strings.Count(s.Tokens, why) == 2 && strings.Contains(s.Updates[0].Error, why)
		})
	}
	// What is written in this moment takes the place of what was there before, which leaves room once more.
	h.eventually("there is no room for the profile", func() bool {
		d.fill()
		return h.status().Updates[0].Error != ""
	})
	d.fill()
	o.users = append(o.users, other(2))
	h.configure(o)
	if err := h.agent.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(me, filepath.Join(run, "was my token")); err != nil { // to remove it would leave room
		t.Fatal(err)
	}
	told("no space left on device")
	for _, said := range []string{"some tokens cannot be made", "files of tokens are not there, and cannot be made", "the profile is not written"} {
		if log, err := os.ReadFile(h.agent.log); err != nil || !strings.Contains(string(log), said) {
			t.Errorf("the log does not say that %s: %v", said, err)
		}
	}
	d.remount(unix.MS_RDONLY)
	told("read-only file system")
	d.remount(0)
	if err := os.Remove(d.filling()); err != nil {
		t.Fatal(err)
	}
	h.eventually("there is room, and status and files are as they should be", func() bool {
		given("room")
		if s := h.status(); s.Tokens != "" || !written() {
			return false
		}
		for _, file := range []string{me, next} {
			if err := Container(h.container, file, 0).Ask(t.Context()); err != nil {
				return false
			}
		}
		return true
	})
	h.agent.stop(t)
}
