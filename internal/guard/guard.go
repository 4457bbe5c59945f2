// Package guard is the chain through which every request passes that may be answered with credentials, on every listener.
//
//	server := guard.Server(guard.Rules{Hosts: []string{"127.0.0.1:9912"}}.Wrap(handler))
//
// That a request comes over loopback says nothing about who sends it: any program and every browser on the host can send one. So
// whatever looks like a browser, a proxy or another site's name is refused here, and who asks is found out behind it.
package guard

import (
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Rules are what all requests of a listener must keep to.
type Rules struct {
	// Hosts are the values that Host may have, each with its port.
	Hosts []string
	// Methods that a listener has at all.
	Methods []string
	// Refused is told of each request that is turned away, and why; nil for nobody.
	Refused func(r *http.Request, why Refusal)
	// Answer answers a request that is turned away, in the form of the listener's protocol; nil means Write.
	Answer func(w http.ResponseWriter, why Refusal)
}

// Refusal is why a request is turned away.
type Refusal struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// The headers that only a browser sends, and those that a proxy adds. Fetch Metadata Request Headers, 2; RFC 6454, 7; RFC 9110,
// 10.1.3 and 7.6.3; RFC 7239.
var (
	ofBrowsers = []string{"Origin", "Referer"}
	ofProxies  = []string{"Forwarded", "Via", "X-Real-Ip", "Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip"}
)

const (
	maxBody   = 64 << 10
	maxHeader = 16 << 10
)

// Wrap puts the chain before a handler.
func (rules Rules) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		if len(r.TransferEncoding) > 0 {
			// It may have said a length, too, and something before us may have gone by that: what follows is then part of this one (RFC
			// 9112, 6.1). Whether it has, net/http does not tell.
			h.Set("Connection", "close")
		}
		if why := rules.check(r); why.Status != 0 {
			if rules.Refused != nil {
				rules.Refused(r, why)
			}
			if why.Status == http.StatusMethodNotAllowed {
				h.Set("Allow", strings.Join(rules.Methods, ", "))
			}
			if rules.Answer != nil {
				rules.Answer(w, why)
				return
			}
			Write(w, why)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

// check answers why a request is turned away; the zero Refusal for one that is not.
func (rules Rules) check(r *http.Request) Refusal {
	switch {
	case !local(r):
		return Refusal{http.StatusForbidden, "NotLocal", "only this host may ask"}
	case !slices.Contains(rules.Hosts, r.Host):
		return Refusal{http.StatusForbidden, "WrongHost", "the Host header names another server: use the address that was given"}
	case !slices.Contains(rules.Methods, r.Method):
		return Refusal{http.StatusMethodNotAllowed, "WrongMethod", "the method is none of " + strings.Join(rules.Methods, ", ")}
	case r.URL.IsAbs() || r.URL.Host != "":
		return Refusal{http.StatusBadRequest, "Proxied", "this is no proxy"}
	}
	for name := range r.Header {
		name = http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-")) // which some take for the same
		switch {
		case slices.Contains(ofBrowsers, name), strings.HasPrefix(name, "Sec-Fetch-"):
			return Refusal{http.StatusForbidden, "Browser", "browsers get no credentials, and " + name +
				" is what they send; so does fetch of Node.js, where node:http and axios do not"}
		case slices.Contains(ofProxies, name), strings.HasPrefix(name, "X-Forwarded-"):
			return Refusal{http.StatusForbidden, "Forwarded", "a proxy has handed this request on, says " + name + ", and only programs of this host may ask"}
		}
	}
	return Refusal{}
}

// local reports whether both ends of a connection are on this host. A socket of the file system has no addresses.
func local(r *http.Request) bool {
	own, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if own == nil || own.Network() == "unix" {
		return true
	}
	for _, text := range []string{r.RemoteAddr, own.String()} {
		address, err := netip.ParseAddrPort(text)
		if err != nil || !address.Addr().Unmap().IsLoopback() {
			return false
		}
	}
	return true
}

// Write answers with a refusal, in the form that AWS's clients read. Who is refused connects anew: one connection cannot keep a door
// busy with requests that do not wait for answers.
func Write(w http.ResponseWriter, why Refusal) {
	w.Header().Set("Content-Type", "application/json")
	if why.Status < http.StatusInternalServerError {
		w.Header().Set("Connection", "close")
	}
	w.WriteHeader(why.Status)
	_ = json.NewEncoder(w).Encode(why) // whoever asked may have gone
}

// Server is a server with limits: whoever is slow or sends much is cut off.
func Server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 2 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    maxHeader,
		// Or OPTIONS * is answered without a check.
		DisableGeneralOptionsHandler: true,
	}
}
