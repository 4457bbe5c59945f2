package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/internal/guard"
)

// Status is what an agent says of itself.
type Status struct {
	Since       time.Time    `json:"since"`
	PID         int          `json:"pid"`
	Socket      string       `json:"socket"`
	Container   string       `json:"container,omitempty"` // empty when it is off
	IMDS        string       `json:"imds,omitempty"`      // the same
	Actions     string       `json:"actions,omitempty"`   // the same
	Health      string       `json:"health,omitempty"`    // the same
	Ready       bool         `json:"ready"`               // every credential is good for a while
	Refusals    int64        `json:"refusals"`
	Credentials []Credential `json:"credentials"`
	// Certificates are those with which AWS has been asked.
	Certificates []Certificate `json:"certificates"`
	Updates      []Update      `json:"updates"`
	// Tokens is why the files of tokens are not what they should be; empty when they are.
	Tokens string `json:"tokens_error,omitempty"`
	// Reload is why the last reload has changed nothing; empty when it has not failed.
	Reload string `json:"reload_error,omitempty"`
}

// Credential is the state of one that is served.
type Credential struct {
	Name        string    `json:"name"`
	Type        string    `json:"type"`
	ARN         string    `json:"arn,omitempty"` // as far as it is known
	AccessKeyID string    `json:"access_key_id,omitempty"`
	Obtained    time.Time `json:"obtained,omitzero"`
	Expires     time.Time `json:"expires,omitzero"` // zero for never, and for none
	Next        time.Time `json:"next,omitzero"`    // when AWS is asked again; zero while it is
	Asking      time.Time `json:"asking,omitzero"`  // since when it is being asked; zero when it is not
	Served      int64     `json:"served"`
	Calls       int       `json:"calls"`
	Failures    int       `json:"failures"`
	Error       string    `json:"error,omitempty"`
	Hint        string    `json:"hint,omitempty"` // what to do about it
	Failed      time.Time `json:"failed,omitzero"`
	Ready       bool      `json:"ready"`
}

// sparse is what credentials must be good for at least, for the agent to be ready.
const sparse = time.Minute

// isReady reports whether credentials are good for a minute. Of those that live for less than ten, as an emulator's for tests, it is a
// tenth of their life.
func (c Credential) isReady(now time.Time) bool {
	if c.AccessKeyID == "" {
		return false
	}
	return c.Expires.IsZero() || c.Expires.Sub(now) > min(sparse, c.Expires.Sub(c.Obtained)/10)
}

// giveStatus answers the superuser and whoever runs the agent.
func (a *Agent) giveStatus(w http.ResponseWriter, r *http.Request) {
	who, ok := r.Context().Value(peerKey{}).(asked)
	if !ok || who.err != nil || who.peer.UID != 0 && int(who.peer.UID) != os.Geteuid() {
		a.audit(r, "socket", "", "", "status is for the agent's user and the superuser")
		guard.Write(w, guard.Refusal{Status: http.StatusForbidden, Code: "NotAllowed", Message: "status is for the agent's user and the superuser"})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a.Status())
}

// Alive asks the agent how it is, as others do, and reports when it does not answer or no longer keeps what it serves fresh.
func (a *Agent) Alive(ctx context.Context) error {
	if _, err := (Client{Socket: a.address(a.now.Load())}).Status(ctx); err != nil {
		return err
	}
	return a.now.Load().neglected()
}

// grace is how late a renewal may begin: after a host has slept it is a few seconds.
const grace = 30 * time.Second

// neglected reports credentials for which AWS was to be asked a while ago, and is not: who keeps them fresh is stuck.
func (g *generation) neglected() error {
	for _, s := range g.served {
		if late := s.cache.Status().Late; late > grace {
			return fmt.Errorf("nobody renews %s, which was to be renewed %s ago", s.name, late.Round(time.Second))
		}
	}
	return nil
}

// address is where the agent listens, or will; "" where it opens no socket.
func (a *Agent) address(g *generation) string {
	if a.options.NoPeers {
		return ""
	}
	if at := a.socket.Load(); at != nil {
		return *at
	}
	return g.config.Socket
}

// Status answers what the agent holds and does.
func (a *Agent) Status() Status {
	g := a.now.Load()
	all := Status{
		Since: a.started, PID: os.Getpid(), Socket: a.address(g),
		Container: g.config.Container, Actions: g.config.ActionsAddress(),
		Health: g.config.Health, Ready: true, Refusals: a.counts.refusals.Load(), Certificates: g.certificates(), Updates: []Update{},
	}
	if a.tokens != nil {
		all.Tokens = a.tokens.problem()
	}
	if mistake := a.mistake.Load(); mistake != nil {
		all.Reload = (*mistake).Error()
	}
	for _, u := range g.updates {
		all.Updates = append(all.Updates, u.status())
	}
	if g.config.IMDS != nil {
		all.IMDS = g.config.IMDS.Address
	}
	for _, name := range g.names {
		s := g.served[strings.ToLower(name)]
		state := s.cache.Status()
		c := Credential{
			Name: s.name, Type: s.credential.Type(), ARN: s.how().ARN, AccessKeyID: state.AccessKeyID, Obtained: state.Obtained, Expires: state.Expires,
			Next: state.Next, Asking: state.Asking, Served: s.count.Load(), Calls: state.Calls, Failures: state.Failures, Failed: state.Failed,
		}
		if state.Err != nil {
			c.Error = state.Err.Error()
			if a.options.Hint != nil {
				c.Hint = a.options.Hint(state.Err)
			}
		}
		c.Ready = c.isReady(time.Now())
		all.Ready = all.Ready && c.Ready
		all.Credentials = append(all.Credentials, c)
	}
	return all
}
