package credfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
)

// soak reports whether tests run in their full form.
func soak() bool { return os.Getenv("AWSAUTH_SOAK") == "1" }

// line is one line of a generated file, or several that belong together.
type line struct {
	text    string // with its ending
	ours    bool   // stands in a section of the name that is changed
	touched bool   // is a setting that is changed, or belongs to one
}

// corpus makes files. Its expectations come from how it wrote them and not from reading them.
type corpus struct {
	*rand.Rand
	lines []line
	eol   string
	unique,
	level int // level 0: as tools write; 1: as people write; 2: as nobody should
}

func (c *corpus) one(of ...string) string { return of[c.IntN(len(of))] }

func (c *corpus) odds(n int) bool { return c.IntN(n) == 0 }

func (c *corpus) add(ours, touched bool, format string, args ...any) {
	eol := c.eol
	if c.level > 0 && c.odds(20) {
		eol = c.one("\n", "\r\n")
	}
	c.lines = append(c.lines, line{fmt.Sprintf(format, args...) + eol, ours, touched})
}

func (c *corpus) word() string {
	c.unique++
	return c.one("alpha", "b-e.t_a", "q/+=", "a:b", "https://x.test/?a=b#c", "100%", "%(x)s", "naïve", "[x]", "'", `"`) + strconv.Itoa(c.unique)
}

// value is one that may be set.
func (c *corpus) value() string {
	words := []string{c.word()}
	for c.odds(2) {
		words = append(words, c.one("a", "-x", "--k=v", `"in quotes"`, "it's", "#", "; x", "a]", "\t", "ü"))
	}
	v := strings.Join(words, c.one(" ", "", "  "))
	if valueFault(v) != "" {
		return c.word() + "-"
	}
	return v
}

// sectionLines writes one section: its header, then settings of others' and, where ours, some of the touched keys.
func (c *corpus) sectionLines(header string, ours bool, touched []string) {
	c.add(ours, false, "%s", header)
	indent := ""
	if c.level > 0 && c.odds(4) {
		indent = c.one(" ", "  ", "\t")
	}
	for range c.IntN(6) {
		c.unique++
		switch c.IntN(9) {
		case 0:
			c.add(ours, false, "%s# note %d: region = none", c.one("", "  ", "\t"), c.unique)
		case 1:
			c.add(ours, false, "%s", c.one("", "", " ", "\t"))
		case 2:
			if indent != "" && c.level < 2 {
				continue // to the SDK for Go all that follows would be nested
			}
			c.add(ours, false, "%ss3_%d =", indent, c.unique)
			for range 1 + c.IntN(3) {
				c.add(ours, false, "%s  region = %s", indent, c.word())
			}
		case 3:
			if c.level > 0 {
				c.add(ours, false, "%slong_%d = first%s%s   second", indent, c.unique, c.eol, indent)
			}
		case 4:
			// Among indented lines these change what the rest belongs to. FuzzApply has that.
			if c.level > 1 && indent == "" {
				c.add(ours, false, "%s", c.one("no delimiter", "= no key", "[open", "caf\xe9", "\x0c", "   # ok"))
				if c.odds(4) {
					c.add(ours, c.belowTouched(), "  stray = 1")
				}
			}
		case 5, 6:
			if ours && len(touched) > 0 {
				key := c.one(touched...)
				if c.level == 0 {
					touched = slices.DeleteFunc(slices.Clone(touched), func(k string) bool { return k == key })
				}
				if c.level > 0 && c.odds(3) {
					key = strings.ToUpper(key)
				}
				value := c.one("", c.word(), "'"+c.word()+"'")
				if indent != "" && c.level < 2 {
					value = c.word() // below an empty one the next would be nested, to one of them
				}
				text := indent + key + c.one("=", " = ", " =", "= ", " : ", "\t=\t") + value + c.one("", "  ", " # note", "\t; note")
				if c.level == 2 && c.odds(6) {
					text += c.eol + indent + c.one("  more", "  key_"+strconv.Itoa(c.unique)+" = x")
				}
				c.add(true, true, "%s", text)
			}
		default:
			c.add(ours, false, "%skey_%d%s%s", indent, c.unique, c.one("=", " = ", " : "), c.word())
		}
	}
}

// belowTouched reports whether an indented line would belong to a setting that is changed.
func (c *corpus) belowTouched() bool {
	for _, l := range slices.Backward(c.lines) {
		switch text := strings.TrimSpace(l.text); {
		case l.touched:
			return true
		case strings.HasPrefix(text, "#") || strings.HasPrefix(text, "[open") || !strings.ContainsAny(text, "=:]"):
		default:
			return false
		}
	}
	return false
}

// file makes one file, in which the SDK for Go sees the section or does not.
func (c *corpus) file(kind, name string, touched []string) (visible bool) {
	c.lines, c.eol = nil, c.one("\n", "\n", "\r\n")
	c.level = c.IntN(3)
	if c.level == 2 && c.odds(10) {
		c.lines = append(c.lines, line{text: "\ufeff"})
		c.add(false, false, "%s", c.one("", "# mark"))
	}
	if c.level == 2 && c.odds(10) {
		c.add(false, false, "region = early")
	}
	spelled := func(kind, name string) string {
		if kind != "" && c.level > 0 && c.odds(4) {
			kind += c.one(" ", "\t")
		}
		header := kind + name
		if c.level > 0 {
			header = "[" + c.one("", "", " ") + header + c.one("", "", " ") + "]" + c.one("", "", " # note", "; note", "  ")
			return header
		}
		return "[" + header + "]"
	}
	twice := false
	for range c.IntN(7) {
		c.unique++
		switch {
		case !c.odds(3) || twice && c.level == 0:
			c.sectionLines(spelled(kind, "other-"+strconv.Itoa(c.unique)), false, touched)
		case kind != "" && c.level > 0 && c.odds(6) && name != "default":
			c.sectionLines(`[profile "`+name+`"]`, true, touched)
		case name == "default" && (kind == "" || !c.odds(3)):
			twice, visible = true, true
			c.sectionLines(spelled("", name), true, touched)
		default:
			twice, visible = true, true
			c.sectionLines(spelled(kind, name), true, touched)
		}
	}
	if n := len(c.lines); n > 0 && c.odds(4) {
		c.lines[n-1].text = strings.TrimRight(c.lines[n-1].text, "\r\n")
	}
	return visible
}

func (c *corpus) bytes() (file []byte) {
	for _, l := range c.lines {
		file = append(file, l.text...)
	}
	return file
}

// preserved reports what of the lines that are not touched is missing, moved or changed. What else there is may only be
// touched settings, the header of a new section, and blank lines at the end.
func (c *corpus) preserved(out, section string, touched []string) error {
	added := false
	skip := func(until string) error {
		for out != until {
			text, rest, _ := strings.Cut(out, "\n")
			key, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(text, ":", "=")), "=")
			switch trimmed := strings.TrimSpace(text); {
			case slices.Contains(touched, strings.TrimSpace(key)):
			case trimmed == "" && !added:
			case trimmed == "["+section+"]" && !added && until == "":
				added = true
			default:
				return fmt.Errorf("%q has come", text)
			}
			out = rest
			if strings.HasPrefix(out, until) && until != "" {
				return nil
			}
		}
		return nil
	}
	for i, l := range c.lines {
		if l.touched {
			continue
		}
		// The last line may have got the ending it lacked.
		if !strings.HasPrefix(out, l.text) {
			if err := skip(l.text); err != nil {
				return fmt.Errorf("line %d, %q: %w", i, l.text, err)
			}
		}
		if !strings.HasPrefix(out, l.text) {
			return fmt.Errorf("line %d, %q, has gone", i, l.text)
		}
		out = out[len(l.text):]
	}
	return skip("")
}

// TestThreeParsersAgreeAndNoOtherByteChanges is K5.
func TestThreeParsersAgreeAndNoOtherByteChanges(t *testing.T) {
	files := full(t, 2_000, 100_000)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	check, finish := configparser(t)
	c := &corpus{Rand: rand.New(rand.NewPCG(seed, 0))}
	path := filepath.Join(t.TempDir(), "file")
	edited, ambiguous, bySDK := 0, 0, 0
	for number := range files {
		kind, name, keys := "profile ", "a", []string{"region", "credential_process", "sso_account_id"}
		if c.odds(2) {
			kind, keys = "", []string{"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}
		}
		if c.odds(4) {
			name = "default"
		}
		section := kind + name
		if name == "default" {
			section = name
		}
		visible := c.file(kind, name, keys)
		before := c.bytes()
		change := Change{Section: section}
		set := map[string]string{}
		for _, key := range keys[:2] {
			set[key] = c.value()
			change.Set = append(change.Set, Setting{key, set[key]})
		}
		change.Remove = keys[2:]
		after, err := Apply(before, change)
		if errors.Is(err, ErrAmbiguous) && c.level == 2 {
			ambiguous++
			continue
		}
		fatal := func(format string, args ...any) {
			t.Helper()
			t.Fatalf("seed %d, file %d: %s\nbefore %q\nafter  %q", seed, number, fmt.Sprintf(format, args...), before, after)
		}
		if err != nil {
			fatal("%v", err)
		}
		edited++
		if err := c.preserved(string(after), section, keys); err != nil {
			fatal("%v", err)
		}
		for key, want := range set {
			if got, ok := Lookup(after, section, key); !ok || got != want {
				fatal("Lookup of %s: got %q, want %q", key, got, want)
			}
		}
		if visible || !hasOurs(c.lines) {
			bySDK++
			if err := os.WriteFile(path, after, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := loads(t, path, kind != "", name, set); err != nil {
				fatal("the SDK for Go: %v", err)
			}
		}
		check(before, after, section, set, keys[2:])
	}
	byPython := finish()
	t.Logf("%d files: %d edited, %d refused as ambiguous; %d of them read by the SDK for Go, %d by configparser", files, edited, ambiguous, bySDK, byPython)
	// A corpus that nobody can read would prove nothing.
	if edited < files*9/10 || bySDK < files*3/4 || byPython < files*3/4 {
		t.Error("too few files have been looked at")
	}
}

func hasOurs(lines []line) bool {
	return slices.ContainsFunc(lines, func(l line) bool { return l.ours })
}

// loads has the SDK for Go read a profile.
func loads(t *testing.T, path string, isConfig bool, name string, want map[string]string) error {
	got, err := config.LoadSharedConfigProfile(t.Context(), name, func(o *config.LoadSharedConfigOptions) {
		o.ConfigFiles, o.CredentialsFiles = []string{}, []string{path}
		if isConfig {
			o.ConfigFiles, o.CredentialsFiles = o.CredentialsFiles, o.ConfigFiles
		}
	})
	if err != nil {
		return err
	}
	for key, value := range map[string]string{
		"region": got.Region, "credential_process": got.CredentialProcess, "sso_account_id": got.SSOAccountID,
		"aws_access_key_id": got.Credentials.AccessKeyID, "aws_secret_access_key": got.Credentials.SecretAccessKey,
		"aws_session_token": got.Credentials.SessionToken,
	} {
		if value != want[key] {
			return fmt.Errorf("%s is %q, want %q", key, value, want[key])
		}
	}
	return nil
}

// configparser starts Python, which looks at all files in one process. Finish fails the test for what it finds wrong, and
// answers how many files it could read.
func configparser(t *testing.T) (check func(before, after []byte, section string, set map[string]string, removed []string), finish func() int) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		if python, err = exec.LookPath("/usr/bin/python3"); err != nil {
			t.Fatal("python3 is missing, whose configparser botocore reads with: apt-get install python3")
		}
	}
	command := exec.CommandContext(t.Context(), python, "-I", "testdata/configparser.py")
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	command.Stdout = &out
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	encoder := json.NewEncoder(stdin)
	check = func(before, after []byte, section string, set map[string]string, removed []string) {
		t.Helper()
		if err := encoder.Encode(map[string]any{
			"before": append([]byte{}, before...), "after": after, "section": section, "set": set, "removed": removed,
		}); err != nil {
			t.Fatal(err)
		}
	}
	return check, func() int {
		t.Helper()
		if err := errors.Join(stdin.(io.Closer).Close(), command.Wait()); err != nil {
			t.Fatal(err)
		}
		findings := strings.Split(strings.TrimSpace(out.String()), "\n")
		read, err := strconv.Atoi(findings[len(findings)-1])
		if err != nil || len(findings) > 1 {
			t.Fatalf("configparser: %d findings, first: %s", len(findings)-1, findings[0])
		}
		return read
	}
}
