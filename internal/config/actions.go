package config

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/awsauth-go/awsauth/internal/secret"
	"github.com/awsauth-go/awsauth/internal/yamlfile"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// Actions is the door of the HTTP actions: who may call them, and what for.
type Actions struct {
	At          yamlfile.Positions `yaml:"-"`
	Address     string             `yaml:"address"`
	EndpointURL string             `yaml:"endpoint_url"` // for what callers name by its parameters
	Callers     map[string]Caller  `yaml:"callers"`
}

// ActionsAddress is where the actions are called; "" when they are off.
func (a *Agent) ActionsAddress() string {
	if a.Actions == nil {
		return ""
	}
	return a.Actions.Address
}

// Caller is an application that calls the actions.
type Caller struct {
	At       yamlfile.Positions `yaml:"-"`
	Password Reference          `yaml:"password"`
	Actions  []string           `yaml:"actions"` // all when empty
	// Credentials may be used by their names.
	Credentials []string `yaml:"credentials"`
	// Roles and Certificates may be used by the parameters of a session: a role with a certificate, each by what it is called.
	Roles        []string `yaml:"roles"`
	Certificates []string `yaml:"certificates"`
}

// ShortestPassword is what cannot be found by trying: anybody on the host may try.
const ShortestPassword = 16

// ShortPassword says of a password that it is shorter.
const ShortPassword = "has fewer than 16 characters: openssl rand -base64 24 makes one"

// ActionNames are the words of Caller.Actions.
var ActionNames = []string{"static", "session", "validate", "sign"}

// callerKeys are the keys of Caller, for its schema.
var callerKeys = []struct{ name, doc string }{
	{"actions", "which actions it may call (default all)"},
	{"credentials", "credentials that it may use by their names"},
	{"roles", "ARNs of roles that it may assume by the parameters of a session"},
	{"certificates", "identifiers of certificates in the store that it may use for that"},
}

func (c *Config) checkActions() (mistakes []Mistake) {
	a := c.Agent.Actions
	if a == nil || a.At == nil {
		return nil
	}
	say := func(at yamlfile.Position, path, format string, args ...any) {
		mistakes = append(mistakes, Mistake{c.Agent.file, yamlfile.Mistake{Position: at, Path: "agent.actions" + path, Text: fmt.Sprintf(format, args...)}})
	}
	if err := CheckLoopback(a.Address); err != nil {
		at, given := a.At["address"]
		if !given {
			at = a.At[""]
		}
		say(at, ".address", "%s", err)
	}
	if a.EndpointURL != "" {
		if _, err := (rolesanywhere.Endpoint{URL: a.EndpointURL}).Resolve("us-east-1"); err != nil {
			say(a.At["endpoint_url"], ".endpoint_url", "%s", strings.TrimPrefix(err.Error(), "endpoint: "))
		}
	}
	if len(a.Callers) == 0 {
		say(a.At[""], ".callers", "is missing: who may call, as erp: {password: 'file:/etc/awsauth/erp.password', credentials: [backup]}")
	}
	for _, name := range slices.Sorted(maps.Keys(a.Callers)) {
		caller := a.Callers[name]
		if caller.At == nil {
			continue // not a mapping: reported
		}
		if !nameForm.MatchString(name) {
			say(caller.At[""], ".callers", "has a name that cannot be used: 1 to 63 letters, digits, dots, hyphens and underscores, a letter or digit first")
			continue
		}
		for _, m := range c.checkCaller(caller) {
			at, given := caller.At[m.key]
			if !given {
				at = caller.At[""]
			}
			say(at, ".callers."+name+"."+m.key, "%s", m.text)
		}
	}
	return mistakes
}

// checkCaller finds what is wrong with a caller.
func (c *Config) checkCaller(caller Caller) (p problems) {
	switch {
	case caller.Password.IsZero():
		p.add("password", "is required: %s", secret.ConfiguredReferences)
	case caller.Password.IsLiteral() && caller.Password.LiteralLength() < ShortestPassword:
		p.add("password", "%s", ShortPassword)
	}
	for i, action := range caller.Actions {
		if !slices.Contains(ActionNames, action) {
			p.add("actions", "has an entry (%d) that is none of %s", i+1, strings.Join(ActionNames, ", "))
		}
	}
	for i, name := range caller.Credentials {
		if problem := c.nameProblem(name); problem != "" {
			p.add("credentials", "has an entry (%d) that %s", i+1, problem)
		}
	}
	for i, role := range caller.Roles {
		if !IsRoleARN(role) {
			p.add("roles", "has an entry (%d) that is not the ARN of a role, as %s", i+1, exampleRoleARN)
		}
	}
	for i, certificate := range caller.Certificates {
		if certificate == "" || IsURI(certificate) {
			p.add("certificates", "has an entry (%d) that is no identifier of the store", i+1)
		}
	}
	switch {
	case len(caller.Roles) > 0 && len(caller.Certificates) == 0:
		p.add("certificates", "is missing: roles are assumed with one of them")
	case len(caller.Certificates) > 0 && len(caller.Roles) == 0:
		p.add("roles", "is missing: certificates are for assuming one of them")
	}
	return p
}

// IsRoleARN reports whether a text has the form of the ARN of a role.
func IsRoleARN(s string) bool { return len(s) <= maxRoleARN && roleARNForm.MatchString(s) }

// literalMistakes reports passwords in a file that others can read.
func (a *Agent) literalMistakes(file string, private bool, mode fs.FileMode) (mistakes []Mistake) {
	if a == nil || a.Actions == nil || private {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(a.Actions.Callers)) {
		if caller := a.Actions.Callers[name]; caller.Password.IsLiteral() {
			mistakes = append(mistakes, Mistake{file, yamlfile.Mistake{
				Position: caller.At["password"], Path: "agent.actions.callers." + name + ".password", Text: readableText(file, mode),
			}})
		}
	}
	return mistakes
}

// actionsSchema is the JSON Schema of the key agent.actions.
func actionsSchema() map[string]any {
	texts := func(doc string) map[string]any {
		return map[string]any{"type": "array", "description": doc, "items": map[string]any{"type": "string"}}
	}
	caller := map[string]any{"password": referenceSchema("what it authenticates itself with, of 16 characters or more")}
	for _, k := range callerKeys {
		caller[k.name] = texts(k.doc)
	}
	caller["actions"].(map[string]any)["items"] = map[string]any{"enum": ActionNames}
	return map[string]any{
		"type": "object", "description": "the HTTP actions, for applications that have no AWS SDK; off when left out",
		"additionalProperties": false, "required": []string{"address", "callers"},
		"properties": map[string]any{
			"address":      map[string]any{"type": "string", "description": "address on loopback, as 127.0.0.1:9913"},
			"endpoint_url": map[string]any{"type": "string", "description": "another Roles Anywhere for the callers' own parameters; on loopback STS, too"},
			"callers": map[string]any{
				"type": "object", "description": "the applications that may call, by name", "minProperties": 1,
				"propertyNames": map[string]any{"pattern": nameForm.String()},
				"additionalProperties": map[string]any{
					"type": "object", "additionalProperties": false, "required": []string{"password"}, "properties": caller,
				},
			},
		},
	}
}
