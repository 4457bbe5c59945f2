package cli

import "testing"

// An empty value is what a variable of a shell gives that is not set: nobody means the default by it.
func TestAnEmptyValueIsRefused(t *testing.T) {
	s := newShelf(t)
	s.issue("web", nil)
	add := []string{"certificate", "add", "web", "$DIR/web.pem", "$DIR/web.key"}
	const hint = "leave it out, or give it a value"
	for _, flag := range []string{"alias", "store", "config", "certificate-password", "store-key"} {
		s.refused(ExitUsage, "certificate add web: --"+flag+" is empty", hint, append(add, "--"+flag, "")...)
	}
	for _, command := range [][]string{{"list"}, {"show", "web"}, {"remove", "web"}, {"export", "web"}} {
		name := command[0]
		if len(command) > 1 {
			name += " web"
		}
		s.refused(ExitUsage, "certificate "+name+": --store is empty", hint, append(append([]string{"certificate"}, command...), "--store=")...)
	}
	s.refused(ExitUsage, "certificate import: --client-certificates is empty", hint, "certificate", "import", "--client-certificates", "")
	s.must(append(add, "--store-key", "file", "--alias", "one,two")...)
}
