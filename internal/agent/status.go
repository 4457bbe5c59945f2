package agent

import (
	"encoding/json"
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
	Refusals    int64        `json:"refusals"`
	Credentials []Credential `json:"credentials"`
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
	Failed      time.Time `json:"failed,omitzero"`
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

// address is where the agent listens, or will.
func (a *Agent) address(g *generation) string {
	if at := a.socket.Load(); at != nil {
		return *at
	}
	return g.config.Socket
}

// Status answers what the agent holds and does.
func (a *Agent) Status() Status {
	g := a.now.Load()
	all := Status{Since: a.started, PID: os.Getpid(), Socket: a.address(g), Container: g.config.Container, Refusals: a.refused.Load()}
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
		}
		all.Credentials = append(all.Credentials, c)
	}
	return all
}
