package agent

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/serve/imds"
)

// imdsAt is the door with what the configuration says of it now, where it has been since the start; nil where it is not.
func imdsAt(before, now *config.IMDS) *config.IMDS {
	if before == nil || now == nil {
		return before
	}
	return &config.IMDS{Address: before.Address, Credential: now.Credential}
}

func addressOf(i *config.IMDS) string {
	if i == nil {
		return ""
	}
	return i.Address
}

var (
	errNotAllowed = errors.New("this user may not have these credentials")
	errGone       = errors.New("the configuration serves these credentials no longer")
)

// imdsHandler answers as the instance metadata service, with the credential that the configuration in force names for it. When that is
// another, the tokens for the one before are over.
func (a *Agent) imdsHandler(l net.Listener) http.Handler {
	var (
		mu   sync.Mutex // guards both
		name string
		of   http.Handler
	)
	return a.guarded(hostsOf(l), "imds", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if now := a.now.Load().config.IMDS.Credential; of == nil || now != name {
			name, of = now, a.imdsOf(now)
		}
		h := of
		mu.Unlock()
		h.ServeHTTP(w, r)
	}), http.MethodGet, http.MethodPut)
}

// imdsOf gives one credential, to the users that may have it. The kernel says whose a connection is.
func (a *Agent) imdsOf(name string) http.Handler {
	role := name
	if s := a.now.Load().served[strings.ToLower(name)]; s != nil {
		role = s.name // as it is written where it is configured
	}
	return &imds.Handler{
		Role: role,
		Subject: func(r *http.Request) (string, error) {
			who, ok := r.Context().Value(peerKey{}).(asked)
			if !ok || who.err != nil {
				return "", errNobody
			}
			s := a.now.Load().served[strings.ToLower(name)]
			if s == nil {
				return "", errGone
			}
			if _, ok := s.rule.allowsUser(who.peer); !ok {
				return "", errNotAllowed
			}
			return strconv.Itoa(int(who.peer.UID)), nil
		},
		Provider: aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			s := a.now.Load().served[strings.ToLower(name)]
			if s == nil {
				return aws.Credentials{}, errGone
			}
			credentials, err := s.cache.Current(ctx)
			if err == nil {
				s.count.Add(1)
			}
			return credentials, err
		}),
		Decided: func(r *http.Request, why string, c aws.Credentials) {
			by := ""
			if who, ok := r.Context().Value(peerKey{}).(asked); ok && why == "" {
				by = "user " + strconv.Itoa(int(who.peer.UID))
			}
			var which []any
			if c.HasKeys() {
				which = given(c)
			}
			a.audit(r, "imds", name, by, why, which...)
		},
	}
}
