package cli

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// update writes what the commands print into the pages: go test ./internal/cli -run Transcripts -update.
var update = flag.Bool("update", false, "write transcripts into docs/")

// transcripts are the pages whose console blocks are run, one after another in one place.
var transcripts = []string{"certificates.md", "configuration.md", "coming-from-mendix.md", "agent.md", "low-code.md", "policies.md"}

// Around what is run: a comment holds lines of a script that come before the block below it.
var (
	setupComment = regexp.MustCompile(`(?s)<!-- script\n(.*?)-->`)
	consoleBlock = regexp.MustCompile("(?s)<!-- script\n.*?-->|```console\n.*?```\n")
)

// homeOfPages is where the pages say that a user's files are.
const homeOfPages = "/home/ops"

// ownPath is where the test has put the command.
var ownPath = regexp.MustCompile(`/[^ ']*/bin/awsauth`)

func TestTranscriptsAreWhatTheCommandsPrint(t *testing.T) {
	for _, name := range transcripts {
		page := filepath.Join("../../docs", name)
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		p := &pageRun{text: string(text)}
		script := filepath.Join(t.TempDir(), strings.TrimSuffix(name, ".md")+".txtar")
		if err := os.WriteFile(script, []byte(p.script()), 0o600); err != nil {
			t.Fatal(err)
		}
		commands := scriptCommands()
		commands["typed"] = p.typed
		testscript.Run(t, testscript.Params{Files: []string{script}, RequireExplicitExec: true, Setup: p.setUp, Cmds: commands})
		if *update {
			t.Cleanup(func() {
				if err := os.WriteFile(page, []byte(p.updated()), 0o644); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// pageRun is one page, and what its commands have printed.
type pageRun struct {
	text  string
	lines []typedLine
}

// typedLine is what is typed, what the page says that it prints, and what it prints.
type typedLine struct{ command, want, got string }

// script makes the page a script.
func (p *pageRun) script() string {
	var b strings.Builder
	for _, part := range consoleBlock.FindAllString(p.text, -1) {
		if set := setupComment.FindStringSubmatch(part); set != nil {
			b.WriteString(set[1])
			continue
		}
		for _, typed := range typedLines(part) {
			fmt.Fprintf(&b, "typed %d\n", len(p.lines))
			p.lines = append(p.lines, typed)
		}
	}
	return b.String()
}

// typedLines reads a console block: a line that begins with a dollar is typed, and goes on after a backslash.
func typedLines(block string) (lines []typedLine) {
	inside := strings.TrimSuffix(strings.TrimPrefix(block, "```console\n"), "```\n")
	goesOn := false
	for line := range strings.Lines(inside) {
		command, typed := strings.CutPrefix(line, "$ ")
		switch last := len(lines) - 1; {
		case typed:
			lines = append(lines, typedLine{command: command})
		case goesOn:
			lines[last].command += line
		default:
			lines[last].want += line
		}
		goesOn = (typed || goesOn) && strings.HasSuffix(line, "\\\n")
	}
	return lines
}

// setUp gives a page a home in which everything is where a user has it.
func (p *pageRun) setUp(env *testscript.Env) error {
	if err := setupScript(env); err != nil {
		return err
	}
	home := env.Getenv("HOME")
	env.Setenv("XDG_DATA_HOME", filepath.Join(home, ".local/share"))
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	env.Cd = home
	return os.WriteFile(filepath.Join(home, "seed.yaml"), []byte(archiveSeed), 0o600)
}

// archiveSeed is a role that other roles of the account may assume.
const archiveSeed = `roles:
  - name: archive
    trust_policy:
      Version: "2012-10-17"
      Statement: {Effect: Allow, Principal: {AWS: "arn:aws:iam::123456789012:root"}, Action: ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]}
`

// typed is "typed NUMBER": it runs what is typed in a shell, and compares what is printed.
func (p *pageRun) typed(ts *testscript.TestScript, _ bool, args []string) {
	var i int
	if _, err := fmt.Sscan(args[0], &i); err != nil {
		ts.Fatalf("%v", err)
	}
	line := &p.lines[i]
	if err := ts.Exec("sh", "-c", line.command); err != nil && !errors.As(err, new(*exec.ExitError)) {
		ts.Fatalf("%v", err)
	}
	line.got = strings.ReplaceAll(ts.ReadFile("stdout")+ts.ReadFile("stderr"), ts.Getenv("HOME"), homeOfPages)
	line.got = ownPath.ReplaceAllString(line.got, "/usr/local/bin/awsauth")
	if got, want := maskTranscript(line.got), maskTranscript(line.want); got != want && !*update {
		ts.Fatalf("$ %sprints\n%s\nand the page says\n%s", line.command, got, want)
	}
}

// updated is the page with what its commands have printed, where that differs by more than is masked.
func (p *pageRun) updated() string {
	i := 0
	return consoleBlock.ReplaceAllStringFunc(p.text, func(part string) string {
		if setupComment.MatchString(part) {
			return part
		}
		var b strings.Builder
		b.WriteString("```console\n")
		for range typedLines(part) {
			printed := p.lines[i].want
			if maskTranscript(printed) != maskTranscript(p.lines[i].got) {
				printed = p.lines[i].got
			}
			b.WriteString("$ " + p.lines[i].command + printed)
			i++
		}
		b.WriteString("```\n")
		return b.String()
	})
}

// maskTranscript replaces what differs from run to run: times, ports, keys, numbers of certificates, and the spaces after what
// has another length.
func maskTranscript(s string) string {
	for _, m := range []struct{ pattern, with string }{
		{`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`, "TIME"},
		{`\d{4}-\d\d-\d\d`, "DATE"},
		{`in \d+ (min|days|h \d+ min)`, "in SPAN"},
		{`\(\d\d:\d\d UTC\)`, "(TIME UTC)"},
		{`127\.0\.0\.1:\d+`, "ADDRESS"},
		{`\b(AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16,17}\b`, "$1"},
		{`([0-9A-F]{2}:){19,31}[0-9A-F]{2}`, "FINGERPRINT"},
		{`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, "UUID"},
		{`(serial +)\d+`, "${1}NUMBER"},
		{`\b[0-9a-f]{28,40}\b`, "NUMBER"},
		{`running \d+ s`, "running SPAN"},
		{`\d+ s ago`, "SPAN ago"},
		{`\buser \d+\b`, "user NUMBER"},
		{`SPAN +`, "SPAN "},
		{`RENEWS +`, "RENEWS "},
		{`ADDRESS +`, "ADDRESS "},
		{`EXPIRES +`, "EXPIRES "},
	} {
		s = regexp.MustCompile(m.pattern).ReplaceAllString(s, m.with)
	}
	return s
}
