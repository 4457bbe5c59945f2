package agent

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/awsauth-go/awsauth/serve/container"
)

// A token is made anew every hour, and the one before is good for ten minutes more: whoever has just read the file is served.
func TestTokensAreRotatedWithOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		uid := uint32(os.Getuid())
		g := &generation{served: map[string]*served{"one": {name: "One", rule: rule{users: []uint32{uid}}}}}
		tokens, err := newTokens(filepath.Join(t.TempDir(), "agent.sock"), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := tokens.write(g); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go tokens.rotate(ctx, func() *generation { return g })
		read := func() string {
			t.Helper()
			text, err := os.ReadFile(filepath.Join(tokens.dir, "user-"+strconv.Itoa(int(uid)), "One"))
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		good := func(token string) bool {
			_, ok := tokens.find(container.Hash(token))
			return ok
		}
		first := read()
		time.Sleep(tokenLife - time.Second)
		if read() != first || !good(first) {
			t.Fatal("it is another before its time")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		second := read()
		if second == first || !good(second) || !good(first) {
			t.Fatalf("after an hour: another %t, the new one good %t, the old one good %t", second != first, good(second), good(first))
		}
		time.Sleep(tokenOverlap)
		synctest.Wait()
		if good(first) || !good(second) {
			t.Errorf("after the overlap: the old one good %t, the new one %t", good(first), good(second))
		}
	})
}

// What a file has is good as soon as it is there: clients do not ask again after a refusal.
func TestATokenIsGoodBeforeItIsInItsFile(t *testing.T) {
	uid := os.Getuid()
	tokens, err := newTokens(filepath.Join(t.TempDir(), "agent.sock"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	g := &generation{served: map[string]*served{}}
	for i := range 20 {
		name := "c" + strconv.Itoa(i)
		g.served[name] = &served{name: name, rule: rule{users: []uint32{uint32(uid)}}}
	}
	if err := tokens.write(g); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 20 {
			tokens.turn(g, time.Now().Add(tokenLife)) // when those before are over, too
		}
	}()
	unknown := 0
	for i := 0; ; i++ {
		select {
		case <-ended:
			if unknown > 0 {
				t.Errorf("%d of %d tokens were not known", unknown, i)
			}
			return
		default:
		}
		path := filepath.Join(tokens.dir, "user-"+strconv.Itoa(uid), "c"+strconv.Itoa(i%20))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, good := tokens.find(container.Hash(string(text))); good {
			continue
		}
		if still, err := os.ReadFile(path); err != nil || string(still) == string(text) { // or it is an old one by now
			unknown++
		}
	}
}

// What an agent has given out is good at the next one, unless it is old, no longer allowed or may be known to others by now.
func TestTheNextAgentTakesTokensOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		uid := os.Getuid()
		serving := func(names ...string) *generation {
			g := &generation{served: map[string]*served{}}
			for _, name := range names {
				g.served[name] = &served{name: name, rule: rule{users: []uint32{uint32(uid)}}}
			}
			return g
		}
		socket := filepath.Join(t.TempDir(), "agent.sock")
		next := func(g *generation) *tokens {
			t.Helper()
			tokens, err := newTokens(socket, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(tokens.takeOver(g, time.Now()), tokens.write(g)); err != nil {
				t.Fatal(err)
			}
			return tokens
		}
		file := func(name string) string {
			return filepath.Join(TokenDirectory(socket), "user-"+strconv.Itoa(uid), name)
		}
		read := func(name string) string {
			t.Helper()
			text, err := os.ReadFile(file(name))
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		good := func(tokens *tokens, g *generation, token string) bool {
			held, ok := tokens.find(container.Hash(token))
			return ok && g.served[held.name] != nil
		}
		g := serving("kept", "opened", "replaced", "gone", "revoked")
		next(g)
		names := []string{"kept", "opened", "replaced", "gone", "revoked"}
		first := map[string]string{}
		for _, name := range names {
			first[name] = read(name)
		}
		if err := errors.Join(os.Chmod(file("opened"), 0o444), os.Remove(file("replaced")), os.Symlink("kept", file("replaced")), os.Remove(file("gone"))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(40 * time.Minute)
		g = serving("kept", "opened", "replaced", "gone")
		second := next(g)
		for _, name := range names[:4] {
			if same := read(name) == first[name]; same != (name == "kept") || !good(second, g, read(name)) || good(second, g, first[name]) != same {
				t.Errorf("%s: the same %t, what the file has is good %t, what it had %t", name, same, good(second, g, read(name)), good(second, g, first[name]))
			}
		}
		if _, err := os.Lstat(file("revoked")); !errors.Is(err, fs.ErrNotExist) || good(second, g, first["revoked"]) {
			t.Errorf("what is no longer allowed: %v", err)
		}
		// The hour is that of the token, whichever agent has made it.
		if got := time.Until(second.due(filepath.Join("user-"+strconv.Itoa(uid), "kept"), second.now[filepath.Join("user-"+strconv.Itoa(uid), "kept")])); got != 20*time.Minute {
			t.Errorf("made anew in %s, want 20 minutes", got)
		}
		time.Sleep(20 * time.Minute)
		if third := next(g); read("kept") == first["kept"] || good(third, g, first["kept"]) {
			t.Error("a token is taken over that is an hour old")
		}
		before := read("kept")
		if err := os.WriteFile(second.list(), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		if fourth := next(g); read("kept") == before || !good(fourth, g, read("kept")) {
			t.Error("without a list that can be read, the file is not new")
		}
		if text, err := os.ReadFile(second.list()); err != nil || strings.Contains(string(text), read("kept")) {
			t.Errorf("the list has a token, or %v", err)
		}
	})
}

// A directory may have a name that is a pattern elsewhere.
func TestTokensAreRemovedFromADirectoryOfAnyName(t *testing.T) {
	tokens, err := newTokens(filepath.Join(t.TempDir(), "run[1]", "agent.sock"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	g := &generation{served: map[string]*served{"one": {name: "one", rule: rule{users: []uint32{uint32(os.Getuid())}}}}}
	if err := errors.Join(tokens.write(g), tokens.close()); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(tokens.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// One token that cannot be made anew keeps no other from its turn, and what was before them from being forgotten.
func TestATokenThatCannotBeMadeKeepsNoOtherFromItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		uid := uint32(os.Getuid())
		mine := rule{users: []uint32{uid}}
		g := &generation{served: map[string]*served{"good": {name: "good", rule: mine}, "bad": {name: "bad", rule: mine}}}
		tokens, err := newTokens(filepath.Join(t.TempDir(), "agent.sock"), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := tokens.write(g); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(tokens.dir, "user-"+strconv.Itoa(int(uid)))
		blocked := filepath.Join(dir, "bad")
		if err := errors.Join(os.Remove(blocked), os.MkdirAll(filepath.Join(blocked, "in the way"), 0o700)); err != nil {
			t.Fatal(err)
		}
		read := func() string {
			t.Helper()
			text, err := os.ReadFile(filepath.Join(dir, "good"))
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		good := func(token string) bool {
			_, ok := tokens.find(container.Hash(token))
			return ok
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go tokens.rotate(ctx, func() *generation { return g })
		time.Sleep(tokenOverlap + time.Minute)
		for range 3 {
			first := read()
			time.Sleep(tokenLife - tokenOverlap)
			synctest.Wait()
			if second := read(); second == first || !good(second) || !good(first) {
				t.Fatalf("after an hour: another %t, the new one good %t, the old one good %t", second != first, good(second), good(first))
			}
			time.Sleep(tokenOverlap)
			synctest.Wait()
			if good(first) {
				t.Fatal("the old one is good after the overlap")
			}
			if !strings.Contains(tokens.problem(), "bad") {
				t.Errorf("the other is not told: %q", tokens.problem())
			}
		}
		if err := os.RemoveAll(blocked); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if text, err := os.ReadFile(blocked); err != nil || !good(string(text)) || tokens.problem() != "" {
			t.Errorf("when it can be made: %v, good %t, %q", err, good(string(text)), tokens.problem())
		}
	})
}

// The file of a token that is no longer allowed is told until it is gone, and removed as soon as it can be.
func TestAFileThatCannotBeRemovedIsTold(t *testing.T) {
	tokens, err := newTokens(filepath.Join(t.TempDir(), "agent.sock"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	mine := rule{users: []uint32{uint32(os.Getuid())}}
	if err := tokens.write(&generation{served: map[string]*served{"one": {name: "one", rule: mine}}}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(tokens.dir, "user-"+strconv.Itoa(os.Getuid()), "one")
	if err := errors.Join(os.Remove(file), os.MkdirAll(filepath.Join(file, "in the way"), 0o700)); err != nil {
		t.Fatal(err)
	}
	none := &generation{served: map[string]*served{}}
	for range 2 {
		if err := tokens.write(none); err == nil || !strings.Contains(tokens.problem(), "one: ") {
			t.Errorf("got %v, %q", err, tokens.problem())
		}
	}
	if err := os.Remove(filepath.Join(file, "in the way")); err != nil {
		t.Fatal(err)
	}
	tokens.restore(none)
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) || tokens.problem() != "" {
		t.Errorf("got %v, %q", err, tokens.problem())
	}
}
