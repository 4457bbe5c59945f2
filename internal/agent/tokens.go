package agent

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
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

	mu     sync.Mutex // guards all below
	now    map[string]token
	before map[string]token
}

// token is one of them. The token itself is in its file alone.
type token struct {
	hash [sha256.Size]byte
	name string // of the credential, in lower case
	by   string // the rule that allows
}

// newTokens makes the directory of the tokens of an agent at a socket, and removes what one that was killed has left there.
func newTokens(socket string, log *slog.Logger) (*tokens, error) {
	t := &tokens{dir: TokenDirectory(socket), log: log, now: map[string]token{}, before: map[string]token{}}
	if err := makePublic(t.dir); err != nil {
		return nil, err
	}
	return t, t.remove()
}

// TokenDirectory is where the tokens of an agent lie that listens at a socket: /run/awsauth/agent.tokens for /run/awsauth/agent.sock.
func TokenDirectory(socket string) string { return strings.TrimSuffix(socket, ".sock") + ".tokens" }

// remove removes all tokens: nothing else may be in their directories, or it stays.
func (t *tokens) remove() error {
	var failed error
	for _, pattern := range []string{"user-*", "group-*"} {
		dirs, err := filepath.Glob(filepath.Join(t.dir, pattern))
		failed = errors.Join(failed, err)
		for _, dir := range dirs {
			files, err := filepath.Glob(filepath.Join(dir, "*"))
			failed = errors.Join(failed, err)
			for _, file := range files {
				failed = errors.Join(failed, os.Remove(file))
			}
			failed = errors.Join(failed, safefile.Sweep(dir), os.Remove(dir))
		}
	}
	return failed
}

// close removes all, with the directory.
func (t *tokens) close() error { return errors.Join(t.remove(), os.Remove(t.dir)) }

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

// write makes the files of a generation: first those go that are no longer allowed, then there are new ones for what is new. It goes
// on when one cannot be made.
func (t *tokens) write(g *generation) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	wanted := map[string]holder{}
	keys := map[string]string{}
	for key, s := range g.served {
		for _, h := range s.holders() {
			wanted[h.path], keys[h.path] = h, key
		}
	}
	var failed error
	for path := range t.now {
		if _, allowed := wanted[path]; allowed {
			continue
		}
		delete(t.now, path)
		if err := os.Remove(filepath.Join(t.dir, path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	for path := range t.before {
		if _, allowed := wanted[path]; !allowed {
			delete(t.before, path)
		}
	}
	for path, h := range wanted {
		if _, there := t.now[path]; !there {
			failed = errors.Join(failed, t.renew(keys[path], h))
		}
	}
	return failed
}

// renew makes a token, in place of the one before, which is good for a while longer. One that cannot be made leaves what there is. The
// caller holds mu.
func (t *tokens) renew(key string, h holder) error {
	made, err := t.make(key, h)
	if errors.Is(err, fs.ErrPermission) {
		t.log.Warn("no token for somebody else: it takes CAP_CHOWN to give files away", "name", key, "for", h.by)
		return nil
	}
	if err != nil {
		return err
	}
	if before, there := t.now[h.path]; there {
		t.before[h.path] = before
	}
	t.now[h.path] = made
	return nil
}

// make makes a token and its file.
func (t *tokens) make(name string, h holder) (token, error) {
	path := filepath.Join(t.dir, h.path)
	if err := makePublic(filepath.Dir(path)); err != nil {
		return token{}, err
	}
	value := rand.Text() + rand.Text()
	staged, err := safefile.Stage(filepath.Dir(path), []byte(value)) // without a line feed: two SDKs send it along
	if err != nil {
		return token{}, err
	}
	err = os.Chmod(staged.Name(), h.mode)
	if h.uid != os.Geteuid() || h.gid >= 0 {
		err = errors.Join(err, os.Chown(staged.Name(), h.uid, h.gid))
	}
	if err != nil {
		return token{}, errors.Join(err, staged.Discard())
	}
	return token{container.Hash(value), name, h.by}, staged.Commit(path)
}

// rotate makes all tokens anew from time to time. Those that cannot be made are tried again; what there was stays good meanwhile.
func (t *tokens) rotate(ctx context.Context, now func() *generation) {
	for sleep(ctx, tokenLife) {
		for !t.renewAll(now()) {
			if !sleep(ctx, time.Minute) {
				return
			}
		}
		if !sleep(ctx, tokenOverlap) {
			return
		}
		t.mu.Lock()
		t.before = map[string]token{}
		t.mu.Unlock()
	}
}

// renewAll makes all tokens of a generation anew that have not been made since the last time, and reports whether it could.
func (t *tokens) renewAll(g *generation) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	done := true
	for key, s := range g.served {
		for _, h := range s.holders() {
			if _, already := t.before[h.path]; already {
				continue
			}
			if err := t.renew(key, h); err != nil {
				t.log.Error("a token cannot be made anew: the one before stays good", "name", s.name, "error", err.Error())
				done = false
			}
		}
	}
	return done
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

// grants are what all tokens are good for.
func (t *tokens) grants(g *generation, given func(*served, token)) (all []container.Grant) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, tokens := range []map[string]token{t.now, t.before} {
		for _, held := range tokens {
			s := g.served[held.name]
			if s == nil {
				continue
			}
			all = append(all, container.Grant{Token: held.hash, Name: s.name, Provider: aws.CredentialsProviderFunc(
				func(ctx context.Context) (aws.Credentials, error) {
					credentials, err := s.cache.Current(ctx)
					if err == nil {
						given(s, held)
					}
					return credentials, err
				})})
		}
	}
	return all
}

// containerHandler answers as the container-credentials endpoint does.
func (a *Agent) containerHandler(l net.Listener) http.Handler {
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := container.Handler{
			Grants: a.tokens.grants(a.now.Load(), func(s *served, t token) {
				s.count.Add(1)
				a.audit(r, "container", s.name, t.by, "")
			}),
			Failed: func(g container.Grant, _ error) { a.audit(r, "container", g.Name, "", "no credentials") },
			Denied: func() { a.audit(r, "container", "", "", "no such token") },
		}
		h.ServeHTTP(w, r)
	})
	return a.guarded(hostsOf(l), "container", answer, http.MethodGet)
}
