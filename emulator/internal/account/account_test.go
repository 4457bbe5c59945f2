package account

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, c Config) *Account {
	t.Helper()
	if c.ID == "" {
		c.ID, c.Region = "111122223333", "eu-west-1"
	}
	if c.Now == nil {
		c.Now = func() time.Time { return noon }
	}
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

var backup = Session{RoleName: "backup", RoleID: "AROA", SessionName: "nightly", SourceIdentity: "CN=a", Tags: map[string]string{"x509Subject/CN": "a"}}

func TestATokenOpensToItsSession(t *testing.T) {
	a := open(t, Config{})
	issued := a.Issue(backup, time.Hour)
	s, secret, err := a.OpenToken(issued.AccessKeyID, issued.SessionToken)
	if err != nil {
		t.Fatal(err)
	}
	if secret != issued.SecretAccessKey || len(secret) != 40 {
		t.Error("got another secret access key than was issued")
	}
	if s.RoleName != "backup" || s.SessionName != "nightly" || s.SourceIdentity != "CN=a" || s.Tags["x509Subject/CN"] != "a" ||
		!s.IssuedAt.Equal(noon) || !s.Expiration.Equal(noon.Add(time.Hour)) || !issued.Expiration.Equal(s.Expiration) {
		t.Errorf("got %+v", s)
	}
}

func TestATokenIsGoodForItsAccountAndItsAccessKeyAlone(t *testing.T) {
	a, other := open(t, Config{}), open(t, Config{})
	issued, second := a.Issue(backup, time.Hour), a.Issue(backup, time.Hour)
	if issued.SecretAccessKey == second.SecretAccessKey || issued.SessionToken == second.SessionToken {
		t.Error("two sessions have the same credentials")
	}
	for name, open := range map[string]func() error{
		"another access key's token": func() error { _, _, err := a.OpenToken(second.AccessKeyID, issued.SessionToken); return err },
		"another account's token":    func() error { _, _, err := other.OpenToken(issued.AccessKeyID, issued.SessionToken); return err },
		"no token":                   func() error { _, _, err := a.OpenToken(issued.AccessKeyID, ""); return err },
		"no base64":                  func() error { _, _, err := a.OpenToken(issued.AccessKeyID, issued.SessionToken+"!"); return err },
		"a short token":              func() error { _, _, err := a.OpenToken(issued.AccessKeyID, "AAAA"); return err },
	} {
		if err := open(); !errors.Is(err, ErrToken) {
			t.Errorf("%s: got %v, want ErrToken", name, err)
		}
	}
}

func TestNoChangedTokenOpens(t *testing.T) {
	a := open(t, Config{})
	issued := a.Issue(backup, time.Hour)
	sealed, err := base64.StdEncoding.DecodeString(issued.SessionToken)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		for _, bit := range []byte{1, 0x80} {
			changed := bytes.Clone(sealed)
			changed[i] ^= bit
			if _, _, err := a.OpenToken(issued.AccessKeyID, base64.StdEncoding.EncodeToString(changed)); !errors.Is(err, ErrToken) {
				t.Fatalf("byte %d changed: got %v, want ErrToken", i, err)
			}
		}
		if _, _, err := a.OpenToken(issued.AccessKeyID, base64.StdEncoding.EncodeToString(sealed[:i])); !errors.Is(err, ErrToken) {
			t.Fatalf("cut to %d bytes: got %v, want ErrToken", i, err)
		}
	}
}

func FuzzOpenToken(f *testing.F) {
	a := open(f, Config{})
	issued := a.Issue(backup, time.Hour)
	f.Add(issued.AccessKeyID, issued.SessionToken)
	f.Add(issued.AccessKeyID, issued.SessionToken[4:])
	f.Add("ASIAEMU", "")
	f.Fuzz(func(t *testing.T, id, token string) {
		s, _, err := a.OpenToken(id, token)
		if err != nil && !errors.Is(err, ErrToken) {
			t.Errorf("got %v, want ErrToken", err)
		}
		if err == nil && (id != issued.AccessKeyID || s.SessionName != "nightly") {
			t.Errorf("a token that was not issued opens for %q", id)
		}
	})
}

func TestTheStateFileOutlivesARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	a := open(t, Config{Dir: dir})
	err := a.Write(func(s *State) error {
		s.Users["u"] = &User{Name: "u", Policies: Policies{}.WithInline("all", allowAll("*"))}
		s.AccessKeys["AKIAEMU1"] = &AccessKey{ID: "AKIAEMU1", Secret: "secret", UserName: "u", Active: true}
		s.Roles["backup"] = &Role{Name: "backup", MaxSessionDuration: 3600, TrustPolicy: "{}"}
		s.TrustAnchors["t"] = &TrustAnchor{ID: "t", Bundle: "PEM", Notifications: DefaultNotifications()}
		s.Profiles["p"] = &Profile{ID: "p", AttributeMappings: DefaultAttributeMappings()}
		s.CRLs["c"] = &CRL{ID: "c", Data: []byte{1, 2}}
		s.Subjects["s"] = &Subject{ID: "s", LastSeenAt: noon}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	issued := a.Issue(backup, time.Hour)
	if _, err := New(Config{ID: a.ID, Region: a.Region, Dir: dir}); err == nil || !strings.HasSuffix(err.Error(), dir+" is in use by another emulator") {
		t.Errorf("a second one beside it: got %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}

	again := open(t, Config{Dir: dir})
	if _, _, err := again.OpenToken(issued.AccessKeyID, issued.SessionToken); err != nil {
		t.Errorf("a session of before: %v", err)
	}
	var before, after []byte
	a.Read(func(s *State) { before, _ = json.Marshal(s) })
	again.Read(func(s *State) { after, _ = json.Marshal(s) })
	if !bytes.Equal(before, after) {
		t.Errorf("got %s, want %s", after, before)
	}
	if again.ARN("iam", "root") != "arn:aws:iam::111122223333:root" {
		t.Error("another account")
	}
}

func TestTheStateFileIsItsOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	a := open(t, Config{Dir: dir})
	for range 3 {
		if err := a.Write(func(*State) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Fatalf("got %v, %v, want the state file and the lock alone", entries, err)
	}
	for path, want := range map[string]fs.FileMode{
		dir: 0o700 | fs.ModeDir, filepath.Join(dir, stateFile): 0o600, filepath.Join(dir, lockFile): 0o600,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: got %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

func TestTheStateFileIsReplacedAsAWhole(t *testing.T) {
	dir := t.TempDir()
	a := open(t, Config{Dir: dir})
	path := filepath.Join(dir, stateFile)
	old, err := os.Open(path) // whoever reads it while it is written…
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Write(func(s *State) error { s.Users["u"] = &User{Name: "u"}; return nil }); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(before)+1)
	n, err := old.Read(got)
	if err != nil || !bytes.Equal(got[:n], before) { // …has what it was
		t.Errorf("got %s, %v, want %s", got[:n], err, before)
	}
}

func TestAWriteThatFailsIsNotSaved(t *testing.T) {
	dir := t.TempDir()
	a := open(t, Config{Dir: dir})
	before, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	if err := a.Write(func(*State) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("got %v, want the error of the change", err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, stateFile)); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the file has changed, or %v", err)
	}
}

func TestAStateThatCannotBeSavedIsReported(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	a := open(t, Config{Dir: dir})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	err := a.Write(func(*State) error { return nil })
	if err == nil || !strings.HasPrefix(err.Error(), "save state: ") {
		t.Errorf("got %v, want save state: …", err)
	}
	if err := a.Write(func(s *State) error { s.Users["u"] = &User{Name: "u"}; return nil }); err == nil {
		t.Error("saved nowhere")
	}
	a.Read(func(s *State) {
		if s.Users["u"] != nil {
			t.Error("what could not be saved was not undone")
		}
	})
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("once the directory is back: %v", err)
	}
}

func TestCloseSavesWhatWasTouched(t *testing.T) {
	dir := t.TempDir()
	a := open(t, Config{Dir: dir})
	a.Touch(func(s *State) { s.Subjects["s"] = &Subject{ID: "s"} })
	if raw, err := os.ReadFile(filepath.Join(dir, stateFile)); err != nil || !bytes.Contains(raw, []byte(`"subjects":{}`)) {
		t.Errorf("saved at once, or %v", err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, Config{Dir: dir}).Read(func(s *State) {
		if len(s.Subjects) != 1 {
			t.Error("not saved by Close")
		}
	})
}

func TestAStateFileThatIsNotOursIsRefused(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, sealKeySize))
	for _, test := range []struct{ name, content, want string }{
		{"nothing", ``, "{path} is damaged: remove it to start anew"},
		{"half a file", `{"version":1,"account":"111122223333","reg`, "{path} is damaged: remove it to start anew"},
		{"a list", `[]`, "{path} is damaged: remove it to start anew"},
		{"another version", `{"version":2,"account":"111122223333","region":"eu-west-1","state":[]}`, "{path} has version 2, this emulator reads version 1"},
		{"no version", `{"account":"111122223333","region":"eu-west-1"}`, "{path} has version 0, this emulator reads version 1"},
		{
			"another account", `{"version":1,"account":"999988887777","region":"eu-west-1"}`,
			"{path} belongs to account 999988887777 in eu-west-1, not to 111122223333 in eu-west-1",
		},
		{
			"another region", `{"version":1,"account":"111122223333","region":"eu-west-2"}`,
			"{path} belongs to account 111122223333 in eu-west-2, not to 111122223333 in eu-west-1",
		},
		{"no state", `{"version":1,"account":"111122223333","region":"eu-west-1"}`, "{path} is damaged: remove it to start anew"},
		{"null", `{"version":1,"account":"111122223333","region":"eu-west-1","state":null}`, "{path} is damaged: remove it to start anew"},
		{"no key", `{"version":1,"account":"111122223333","region":"eu-west-1","state":{}}`, "{path} is damaged: remove it to start anew"},
		{"a short key", `{"version":1,"account":"111122223333","region":"eu-west-1","state":{"sealKey":"AAAA"}}`, "{path} is damaged: remove it to start anew"},
		{
			"an entry that is null", `{"version":1,"account":"111122223333","region":"eu-west-1","state":{"sealKey":"` + key + `","roles":{"a":null}}}`,
			"{path} is damaged: remove it to start anew",
		},
		{
			"an entry of another type", `{"version":1,"account":"111122223333","region":"eu-west-1","state":{"sealKey":"` + key + `","roles":{"a":7}}}`,
			"{path} is damaged: remove it to start anew",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, stateFile)
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := New(Config{ID: "111122223333", Region: "eu-west-1", Dir: dir})
			if want := "open account: " + strings.ReplaceAll(test.want, "{path}", path); err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != test.content {
				t.Errorf("the file was changed to %q, %v", after, err)
			}
		})
	}
}

func TestAStateFileThatLeavesMapsOutIsGood(t *testing.T) {
	dir := t.TempDir()
	key := base64.StdEncoding.EncodeToString(make([]byte, sealKeySize))
	content := `{"version":1,"account":"111122223333","region":"eu-west-1","state":{"sealKey":"` + key + `"}}`
	if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(t, Config{Dir: dir}).Write(func(s *State) error { s.Roles["a"] = &Role{}; return nil }); err != nil {
		t.Error(err)
	}
}

func TestManyAtOnce(t *testing.T) {
	a := open(t, Config{Dir: t.TempDir()})
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			id := string(rune('a' + i%4))
			a.Touch(func(s *State) { s.Subjects[id] = &Subject{ID: id} })
			a.Read(func(s *State) { _ = s.Subjects[id].ID })
			issued := a.Issue(backup, time.Hour)
			if _, _, err := a.OpenToken(issued.AccessKeyID, issued.SessionToken); err != nil {
				t.Error(err)
			}
			if i%16 == 0 {
				if err := a.Write(func(s *State) error { s.Roles[id] = &Role{Name: id}; return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestPackedSize(t *testing.T) {
	if got := new(Session).PackedSize(); got != 0 {
		t.Errorf("nothing: got %d, want 0", got)
	}
	tags := Session{Tags: map[string]string{"a": "b"}}
	more := Session{Tags: tags.Tags, Policies: []string{allowAll("s3:*")}, ManagedPolicies: []string{"arn:aws:iam::aws:policy/AdministratorAccess"}}
	if small, large := tags.PackedSize(), more.PackedSize(); small < 1 || large <= small || large > 100 {
		t.Errorf("got %d for a tag and %d for a policy too", small, large)
	}
	if first, second := more.PackedSize(), more.PackedSize(); first != second {
		t.Errorf("got %d, then %d", first, second)
	}
	if got := (&Session{Policies: []string{random(4000, secretAlphabet)}}).PackedSize(); got <= 100 {
		t.Errorf("4000 characters without order: got %d %%, want more than 100", got)
	}
}

func TestIdentifiersAreOfTheirForm(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		for _, id := range []string{NewUUID(), NewAccessKeyID(PrefixAccessKey), NewAccessKeyID(PrefixSessionAccessKey), NewUniqueID(PrefixRole), NewSecretAccessKey()} {
			if seen[id] {
				t.Fatal("an identifier was made twice")
			}
			seen[id] = true
		}
	}
	if got := NewAccessKeyID(PrefixAccessKey); len(got) != 20 || !strings.HasPrefix(got, "AKIAEMU") {
		t.Errorf("got access key ID %s", got)
	}
	if got := NewUniqueID(PrefixUser); len(got) != 21 || !strings.HasPrefix(got, "AIDA") {
		t.Errorf("got unique ID %s", got)
	}
}

// Tag keys are compared without regard to case, and a session's tag wins over its role's.
func TestASessionTagWinsOverTheRolesWhateverItsCase(t *testing.T) {
	a := open(t, Config{})
	role := &Role{Name: "backup", ARN: a.ARN("iam", "role/backup"), Tags: map[string]string{"Team": "open"}}
	for range 20 { // maps have no order
		c := a.NewRoleCaller(role, &Session{SessionName: "nightly", Tags: map[string]string{"team": "closed"}})
		if got := c.Context(noon).Values("aws:PrincipalTag/TEAM"); len(got) != 1 || got[0] != "closed" {
			t.Fatalf("got %v, want closed", got)
		}
	}
}

// A policy that denies what was done without a second factor, or by a service, has its keys to look at.
func TestKeysThatEveryRequestHas(t *testing.T) {
	a := open(t, Config{})
	user := &User{Name: "u", ARN: a.ARN("iam", "user/u")}
	for key, want := range map[string]string{
		"aws:ViaAWSService": "false", "aws:PrincipalIsAWSService": "false", "aws:EpochTime": strconv.FormatInt(noon.Unix(), 10),
	} {
		if got := a.NewUserCaller("AKIAEMU1", user, nil).Context(noon).Values(key); len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %v, want %s", key, got, want)
		}
	}
	if got := a.NewUserCaller("ASIAEMU1", user, &Session{}).Context(noon).Values("aws:MultiFactorAuthPresent"); len(got) != 1 || got[0] != "false" {
		t.Errorf("a session: got %v, want false", got)
	}
	if got := a.NewUserCaller("AKIAEMU1", user, nil).Context(noon).Values("aws:MultiFactorAuthPresent"); len(got) != 0 {
		t.Errorf("a long-term key: got %v, want none", got)
	}
}
