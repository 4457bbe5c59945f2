package docs

import (
	"bytes"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/awsauth-go/awsauth/internal/cli"
	"github.com/awsauth-go/awsauth/internal/config"
)

// mask replaces what differs from run to run: times, dates, ports, access keys, identifiers, and the spaces before a time.
func mask(s string) string {
	for _, m := range []struct{ pattern, with string }{
		{` +\d+\.\d ms`, "  TIME"},
		{`\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?`, "DATE"},
		{`127\.0\.0\.1:\d+`, "ADDRESS"},
		{`\b(AKIA|ASIA)EMU\w{3}…`, "$1…"},
		{`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, "UUID"},
	} {
		s = regexp.MustCompile(m.pattern).ReplaceAllString(s, m.with)
	}
	return s
}

func TestTranscriptIsWhatTheDemoPrints(t *testing.T) {
	const typed = "$ go run ./cmd/awsauth demo\n"
	transcripts := blocks(read(t, "README.md"), "console")
	if len(transcripts) != 1 || !strings.HasPrefix(transcripts[0], typed) {
		t.Fatalf("got %d transcripts, want one of the demo", len(transcripts))
	}
	var out, messages bytes.Buffer
	code := cli.Run(t.Context(), []string{"demo"}, cli.IO{
		In: strings.NewReader(""), Out: &out, Err: &messages,
		Environment: config.Environment{Lookup: func(string) (string, bool) { return "", false }},
	})
	if code != cli.ExitDone {
		t.Fatalf("got exit code %d: %s", code, &messages)
	}
	if got, want := mask(strings.TrimPrefix(transcripts[0], typed)), mask(out.String()); got != want {
		t.Errorf("README.md has\n%s\nand the demo prints\n%s", got, want)
	}
}

func TestMaskKeepsWhatIsSaid(t *testing.T) {
	for text, want := range map[string]string{
		"get static      AKIAEMUJ7F…   no expiry       3.4 ms": "get static      AKIA…   no expiry  TIME",
		"valid until 2026-12-23":                               "valid until DATE",
		"expired at 2026-11-20 08:46:49 UTC":                   "expired at DATE UTC",
		"on http://127.0.0.1:43627":                            "on http://ADDRESS",
		"trust-anchor/73493eb6-d70c-41e6-9167-1030ce30db51":    "trust-anchor/UUID",
		"403 AccessDeniedException (account 123456789012)":     "403 AccessDeniedException (account 123456789012)",
	} {
		if got := mask(text); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The programs and tests that the documents show are built and run as a module of their own, as a reader would.
func TestGoInTheDocumentsCompilesAndRuns(t *testing.T) {
	module := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(module, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	here, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	const name = "github.com/awsauth-go/awsauth"
	write("go.mod", strings.Replace(read(t, "go.mod"), "module "+name, "module example.com/reader", 1)+
		fmt.Sprintf("\nrequire %s v0.0.0\nreplace %s => %q\n", name, name, here))
	write("go.sum", read(t, "go.sum"))
	count := 0
	for _, document := range documents(t) {
		for _, code := range blocks(read(t, document), "go") {
			file, err := parser.ParseFile(token.NewFileSet(), document, code, parser.PackageClauseOnly)
			if err != nil {
				continue // a part of a program, to look at
			}
			suffix := ".go"
			if strings.HasSuffix(file.Name.Name, "_test") {
				suffix = "_test.go"
			}
			write(fmt.Sprintf("program%d/program%s", count, suffix), code)
			count++
		}
	}
	if count < 2 {
		t.Fatalf("got %d programs, want those of README.md", count)
	}
	for _, args := range [][]string{{"build", "-o", os.DevNull, "./..."}, {"test", "./..."}} {
		command := exec.CommandContext(t.Context(), "go", append([]string{args[0], "-mod=mod"}, args[1:]...)...)
		command.Dir = module
		command.Env = append(command.Environ(), "GOWORK=off", "GOFLAGS=")
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("go %s: %v\n%s", args[0], err, out)
		}
	}
}

// Every command that the documents show has the flags that it is shown with.
func TestCommandsInTheDocumentsExist(t *testing.T) {
	count := 0
	for _, name := range documents(t) {
		document := read(t, name)
		for _, language := range []string{"sh", "ini", "console"} {
			for _, block := range blocks(document, language) {
				for _, args := range invocations(block) {
					count++
					if err := accepts(args); err != nil {
						t.Errorf("%s: awsauth %s: %v", name, strings.Join(args, " "), err)
					}
				}
			}
		}
	}
	if count < 6 {
		t.Errorf("got %d commands, want those of README.md", count)
	}
}

// accepts reports why the command would not take its arguments.
func accepts(args []string) error {
	var found *cobra.Command
	root := cli.New(cli.IO{Environment: config.Environment{Lookup: func(string) (string, bool) { return "", false }}})
	found, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if err := found.ParseFlags(rest); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		return err
	}
	return found.ValidateArgs(found.Flags().Args())
}

var (
	invocation = regexp.MustCompile(`(?m)(?:^|[ (/])awsauth ([a-z]+\b[^\n|)>]*)`)
	word       = regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"]+`)
)

// invocations answers the arguments of each call of the command in a block of shell or of a configuration.
func invocations(block string) (all [][]string) {
	block = strings.ReplaceAll(block, "\\\n", " ")
	for _, line := range strings.Split(block, "\n") {
		line = strings.TrimPrefix(line, "$ ")
		if strings.HasPrefix(line, "awsauth: ") {
			continue
		}
		for _, m := range invocation.FindAllStringSubmatch(line, -1) {
			var args []string
			for _, w := range word.FindAllString(m[1], -1) {
				args = append(args, strings.Trim(w, `'"`))
			}
			all = append(all, args)
		}
	}
	return all
}

func TestInvocationsAreFound(t *testing.T) {
	for block, want := range map[string]string{
		"awsauth demo": "[[demo]]",
		"pass show aws | awsauth get static --secret-access-key - --verify":                    "[[get static --secret-access-key - --verify]]",
		"eval \"$(awsauth get session --role-arn \"$ROLE\" --format env)\"":                    "[[get session --role-arn $ROLE --format env]]",
		"credential_process = /usr/local/bin/awsauth get session --certificate 'file:a?key=b'": "[[get session --certificate file:a?key=b]]",
		"awsauth get session --region eu-west-1 \\\n  --duration 1h":                           "[[get session --region eu-west-1 --duration 1h]]",
		"awsauth: get session: a message":                                                      "[]",
	} {
		if got := fmt.Sprint(invocations(block)); got != want {
			t.Errorf("%s: got %s, want %s", block, got, want)
		}
	}
}
