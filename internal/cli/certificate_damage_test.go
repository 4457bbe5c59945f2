package cli

import (
	"os"
	"strings"
	"testing"
)

func TestEveryCommandSaysThatStoreJSONIsMissing(t *testing.T) {
	s := newShelf(t)
	s.issue("web", nil)
	s.must("certificate", "add", "web", "$DIR/web.pem", "$DIR/web.key", "--store-key", "file")
	if err := os.Remove(s.path("store/store.json")); err != nil {
		t.Fatal(err)
	}
	for command, args := range map[string][]string{
		"list": {}, "add web": {"web", "$DIR/web.pem", "$DIR/web.key", "--replace"}, "show web": {"web"}, "remove web": {"web"}, "export web": {"web"},
	} {
		name, _, _ := strings.Cut(command, " ")
		s.refused(ExitIdentity, "certificate "+command+": $DIR/store/store.json: the store is damaged: it is missing, and there are certificates",
			"restore it from a backup, or move the directory away", append([]string{"certificate", name}, args...)...)
	}
}

func TestAStoreThatCouldNotBeMadeLeavesNothing(t *testing.T) {
	s := newShelf(t)
	s.issue("web", nil)
	got := s.run("certificate", "add", "web", "$DIR/web.pem", "$DIR/web.key", "--store-key", "keyring")
	if got.code != ExitConfiguration || !strings.Contains(got.stderr, "the store's key is not available") {
		t.Errorf("got %d, %s", got.code, got.stderr)
	}
	if _, err := os.Stat(s.path("store")); !os.IsNotExist(err) {
		t.Errorf("got %v, want no directory", err)
	}
	if err := os.Mkdir(s.path("store"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.refused(ExitConfiguration, "certificate list: there is no certificate store yet: none is at $DIR/store",
		"awsauth certificate add IDENTIFIER FILE makes it", "certificate", "list")
}
