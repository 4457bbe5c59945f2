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

// newTokens makes the directory, beside the socket.
func newTokens(socket string, log *slog.Logger) (*tokens, error) {
	t := &tokens{dir: filepath.Join(filepath.Dir(socket), "tokens"), log: log, now: map[string]token{}}
	if err := os.RemoveAll(t.dir); err != nil { // of an agent that was killed: nobody knows these
		return nil, err
	}
	return t, makePublic(t.dir)
}

func (t *tokens) remove() error { return os.RemoveAll(t.dir) }

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

// write makes the files of a generation: new ones for what is new, none for what has gone.
func (t *tokens) write(g *generation) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := map[string]token{}
	for key, s := range g.served {
		for _, h := range s.holders() {
			if before, there := t.now[h.path]; there {
				now[h.path] = before
				continue
			}
			made, err := t.make(key, h)
			if errors.Is(err, fs.ErrPermission) {
				t.log.Warn("no token for somebody else: only the superuser can give files away", "name", s.name, "for", h.by)
				continue
			}
			if err != nil {
				return err
			}
			now[h.path] = made
		}
	}
	for path := range t.now {
		if _, there := now[path]; !there {
			if err := os.Remove(filepath.Join(t.dir, path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	t.now = now
	for path := range t.before {
		if _, there := now[path]; !there {
			delete(t.before, path)
		}
	}
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

// rotate makes all tokens anew from time to time.
func (t *tokens) rotate(ctx context.Context, now func() *generation) {
	for {
		if !sleep(ctx, tokenLife) {
			return
		}
		t.mu.Lock()
		t.before, t.now = t.now, map[string]token{}
		t.mu.Unlock()
		if err := t.write(now()); err != nil {
			t.log.Error("tokens cannot be made anew", "error", err.Error())
		}
		if !sleep(ctx, tokenOverlap) {
			return
		}
		t.mu.Lock()
		t.before = nil
		t.mu.Unlock()
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
