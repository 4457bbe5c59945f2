package certstore

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/safefile"
	"github.com/awsauth-go/awsauth/internal/secret"
)

func TestNamesThatAreTakenAreRefused(t *testing.T) {
	s := freshStore(t)
	add(t, s, "web", "MY S3", "alias-of-web")
	add(t, s, "mail")
	before := listed(t, s)
	for _, test := range []struct {
		name         string
		additions    []Addition
		text, advice string
	}{
		{
			"the same identifier",
			[]Addition{{Identifier: "web"}},
			`certificate "web": a certificate has this identifier already`, "awsauth certificate add web --replace FILE rotates it",
		},
		{
			"the same in another case",
			[]Addition{{Identifier: "WEB"}},
			`certificate "WEB": a certificate has this identifier already`, "awsauth certificate add web --replace FILE rotates it",
		},
		{
			"an identifier that is an alias",
			[]Addition{{Identifier: "alias-of-web"}},
			`certificate "alias-of-web": a certificate has this identifier already: it is an alias of "web"`, "awsauth certificate add web --replace FILE rotates it",
		},
		{
			"replacing an alias",
			[]Addition{{Identifier: "Alias-of-Web", AddOptions: AddOptions{Replace: true}}},
			`certificate "Alias-of-Web": a certificate has this identifier already: it is an alias of "web"`, "awsauth certificate add web --replace FILE rotates it",
		},
		{
			"an alias that is an identifier",
			[]Addition{{Identifier: "new", AddOptions: AddOptions{Aliases: []string{"MAIL"}}}},
			`certificate "new": a certificate has this identifier already: its alias "MAIL" is of "mail"`, "give it another alias",
		},
		{
			"an alias that is an alias",
			[]Addition{{Identifier: "new", AddOptions: AddOptions{Aliases: []string{"my s3"}}}},
			`certificate "new": a certificate has this identifier already: its alias "my s3" is of "web"`, "give it another alias",
		},
		{
			"an alias that another one has who comes with it",
			[]Addition{{Identifier: "new", AddOptions: AddOptions{Aliases: []string{"x y"}}}, {Identifier: "newer", AddOptions: AddOptions{Aliases: []string{"X Y"}}}},
			`certificate "newer": a certificate has this identifier already: its alias "X Y" is of "new"`, "give it another alias",
		},
		{
			"the same one twice, replacing",
			[]Addition{{Identifier: "web", AddOptions: AddOptions{Replace: true}}, {Identifier: "Web", AddOptions: AddOptions{Replace: true}}},
			`certificate "Web": a certificate has this identifier already: it is added twice`, "give each certificate its own identifier",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for i := range test.additions {
				test.additions[i].Identity = issue(t, "other")
			}
			checkError(t, s.AddAll(t.Context(), test.additions), ErrExists, test.text, test.advice)
			if got := listed(t, s); !maps.Equal(got, before) {
				t.Errorf("got %v, want what there was: %v", got, before)
			}
		})
	}
}

func TestATextThatIsNoNameIsRefusedAndNotRepeated(t *testing.T) {
	s := freshStore(t)
	err := s.Add(t.Context(), "hunter2 is my password", issue(t, "x"), AddOptions{})
	checkError(t, err, ErrIdentifier, "not an identifier: use 1 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first", "")
	for _, alias := range []string{"", "a\nb", "a\x1b[2J", "\xff", strings.Repeat("a", 256)} {
		err := s.Add(t.Context(), "web", issue(t, "x"), AddOptions{Aliases: []string{alias}})
		checkError(t, err, ErrAlias, `certificate "web": not an alias: use 1 to 255 printable characters`, "")
	}
}

func TestAllMistakesAreReportedAndNothingIsAdded(t *testing.T) {
	s := freshStore(t)
	expired := issueWith(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	authority := issueWith(t, func(c *x509.Certificate) { c.IsCA = true })
	err := s.AddAll(t.Context(), []Addition{
		{Identifier: "good", Identity: issue(t, "good")},
		{Identifier: "expired", Identity: expired},
		{Identifier: "authority", Identity: authority},
		{Identifier: "not one", Identity: issue(t, "x")},
		{Identifier: "linked", Link: &Link{Certificate: filepath.Join(t.TempDir(), "none.pem")}},
	})
	for _, want := range []error{identity.ErrExpired, identity.ErrCertificateAuthority, ErrIdentifier, fs.ErrNotExist} {
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v among it", err, want)
		}
	}
	if got := listed(t, s); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
}

func TestAReplacedCertificateKeepsItsNamesUnlessItGetsOthers(t *testing.T) {
	s := freshStore(t)
	add(t, s, "Web", "MY S3")
	rotated := issue(t, "rotated")
	if err := s.Add(t.Context(), "web", rotated, AddOptions{Replace: true}); err != nil {
		t.Fatal(err)
	}
	checkUsable(t, s, "my s3", rotated)
	if got, err := s.Names(); err != nil || !slices.Equal(got, []string{"Web", "MY S3"}) {
		t.Errorf("got %q, %v", got, err)
	}
	again := issue(t, "again")
	err := s.AddAll(t.Context(), []Addition{ // what the first one gives up, the second one may have
		{Identifier: "web", Identity: again, AddOptions: AddOptions{Replace: true, DropAliases: true, Aliases: []string{"THEIR S3"}}},
		{Identifier: "mail", Identity: rotated, AddOptions: AddOptions{Aliases: []string{"MY S3"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	checkUsable(t, s, "their s3", again)
	checkUsable(t, s, "my s3", rotated)
	if got, err := s.Names(); err != nil || !slices.Equal(got, []string{"mail", "web", "MY S3", "THEIR S3"}) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAnAliasIsAddedToThoseThatACertificateHas(t *testing.T) {
	s := freshStore(t)
	add(t, s, "Web", "MY S3", "old")
	rotated := issue(t, "rotated")
	if err := s.Add(t.Context(), "web", rotated, AddOptions{Replace: true, Aliases: []string{"new", "OLD"}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"web", "my s3", "old", "new"} {
		checkUsable(t, s, name, rotated)
	}
	if got, err := s.Names(); err != nil || !slices.Equal(got, []string{"Web", "MY S3", "old", "new"}) {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAliasesThatFoldToOneAnotherAreNotConfused(t *testing.T) {
	s := freshStore(t)
	long := add(t, s, "a", "MAſ S") // ſ folds to s, and is not its lower case
	short := add(t, s, "b", "MAS S")
	checkUsable(t, s, "MAS S", short)
	checkUsable(t, s, "maſ s", long)
}

func TestReplacingWhatIsNotThereAddsIt(t *testing.T) {
	s := freshStore(t)
	id := issue(t, "web")
	if err := s.Add(t.Context(), "web", id, AddOptions{Replace: true}); err != nil {
		t.Fatal(err)
	}
	checkUsable(t, s, "web", id)
}

func TestARefusedReplacementLeavesTheOldPairInForce(t *testing.T) {
	s := freshStore(t)
	id := add(t, s, "web")
	bad := *issue(t, "web")
	bad.Key = newKey(t)
	if err := s.Add(t.Context(), "web", &bad, AddOptions{Replace: true, Force: true}); !errors.Is(err, identity.ErrKeyMismatch) {
		t.Errorf("got %v, want ErrKeyMismatch", err)
	}
	checkUsable(t, s, "web", id)
}

// broken is a key that claims to be another.
type broken struct {
	crypto.Signer
	public crypto.PublicKey
}

func (b broken) Public() crypto.PublicKey { return b.public }

func TestAKeyThatDoesNotSignOrCannotBeKeptIsRefused(t *testing.T) {
	s := freshStore(t)
	liar := *issue(t, "web")
	liar.Key = broken{newKey(t), liar.Certificate.PublicKey}
	err := s.Add(t.Context(), "web", &liar, AddOptions{})
	if !errors.Is(err, identity.ErrKeyMismatch) || !strings.Contains(err.Error(), "the certificate does not verify what the private key signs") {
		t.Errorf("got %v, want ErrKeyMismatch", err)
	}
	token := *issue(t, "web")
	token.Key = broken{token.Key, token.Key.Public()} // not a type that can be written
	checkError(t, s.Add(t.Context(), "web", &token, AddOptions{}), identity.ErrUnsupportedKey,
		`certificate "web": unsupported kind of key: a key that cannot leave its place cannot be kept in the store`, "")
	if got := listed(t, s); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
}

func TestWhatCouldNotBeReadAgainIsNotWritten(t *testing.T) {
	s := freshStore(t)
	long := *issue(t, "web")
	for range 20 { // more than identity.Parse reads; force lets the chain pass
		long.Chain = append(long.Chain, issueWith(t, func(c *x509.Certificate) { c.IsCA = true }).Certificate)
	}
	if err := s.Add(t.Context(), "web", &long, AddOptions{Force: true}); err == nil {
		t.Error("it was added")
	}
	if got := listed(t, s); len(got) != 0 {
		t.Errorf("got %v, want none", got)
	}
	aliases := make([]string, 0, 10_000)
	for i := range 10_000 {
		aliases = append(aliases, strings.Repeat("ä", 120)+string(rune('一'+i)))
	}
	err := s.Add(t.Context(), "web", issue(t, "web"), AddOptions{Aliases: aliases})
	checkError(t, err, identity.ErrTooLarge, `certificate "web": too large: its file would be longer than 2097152 bytes`, "leave out certificates of the chain, or aliases")
}

func TestACertificateIsRemovedByAnyOfItsNames(t *testing.T) {
	for _, name := range []string{"Web", "wEB", "my s3"} {
		s := freshStore(t)
		add(t, s, "Web", "MY S3")
		mail := add(t, s, "mail")
		if err := s.Remove(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		checkUsable(t, s, "mail", mail)
		for _, gone := range []string{"Web", "MY S3"} {
			if err := s.Exists(gone); !errors.Is(err, ErrNotFound) {
				t.Errorf("%q after removing %q: got %v, want ErrNotFound", gone, name, err)
			}
		}
		add(t, s, "other", "MY S3") // its names are free
	}
}

func TestALinkKeepsPathsAndNothingElse(t *testing.T) {
	s := freshStore(t)
	dir := t.TempDir()
	id := issue(t, "web")
	write(t, filepath.Join(dir, "tls.crt"), certificatesPEM(id))
	write(t, filepath.Join(dir, "tls.key"), keyPEM(t, id))
	t.Chdir(dir)
	link(t, s, "web", Link{Certificate: "tls.crt", PrivateKey: "tls.key"})
	t.Chdir("/")
	checkUsable(t, s, "web", id)
	c, err := s.Certificate(t.Context(), "web")
	want := Link{Certificate: filepath.Join(dir, "tls.crt"), PrivateKey: filepath.Join(dir, "tls.key")}
	if err != nil || c.Link == nil || *c.Link != want || !c.Certificate.Equal(id.Certificate) || len(c.Chain) != 1 {
		t.Errorf("got %+v, %v, want %+v", c, err, want)
	}
	if text := string(read(t, s.path(entryDir, "id-web.json"))); strings.Contains(text, "CERTIFICATE") || strings.Contains(text, "private_key\": \"M") {
		t.Errorf("got %s", text)
	}
	// And it becomes a kept one, and back.
	if err := s.Add(t.Context(), "web", issue(t, "web"), AddOptions{Replace: true}); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Certificate(t.Context(), "web"); err != nil || c.Link != nil {
		t.Errorf("got %+v, %v, want no link", c, err)
	}
}

func TestAPasswordInPlaceOfItsReferenceIsNotKept(t *testing.T) {
	s := freshStore(t)
	err := s.AddLink(t.Context(), "web", Link{Certificate: "/c.pem", Password: "hunter2"}, AddOptions{})
	checkError(t, err, secret.ErrReference, `certificate "web": `+secret.ErrReference.Error(), "")
}

func TestWhatALinkLeadsToIsCheckedBeforeItIsKept(t *testing.T) {
	s := freshStore(t)
	dir := t.TempDir()
	expired := issueWith(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	path := filepath.Join(dir, "client.pem")
	write(t, path, append(certificatesPEM(expired), keyPEM(t, expired)...))
	err := s.AddLink(t.Context(), "web", Link{Certificate: path}, AddOptions{})
	if !errors.Is(err, identity.ErrExpired) || !strings.HasPrefix(err.Error(), `identity "web (`+path+`)": certificate has expired: "CN=client" ended on `) {
		t.Errorf("got %v, want ErrExpired", err)
	}
	if err := s.AddLink(t.Context(), "web", Link{Certificate: path}, AddOptions{Force: true}); err != nil {
		t.Errorf("with force: %v", err)
	}
}

// stage puts a change where a writer that is killed leaves it: its files on their way, and the first of them renamed.
func stage(t *testing.T, s *Store, puts map[string][]byte, renamed int) journal {
	t.Helper()
	j := journal{Puts: map[string]string{}}
	for name, data := range puts {
		f, err := safefile.Stage(s.dir, data)
		if err != nil {
			t.Fatal(err)
		}
		j.Puts[name] = filepath.Base(f.Name())
		if renamed > 0 {
			renamed--
			if err := f.Commit(s.path(entryDir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return j
}

func TestAChangeIsFinishedFromWhereverItsWriterWasKilled(t *testing.T) {
	model := freshStore(t)
	for _, name := range []string{"a", "b", "c"} {
		add(t, model, name)
	}
	const steps = 3
	for renamed := range steps + 1 {
		for _, journaled := range []bool{false, true} {
			if !journaled && renamed > 0 {
				continue // nothing is renamed before there is a journal
			}
			s := freshStore(t)
			add(t, s, "old")
			puts := map[string][]byte{}
			for _, name := range []string{"a", "b", "c"} {
				puts[entryName(name)] = read(t, model.path(entryDir, entryName(name)))
			}
			j := stage(t, s, puts, renamed)
			want := []string{"old"}
			if journaled {
				j.Removes = []string{entryName("old")}
				write(t, s.path(journalFile), []byte(toJSON(t, j)))
				want = []string{"a", "b", "c"}
			}
			s = reopen(t, s)
			if got := slices.Sorted(maps.Keys(listed(t, s))); !slices.Equal(got, want) {
				t.Errorf("%d renamed, journal %t: got %q, want %q", renamed, journaled, got, want)
			}
			if left := leftBehind(t, s.dir); len(left) != 0 {
				t.Errorf("%d renamed, journal %t: %q is left", renamed, journaled, left)
			}
		}
	}
}

// A change that fails half-way is not taken back by halves: its journal is there, and so are the files that it names.
func TestAChangeThatFailsHalfWayIsFinishedLater(t *testing.T) {
	s := freshStore(t)
	add(t, s, "old")
	obstacle := s.path(entryDir, "id-b.json") // a full directory can be replaced by no file
	if err := os.MkdirAll(filepath.Join(obstacle, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	ids := map[string]*identity.Identity{}
	var additions []Addition
	for _, name := range []string{"a", "b", "c", "d"} {
		ids[name] = issue(t, name)
		additions = append(additions, Addition{Identifier: name, Identity: ids[name], AddOptions: AddOptions{Replace: true}})
	}
	if err := s.AddAll(t.Context(), additions); err == nil {
		t.Fatal("it did not fail")
	}
	if err := os.RemoveAll(obstacle); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	for name, id := range ids {
		checkUsable(t, s, name, id)
	}
	if left := leftBehind(t, s.dir); len(left) != 0 {
		t.Errorf("%q is left", left)
	}
}

func TestAChangeThatCannotBeWrittenLeavesNothing(t *testing.T) {
	s := freshStore(t)
	id := add(t, s, "old")
	if err := os.MkdirAll(filepath.Join(s.path(journalFile), "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := s.commit(change{puts: map[string][]byte{"id-a.json": nil, "id-b.json": nil}})
	if err == nil {
		t.Fatal("it did not fail")
	}
	if err := os.RemoveAll(s.path(journalFile)); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s)
	if got := listed(t, s); len(got) != 1 {
		t.Errorf("got %v, want what there was", got)
	}
	checkUsable(t, s, "old", id)
	if left := leftBehind(t, s.dir); len(left) != 0 {
		t.Errorf("%q is left", left)
	}
	// One file that cannot take its place is not left on its way.
	if err := os.MkdirAll(s.path(entryDir, "id-a.json", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(t.Context(), "a", issue(t, "a"), AddOptions{Replace: true}); err == nil {
		t.Error("it did not fail")
	}
	if left := leftBehind(t, s.dir); len(left) != 0 {
		t.Errorf("%q is left", left)
	}
}

func TestMoreThanAJournalHoldsIsRefusedBeforeItIsWritten(t *testing.T) {
	s := freshStore(t)
	j := journal{Puts: map[string]string{}}
	for i := range 30_000 {
		j.Puts[entryName(strings.Repeat("a", 55)+string(rune('a'+i%26))+toJSON(t, i))] = ".awsauth-123456789012.tmp"
	}
	if err := s.promise(j); err == nil || err.Error() != "too many certificates for one change" {
		t.Errorf("got %v", err)
	}
	if left := leftBehind(t, s.dir); len(left) != 0 {
		t.Errorf("%q is left", left)
	}
}

func TestWritersOfSeveralProgramsDoNotDisturbEachOther(t *testing.T) {
	s := freshStore(t)
	const writers, each = 4, 5
	ids := make([]*identity.Identity, writers)
	failed := make(chan error, writers)
	for w := range writers {
		ids[w] = issue(t, "client")
		go func() {
			failed <- func() error {
				other, err := Open(s.dir, Options{})
				if err != nil {
					return err
				}
				for range each {
					err := other.AddAll(context.Background(), []Addition{
						{Identifier: "shared", Identity: ids[w], AddOptions: AddOptions{Replace: true}},
						{Identifier: string(rune('a' + w)), Identity: ids[w], AddOptions: AddOptions{Replace: true}},
					})
					if err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for range writers {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	for w := range writers {
		checkUsable(t, s, string(rune('a'+w)), ids[w])
	}
	if got := listed(t, s); len(got) != writers+1 {
		t.Errorf("got %v, want %d", got, writers+1)
	}
}

func TestForcibleTellsWhatForceWouldLetPass(t *testing.T) {
	for _, test := range []struct {
		err  error
		want bool
	}{
		{identity.ErrExpired, true},
		{&identity.Error{Err: identity.ErrNotYetValid}, true},
		{errors.Join(identity.ErrExpired, identity.ErrChain), true},
		{errors.Join(identity.ErrExpired, identity.ErrKeyMismatch), false},
		{errors.Join(errors.Join(identity.ErrExpired), identity.ErrWeakSignature), false},
		{ErrExists, false},
	} {
		if got := Forcible(test.err); got != test.want {
			t.Errorf("%v: got %t, want %t", test.err, got, test.want)
		}
	}
}
