package docs

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// root is the module's root directory, seen from here.
const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// documents answers the names of all Markdown files of the project.
func documents(t *testing.T) (names []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "dist") {
			return fs.SkipDir
		}
		if path.Ext(name) == ".md" {
			names = append(names, name)
		}
		return nil
	})
	if err != nil || len(names) < 8 {
		t.Fatalf("got %d documents (%v), want the project's", len(names), err)
	}
	return names
}

var (
	fence   = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")
	inline  = regexp.MustCompile("`[^`\n]*`")
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+)$`)
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	spaces  = regexp.MustCompile(`\s+`)
)

// blocks answers the fenced blocks of a language.
func blocks(document, language string) (all []string) {
	for _, m := range fence.FindAllStringSubmatch(document, -1) {
		if m[1] == language {
			all = append(all, m[2])
		}
	}
	return all
}

// plain is a text without the marks of Markdown that may stand in it, on one line.
func plain(s string) string {
	s = strings.NewReplacer("`", "", "\n> ", " ", `\|`, "|").Replace(s)
	return spaces.ReplaceAllString(s, " ")
}

// anchors answers the fragments that a document's headings give, as GitHub makes them.
func anchors(document string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(document, ""), -1) {
		all[slug(strings.ReplaceAll(m[1], "`", ""))] = true
	}
	return all
}

func slug(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// links answers where a document's links go, but for those in code.
func links(document string) (all []string) {
	text := inline.ReplaceAllString(fence.ReplaceAllString(document, ""), "")
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	return all
}

func TestEveryRelativeLinkLeadsSomewhere(t *testing.T) {
	count := 0
	for _, name := range documents(t) {
		for _, target := range links(read(t, name)) {
			u, err := url.Parse(target)
			if err != nil {
				t.Errorf("%s: %s: %v", name, target, err)
				continue
			}
			if u.IsAbs() {
				continue
			}
			count++
			file := name
			if u.Path != "" {
				file = path.Join(path.Dir(name), u.Path)
			}
			info, err := os.Stat(filepath.Join(root, file))
			if err != nil {
				t.Errorf("%s: %s leads nowhere", name, target)
				continue
			}
			if u.Fragment != "" && (info.IsDir() || !anchors(read(t, file))[u.Fragment]) {
				t.Errorf("%s: %s: %s has no such heading", name, target, file)
			}
		}
	}
	if count < 10 {
		t.Errorf("got %d relative links, want those of the documents", count)
	}
}

func TestMarkdownIsTidy(t *testing.T) {
	for _, name := range documents(t) {
		text := read(t, name)
		if !strings.HasSuffix(text, "\n") || strings.HasSuffix(text, "\n\n") {
			t.Errorf("%s: does not end with one line ending", name)
		}
		if strings.Count("\n"+text, "\n```")%2 != 0 {
			t.Errorf("%s: a fenced block is not closed", name)
		}
		if !strings.HasPrefix(text, "# ") {
			t.Errorf("%s: does not begin with a title", name)
		}
		for i, line := range strings.Split(text, "\n") {
			if strings.TrimRight(line, " \t") != line {
				t.Errorf("%s: line %d ends with white space", name, i+1)
			}
		}
	}
}

func TestSlugsAreGitHubs(t *testing.T) {
	for text, want := range map[string]string{
		"Refused by AWS":                       "refused-by-aws",
		"certificate is not X.509 version 3":   "certificate-is-not-x509-version-3",
		"this host's clock is … behind AWS's":  "this-hosts-clock-is--behind-awss",
		"not a reference: use env:NAME, or - ": "not-a-reference-use-envname-or---",
	} {
		if got := slug(text); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestLinksInCodeAreNone(t *testing.T) {
	document := "[a](b.md#c) `[x](y.md)`\n```text\n[x](z.md)\n```\n[d](e.md)\n"
	if got, want := strings.Join(links(document), " "), "b.md#c e.md"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
