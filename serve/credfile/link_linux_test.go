package credfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestALinkIsFollowedAndStays(t *testing.T) {
	home := t.TempDir()
	dotfiles := filepath.Join(home, "dotfiles")
	path := filepath.Join(home, "config")
	if err := errors.Join(os.Mkdir(dotfiles, 0o700), os.Symlink("second", path), os.Symlink("dotfiles/aws", filepath.Join(home, "second"))); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dotfiles, "aws"), others)
	if _, err := Write(t.Context(), path, region("x")); err != nil {
		t.Fatal(err)
	}
	holds(t, filepath.Join(dotfiles, "aws"), strings.Replace(others, "= y", "= x", 1))
	if target, err := os.Readlink(path); err != nil || target != "second" {
		t.Errorf("got a link to %q, %v", target, err)
	}
	if got := strings.Join(names(t, home), " "); got != "config dotfiles second" {
		t.Errorf("got %s, want lock and backup beside the target", got)
	}
}

// A link that takes the file's place after links have been followed is not followed, whoever it belongs to.
func TestALinkPutThereMeanwhileIsNotFollowed(t *testing.T) {
	for _, stage := range []string{"locked", "staged"} {
		outside, path := t.TempDir(), filepath.Join(t.TempDir(), "config")
		victim := filepath.Join(outside, "victim")
		put(t, victim, others)
		put(t, path, others)
		w := writing(time.Second, map[string]func(){stage: func() {
			if err := errors.Join(os.Symlink(victim, path+".new"), os.Rename(path+".new", path)); err != nil {
				t.Fatal(err)
			}
		}})
		if changed, err := w.write(t.Context(), path, region("x")); changed || !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: got %v, %v, want ErrNotRegular", stage, changed, err)
		}
		holds(t, victim, others)
		if got := names(t, outside); len(got) != 1 {
			t.Errorf("%s: got %q outside", stage, got)
		}
	}
}

// TestLinksOfAnotherUserAreNeverWrittenThrough is T15: another user puts links to a file of ours into the file's place and
// takes them away, all the time.
func TestLinksOfAnotherUserAreNeverWrittenThrough(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("left out, since it takes root: links of another user")
	}
	const marker = "[victim]\n"
	swaps := full(t, 500, 10_000)
	outside, dir := t.TempDir(), t.TempDir()
	victim, path := filepath.Join(outside, "victim"), filepath.Join(dir, "config")
	put(t, victim, marker+others)
	put(t, path, others)
	attack := make(chan error, 1)
	go func() {
		attack <- func() error {
			for range swaps {
				link, file := filepath.Join(dir, "link"), filepath.Join(dir, "file")
				err := errors.Join(
					os.Symlink(victim, link), os.Lchown(link, someone, someone), os.Rename(link, path),
					os.WriteFile(file, []byte(others), 0o600), os.Rename(file, path))
				if err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	results := map[string]int{}
	for n, running := 0, true; running; n++ {
		select {
		case err := <-attack:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		changed, err := Write(t.Context(), path, region([]string{"x", "z"}[n%2]))
		switch {
		case err == nil && changed:
			results["changed"]++
		case err == nil:
			results["as it should be"]++
		case errors.Is(err, ErrForeignLink), errors.Is(err, ErrNotRegular), errors.Is(err, ErrBusy):
			results[errors.Unwrap(err).Error()]++
		default:
			t.Fatal(err)
		}
		for _, name := range []string{path, path + ".awsauth.bak"} {
			info, err := os.Lstat(name)
			if errors.Is(err, fs.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
				continue
			}
			f, err := os.OpenFile(name, os.O_RDONLY|nofollow, 0)
			if errors.Is(err, syscall.ELOOP) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			var data bytes.Buffer
			_, err = data.ReadFrom(f)
			if err := errors.Join(err, f.Close()); err != nil || strings.Contains(data.String(), marker) {
				t.Fatalf("%s has what the link names: %v", name, err)
			}
		}
	}
	holds(t, victim, marker+others)
	if got := names(t, outside); len(got) != 1 {
		t.Errorf("got %q outside", got)
	}
	t.Logf("%d swaps: %v", swaps, results)
}

// whoMay is an access control list in which another user may read.
var whoMay = []byte("\x02\x00\x00\x00" +
	"\x01\x00\x06\x00\xff\xff\xff\xff" + // the owner reads and writes
	"\x02\x00\x04\x00\x31\xd4\x00\x00" + // user 54321 reads
	"\x04\x00\x00\x00\xff\xff\xff\xff" + // the group does nothing
	"\x10\x00\x04\x00\xff\xff\xff\xff" + // the mask
	"\x20\x00\x00\x00\xff\xff\xff\xff") // nor do others

func TestOwnerAndAccessControlListStay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	put(t, path, others)
	owner := os.Getuid()
	if owner == 0 {
		owner = someone
		if err := os.Chown(path, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	var want []byte
	switch err := syscall.Setxattr(path, acl, whoMay, 0); {
	case err == nil:
		want = whoMay
	case errors.Is(err, syscall.ENOTSUP):
		t.Run("access control list", func(t *testing.T) { t.Skip("left out: the file system has none") })
	default:
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), path, region("x")); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := int(info.Sys().(*syscall.Stat_t).Uid); got != owner {
		t.Errorf("got owner %d, want %d", got, owner)
	}
	got := make([]byte, 1024)
	n, err := syscall.Getxattr(path, acl, got)
	if want != nil && (err != nil || !bytes.Equal(got[:n], want)) {
		t.Errorf("got the list %x, %v, want %x", got[:max(n, 0)], err, want)
	}
	if n, err := syscall.Getxattr(path+".awsauth.bak", acl, got); err == nil {
		t.Errorf("the backup has the list %x, want none", got[:n])
	}
}
