package credfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func region(value string) Change {
	return Change{Section: "profile a", Set: []Setting{{"region", value}}}
}

func TestApplyChangesOneSectionAndNothingElse(t *testing.T) {
	const rest = "[default]\noutput = json\n"
	for _, c := range []struct {
		name   string
		in     string
		change Change
		want   string
	}{
		{"an empty file gets the section", "", region("x"), "[profile a]\nregion = x\n"},
		{"a new section is added at the end behind a blank line", rest, region("x"), rest + "\n[profile a]\nregion = x\n"},
		{"a blank line that is there is enough", rest + "\n", region("x"), rest + "\n[profile a]\nregion = x\n"},
		{"a missing final newline is added first", "[default]\noutput = json", region("x"), "[default]\noutput = json\n\n[profile a]\nregion = x\n"},
		{"a new section has the file's line endings", "[default]\r\noutput = json", region("x"), "[default]\r\noutput = json\r\n\r\n[profile a]\r\nregion = x\r\n"},
		{"a value is replaced where it stands", "[profile a]\nregion = y\noutput = json\n" + rest, region("x"), "[profile a]\nregion = x\noutput = json\n" + rest},
		{"key and spacing stay", "[profile a]\nReGiOn  =\ty  \r\n", region("x"), "[profile a]\nReGiOn  =\tx  \r\n"},
		{"a colon stays", "[profile a]\nregion: y\n", region("x"), "[profile a]\nregion: x\n"},
		{"no final newline stays none", "[profile a]\nregion=y", region("x"), "[profile a]\nregion=x"},
		{"a comment behind the value goes, since botocore would read it", "[profile a]\nregion = x # home\n", region("x"), "[profile a]\nregion = x\n"},
		{"quotes around the value go, since botocore would read them", "[profile a]\nregion = \"x\"\n", region("x"), "[profile a]\nregion = x\n"},
		{"an empty value gets one", "[profile a]\nregion =\n", region("x"), "[profile a]\nregion = x\n"},
		{"lines that continue a value go with it", "[profile a]\nregion = x\n  y\n\n# stays\n  z\noutput = json\n", region("x"), "[profile a]\nregion = x\n\n# stays\noutput = json\n"},
		{"a setting is added after the last one", "[profile a]\n# top\noutput = json\n\n# about b\n[profile b]\n", region("x"), "[profile a]\n# top\noutput = json\nregion = x\n\n# about b\n[profile b]\n"},
		{"a setting is added after nested ones", "[profile a]\ns3 =\n  max = 1\n\n[profile b]\n", region("x"), "[profile a]\ns3 =\n  max = 1\nregion = x\n\n[profile b]\n"},
		{"a setting is indented like the one before", "[profile a]\n  output = json\n", region("x"), "[profile a]\n  output = json\n  region = x\n"},
		{"it is not where it would be nested", "[profile a]\n  s3 =\n    max = 1\n", region("x"), "[profile a]\n  s3 =\n    max = 1\nregion = x\n"},
		{"a section of nothing but its header gets a setting", "[profile a]", region("x"), "[profile a]\nregion = x\n"},
		{"a setting is added with its neighbour's line ending", "[profile b]\n[profile a]\r\noutput = json\r\n", region("x"), "[profile b]\n[profile a]\r\noutput = json\r\nregion = x\r\n"},
		{"a nested key of the same name is another", "[profile a]\ns3 =\n  region = y\n", region("x"), "[profile a]\ns3 =\n  region = y\nregion = x\n"},
		{"a comment that looks like a setting is none", "[profile a]\n# region = y\n;region = y\n", region("x"), "[profile a]\nregion = x\n# region = y\n;region = y\n"},
		{"a key that stands twice is changed twice", "[profile a]\nregion = y\nREGION = z\n", region("x"), "[profile a]\nregion = x\nREGION = x\n"},
		{"a section that stands twice is changed twice", "[profile a]\nregion = y\n[b]\n[profile a]\noutput = json\n", region("x"), "[profile a]\nregion = x\n[b]\n[profile a]\noutput = json\nregion = x\n"},
		{"odd white space in a header is overlooked", "[ profile\t  a ]  # note\nregion = y\n", region("x"), "[ profile\t  a ]  # note\nregion = x\n"},
		{"quotes in a header are overlooked", "[profile \"a\"]\nregion = y\n", region("x"), "[profile \"a\"]\nregion = x\n"},
		{
			"a name with white space is found in quotes", "[profile 'a b']\nregion = y\n",
			Change{Section: "profile a b", Set: []Setting{{"region", "x"}}},
			"[profile 'a b']\nregion = x\n",
		},
		{
			"the default profile may have a type", "[profile default]\nregion = y\n",
			Change{Section: "default", Set: []Setting{{"region", "x"}}},
			"[profile default]\nregion = x\n",
		},
		{"a section without the type is another", "[a]\nregion = y\n", region("x"), "[a]\nregion = y\n\n[profile a]\nregion = x\n"},
		{"a section of another case is another", "[profile A]\nregion = y\n", region("x"), "[profile A]\nregion = y\n\n[profile a]\nregion = x\n"},
		{"a header behind a byte order mark is none", "\ufeff[profile a]\nregion = y\n", region("x"), "\ufeff[profile a]\nregion = y\n\n[profile a]\nregion = x\n"},
		{"bytes that are not UTF-8 stay", "# caf\xe9\n[profile a]\nregion = y\n", region("x"), "# caf\xe9\n[profile a]\nregion = x\n"},
		{"what no SDK understands stays", "stray = 1\n[profile a]\nwhat is this\nregion = y\n", region("x"), "stray = 1\n[profile a]\nwhat is this\nregion = x\n"},
		{"a stray carriage return stays", "[profile a]\r\r\nregion = y\r\r\n", region("x"), "[profile a]\r\r\nregion = x\r\r\n"},
		{"nothing to change changes nothing", "[profile a]\nregion = x\n", region("x"), "[profile a]\nregion = x\n"},
		{"a setting goes", "[profile a]\nregion = y\noutput = json\n", Change{Section: "profile a", Remove: []string{"Region"}}, "[profile a]\noutput = json\n"},
		{"a setting goes with what is nested in it", "[profile a]\ns3 =\n  a = b\n  # kept\n  c = d\nregion = y\n", Change{Section: "profile a", Remove: []string{"s3"}}, "[profile a]\n  # kept\nregion = y\n"},
		{"a setting goes everywhere", "[profile a]\nregion = y\n[profile a]\nregion = z\n", Change{Section: "profile a", Remove: []string{"region"}}, "[profile a]\n[profile a]\n"},
		{"what is not there is not removed", rest, Change{Section: "profile a", Remove: []string{"region"}}, rest},
		{
			"one goes and one comes", "[profile a]\nregion = y",
			Change{Section: "profile a", Remove: []string{"region"}, Set: []Setting{{"output", "json"}}},
			"[profile a]\noutput = json\n",
		},
		{
			"several come in their order", "",
			Change{Section: "a", Set: []Setting{{"aws_access_key_id", "AKIAIOSFODNN7EXAMPLE"}, {"aws_secret_access_key", "k/+="}}},
			"[a]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = k/+=\n",
		},
		{
			"a command with quotes inside is written as it is", "",
			Change{Section: "profile a", Set: []Setting{{"credential_process", `"/opt/my tools/awsauth" get --x`}}},
			"[profile a]\ncredential_process = \"/opt/my tools/awsauth\" get --x\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := Apply([]byte(c.in), c.change)
			if err != nil {
				t.Fatal(err)
			}
			if string(out) != c.want {
				t.Fatalf("got %q, want %q", out, c.want)
			}
			if again, err := Apply(out, c.change); err != nil || !bytes.Equal(again, out) {
				t.Errorf("a second time: got %q, %v", again, err)
			}
			for _, s := range c.change.Set {
				if strings.HasPrefix(c.in, "\ufeff") {
					continue
				}
				if got, ok := Lookup(out, c.change.Section, s.Key); !ok || got != s.Value {
					t.Errorf("Lookup: got %q, %v, want %q", got, ok, s.Value)
				}
			}
		})
	}
}

func TestApplyRefusesWhatSDKsWouldReadDifferently(t *testing.T) {
	for _, c := range []struct {
		name   string
		in     string
		change Change
	}{
		{"a setting indented under the one to change", "[profile a]\nregion = y\n  output = json\n", region("x")},
		{"a setting indented under the one to remove", "[profile a]\nregion = y\n  output = json\n", Change{Section: "profile a", Remove: []string{"region"}}},
		{"a setting indented under another", "[profile a]\noutput = json\n  region = y\n", region("x")},
		{"a header indented under the setting to change", "[profile a]\nregion = y\n  [profile b]\noutput = json\n", region("x")},
		{"a header to which one of them adds the comment", "[profile a] # see [1]\nregion = y\n", region("x")},
		{"a header that one of them does not see", "[profile a] see below\nregion = y\n", region("x")},
		{"a setting behind a stray carriage return", "[profile a]\noutput = json\rregion = y\n", region("x")},
		{"a comment behind a stray carriage return", "[profile a]\nregion = y\r# note\n", region("x")},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := Apply([]byte(c.in), c.change)
			if !errors.Is(err, ErrAmbiguous) || out != nil {
				t.Errorf("got %q, %v, want ErrAmbiguous", out, err)
			}
		})
	}
}

func TestErrorsOfAmbiguityNameTheLine(t *testing.T) {
	_, err := Apply([]byte("# 1\n[profile a]\noutput = json\n\n  region = y\n"), region("x"))
	if err == nil || !strings.HasPrefix(err.Error(), "line 5 ") {
		t.Errorf("got %v, want line 5", err)
	}
}

func TestApplyRefusesWhatNoFileCanHold(t *testing.T) {
	set := func(key, value string) Change {
		return Change{Section: "profile a", Set: []Setting{{key, value}}}
	}
	for _, c := range []struct {
		name   string
		change Change
		want   string
	}{
		{"a section without a name", Change{}, "is empty"},
		{"a profile without a name", Change{Section: "profile"}, "is empty"},
		{"the section that stands for all", Change{Section: "DEFAULT"}, "write default"},
		{"a section that ends early", Change{Section: "a]b"}, "has one of the characters"},
		{"a section that begins again", Change{Section: "a[b"}, "has one of the characters"},
		{"a section with a comment", Change{Section: "a#b"}, "has one of the characters"},
		{"a section of two lines", Change{Section: "a\nb"}, "has a line break"},
		{"a section behind a space", Change{Section: " a"}, "begins or ends with white space"},
		{"a section in Latin-1", Change{Section: "caf\xe9"}, "is not UTF-8"},
		{"a new section that needs quotes", Change{Section: "profile a b", Set: []Setting{{"region", "x"}}}, "white space, quotes"},
		{"a new section with quotes", Change{Section: `profile "a"`, Set: []Setting{{"region", "x"}}}, "white space, quotes"},
		{"a new section with a backslash", Change{Section: `profile a\b`, Set: []Setting{{"region", "x"}}}, "white space, quotes"},
		{"no key", set("", "x"), "a key has characters"},
		{"a key with an equals sign", set("a=b", "x"), "a key has characters"},
		{"a key with a colon", set("a:b", "x"), "a key has characters"},
		{"a key with a space", set("a b", "x"), "a key has characters"},
		{"a key that is a comment", set("#a", "x"), "a key has characters"},
		{"a key that is a header", set("[a]", "x"), "a key has characters"},
		{"a key of two lines", set("a\n", "x"), "a key has characters"},
		{"a removed key with a space", Change{Section: "a", Remove: []string{"a b"}}, "a key has characters"},
		{"a key named twice", Change{Section: "a", Set: []Setting{{"a", "x"}}, Remove: []string{"A"}}, "named twice"},
		{"no value", set("a", ""), "is empty"},
		{"a value with a line feed", set("a", "sec\nret"), "has a line break"},
		{"a value with a carriage return", set("a", "sec\rret"), "has a line break"},
		{"a value with a NUL", set("a", "sec\x00ret"), "has a line break"},
		{"a value with a next line", set("a", "sec\u0085ret"), "has a line break"},
		{"a value with a line separator", set("a", "sec\u2028ret"), "has a line break"},
		{"a value with a paragraph separator", set("a", "sec\u2029ret"), "has a line break"},
		{"a value behind a space", set("a", " secret"), "begins or ends with white space"},
		{"a value before a tab", set("a", "secret\t"), "begins or ends with white space"},
		{"a value before a no-break space", set("a", "secret\u00a0"), "begins or ends with white space"},
		{"a value with a comment", set("a", "secret #x"), "begins a comment"},
		{"a value with a comment behind a tab", set("a", "secret\t;x"), "begins a comment"},
		{"a value that is a comment", set("a", "#secret"), "begins a comment"},
		{"a value in quotes", set("a", `"secret"`), "same quote"},
		{"a value between quoted words", set("a", `"sec" "ret"`), "same quote"},
		{"a lone quote, on which the SDK for Go panics", set("a", `'`), "same quote"},
		{"a value in Latin-1", set("a", "secret\xe9"), "is not UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := Apply(nil, c.change)
			if !errors.Is(err, ErrInvalid) || out != nil {
				t.Fatalf("got %q, %v, want ErrInvalid", out, err)
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "sec") && strings.Contains(err.Error(), "ret") {
				t.Errorf("got %v, want %q and no value", err, c.want)
			}
		})
	}
}

func TestApplyRefusesFilesThatAreNone(t *testing.T) {
	for _, c := range []struct {
		name   string
		in     []byte
		change Change
		want   error
	}{
		{"NUL bytes", []byte("[\x00a\x00]\x00"), region("x"), ErrBinary},
		{"17 MiB", bytes.Repeat([]byte("# comment comment\n"), 1<<20), region("x"), ErrTooLarge},
		{"a little less than 16 MiB that would be more", bytes.Repeat([]byte("#"), maxSize-5), region("x"), ErrTooLarge},
	} {
		if out, err := Apply(c.in, c.change); !errors.Is(err, c.want) || out != nil {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestLookupReadsAsTheSDKForGoDoes(t *testing.T) {
	const file = "early = 0\n[profile a]\nRegion = x # home\nquoted = 'y'\nlong = 1\n  2\ns3 =\n  max = 3\n  # no\nagain = 4\n[profile a]\nagain = 5\n[profile b]\nother = 6\n"
	for _, c := range []struct {
		key, want string
		ok        bool
	}{
		{"region", "x", true},
		{"REGION", "x", true},
		{"quoted", "y", true},
		{"long", "1\n2", true},
		{"s3", "", true},
		{"max", "", false},
		{"again", "5", true},
		{"other", "", false},
		{"early", "", false},
	} {
		if got, ok := Lookup([]byte(file), "profile a", c.key); got != c.want || ok != c.ok {
			t.Errorf("%s: got %q, %v, want %q, %v", c.key, got, ok, c.want, c.ok)
		}
	}
}

// seeds are files as people and tools have written them.
func seeds(t testing.TB) (files [][]byte) {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.ini")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no seeds in testdata: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, data)
	}
	return files
}

func FuzzApply(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add(seed, "profile a", "region", "eu-west-1", "output")
		f.Add(seed, "default", "credential_process", `"/opt/a b" -x`, "aws_access_key_id")
	}
	f.Add([]byte("[a]\r\rk=1\r\n k = 2"), "a", "k", "v", "x")
	f.Fuzz(func(t *testing.T, file []byte, section, key, value, gone string) {
		c := Change{Section: section, Set: []Setting{{key, value}}, Remove: []string{gone}}
		out, err := Apply(file, c)
		if err != nil {
			if out != nil {
				t.Fatal("an error and a content")
			}
			for _, known := range []error{ErrInvalid, ErrAmbiguous, ErrBinary, ErrTooLarge} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("an error of no kind: %v", err)
		}
		if got, ok := Lookup(out, section, key); !ok || got != value {
			t.Errorf("got %q, %v, want %q", got, ok, value)
		}
		if _, ok := Lookup(out, section, gone); ok {
			t.Error("a removed setting is there")
		}
		if again, err := Apply(out, c); err != nil || !bytes.Equal(again, out) {
			t.Errorf("a second time: got %q, %v, want %q", again, err, out)
		}
		if before, after := foreign(file, section), foreign(out, section); !bytes.HasPrefix(after, before) {
			t.Errorf("other sections: got %q, want %q", after, before)
		} else if rest := bytes.TrimSpace(after[len(before):]); len(rest) > 0 {
			t.Errorf("other sections: %q has come", rest)
		}
	})
}

// foreign answers the lines of all other sections.
func foreign(file []byte, section string) (lines []byte) {
	r, ours := new(sdk), false
	for line := range bytes.Lines(file) {
		if is := r.read(strings.TrimSuffix(string(line), "\n")); is.kind == header {
			ours = is.section == sectionName(section)
		}
		if !ours {
			lines = append(lines, line...)
		}
	}
	return lines
}

func BenchmarkApply(b *testing.B) {
	file := []byte(strings.Repeat("[profile someone-else]\nregion = eu-west-1\noutput = json\n\n", 20) + "[profile a]\nregion = y\n")
	b.SetBytes(int64(len(file)))
	for b.Loop() {
		if _, err := Apply(file, region("x")); err != nil {
			b.Fatal(err)
		}
	}
}
