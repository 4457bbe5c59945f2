package cli

import (
	"bytes"
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/internal/pki"
)

// shelf is a directory with files of certificates, and a store beside them.
type shelf struct {
	t   *testing.T
	dir string
	ca  *pki.CA
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	ca, err := pki.NewCA("a-ca", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &shelf{t, t.TempDir(), ca}
}

// path is where a file of the shelf is.
func (s *shelf) path(elements ...string) string {
	return filepath.Join(append([]string{s.dir}, elements...)...)
}

func (s *shelf) write(name string, data []byte) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), data, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// vector is a file that another program has made.
func (s *shelf) vector(name string) []byte {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join("../../identity/testdata/vectors", name))
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

// issue puts NAME.pem and NAME.key there.
func (s *shelf) issue(name string, change func(*x509.Certificate)) *identity.Identity {
	s.t.Helper()
	id, err := s.ca.Issue(pki.Leaf{CommonName: name, Change: change})
	if err != nil {
		s.t.Fatal(err)
	}
	certificate, key, err := writeIdentity(s.t.TempDir(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	for from, to := range map[string]string{certificate: name + ".pem", key: name + ".key"} {
		data, err := os.ReadFile(from)
		if err != nil {
			s.t.Fatal(err)
		}
		s.write(to, data)
	}
	return id
}

// expired puts a certificate there that ended a number of days ago.
func (s *shelf) expired(name string, days int) *identity.Identity {
	s.t.Helper()
	return s.issue(name, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-1000*day), time.Now().Add(-time.Duration(days)*day-time.Hour)
	})
}

const shelfPassword = "open sesame"

func (s *shelf) pkcs12(id *identity.Identity) []byte {
	s.t.Helper()
	bag, err := pkcs12.Modern2023.Encode(id.Key, id.Certificate, nil, shelfPassword)
	if err != nil {
		s.t.Fatal(err)
	}
	return bag
}

// run runs the command, with the shelf's store. $DIR in an argument is the shelf's directory.
func (s *shelf) run(arguments ...string) outcome {
	s.t.Helper()
	return s.runWith(nil, arguments...)
}

func (s *shelf) runWith(prompt func(context.Context, string) ([]byte, error), arguments ...string) outcome {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	variables := map[string]string{"AWSAUTH_STORE": s.path("store"), "HOME": s.path("home"), "XDG_CACHE_HOME": s.path("cache"), "SESAME": shelfPassword}
	streams := IO{
		In: strings.NewReader(""), Out: &stdout, Err: &stderr, Prompt: prompt,
		Environment: config.Environment{Lookup: func(name string) (string, bool) {
			value, ok := variables[name]
			return value, ok
		}},
	}
	expanded := make([]string, len(arguments))
	for i, argument := range arguments {
		expanded[i] = strings.ReplaceAll(argument, "$DIR", s.dir)
	}
	code := Run(s.t.Context(), expanded, streams)
	unplace := func(b bytes.Buffer) string { return strings.ReplaceAll(b.String(), s.dir, "$DIR") }
	return outcome{unplace(stdout), unplace(stderr), code}
}

// must runs what has to succeed.
func (s *shelf) must(arguments ...string) string {
	s.t.Helper()
	got := s.run(arguments...)
	if got.code != ExitDone {
		s.t.Fatalf("%q: exit code %d\n%s", arguments, got.code, got.stderr)
	}
	return got.stdout
}

// refused runs what has to fail, with a message and a hint; the link at the hint's end is left out.
func (s *shelf) refused(code int, message, hint string, arguments ...string) {
	s.t.Helper()
	checkRefusal(s.t, s.run(arguments...), code, message, hint)
}

func checkRefusal(t *testing.T, got outcome, code int, message, hint string) {
	t.Helper()
	want := "awsauth: " + message + "\nawsauth: hint: " + hint + "\n"
	if said := linkForm.ReplaceAllString(got.stderr, ""); said != want || got.stdout != "" || got.code != code {
		t.Errorf("got %d %s\n%s\nwant %d\n%s", got.code, got.stdout, said, code, want)
	}
	for _, m := range linkForm.FindAllStringSubmatch(got.stderr, -1) {
		if !errorSections(t)[m[1]] {
			t.Errorf("docs/errors.md has no section #%s", m[1])
		}
	}
}
