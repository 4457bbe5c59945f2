package awsauth

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/printable"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// Mistake is one parameter that cannot be used.
type Mistake struct {
	Field   string // of Static or Session
	Problem string // what is wrong and what would be right, such as "is required"
}

// ParameterError lists every mistake in the parameters of a Static or a Session.
type ParameterError struct {
	Of       string // "static credentials" or "session credentials"
	Mistakes []Mistake
}

func (e *ParameterError) Error() string {
	texts := make([]string, len(e.Mistakes))
	for i, m := range e.Mistakes {
		texts[i] = m.Field + " " + m.Problem
	}
	return e.Of + ": " + strings.Join(texts, "; ")
}

type mistakes []Mistake

func (m *mistakes) add(field, format string, args ...any) {
	*m = append(*m, Mistake{field, fmt.Sprintf(format, args...)})
}

func (m mistakes) err(of string) error {
	if len(m) == 0 {
		return nil
	}
	return &ParameterError{of, m}
}

// kind is what an ARN must be.
type kind struct {
	field    string
	service  string
	resource string // prefix of the resource part
	example  string
}

var (
	roleKind        = kind{"RoleARN", "iam", "role/", "arn:aws:iam::123456789012:role/NAME"}
	profileKind     = kind{"ProfileARN", "rolesanywhere", "profile/", "arn:aws:rolesanywhere:eu-west-1:123456789012:profile/ID"}
	trustAnchorKind = kind{
		"TrustAnchorARN", "rolesanywhere", "trust-anchor/",
		"arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/ID",
	}
)

// maxARN is the longest ARN that CreateSession takes.
const maxARN = 1011

var resourceForm = regexp.MustCompile(`^[\w+=,.@/-]+$`)

// check answers the region.
func (s Session) check() (region string, err error) {
	var m mistakes
	role := m.arn(roleKind, s.RoleARN)
	profile := m.arn(profileKind, s.ProfileARN)
	anchor := m.arn(trustAnchorKind, s.TrustAnchorARN)
	m.agree(anchor, profile, role)

	region = s.Region
	if region == "" && anchor != nil {
		region = anchor.Region
	}
	m.region(s, region, anchor)

	m.identity(s)
	if d := s.Duration; d != 0 && (d < MinDuration || d > MaxDuration || d%time.Second != 0) {
		m.add("Duration", "is %s: use whole seconds from %s to %s", printable.Duration(d), printable.Duration(MinDuration), printable.Duration(MaxDuration))
	}
	m.sessionName(s.SessionName)
	m.instanceProperties(s.InstanceProperties)
	return region, m.err("session credentials")
}

func (m *mistakes) identity(s Session) {
	switch {
	case s.Identity == nil && s.Certificate == "":
		m.add("Identity", "is required: a certificate and its private key")
	case s.Identity != nil && s.Certificate != "":
		m.add("Certificate", "does not go with Identity: set one of them")
	case s.Certificate != "":
		if _, err := identity.Open(s.Certificate, nil); err != nil {
			m.add("Certificate", "cannot be used: %s", err)
		}
	}
}

// arn parses an ARN; what does not parse is nil, so that it takes no part in comparisons.
func (m *mistakes) arn(k kind, s string) *arn.ARN {
	if s == "" {
		m.add(k.field, "is required, as %s", k.example)
		return nil
	}
	a, err := arn.Parse(s)
	name, ok := strings.CutPrefix(a.Resource, k.resource)
	switch {
	case err != nil || len(s) > maxARN:
		m.add(k.field, "is not an ARN, as %s", k.example)
		return nil
	case a.Service != k.service || !ok:
		if wrong := otherField(k, a); wrong != "" {
			m.add(k.field, "is the ARN of %s: use one as %s", wrong, k.example)
		} else {
			m.add(k.field, "is the ARN of something else: use one as %s", k.example)
		}
		return nil
	case !resourceForm.MatchString(name):
		m.add(k.field, "names no %s, or one with characters that no name has: use one as %s", strings.TrimSuffix(k.resource, "/"), k.example)
		return nil
	case !accountIDForm.MatchString(a.AccountID):
		m.add(k.field, "has no account of 12 digits: use one as %s", k.example)
		return nil
	case k.service == "iam" && a.Region != "":
		m.add(k.field, "has a region, which roles do not have: use one as %s", k.example)
		return nil
	}
	return &a
}

// otherField says what an ARN is that stands in another's place.
func otherField(k kind, a arn.ARN) string {
	for _, other := range []kind{roleKind, profileKind, trustAnchorKind} {
		if other != k && a.Service == other.service && strings.HasPrefix(a.Resource, other.resource) {
			return "a " + strings.ReplaceAll(strings.TrimSuffix(other.resource, "/"), "-", " ")
		}
	}
	return ""
}

// agree demands one partition, one account and one region.
func (m *mistakes) agree(anchor, profile, role *arn.ARN) {
	if anchor == nil {
		anchor = profile
	}
	if anchor == nil {
		return
	}
	base := "TrustAnchorARN"
	if anchor == profile {
		base = "ProfileARN"
	}
	for _, other := range []struct {
		field string
		*arn.ARN
	}{{"ProfileARN", profile}, {"RoleARN", role}} {
		if other.ARN == nil || other.ARN == anchor {
			continue
		}
		if other.Partition != anchor.Partition {
			m.add(other.field, "is of partition %s, and %s of %s: they must be the same", other.Partition, base, anchor.Partition)
		}
		if other.AccountID != anchor.AccountID {
			m.add(other.field, "is of account %s, and %s of %s: they must be the same", other.AccountID, base, anchor.AccountID)
		}
		if other.Region != anchor.Region && other.field != "RoleARN" {
			m.add(other.field, "is of region %s, and %s of %s: they must be the same", other.Region, base, anchor.Region)
		}
	}
}

func (m *mistakes) region(s Session, region string, anchor *arn.ARN) {
	if region == "" && anchor == nil {
		return // the trust anchor's ARN is a mistake already
	}
	p, err := rolesanywhere.PartitionOf(region)
	field := "Region"
	if s.Region == "" {
		field = "TrustAnchorARN"
	}
	switch {
	case err != nil:
		m.add(field, "has no usable region: a region looks like eu-west-1")
		return
	case anchor != nil && region != anchor.Region:
		m.add("Region", "is %s, and TrustAnchorARN of %s: they must be the same", region, anchor.Region)
	case anchor != nil && p.Name != anchor.Partition:
		m.add("TrustAnchorARN", "is of partition %s, and its region %s of %s", anchor.Partition, region, p.Name)
	}
	if _, err := s.Endpoint.Resolve(region); err != nil {
		m.add("Endpoint", "%s", strings.TrimPrefix(err.Error(), "endpoint: "))
	}
}

// sessionNameForm is that of sts:AssumeRole's RoleSessionName.
var sessionNameForm = regexp.MustCompile(`^[\w+=,.@-]*$`)

func (m *mistakes) sessionName(s string) {
	switch {
	case s == "":
	case len(s) < 2 || len(s) > 64:
		m.add("SessionName", "has %d characters: use 2 to 64", len(s))
	case !sessionNameForm.MatchString(s):
		m.add("SessionName", "has other characters than letters, digits and _+=,.@-")
	}
}

func (m *mistakes) instanceProperties(p map[string]string) {
	const most, longest = 50, 200
	if len(p) > most {
		m.add("InstanceProperties", "has %d entries: use at most %d", len(p), most)
	}
	bad := func(s string) bool { n := utf8.RuneCountInString(s); return n < 1 || n > longest }
	for key, value := range p {
		if bad(key) || bad(value) {
			m.add("InstanceProperties", "has a key or value that is empty or longer than %d characters", longest)
			break
		}
	}
}
