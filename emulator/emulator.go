// Package emulator is a local AWS: IAM Roles Anywhere, and the STS and IAM that it needs, to try and test everything
// around credentials offline.
//
//	e, err := emulator.New(emulator.Config{})
//	created, err := e.Apply(emulator.Seed{…})
//	server := httptest.NewServer(e)
//
// Its goals: to refuse what AWS refuses, with AWS's status, code and text where they are known; to say the true reason,
// which AWS does not (Config.Explain); to be hostile on request (Fail); to make new keys at every start; and to be
// accepted by AWS's own clients.
//
// Its limits: one account in one region; no quotas on the rate of calls, no ACM Private CA, no fetching of revocation
// lists, no ML-DSA, no permissions boundaries and organisation policies, and only a handful of AWS managed policies.
// docs/emulator.md lists every check and everything that is not checked. It is not a service for others: it listens on
// loopback, and its access key IDs begin with AKIAEMU and ASIAEMU.
package emulator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/createsession"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// The account that an emulator is when nothing else is said: the one of AWS's examples.
const (
	DefaultAccountID = "123456789012"
	DefaultRegion    = "eu-west-1"
	DefaultSkew      = 5 * time.Minute
)

// Config says what is emulated. The zero value is good.
type Config struct {
	AccountID string // 12 digits; DefaultAccountID when empty
	Region    string // DefaultRegion when empty; gives the partition too
	// Dir keeps the account over restarts, with its secrets, in files of mode 0600; empty keeps it in memory.
	Dir string
	// SessionLifetime, when positive, shortens every session that is issued, whatever was asked for. It does not reach
	// those that STS issues.
	SessionLifetime time.Duration
	// Skew is how far a request's clock may be off; DefaultSkew when zero.
	Skew time.Duration
	// Explain adds the true reason of every refusal and its remedy in the headers HeaderReason and HeaderRemedy.
	Explain bool
	// Log gets a line for each request; nil for none. No line has a secret.
	Log *slog.Logger
	// STS, when set, issues the credentials of CreateSession in the emulator's place.
	STS *UpstreamSTS
	// Gateway hands on requests to services that the emulator does not have, once it has checked signature, session token, end and the
	// caller's policies: to the backend of the service that they are signed for, as "sqs", or to that of "". Backends are on loopback,
	// and need no authentication of their own.
	Gateway map[string]*url.URL
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Headers that Config.Explain adds to refusals.
const (
	HeaderReason = "X-Awsauth-Reason"
	HeaderRemedy = "X-Awsauth-Remedy"
)

// Emulator is an http.Handler for all its services: POST /sessions is CreateSession; other paths are Roles Anywhere's
// management API; requests of the Query protocol to / are STS or IAM. It is safe for concurrent use.
type Emulator struct {
	config   Config
	account  *account.Account
	sessions createsession.Service
	faults   faults
	// toBackends hands on as it is what comes from a backend: compressed objects stay so.
	toBackends *http.Transport
}

var accountIDForm = regexp.MustCompile(`^[0-9]{12}$`)

// New starts an emulator: with Config.Dir the one kept there, otherwise one with an empty account and new keys. Close
// must be called when Config.Dir is set.
func New(c Config) (*Emulator, error) {
	if c.AccountID == "" {
		c.AccountID = DefaultAccountID
	}
	if c.Region == "" {
		c.Region = DefaultRegion
	}
	if c.Skew == 0 {
		c.Skew = DefaultSkew
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if !accountIDForm.MatchString(c.AccountID) {
		return nil, fmt.Errorf("new emulator: account %q is not 12 digits", c.AccountID)
	}
	if c.Skew < 0 || c.SessionLifetime < 0 {
		return nil, errors.New("new emulator: neither Skew nor SessionLifetime may be negative")
	}
	if err := checkGateway(c.Gateway); err != nil {
		return nil, err
	}
	partition, err := rolesanywhere.PartitionOf(c.Region)
	if err != nil {
		return nil, fmt.Errorf("new emulator: region: %w", err)
	}
	e := &Emulator{config: c, toBackends: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}}
	e.account, err = account.New(account.Config{
		ID: c.AccountID, Partition: partition.Name, Region: c.Region, Now: e.now, Dir: c.Dir, SessionLifetime: c.SessionLifetime,
	})
	if err != nil {
		return nil, fmt.Errorf("new emulator: %w", err)
	}
	e.sessions = createsession.Service{Account: e.account, Skew: c.Skew}
	if c.STS != nil {
		e.sessions.Assume = c.STS.assumer(c.Region)
	}
	return e, nil
}

// Close saves what Config.Dir keeps. The emulator is not used any more afterwards.
func (e *Emulator) Close() error {
	e.toBackends.CloseIdleConnections()
	return e.account.Close()
}

// AccountID is the account emulated.
func (e *Emulator) AccountID() string { return e.config.AccountID }

// Region is the region emulated.
func (e *Emulator) Region() string { return e.config.Region }

// NewServer makes an http.Server with limits that the protocol's largest requests pass: headers of 128 KiB, because a
// certificate chain travels in them. tlsConfig may be nil.
func (e *Emulator) NewServer(tlsConfig *tls.Config) *http.Server {
	return &http.Server{
		Handler:           e,
		TLSConfig:         tlsConfig,
		MaxHeaderBytes:    128 << 10,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(e.config.Log.Handler(), slog.LevelWarn),
	}
}
