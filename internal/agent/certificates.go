package agent

import (
	"cmp"
	"crypto/x509"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/awsauth-go/awsauth/named"
)

// Certificate is one with which AWS has been asked.
type Certificate struct {
	Name    string    `json:"name"` // its identifier, or its file
	Subject string    `json:"subject"`
	Expires time.Time `json:"expires"`
	UsedBy  []string  `json:"used_by"` // credentials
}

// usedCertificates are those of one credential, by name, as they were when they were used last.
type usedCertificates struct {
	mu  sync.Mutex // guards all
	all map[string]*x509.Certificate
}

func (u *usedCertificates) add(use named.Use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all == nil {
		u.all = map[string]*x509.Certificate{}
	}
	u.all[cmp.Or(use.Identifier, use.File)] = use.Identity.Certificate
}

// takeOver takes what the same credential has used before a reload.
func (u *usedCertificates) takeOver(before *usedCertificates) {
	before.mu.Lock()
	all := maps.Clone(before.all)
	before.mu.Unlock()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.all = all
}

// certificates are those of all credentials, the first to end first.
func (g *generation) certificates() []Certificate {
	byName := map[string]*Certificate{}
	for _, name := range g.names {
		s := g.served[strings.ToLower(name)]
		s.used.mu.Lock()
		for certificate, leaf := range s.used.all {
			known := byName[certificate]
			if known == nil {
				known = &Certificate{Name: certificate}
				byName[certificate] = known
			}
			if leaf.NotAfter.After(known.Expires) { // the newer of two, while a renewal is under way
				known.Subject, known.Expires = leaf.Subject.String(), leaf.NotAfter
			}
			known.UsedBy = append(known.UsedBy, s.name)
		}
		s.used.mu.Unlock()
	}
	all := []Certificate{}
	for _, c := range byName {
		all = append(all, *c)
	}
	slices.SortFunc(all, func(a, b Certificate) int { return cmp.Or(a.Expires.Compare(b.Expires), cmp.Compare(a.Name, b.Name)) })
	return all
}
