package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/gofrs/flock"

	"github.com/awsauth-go/awsauth/internal/guard"
	"github.com/awsauth-go/awsauth/internal/safefile"
	"github.com/awsauth-go/awsauth/named"
)

// ErrRuns reports another agent at the same socket.
var ErrRuns = errors.New("another agent listens there")

// lockPlace makes the place of the socket and what lies beside it this agent's: one has it at a time, so that what an earlier one has
// left can be removed.
func lockPlace(path string) (unlock func() error, err error) {
	if err := makePublic(filepath.Dir(path)); err != nil {
		return nil, err
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600), flock.SetFlag(os.O_CREATE|os.O_RDWR|safefile.NoFollow|safefile.NonBlocking))
	mine, err := lock.TryLock()
	switch {
	case err != nil:
		return nil, err
	case !mine:
		return nil, fmt.Errorf("%s: %w", path, ErrRuns)
	}
	return lock.Unlock, nil
}

// listenSocket opens the socket. Everybody may connect: the kernel says who does.
func listenSocket(ctx context.Context, path string) (l net.Listener, unlock func() error, err error) {
	unlock, err = lockPlace(path)
	if err != nil {
		return nil, nil, err
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, nil, errors.Join(err, unlock())
	}
	l, err = new(net.ListenConfig).Listen(ctx, "unix", path)
	if err == nil {
		err = os.Chmod(path, 0o666)
	}
	if err != nil {
		return nil, nil, errors.Join(err, unlock())
	}
	return l, unlock, nil
}

// removeStale removes a socket that nobody listens at any more; anything else at its place stays, and is an error.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("%s: something else is in the socket's place", path)
	}
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return errors.Join(fmt.Errorf("%s: %w", path, ErrRuns), c.Close())
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return err
}

// makePublic makes a directory that everybody may look for a socket or a file in, whatever the umask is. One that is there stays as
// it is, but must be one that nobody else can change.
func makePublic(dir string) error {
	info, err := os.Lstat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if parent := filepath.Dir(dir); parent != dir {
			if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) {
				if err := makePublic(parent); err != nil {
					return err
				}
			}
		}
		return errors.Join(os.Mkdir(dir, 0o755), os.Chmod(dir, 0o755))
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", dir)
	}
	if uid, ok := safefile.Owner(info); ok && (uid != 0 && uid != os.Geteuid() || info.Mode().Perm()&0o022 != 0) {
		return fmt.Errorf("%s can be changed by others: it must belong to this user or the superuser, and nobody else may write there", dir)
	}
	return nil
}

type peerKey struct{}

// asked is who asks, or why that is not known.
type asked struct {
	peer Peer
	err  error
}

// withPeer keeps with each connection who is at its other end.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	k, ok := c.(*known)
	if !ok {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, k.asked)
}

// peerOfSocket is who has connected to a socket.
func peerOfSocket(c net.Conn) (Peer, error) {
	p, err := peerOf(c)
	if err == nil {
		err = p.check()
	}
	return p, err
}

// Host is the Host of requests over the socket.
const Host = "awsauth-agent"

// patience is how long a request waits for credentials that are not there yet.
const patience = 700 * time.Millisecond

// Answer is what the socket gives for a credential.
type Answer struct {
	Name            string       `json:"name"`
	Type            string       `json:"type"`
	AccessKeyID     string       `json:"access_key_id"`
	SecretAccessKey string       `json:"secret_access_key"`
	SessionToken    string       `json:"session_token,omitempty"`
	Expiration      time.Time    `json:"expiration,omitzero"` // zero for never
	AccountID       string       `json:"account_id,omitempty"`
	ARN             string       `json:"arn,omitempty"`
	Region          string       `json:"region,omitempty"` // that they are for, as far as the configuration says
	Steps           []named.Step `json:"steps,omitempty"`
	Emulator        string       `json:"emulator,omitempty"`
	Renews          time.Time    `json:"renews,omitzero"` // when the agent asks AWS for newer ones; zero while it does
}

// socketHandler answers GET /credentials/NAME and GET /status, to those who may.
func (a *Agent) socketHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /credentials/{name}", a.giveBySocket)
	mux.HandleFunc("GET /status", a.giveStatus)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.audit(r, "socket", "", "", "no such path")
		guard.Write(w, guard.Refusal{Status: http.StatusNotFound, Code: "NoSuchPath", Message: "there is /credentials/NAME, and /status"})
	})
	return a.guarded([]string{Host}, "socket", mux, http.MethodGet)
}

// guarded puts the one chain before a door's handler.
func (a *Agent) guarded(hosts []string, door string, next http.Handler, methods ...string) http.Handler {
	return guard.Rules{Hosts: hosts, Methods: methods, Refused: func(r *http.Request, why guard.Refusal) {
		a.audit(r, door, "", "", why.Code)
	}}.Wrap(next)
}

// hostsOf are the values of Host for a listener on loopback.
func hostsOf(l net.Listener) []string {
	address := l.Addr().(*net.TCPAddr)
	return []string{address.String(), fmt.Sprintf("localhost:%d", address.Port)}
}

// audit writes the one line that each decision gets. by is the rule that allows; why is why not.
func (a *Agent) audit(r *http.Request, door, name, by, why string, more ...any) {
	line := []any{"door", door, "method", r.Method}
	if name != "" {
		line = append(line, "name", name)
	}
	line = append(line, more...)
	if who, ok := r.Context().Value(peerKey{}).(asked); ok && who.err == nil {
		line = append(line, "uid", who.peer.UID)
		if who.peer.PID != 0 { // of a port the kernel says the user and no more
			line = append(line, "gid", who.peer.GID, "pid", who.peer.PID)
		}
	} else {
		line = append(line, "from", r.RemoteAddr)
	}
	a.counts.decided(door, why == "")
	if why != "" {
		a.options.Log.Warn("refused", append(line, "why", why)...)
		return
	}
	a.options.Log.Info("granted", append(line, "by", by)...)
}

// given says in an audit which credentials were given.
func given(c aws.Credentials) []any {
	line := []any{"key", lastFour(c.AccessKeyID)}
	if c.CanExpire {
		line = append(line, "expires", stamp(c.Expires))
	}
	return line
}

func (a *Agent) giveBySocket(w http.ResponseWriter, r *http.Request) {
	who, ok := r.Context().Value(peerKey{}).(asked)
	if !ok {
		who.err = errNobody
	}
	s := a.now.Load().served[strings.ToLower(r.PathValue("name"))]
	switch {
	case who.err != nil:
		a.audit(r, "socket", "", "", who.err.Error())
		guard.Write(w, guard.Refusal{Status: http.StatusForbidden, Code: "UnknownPeer", Message: who.err.Error()})
		return
	case s == nil:
		a.audit(r, "socket", "", "", "not served")
		guard.Write(w, guard.Refusal{Status: http.StatusNotFound, Code: "NotServed", Message: "the agent serves no credential of this name"})
		return
	}
	by, ok := s.rule.allows(who.peer)
	if !ok {
		a.audit(r, "socket", s.name, "", "not allowed")
		guard.Write(w, guard.Refusal{
			Status: http.StatusForbidden, Code: "NotAllowed",
			Message: fmt.Sprintf("user %d may not have %s: agent.allow.%s names neither the user nor a group of theirs", who.peer.UID, s.name, s.name),
		})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	credentials, err := s.cache.Current(ctx)
	if err != nil {
		a.audit(r, "socket", s.name, "", "no credentials")
		w.Header().Set("Retry-After", "1")
		guard.Write(w, guard.Refusal{Status: http.StatusServiceUnavailable, Code: "CredentialsUnavailable", Message: s.because(err).Error()})
		return
	}
	a.audit(r, "socket", s.name, by, "", given(credentials)...)
	s.count.Add(1)
	how := s.how()
	answer := Answer{
		Name: s.name, Type: s.credential.Type(), AccessKeyID: credentials.AccessKeyID, SecretAccessKey: credentials.SecretAccessKey,
		SessionToken: credentials.SessionToken, AccountID: credentials.AccountID, ARN: how.ARN, Steps: how.Steps, Emulator: how.Emulator,
		Region: s.credential.Region(), Renews: s.cache.Status().Next,
	}
	if credentials.CanExpire {
		answer.Expiration = credentials.Expires
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // whoever asked may have gone
}

// because is why there are no credentials: what the last failure was, rather than that there was no time to wait for the next.
func (s *served) because(err error) error {
	if last := s.cache.Status().Err; last != nil && errors.Is(err, context.DeadlineExceeded) {
		return last
	}
	return err
}
