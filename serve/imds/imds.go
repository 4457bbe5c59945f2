// Package imds answers as the EC2 instance metadata service does, version 2: AWS's SDKs and the AWS CLI ask it for credentials when
// AWS_EC2_METADATA_SERVICE_ENDPOINT names it. Version 1, which asks without a token, is not there.
//
// Source: Amazon EC2 User Guide, "Use the Instance Metadata Service to access instance metadata" and "Retrieve security credentials
// from instance metadata".
package imds

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Handler answers PUT for tokens, and GET for the one role and its credentials. What stands before it must turn away what browsers
// and proxies send.
type Handler struct {
	// Role is the name of what is given.
	Role string
	// Provider gives the credentials, with their end in Expires.
	Provider aws.CredentialsProvider
	// Subject says who asks; an error is why they may have nothing. A token is good for whom it was made for.
	Subject func(*http.Request) (string, error)
	// Decided is told of each decision, about credentials and about tokens; nil for nobody. why is empty for what is granted, and c are
	// the credentials that were given, for an audit that says which.
	Decided func(r *http.Request, why string, c aws.Credentials)

	tokens tokens
}

const (
	tokenPath    = "/latest/api/token"
	rolePath     = "/latest/meta-data/iam/security-credentials"
	ttlHeader    = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	tokenHeader  = "X-Aws-Ec2-Metadata-Token"
	shortestLife = 1     // of a token, in seconds
	longestLife  = 21600 // six hours
	// patience is how long a client waits for credentials that are not there yet.
	patience = 700 * time.Millisecond
	// staticLife is how long credentials without an end are said to be good: clients demand an end.
	staticLife = time.Hour
	// timeForm is the only form of a time that botocore reads here.
	timeForm = "2006-01-02T15:04:05Z"
)

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	subject, err := h.Subject(r)
	if err != nil {
		h.refuse(w, r, http.StatusForbidden, err.Error())
		return
	}
	if r.URL.Path == tokenPath {
		h.giveToken(w, r, subject)
		return
	}
	if r.Method != http.MethodGet {
		h.refuse(w, r, http.StatusMethodNotAllowed, "the method is not GET")
		return
	}
	if !h.tokens.good(r.Header.Get(tokenHeader), subject, time.Now()) {
		h.refuse(w, r, http.StatusUnauthorized, "no token, or none that is good: this is version 2 alone")
		return
	}
	switch path := strings.TrimSuffix(r.URL.Path, "/"); path {
	case rolePath:
		_, _ = w.Write([]byte(h.Role)) // whoever asked may have gone
	case rolePath + "/" + h.Role:
		h.giveCredentials(w, r)
	default:
		http.Error(w, "not found", http.StatusNotFound)
	}
}

func (h *Handler) decided(r *http.Request, why string, c aws.Credentials) {
	if h.Decided != nil {
		h.Decided(r, why, c)
	}
}

func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, status int, why string) {
	h.decided(r, why, aws.Credentials{})
	if status < http.StatusInternalServerError {
		w.Header().Set("Connection", "close") // or one connection can keep the server busy with guesses
	}
	http.Error(w, why, status)
}

func (h *Handler) giveToken(w http.ResponseWriter, r *http.Request, subject string) {
	if r.Method != http.MethodPut {
		h.refuse(w, r, http.StatusMethodNotAllowed, "a token is asked for by PUT")
		return
	}
	seconds, err := strconv.Atoi(r.Header.Get(ttlHeader))
	if err != nil || seconds < shortestLife || seconds > longestLife {
		h.refuse(w, r, http.StatusBadRequest, ttlHeader+" is no number from 1 to 21600")
		return
	}
	token := rand.Text() + rand.Text()
	h.tokens.add(token, subject, time.Now(), time.Duration(seconds)*time.Second)
	h.decided(r, "", aws.Credentials{})
	w.Header().Set(ttlHeader, strconv.Itoa(seconds)) // without it the SDK for Go falls back to version 1
	_, _ = w.Write([]byte(token))
}

// document is the answer.
type document struct {
	Code            string
	LastUpdated     string
	Type            string
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      string
}

func (h *Handler) giveCredentials(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	credentials, err := h.Provider.Retrieve(ctx)
	now := time.Now()
	ends := credentials.Expires.Truncate(time.Second) // the form has no parts of a second, and nothing is given beyond what it says
	if !credentials.CanExpire {
		ends = now.Add(staticLife)
	}
	if err != nil || !ends.After(now) {
		w.Header().Set("Retry-After", "1")
		h.refuse(w, r, http.StatusServiceUnavailable, "there are no credentials at the moment, and nothing is given that has ended")
		return
	}
	h.decided(r, "", credentials)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(document{
		Code: "Success", LastUpdated: now.UTC().Format(timeForm), Type: "AWS-HMAC",
		AccessKeyID: credentials.AccessKeyID, SecretAccessKey: credentials.SecretAccessKey, Token: credentials.SessionToken,
		Expiration: ends.UTC().Format(timeForm),
	})
}
