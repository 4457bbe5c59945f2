package agent

import (
	"context"
	"encoding/json"
	"net"
	"net/http"

	"github.com/awsauth-go/awsauth/internal/guard"
)

// healthHandler answers /healthz, /readyz and /metrics. Nothing there is secret, and whoever is on this host may read it.
func (a *Agent) healthHandler(l net.Listener) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", a.giveHealth)
	mux.HandleFunc("GET /readyz", a.giveReadiness)
	mux.HandleFunc("GET /metrics", a.giveMetrics)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		guard.Write(w, guard.Refusal{Status: http.StatusNotFound, Code: "NotFound", Message: "there are /healthz, /readyz and /metrics"})
	})
	return a.guarded(hostsOf(l), "health", mux, http.MethodGet)
}

// health is an answer of /healthz and /readyz.
type health struct {
	OK bool `json:"ok"`
	// Waiting are the credentials that are not good for a while yet.
	Waiting []string `json:"waiting,omitempty"`
	Error   string   `json:"error,omitempty"`
}

func (h health) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	if !h.OK {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(h) // whoever asked may have gone
}

// throughTheSocket asks as clients do: by the agent's own socket.
func (a *Agent) throughTheSocket(ctx context.Context) (Status, error) {
	if a.options.NoPeers {
		return a.Status(), nil // there is no socket
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return Client{Socket: a.address(a.now.Load())}.Status(ctx)
}

// giveHealth says whether the agent answers.
func (a *Agent) giveHealth(w http.ResponseWriter, r *http.Request) {
	if _, err := a.throughTheSocket(r.Context()); err != nil {
		health{Error: err.Error()}.write(w)
		return
	}
	health{OK: true}.write(w)
}

// giveReadiness says whether every credential is good for a while.
func (a *Agent) giveReadiness(w http.ResponseWriter, r *http.Request) {
	status, err := a.throughTheSocket(r.Context())
	if err != nil {
		health{Error: err.Error()}.write(w)
		return
	}
	answer := health{OK: status.Ready}
	for _, c := range status.Credentials {
		if !c.Ready {
			answer.Waiting = append(answer.Waiting, c.Name)
		}
	}
	answer.write(w)
}
