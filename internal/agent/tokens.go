package agent

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/internal/safefile"
	"github.com/awsauth-go/awsauth/serve/container"
)

// Tokens are made anew this often, and the one before is good for a while longer: clients read the file at each request.
const (
	tokenLife    = time.Hour
	tokenOverlap = 10 * time.Minute
)

// tokens are those of the container-credentials endpoint: one for each credential and user or group that may have it, in a file that
// nobody else can read. SDKs are told of the file by AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE.
type tokens struct {
	dir string
	log *slog.Logger

	byHash atomic.Pointer[map[[sha256.Size]byte]token] // all that are good

	mu     sync.Mutex // guards all below
	now    map[string]token
	before map[string]token
	failed map[string]error     // by path, why a file is not what it should be
	again  map[string]time.Time // by path, when one that could not be made anew is tried again
}

// errNotGiven reports a file that is somebody else's and cannot be given to them. What is amiss is how the agent runs: it does not pass.
var errNotGiven = errors.New("it takes CAP_CHOWN to give the file away: under systemd by the drop-in in the comment of awsauth-agent.service")

// problem says what is wrong with the files, or "".
func (t *tokens) problem() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.failure(); err != nil {
		return err.Error()
	}
	return ""
}

// failure is what is wrong with the files; nil when nothing is. The caller holds mu.
func (t *tokens) failure() (all error) {
	paths := map[string][]string{}
	for _, path := range slices.Sorted(maps.Keys(t.failed)) {
		why := t.failed[path].Error()
		paths[why] = append(paths[why], path)
	}
	for _, why := range slices.Sorted(maps.Keys(paths)) {
		all = errors.Join(all, fmt.Errorf("%s: %s", strings.Join(paths[why], ", "), why))
	}
	return all
}

// token is one of them. The token itself is in its file alone.
type token struct {
	hash [sha256.Size]byte
	name string // of the credential, in lower case
	by   string // the rule that allows
	made time.Time
	over time.Time // when one is good no longer that has been replaced
}

// newTokens makes the directory of the tokens of an agent at a socket.
func newTokens(socket string, log *slog.Logger) (*tokens, error) {
	t := &tokens{dir: TokenDirectory(socket), log: log, now: map[string]token{}, before: map[string]token{}, failed: map[string]error{}, again: map[string]time.Time{}}
	return t, makePublic(t.dir)
}

// TokenDirectory is where the tokens of an agent lie that listens at a socket: /run/awsauth/agent.tokens for /run/awsauth/agent.sock.
func TokenDirectory(socket string) string { return strings.TrimSuffix(socket, ".sock") + ".tokens" }

// remove removes all tokens that are not kept: nothing else may be in their directories, or it stays.
func (t *tokens) remove(keep map[string]token) error {
	var failed error
	for _, pattern := range []string{"user-*", "group-*"} {
		dirs, err := fs.Glob(os.DirFS(t.dir), pattern)
		failed = errors.Join(failed, err)
		for _, name := range dirs {
			dir := filepath.Join(t.dir, name)
			files, err := fs.Glob(os.DirFS(dir), "*")
			failed = errors.Join(failed, err)
			kept := false
			for _, file := range files {
				if _, wanted := keep[filepath.Join(name, file)]; wanted {
					kept = true
					continue
				}
				failed = errors.Join(failed, os.Remove(filepath.Join(dir, file)))
			}
			failed = errors.Join(failed, safefile.Sweep(dir))
			if !kept {
				failed = errors.Join(failed, os.Remove(dir))
			}
		}
	}
	return failed
}

// close removes all, with the directory.
func (t *tokens) close() error {
	err := t.remove(nil)
	if gone := os.Remove(t.list()); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return errors.Join(err, os.Remove(t.dir))
}

// holder is who has the file of a token.
type holder struct {
	path string // below the directory
	uid  int
	gid  int
	mode fs.FileMode
	by   string
}

// holders are those of a credential.
func (s *served) holders() (all []holder) {
	me := os.Geteuid()
	for _, uid := range s.rule.users {
		all = append(all, holder{filepath.Join("user-"+strconv.Itoa(int(uid)), s.name), int(uid), -1, 0o400, "token of user " + strconv.Itoa(int(uid))})
	}
	for _, gid := range s.rule.groups {
		all = append(all, holder{filepath.Join("group-"+strconv.Itoa(int(gid)), s.name), me, int(gid), 0o440, "token of group " + strconv.Itoa(int(gid))})
	}
	return all
}

// wanted are the holders of all tokens of a generation by path, and the credentials' keys.
func wanted(g *generation) (holders map[string]holder, keys map[string]string) {
	holders, keys = map[string]holder{}, map[string]string{}
	for key, s := range g.served {
		for _, h := range s.holders() {
			holders[h.path], keys[h.path] = h, key
		}
	}
	return holders, keys
}

// write makes the files of a generation: first those go that are no longer allowed, then there are new ones for what is new. It goes
// on when one cannot be made.
func (t *tokens) write(g *generation) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.index()
	wanted, keys := wanted(g)
	for path := range t.now {
		if _, allowed := wanted[path]; !allowed {
			delete(t.now, path)
			t.failed[path] = errLeft
		}
	}
	t.removeLeft(wanted)
	for path := range t.before {
		if _, allowed := wanted[path]; !allowed {
			delete(t.before, path)
		}
	}
	var missing []holder
	for path, h := range wanted {
		if _, there := t.now[path]; !there {
			missing = append(missing, h)
		}
	}
	t.renew(missing, keys)
	return t.failure()
}

// errLeft stands for the error of a file that is to be removed.
var errLeft = errors.New("is still there")

// removeLeft removes the files of tokens that are no longer allowed; failed has why one cannot be. The caller holds mu.
func (t *tokens) removeLeft(wanted map[string]holder) {
	for path := range t.failed {
		if _, allowed := wanted[path]; allowed {
			continue
		}
		if err := os.Remove(filepath.Join(t.dir, path)); err == nil || errors.Is(err, fs.ErrNotExist) {
			delete(t.failed, path)
		} else {
			t.failed[path] = err
		}
	}
}

// renew makes tokens, in place of those before, which are good for a while longer. One that cannot be made leaves what there is, and
// failed has why. The caller holds mu.
func (t *tokens) renew(holders []holder, keys map[string]string) {
	var all []staged
	for _, h := range holders {
		made, err := t.stage(keys[h.path], h)
		if err != nil {
			t.failed[h.path] = err
			continue
		}
		all = append(all, made)
	}
	if len(all) == 0 && len(holders) > 0 {
		return // and the list is not written every few seconds while the disk is full
	}
	undo := map[string]token{}
	for _, made := range all {
		if before, there := t.now[made.path]; there {
			undo[made.path] = before
			before.over = made.made.Add(tokenOverlap)
			t.before[made.path] = before
		}
		t.now[made.path] = made.token
	}
	// Noted first: whatever ends the agent, what the files have is in the list.
	if err := t.note(); err != nil {
		t.log.Warn("the next agent will not know these tokens", "error", err.Error())
	}
	t.index() // whoever reads a file is served at once
	for _, made := range all {
		err := made.file.Commit(filepath.Join(t.dir, made.path))
		if err == nil {
			delete(t.failed, made.path)
			continue
		}
		t.failed[made.path] = err
		delete(t.now, made.path)
		if before, there := undo[made.path]; there {
			t.now[made.path] = before
			delete(t.before, made.path)
		}
	}
}

// staged is a token whose file is not in its place yet.
type staged struct {
	token
	path string
	file safefile.Staged
}

// stage makes a token and its file.
func (t *tokens) stage(name string, h holder) (staged, error) {
	dir := filepath.Dir(filepath.Join(t.dir, h.path))
	if err := makePublic(dir); err != nil {
		return staged{}, err
	}
	value := rand.Text() + rand.Text()                      // sizeOfToken
	file, err := safefile.StageFleeting(dir, []byte(value)) // without a line feed: two SDKs send it along
	if err != nil {
		return staged{}, err
	}
	err = os.Chmod(file.Name(), h.mode)
	if err == nil && (h.uid != os.Geteuid() || h.gid >= 0) {
		err = os.Chown(file.Name(), h.uid, h.gid)
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL) { // who has no number in this user namespace
			err = errNotGiven
		}
	}
	if err != nil {
		return staged{}, errors.Join(err, file.Discard())
	}
	return staged{token{hash: container.Hash(value), name: name, by: h.by, made: time.Now()}, h.path, file}, nil
}

// rotate makes each token anew when it is old. One that cannot be made is tried again, and keeps no other from its turn; what there was
// stays good meanwhile.
func (t *tokens) rotate(ctx context.Context, now func() *generation) {
	for sleep(ctx, t.untilTurn(time.Now())) {
		t.turn(now(), time.Now())
	}
}

const (
	lastLook = time.Second // before it is their time: those that were made together are made anew together
	tryAgain = time.Minute
)

// turn makes anew what is old, and forgets what was replaced long enough ago.
func (t *tokens) turn(g *generation, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer t.index()
	maps.DeleteFunc(t.before, func(_ string, held token) bool { return !now.Before(held.over) })
	wanted, keys := wanted(g)
	var old []holder
	for path, held := range t.now {
		if h, allowed := wanted[path]; allowed && !now.Before(t.due(path, held).Add(-lastLook)) {
			old = append(old, h)
		}
	}
	if len(old) == 0 {
		return
	}
	t.renew(old, keys)
	failed := false
	for _, h := range old {
		delete(t.again, h.path)
		if t.failed[h.path] != nil {
			t.again[h.path], failed = now.Add(tryAgain), true
		}
	}
	if failed {
		t.log.Error("a token cannot be made anew: the one before stays good", "error", t.failure().Error())
	}
}

// due is when a token is to be made anew. The caller holds mu.
func (t *tokens) due(path string, held token) time.Time {
	if again, failed := t.again[path]; failed {
		return again
	}
	return held.made.Add(tokenLife)
}

// untilTurn is how long it takes until something is to be made anew or forgotten, a minute at most: what comes meanwhile counts then.
func (t *tokens) untilTurn(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := time.Minute
	for path, held := range t.now {
		wait = min(wait, t.due(path, held).Sub(now))
	}
	for _, held := range t.before {
		wait = min(wait, held.over.Sub(now))
	}
	return max(wait, lastLook/10)
}

// restore makes those tokens whose files are not there: somebody has removed them, or their directory, or they could not be made. And it
// removes what could not be removed.
func (t *tokens) restore(g *generation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	wanted, keys := wanted(g)
	t.removeLeft(wanted)
	var gone []holder
	for path, h := range wanted {
		if errors.Is(t.failed[path], errNotGiven) {
			continue // until the next reload
		}
		_, made := t.now[path]
		if _, err := os.Lstat(filepath.Join(t.dir, path)); !made || errors.Is(err, fs.ErrNotExist) {
			gone = append(gone, h)
		}
	}
	if len(gone) == 0 {
		return
	}
	defer t.index()
	known := maps.Clone(t.failed)
	t.renew(gone, keys)
	there, news := 0, false
	for _, h := range gone {
		if t.failed[h.path] == nil {
			there++
		} else if known[h.path] == nil {
			news = true
		}
	}
	if there > 0 {
		t.log.Warn("files of tokens were not there, and are now", "files", there)
	}
	if news {
		t.log.Error("files of tokens are not there, and cannot be made", "error", t.failure().Error())
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// index makes it known what tokens are good from now on. The caller holds mu.
func (t *tokens) index() {
	all := make(map[[sha256.Size]byte]token, len(t.now)+len(t.before))
	for _, tokens := range []map[string]token{t.before, t.now} {
		for _, held := range tokens {
			all[held.hash] = held
		}
	}
	t.byHash.Store(&all)
}

// find answers which token has a hash.
func (t *tokens) find(hash [sha256.Size]byte) (token, bool) {
	all := t.byHash.Load()
	if all == nil {
		return token{}, false
	}
	held, ok := (*all)[hash]
	return held, ok
}

// containerHandler answers as the container-credentials endpoint does.
func (a *Agent) containerHandler(l net.Listener) http.Handler {
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := container.Handler{
			Find:   func(hash [sha256.Size]byte) (container.Grant, bool) { return a.grant(r, hash) },
			Failed: func(g container.Grant, _ error) { a.audit(r, "container", g.Name, "", "no credentials") },
			Why: func(g container.Grant, err error) string {
				if s := a.now.Load().served[strings.ToLower(g.Name)]; s != nil {
					err = s.because(err)
				}
				return err.Error()
			},
			Denied: func() { a.audit(r, "container", "", "", "no such token") },
		}
		h.ServeHTTP(w, r)
	})
	return a.guarded(hostsOf(l), "container", answer, http.MethodGet)
}

// grant answers what a token is good for in the configuration that is in force.
func (a *Agent) grant(r *http.Request, hash [sha256.Size]byte) (container.Grant, bool) {
	held, ok := a.tokens.find(hash)
	s := a.now.Load().served[held.name]
	if !ok || s == nil {
		return container.Grant{}, false
	}
	return container.Grant{Token: hash, Name: s.name, Provider: aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		credentials, err := s.cache.Current(ctx)
		if err == nil {
			s.count.Add(1)
			a.audit(r, "container", s.name, held.by, "", given(credentials)...)
		}
		return credentials, err
	})}, true
}
