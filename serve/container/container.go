// Package container answers as the container-credentials endpoint of ECS and EKS does: every AWS SDK and the AWS CLI ask it for
// credentials when AWS_CONTAINER_CREDENTIALS_FULL_URI names it, and ask again before they end.
//
// Source: AWS SDKs and Tools Reference Guide, "Container credential provider".
package container

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Handler answers GET of any path with the credentials that the request's Authorization is for. What stands before it must turn
// away what browsers and proxies send.
type Handler struct {
	// Grants are who may have what.
	Grants []Grant
	// Find answers what the token of a hash is good for; it takes the place of Grants where there are many.
	Find func(hash [sha256.Size]byte) (Grant, bool)
	// Failed is told why there are no credentials for a request that is granted; nil for nobody.
	Failed func(Grant, error)
	// Why says to whoever is granted them why there are none; nil for nothing.
	Why func(Grant, error) string
	// Denied is told of a request without a token that is good here; nil for nobody.
	Denied func()
}

// Grant is a token and what it is good for.
type Grant struct {
	// Token is SHA256 of the value that Authorization must have: the token itself is not kept.
	Token [sha256.Size]byte
	// Provider gives the credentials, with their end in Expires.
	Provider aws.CredentialsProvider
	Name     string // of the credentials, for messages
}

// Hash is the form in which a Grant keeps a token.
func Hash(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

const (
	// patience is how long a client waits for credentials that are not there yet: those of JavaScript wait for a second.
	patience = 700 * time.Millisecond
	// retryAfter is when to ask again, in seconds.
	retryAfter = 1
	// staticLife is how long credentials without an end are said to be good: clients demand an end, and so see a change.
	staticLife = time.Hour
)

// document is the answer.
type document struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      string
	AccountID       string `json:"AccountId,omitempty"`
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	grant, ok := h.grant(r.Header.Get("Authorization"))
	if !ok {
		if h.Denied != nil {
			h.Denied()
		}
		w.Header().Set("Connection", "close") // or one connection can keep the server busy with guesses
		fail(w, http.StatusForbidden, "AccessDenied", "Authorization is not the token of any credentials here")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	credentials, err := grant.Provider.Retrieve(ctx)
	if err != nil {
		if h.Failed != nil && r.Context().Err() == nil {
			h.Failed(grant, err)
		}
		w.Header().Set("Retry-After", strconv.Itoa(retryAfter))
		message := "there are no credentials at the moment, and nothing is given that has ended"
		if h.Why != nil {
			message += ": " + h.Why(grant, err)
		}
		fail(w, http.StatusServiceUnavailable, "CredentialsUnavailable", message)
		return
	}
	d := document{
		AccessKeyID: credentials.AccessKeyID, SecretAccessKey: credentials.SecretAccessKey, Token: credentials.SessionToken,
		AccountID: credentials.AccountID,
	}
	ends := credentials.Expires
	if !credentials.CanExpire {
		ends = time.Now().Add(staticLife)
	}
	d.Expiration = expiration(ends, time.Now())
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(d) // whoever asked may have gone
}

// expiration writes an end in whole seconds, as AWS does. Of the last minute each part of a second counts: rounded, what an emulator
// gives for seconds would seem to have ended.
func expiration(ends, now time.Time) string {
	if ends.Sub(now) < time.Minute {
		return ends.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	}
	return ends.UTC().Format(time.RFC3339)
}

// grant finds what a token is good for, and takes as long whether there is one or not. How long Find takes tells something of a hash at
// most, and nothing of a token.
func (h *Handler) grant(token string) (found Grant, ok bool) {
	hash := Hash(token)
	if h.Find != nil {
		return h.Find(hash)
	}
	for _, g := range h.Grants {
		if subtle.ConstantTimeCompare(hash[:], g.Token[:]) == 1 {
			found, ok = g, true
		}
	}
	return found, ok
}

// fail answers with an error as the SDKs read it.
func fail(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{code, message})
}
