package agent

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
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
			hash := container.Hash(token)
			for _, grant := range tokens.grants(g, nil) {
				if grant.Token == hash {
					return true
				}
			}
			return false
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
