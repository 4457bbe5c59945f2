package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/awsauth-go/awsauth/internal/safefile"
)

// Client asks an agent.
type Client struct{ Socket string }

// ErrNoAgent reports that no agent runs there.
var ErrNoAgent = errors.New("no agent runs there")

// ErrNotServed reports a name that the agent does not serve.
var ErrNotServed = errors.New("the agent serves no credential of this name")

// RefusalError is a refusal of the agent's: it is final.
type RefusalError struct {
	Status  int
	Code    string
	Message string
}

func (e *RefusalError) Error() string { return "the agent: " + e.Message }

// Unavailable reports that the agent would, and has nothing at the moment.
func (e *RefusalError) Unavailable() bool { return e.Status == http.StatusServiceUnavailable }

// Hint answers what to do.
func (e *RefusalError) Hint() string {
	if e.Unavailable() {
		return "awsauth agent status says when it asks again"
	}
	return "whoever runs the agent allows it in agent.allow of its configuration"
}

const (
	maxAnswer = 16 << 20 // a status has a kilobyte for each of thousands of credentials
	timeout   = 5 * time.Second
)

// Credentials asks for credentials: ErrNoAgent, ErrNotServed or *RefusalError.
func (c Client) Credentials(ctx context.Context, name string) (a Answer, err error) {
	return a, c.get(ctx, "/credentials/"+url.PathEscape(name), &a)
}

// Status asks how the agent is.
func (c Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.get(ctx, "/status", &s)
}

func (c Client) get(ctx context.Context, path string, into any) (err error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	transport := &http.Transport{DialContext: c.dial, DisableKeepAlives: true, DisableCompression: true}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+Host+path, nil)
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
	if err != nil {
		if failed := new(url.Error); errors.As(err, &failed) {
			err = failed.Err
		}
		return err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	switch response.StatusCode {
	case http.StatusOK:
		return json.Unmarshal(body, into)
	case http.StatusNotFound:
		return ErrNotServed
	}
	refusal := &RefusalError{Status: response.StatusCode}
	if err := json.Unmarshal(body, refusal); err != nil || refusal.Message == "" {
		return fmt.Errorf("the agent at %s has given an answer that is none (status %d)", c.Socket, response.StatusCode)
	}
	return refusal
}

// dial connects to the socket of an agent that belongs to this user, to the superuser, or to the user whom the superuser has appointed:
// another's could give anything.
func (c Client) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	info, err := os.Lstat(c.Socket)
	switch {
	case err == nil && info.Mode()&fs.ModeSocket == 0, errors.Is(err, fs.ErrNotExist):
		return nil, ErrNoAgent
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOTDIR):
		return nil, ErrNoAgent // none of this user's: a directory of somebody else, as XDG_RUNTIME_DIR after su
	}
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", c.Socket)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoAgent
	}
	if err != nil {
		return nil, err
	}
	owner, err := peerOf(conn)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, errors.Join(err, conn.Close())
	}
	if KnowsPeers && owner.UID != 0 && int(owner.UID) != os.Geteuid() && !appointed(c.Socket, owner.UID) {
		return nil, errors.Join(fmt.Errorf("%s belongs to an agent of user %d, who could give anything", c.Socket, owner.UID), conn.Close())
	}
	return conn, nil
}

// runtimeDirectory is where the superuser alone makes directories: those of services, each of which belongs to the service's user.
const runtimeDirectory = "/run"

// appointed reports whether the superuser has given the place of a socket to a user, as systemd does for RuntimeDirectory=.
func appointed(socket string, uid uint32) bool {
	dir := filepath.Dir(socket)
	if filepath.Dir(dir) != runtimeDirectory {
		return false
	}
	top, err := os.Lstat(runtimeDirectory)
	if err != nil {
		return false
	}
	owner, known := safefile.Owner(top)
	if !known || owner != 0 || top.Mode().Perm()&0o022 != 0 {
		return false
	}
	place, err := os.Lstat(dir)
	if err != nil || !place.IsDir() || place.Mode().Perm()&0o022 != 0 {
		return false
	}
	owner, known = safefile.Owner(place)
	return known && owner == int(uid)
}
