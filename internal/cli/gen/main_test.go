package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/awsauth-go/awsauth/internal/cli"
	"github.com/awsauth-go/awsauth/internal/config"
)

// docs is where the Markdown pages are kept.
const docs = "../../../docs/commands"

func TestThePagesInDocsAreThoseOfTheCommands(t *testing.T) {
	want := markdownPages(cli.New(cli.IO{}))
	entries, err := os.ReadDir(docs)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, entry := range entries {
		have = append(have, entry.Name())
	}
	if names := slices.Sorted(maps.Keys(want)); !slices.Equal(have, names) {
		t.Errorf("docs/commands has %q, want %q", have, names)
	}
	for name, text := range want {
		kept, err := os.ReadFile(filepath.Join(docs, name))
		if err != nil || string(kept) != text {
			t.Errorf("%s is not up to date (%v): go run ./internal/cli/gen -docs docs/commands", name, err)
		}
	}
}

func TestTheKeysAndTheSchemaInDocsAreThoseOfTheTypes(t *testing.T) {
	page, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if want, err := withKeys(page); err != nil || string(want) != string(page) {
		t.Errorf("docs/configuration.md is not up to date (%v): make docs", err)
	}
	schema, err := os.ReadFile("../../../docs/configuration.schema.json")
	if err != nil || string(schema) != string(config.Schema()) {
		t.Errorf("docs/configuration.schema.json is not up to date (%v): make docs", err)
	}
}

func TestEveryManPageHasItsSections(t *testing.T) {
	pages := manPages(cli.New(cli.IO{}))
	for _, name := range []string{"awsauth.1", "awsauth-get-session.1", "awsauth-emulator.1", "awsauth-completion-zsh.1"} {
		if pages[name] == "" {
			t.Fatalf("no page %s among %q", name, slices.Sorted(maps.Keys(pages)))
		}
	}
	for name, text := range pages {
		for _, want := range []string{".TH ", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n", ".SH EXAMPLE\n", ".SH SEE ALSO\n"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s has no %q", name, want)
			}
		}
		if strings.Contains(text, "`") {
			t.Errorf("%s has a backquote, which is Markdown", name)
		}
	}
}

func TestAManPageEscapesWhatTheTypesetterReads(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"a dash stays a dash when copied", "--role-arn", `\-\-role\-arn`},
		{"a backslash is shown", `a \`, `a \e`},
		{"a dot at the beginning is no macro", ".profile\n.bashrc", "\\&.profile\n\\&.bashrc"},
		{"a quote at the beginning is no macro", "'x'", `\&'x'`},
		{"a dot inside stays", "a.b", "a.b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := roff(test.in); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
