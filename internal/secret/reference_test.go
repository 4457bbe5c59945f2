package secret

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReferencesAreResolved(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(write("target", canary), link); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, reference, stdin, want string }{
		{"a variable", "env:KEY", "", canary},
		{"a file without a line ending", "file:" + write("plain", canary), "", canary},
		{"a file with a line ending", "file:" + write("unix", canary+"\n"), "", canary},
		{"a file from Windows", "file:" + write("windows", canary+"\r\n"), "", canary},
		{"a file with two line endings keeps one", "file:" + write("two", canary+"\n\n"), "", canary + "\n"},
		{"spaces are part of a secret", "file:" + write("spaces", " "+canary+" \n"), "", " " + canary + " "},
		{"a link, as Kubernetes mounts secrets", "file:" + link, "", canary},
		{"standard input", "-", canary + "\n", canary},
		{"a colon in a path", "file:" + write("a:b", canary), "", canary},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := resolve(t, resolver(test.stdin), test.reference)
			if err != nil || got.Reveal() != test.want {
				t.Errorf("got %q, %v; want %q", got.Reveal(), err, test.want)
			}
		})
	}
}

// resolve is what callers do with a text.
func resolve(t *testing.T, r Resolver, text string) (Secret, error) {
	t.Helper()
	reference, err := ParseReference(text)
	if err != nil {
		return Secret{}, err
	}
	return r.Resolve(t.Context(), reference)
}

func resolver(stdin string) Resolver {
	return Resolver{Stdin: strings.NewReader(stdin), LookupEnv: func(name string) (string, bool) {
		value, ok := map[string]string{"KEY": canary, "EMPTY": ""}[name]
		return value, ok
	}}
}

func TestReferencesThatLeadNowhereAreRefused(t *testing.T) {
	dir := t.TempDir()
	large, open, empty := filepath.Join(dir, "large"), filepath.Join(dir, "open"), filepath.Join(dir, "empty")
	for path, content := range map[string]string{large: strings.Repeat("x", maxSize+1), open: canary, empty: "\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, reference, want string
		is                    error
	}{
		{"the secret itself", canary, "not a reference: use " + References, ErrReference},
		{"a secret with a colon", "x:" + canary, "not a reference: use " + References, ErrReference},
		{"nothing", "", "not a reference: use " + References, ErrReference},
		{"no name", "env:", "not a reference: use " + References, ErrReference},
		{"a variable that is not set", "env:MISSING", "env:MISSING: the environment variable is not set", nil},
		{"an empty variable", "env:EMPTY", "env:EMPTY: is empty", ErrEmpty},
		{"a secret in place of a variable's name", "env:" + canary, "env:: the environment variable is not set", nil},
		{"a file that is not there", "file:" + dir + "/missing", "file:" + dir + "/missing: no such file or directory", fs.ErrNotExist},
		{"a directory", "file:" + dir, "file:" + dir + ": not a regular file", nil},
		{"a file with an empty line", "file:" + empty, "file:" + empty + ": is empty", ErrEmpty},
		{"a file that is too large", "file:" + large, "file:" + large + ": longer than 65536 bytes", nil},
		{"standard input that ends at once", "-", "standard input: is empty", ErrEmpty},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := resolve(t, resolver(""), test.reference)
			if err == nil || err.Error() != test.want || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestAFileIsForItsOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // modes say nothing there
	}
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, private := range map[fs.FileMode]bool{
		0o600: true, 0o400: true, 0o640: true, 0o440: true, 0o644: false, 0o660: false, 0o604: false, 0o602: false, 0o777: false,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := resolve(t, Resolver{}, "file:"+path)
		if private != (err == nil) || !private && !errors.Is(err, ErrMode) {
			t.Errorf("mode %04o: got %v, want it taken: %t", mode, err, private)
		}
	}
}

func TestSourcesThatAreNotThereAreNotReferences(t *testing.T) {
	for _, reference := range []string{"-", "env:KEY"} {
		if _, err := resolve(t, Resolver{}, reference); !errors.Is(err, ErrReference) {
			t.Errorf("%s: got %v, want %v", reference, err, ErrReference)
		}
	}
}

func TestAReadThatFailsSaysSo(t *testing.T) {
	broken := Resolver{Stdin: io.MultiReader(strings.NewReader(canary), iotest.ErrReader(errors.New("broken pipe")))}
	if _, err := resolve(t, broken, "-"); err == nil || err.Error() != "standard input: broken pipe" {
		t.Errorf("got %v, want standard input: broken pipe", err)
	}
}

func FuzzResolve(f *testing.F) {
	for _, seed := range []string{"-", "env:KEY", "env:", "file:/dev/null", "file:", "keyring:awsauth/legacy", canary, "env:" + canary, "\x00:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, reference string) {
		if strings.HasPrefix(reference, "file:") {
			return // what is read is the test machine's
		}
		got, err := resolve(t, resolver(""), reference)
		if errors.Is(err, ErrNoKeyring) || strings.HasPrefix(reference, "systemd:") {
			return
		}
		if (err == nil) == got.IsZero() {
			t.Errorf("%q: got a secret: %t, and %v", reference, !got.IsZero(), err)
		}
		if err != nil && !strings.HasPrefix(reference, "env:") && reference != "-" && !errors.Is(err, ErrReference) {
			t.Errorf("got %v, want %v", err, ErrReference)
		}
	})
}
