package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// Override is the text of a flag or a variable in place of what a file says, by key.
type Override struct {
	Text   string
	Origin Origin
}

// Resolved is one credential with all that counts for it.
type Resolved struct {
	Name string // "" for one that flags alone make
	Credential
	Origins map[string]Origin // by key, of every key that has a value
	Source  *Resolved         // of assume-role
	start   Origin            // of the entry itself
}

// HomeRegion is the region that a credential is for, as far as its configuration says; "" where it does not.
func (r *Resolved) HomeRegion() string {
	for ; r != nil; r = r.Source {
		if r.Region != "" {
			return r.Region
		}
		if anchor, err := arn.Parse(r.TrustAnchorARN); err == nil {
			return anchor.Region
		}
	}
	return ""
}

// Resolve answers a credential by its name, without regard to case: what its file says, what defaults say in its place, and
// on top the variables and flags of overrides. *NameError, or *Error.
func (c *Config) Resolve(name string, overrides map[string]Override) (*Resolved, error) {
	r, err := c.resolve(name, overrides, nil)
	if err != nil {
		return nil, err
	}
	if err := r.overrideMistake(); err != nil {
		return nil, err
	}
	if mistakes := r.mistakes(); len(mistakes) > 0 {
		return nil, &Error{mistakes}
	}
	return r, nil
}

func (c *Config) resolve(name string, overrides map[string]Override, below []string) (*Resolved, error) {
	e, ok := c.entries[strings.ToLower(name)]
	if !ok {
		return nil, c.notConfigured(name)
	}
	r := &Resolved{Name: e.name, Credential: e.Credential, Origins: map[string]Origin{}, start: Origin{File: e.file, Position: e.At[""]}}
	for _, k := range Keys {
		if at, given := e.At[k.Name]; given {
			r.Origins[k.Name] = Origin{File: e.file, Position: at}
		}
	}
	c.fill(r)
	if err := r.override(overrides); err != nil {
		return nil, err
	}
	if r.Type != TypeAssumeRole || r.Credential.Source == "" {
		return r, nil
	}
	below = append(below, strings.ToLower(name))
	if slices.Contains(below, strings.ToLower(r.Credential.Source)) {
		return r, nil // a cycle, which check reports
	}
	source, err := c.resolve(r.Credential.Source, placeOnly(overrides), below)
	if err != nil {
		return r, nil //nolint:nilerr // check reports it at its place
	}
	r.Source = source
	c.fillDuration(r)
	return r, nil
}

// fill takes from defaults what the entry does not give and its type has. The duration of a further role depends on its
// source.
func (c *Config) fill(r *Resolved) {
	for _, k := range Keys {
		origin, ok := c.origins[k.Name]
		if _, given := r.Origins[k.Name]; !ok || given || !k.has(r.Type) || k.Name == durationKey && r.Type == TypeAssumeRole {
			continue
		}
		r.field(k).Set(c.defaults.field(k))
		r.Origins[k.Name] = origin
	}
}

const durationKey = "duration"

// fillDuration takes the duration of a further role from defaults, unless it is longer than a role may that another role
// assumes: then defaults mean the other credentials.
func (c *Config) fillDuration(r *Resolved) {
	origin, ok := c.origins[durationKey]
	if _, given := r.Origins[durationKey]; !ok || given || r.chained() && c.defaults.Duration > maxChained {
		return
	}
	r.Duration, r.Origins[durationKey] = c.defaults.Duration, origin
}

// chained reports whether a role assumes this one.
func (r *Resolved) chained() bool { return r.Source != nil && r.Source.Type != TypeStatic }

// placeKeys say where something is asked, not what: they count for all of a chain.
var placeKeys = []string{"endpoint_url", "use_fips_endpoint", "use_dualstack_endpoint"}

func placeOnly(overrides map[string]Override) map[string]Override {
	only := map[string]Override{}
	for _, key := range placeKeys {
		if o, ok := overrides[key]; ok {
			only[key] = o
		}
	}
	return only
}

// override sets what flags and variables give. A flag that the type does not have is a mistake; a variable is ambient, and
// counts where it belongs.
func (r *Resolved) override(overrides map[string]Override) error {
	for _, k := range Keys {
		o, ok := overrides[k.Name]
		if !ok {
			continue
		}
		if !k.has(r.Type) {
			if o.Origin.Flag != "" {
				return &OverrideError{o.Origin, fmt.Errorf("is not for a credential of type %s", r.Type)}
			}
			continue
		}
		if err := r.setText(k, o.Text); err != nil {
			return &OverrideError{o.Origin, err}
		}
		r.Origins[k.Name] = o.Origin
	}
	return nil
}

// FromFlags is a credential that flags and variables alone make. What is missing or wrong is found when it is used.
func FromFlags(credentialType string, overrides map[string]Override, set func(*Credential)) (*Resolved, error) {
	r := &Resolved{Credential: Credential{Type: credentialType}, Origins: map[string]Origin{}}
	if set != nil {
		set(&r.Credential)
	}
	return r, r.override(overrides)
}

// Overrides gathers the values of variables, by key.
func (e Environment) Overrides() map[string]Override {
	all := map[string]Override{}
	for _, k := range Keys {
		if !k.Variable {
			continue
		}
		if variable, value := e.Flag(k.FlagName()); value != "" {
			all[k.Name] = Override{value, Origin{Variable: variable}}
		}
	}
	return all
}

// isSet reports whether a key has a value.
func (c *Credential) isSet(k Key) bool { return !c.field(k).IsZero() }
