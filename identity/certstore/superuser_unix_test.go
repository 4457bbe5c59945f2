//go:build !windows

package certstore

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/awsauth-go/awsauth/internal/safefile"
)

func TestAnothersStoreIsRefusedToAllButTheSuperuser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("left out: only root can give files away")
	}
	dir := filepath.Join(publicDir(t), "store")
	if r := asChild(t, "fill", dir); r.Err != "" {
		t.Fatal(r.Err)
	}
	want := result{
		Err:  "store " + dir + ": the store is not for its owner alone: it belongs to root, and this is nobody",
		Hint: "run it as the store's owner: sudo -u '#0' awsauth …", Access: true,
	}
	if got := as(t, nobody, "open", dir); got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if got := as(t, nobody, "fill", dir); got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	// A user without a name.
	if err := os.Chown(dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	want.Err = "store " + dir + ": the store is not for its owner alone: it belongs to user 12345, and this is nobody"
	want.Hint = "run it as the store's owner: sudo -u '#12345' awsauth …"
	if got := as(t, nobody, "open", dir); got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// The agent runs as a user of its own, and whoever sets it up is root.
func TestTheSuperuserLeavesAnothersStoreToItsOwner(t *testing.T) {
	for _, first := range []string{"the owner", "the superuser"} {
		t.Run("made by "+first, func(t *testing.T) {
			dir := filepath.Join(homeOf(t, nobody), "store")
			if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, nobody, nobody)); err != nil {
				t.Fatal(err)
			}
			if first == "the owner" {
				if r := as(t, nobody, "fill", dir); r.Err != "" {
					t.Fatal(r.Err)
				}
			}
			s, err := Create(dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			id := issue(t, "root")
			err = s.AddAll(t.Context(), []Addition{
				{Identifier: "by-root", Identity: id}, {Identifier: "by-root-too", Identity: id},
			})
			if err != nil {
				t.Fatal(err)
			}
			owners(t, dir, nobody)
			for _, action := range []string{"use by-root", "fill", "use by-root", "fill"} { // and they take turns
				if r := as(t, nobody, action, dir); r.Err != "" {
					t.Errorf("%s: %s", action, r.Err)
				}
				if err := s.Add(t.Context(), "by-root", id, AddOptions{Replace: true}); err != nil {
					t.Error(err)
				}
			}
			owners(t, dir, nobody)
		})
	}
}

// Whatever the superuser was doing when it was killed, the owner's next change goes on.
func TestTheSuperusersLockIsTheOwnersFromItsFirstMoment(t *testing.T) {
	dir := filepath.Join(homeOf(t, nobody), "store")
	if r := as(t, nobody, "fill", dir); r.Err != "" {
		t.Fatal(r.Err)
	}
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.path(lockFile)); err != nil {
		t.Fatal(err)
	}
	stop, seen := make(chan struct{}), make(chan bool)
	go func() {
		roots := false
		defer func() { seen <- roots }()
		for {
			select {
			case <-stop:
				return
			default:
			}
			if info, err := os.Lstat(s.path(lockFile)); err == nil {
				uid, _ := safefile.Owner(info)
				roots = roots || uid != nobody
			}
		}
	}()
	for range 200 {
		if err := s.locked(t.Context(), func() error { return nil }); err != nil {
			t.Error(err)
		}
		if err := os.Remove(s.path(lockFile)); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	if <-seen {
		t.Error("it was root's for a moment")
	}
	if left := leftBehind(t, dir); len(left) != 0 {
		t.Errorf("%q is left", left)
	}
	// And a reader makes none at all.
	write(t, s.path(".awsauth-1.tmp"), nil)
	reopen(t, s)
	if slices.Contains(names(t, dir), lockFile) {
		t.Error("Open has made a lock")
	}
}

// A hard link in the lock's place, to a file that is not the owner's, is not given to the owner.
func TestTheSuperuserGivesAwayNothingThatItHasNotMade(t *testing.T) {
	dir := filepath.Join(homeOf(t, nobody), "store")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	victim := filepath.Join(filepath.Dir(filepath.Dir(dir)), "victim")
	write(t, victim, []byte("victim"))
	if err := os.Link(victim, filepath.Join(dir, lockFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, Options{}); err != nil {
		t.Log(err)
	}
	info, err := os.Stat(victim)
	if err != nil {
		t.Fatal(err)
	}
	if uid, _ := safefile.Owner(info); uid != 0 || string(read(t, victim)) != "victim" {
		t.Errorf("it belongs to user %d now", uid)
	}
}
