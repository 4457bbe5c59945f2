// Package account holds what an AWS account holds, as far as the emulator needs it: users, access keys and roles of IAM;
// trust anchors, profiles, revocation lists and subjects of Roles Anywhere; and the key that seals session tokens.
//
//	a, err := account.New(account.Config{ID: "123456789012", Region: "eu-west-1"})
//	a.Read(func(s *account.State) { role = s.Roles["backup"] })
//	err = a.Write(func(s *account.State) error { s.Roles["backup"] = changed; return nil })
//
// It checks no permission and speaks no protocol: the services built on it do.
package account

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Config says which account this is.
type Config struct {
	ID        string           // 12 digits
	Partition string           // "aws" when empty
	Region    string           // of everything regional
	Now       func() time.Time // time.Now when nil
	// Dir keeps the state over restarts; empty keeps it in memory.
	Dir string
	// SessionLifetime, when positive, shortens every session issued, whatever was asked for.
	SessionLifetime time.Duration
}

// Account is one emulated account in one region. It is safe for concurrent use.
type Account struct {
	Config

	mu    sync.RWMutex // guards state and dirty
	state *State
	dirty bool         // touched since the last save
	lock  *flock.Flock // of Config.Dir; nil without one
}

// State is all that an account keeps. An entry is never changed once it stands in a map: whoever changes something puts
// a changed copy in its place, so that a reader may keep what it has read.
type State struct {
	SealKey      []byte                  `json:"sealKey"`      // sealKeySize bytes
	Users        map[string]*User        `json:"users"`        // by name
	AccessKeys   map[string]*AccessKey   `json:"accessKeys"`   // by access key ID
	Roles        map[string]*Role        `json:"roles"`        // by name
	TrustAnchors map[string]*TrustAnchor `json:"trustAnchors"` // by ID
	Profiles     map[string]*Profile     `json:"profiles"`     // by ID
	CRLs         map[string]*CRL         `json:"crls"`         // by ID
	Subjects     map[string]*Subject     `json:"subjects"`     // by ID
}

// New opens an account: the one kept in Config.Dir, or an empty one with a new key.
func New(c Config) (*Account, error) {
	if c.Partition == "" {
		c.Partition = "aws"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	a := &Account{Config: c}
	if err := a.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open account: %w", err), a.release())
	}
	return a, nil
}

func newState() *State {
	s := &State{SealKey: make([]byte, sealKeySize)}
	rand.Read(s.SealKey)
	s.fill()
	return s
}

// fill makes the maps that a file may have left out.
func (s *State) fill() {
	fill(&s.Users)
	fill(&s.AccessKeys)
	fill(&s.Roles)
	fill(&s.TrustAnchors)
	fill(&s.Profiles)
	fill(&s.CRLs)
	fill(&s.Subjects)
}

// complete reports whether a state that was read has its key and no entry that is null.
func (s *State) complete() bool {
	return len(s.SealKey) == sealKeySize && entire(s.Users) && entire(s.AccessKeys) && entire(s.Roles) &&
		entire(s.TrustAnchors) && entire(s.Profiles) && entire(s.CRLs) && entire(s.Subjects)
}

func entire[E any](m map[string]*E) bool {
	for _, entry := range m {
		if entry == nil {
			return false
		}
	}
	return true
}

func fill[V any](m *map[string]V) {
	if *m == nil {
		*m = make(map[string]V)
	}
}

// Read lets f look at the state. f must not change it and may keep the entries it finds.
func (a *Account) Read(f func(*State)) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	f(a.state)
}

// Write lets f change the state and saves it. f checks before it changes: when it fails, nothing may have changed. When
// the state cannot be saved, what f did is undone.
func (a *Account) Write(f func(*State) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var before *State
	if a.Dir != "" {
		before = a.state.clone()
	}
	if err := f(a.state); err != nil {
		return err
	}
	a.dirty = true
	err := a.save()
	if err != nil {
		a.state = before
	}
	return err
}

// clone copies the maps. The entries, which never change, are shared.
func (s *State) clone() *State {
	c := *s
	c.Users, c.AccessKeys, c.Roles = maps.Clone(s.Users), maps.Clone(s.AccessKeys), maps.Clone(s.Roles)
	c.TrustAnchors, c.Profiles = maps.Clone(s.TrustAnchors), maps.Clone(s.Profiles)
	c.CRLs, c.Subjects = maps.Clone(s.CRLs), maps.Clone(s.Subjects)
	return &c
}

// Touch lets f note what happens at every call, such as when a subject was last seen. It is saved with the next Write or
// by Close.
func (a *Account) Touch(f func(*State)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(a.state)
	a.dirty = true
}

// Close saves what has been touched and leaves Config.Dir to others.
func (a *Account) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return errors.Join(a.save(), a.release())
}

func (a *Account) release() error {
	if a.lock == nil {
		return nil
	}
	return a.lock.Unlock()
}

// ARN makes an ARN of this account: regional for Roles Anywhere, global for IAM, without a region for STS.
func (a *Account) ARN(service, resource string) string {
	region := ""
	if service == "rolesanywhere" {
		region = a.Region
	}
	return "arn:" + a.Partition + ":" + service + ":" + region + ":" + a.ID + ":" + resource
}
