package agent

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/awsauth-go/awsauth/internal/config"
	"github.com/awsauth-go/awsauth/serve/imds"
)

func describeIMDS(i *config.IMDS) string {
	if i == nil {
		return ""
	}
	return i.Address + " " + strings.ToLower(i.Credential)
}

var (
	errNotAllowed = errors.New("this user may not have these credentials")
	errGone       = errors.New("the configuration serves these credentials no longer")
)

// imdsHandler answers as the instance metadata service, with one credential, to the users that may have it. The kernel says whose a
// connection is.
func (a *Agent) imdsHandler(l net.Listener, name string) http.Handler {
	h := &imds.Handler{
		Role: a.now.Load().served[strings.ToLower(name)].name,
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
	return a.guarded(hostsOf(l), "imds", h, http.MethodGet, http.MethodPut)
}
