package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/awsauth-go/awsauth/internal/printable"
	"github.com/awsauth-go/awsauth/internal/secret"
	"github.com/awsauth-go/awsauth/internal/yamlfile"
)

// The types of credentials.
const (
	TypeSession    = "session"
	TypeStatic     = "static"
	TypeAssumeRole = "assume-role"
)

// Types are all of them.
var Types = []string{TypeSession, TypeStatic, TypeAssumeRole}

// Credential is what the configuration says of one. It is the word list: its keys are those of the file, with hyphens the
// flags, and in capitals after AWSAUTH_ the variables. The tags say which types have a key, what stands for its value, and
// what it is; "may" marks what defaults, variables and flags can give.
type Credential struct {
	At yamlfile.Positions `yaml:"-"`

	Type string `arg:"TYPE" doc:"session: from IAM Roles Anywhere; static: an access key; assume-role: a further role" for:"session,static,assume-role" yaml:"type"`

	Source         string `arg:"NAME" doc:"credential that assumes the role"                                          for:"assume-role"         yaml:"source"`
	RoleARN        string `arg:"ARN"  doc:"role to assume"                                                            for:"session,assume-role" may:"flag"           yaml:"role_arn"`
	ProfileARN     string `arg:"ARN"  doc:"profile of Roles Anywhere"                                                 for:"session"             may:"default,flag"   yaml:"profile_arn"`
	TrustAnchorARN string `arg:"ARN"  doc:"trust anchor"                                                              for:"session"             may:"default,flag"   yaml:"trust_anchor_arn"`
	Certificate    string `arg:"ID|URI" doc:"certificate in the store, or its files as file:leaf.pem?key=leaf.key"    for:"session"             may:"default,flag"   yaml:"certificate"`

	CertificatePassword Reference `arg:"REF" doc:"password of a key or PKCS#12 file that is encrypted" for:"session" may:"default,flag" yaml:"certificate_password"`

	AccessKeyID     string    `arg:"ID"  doc:"access key ID, as AKIA…"                                       for:"static" may:"variable" yaml:"access_key_id"`
	SecretAccessKey Reference `arg:"REF" doc:"its secret"                                                    for:"static" may:"variable" yaml:"secret_access_key"`
	SessionToken    Reference `arg:"REF" doc:"session token, which a key that begins with ASIA has"          for:"static" may:"variable" yaml:"session_token"`

	Duration       time.Duration     `arg:"DURATION" doc:"how long they are good for, 15m to 12h (default 1h)" for:"session,assume-role" may:"default,flag" yaml:"duration"`
	SessionName    string            `arg:"NAME" doc:"name of the session; a profile must accept names"   for:"session,assume-role" may:"default,flag" yaml:"session_name"`
	Properties     map[string]string `arg:"KEY=VALUE" doc:"shown with the subject in Roles Anywhere"      for:"session"             yaml:"instance_properties"`
	ExternalID     string            `arg:"ID"   doc:"external ID that the role's trust policy asks for"  for:"assume-role"         yaml:"external_id"`
	SessionPolicy  Policy            `arg:"JSON" doc:"policy that narrows the session, as JSON or YAML"   for:"assume-role"         yaml:"session_policy"`
	PolicyARNs     []string          `arg:"ARN,…" doc:"managed policies that narrow the session"          for:"assume-role"         yaml:"policy_arns"`
	Tags           map[string]string `arg:"KEY=VALUE" doc:"session tags"                                  for:"assume-role"         yaml:"tags"`
	TransitiveTags []string          `arg:"KEY,…" doc:"keys of the tags that later roles keep"            for:"assume-role"         yaml:"transitive_tags"`
	SourceIdentity string            `arg:"NAME" doc:"source identity, kept through all later roles"      for:"assume-role"         yaml:"source_identity"`
	MFASerial      string            `yaml:"mfa_serial"`

	Region               string `arg:"REGION" doc:"region to call"                                        for:"session,static,assume-role" may:"default,flag" yaml:"region"`
	EndpointURL          string `arg:"URL"    doc:"another Roles Anywhere, or STS; on loopback both" for:"session,static,assume-role" may:"default,flag" yaml:"endpoint_url"`
	UseFIPSEndpoint      bool   `doc:"call the region's FIPS endpoint"       for:"session,static,assume-role" may:"default,flag" yaml:"use_fips_endpoint"`
	UseDualStackEndpoint bool   `doc:"call the region's dual-stack endpoint" for:"session,static,assume-role" may:"default,flag" yaml:"use_dualstack_endpoint"`
}

// Key is one word of the list.
type Key struct {
	Name        string // as in the file
	Placeholder string // what stands for a value
	Doc         string
	Types       []string // that have it
	Default     bool     // may stand in defaults
	Flag        bool     // may be given by a flag and its variable
	Variable    bool     // may be given by a variable
	index       int
	kind        reflect.Type
}

// Keys are the words, in order.
var Keys = makeKeys()

func makeKeys() (keys []Key) {
	t := reflect.TypeFor[Credential]()
	for i := range t.NumField() {
		f := t.Field(i)
		types := f.Tag.Get("for")
		if types == "" {
			continue
		}
		may := f.Tag.Get("may")
		keys = append(keys, Key{
			Name: f.Tag.Get("yaml"), Placeholder: f.Tag.Get("arg"), Doc: f.Tag.Get("doc"), Types: strings.Split(types, ","),
			Default: strings.Contains(may, "default"), Flag: strings.Contains(may, "flag"), Variable: may != "",
			index: i, kind: f.Type,
		})
	}
	return keys
}

// KeyNamed answers a word of the list.
func KeyNamed(name string) (Key, bool) {
	for _, k := range Keys {
		if k.Name == name {
			return k, true
		}
	}
	return Key{}, false
}

// FlagName is the name of a key's flag.
func (k Key) FlagName() string { return strings.ReplaceAll(k.Name, "_", "-") }

// Kind is the type of a key's value.
func (k Key) Kind() reflect.Type { return k.kind }

// IsSecret reports a key whose value is a reference to a secret.
func (k Key) IsSecret() bool { return k.kind == reflect.TypeFor[Reference]() }

// has reports whether a type has the key.
func (k Key) has(credentialType string) bool { return slices.Contains(k.Types, credentialType) }

// field is the key's field.
func (c *Credential) field(k Key) reflect.Value { return reflect.ValueOf(c).Elem().Field(k.index) }

// Text says a key's value for a person; a secret only where it is. It is empty for a value that is not set.
func (c *Credential) Text(k Key) string {
	v := c.field(k)
	if v.IsZero() {
		return ""
	}
	switch value := v.Interface().(type) {
	case time.Duration:
		return printable.Duration(value)
	case map[string]string:
		var pairs []string
		for key, element := range value {
			pairs = append(pairs, key+"="+element)
		}
		slices.Sort(pairs)
		return strings.Join(pairs, ",")
	case []string:
		return strings.Join(value, ",")
	}
	return fmt.Sprint(v.Interface())
}

// Reference is where a secret is. In a file it may be a command, and in one that nobody else can read the secret itself.
type Reference struct{ secret.Reference }

// DecodeYAML reads "env:NAME", "file:PATH", "keyring:SERVICE/KEY", "systemd:NAME", a mapping with a command, or the secret.
func (r *Reference) DecodeYAML(n yamlfile.Node) {
	if n.IsMapping() {
		var command struct {
			Command []string `yaml:"command"`
		}
		n.Decode(&command)
		reference, err := secret.CommandReference(command.Command)
		if err != nil {
			n.Mistake("%s", err)
		}
		r.Reference = reference
		return
	}
	text, ok := n.Text()
	switch {
	case !ok:
		n.Mistake("is not a reference to a secret: use %s", secret.ConfiguredReferences)
	case text == "":
		n.Mistake("is empty: use %s", secret.ConfiguredReferences)
	default:
		if problem := r.set(text); problem != "" {
			n.Mistake("%s", problem)
		}
	}
}

// set reads a text, and answers what is wrong with it, or "". What begins with a word and a colon is meant as a reference.
func (r *Reference) set(text string) (problem string) {
	reference, err := secret.ParseReference(text)
	scheme, _, found := strings.Cut(text, ":")
	switch {
	case err == nil && !reference.IsStdin():
		r.Reference = reference
	case err == nil, found && strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz") == "":
		return "is not a reference to a secret: use " + secret.ConfiguredReferences
	default:
		r.Reference = secret.LiteralReference(secret.New(text))
	}
	return ""
}

// Policy is an IAM policy as JSON. In a file it may be a mapping, too.
type Policy string

// DecodeYAML reads either form.
func (p *Policy) DecodeYAML(n yamlfile.Node) {
	if text, ok := n.Text(); ok {
		if problem := p.set(text); problem != "" {
			n.Mistake("%s", problem)
		}
		return
	}
	if !n.IsMapping() {
		n.Mistake("is neither a mapping nor JSON")
		return
	}
	raw, err := json.Marshal(n.Any())
	if err != nil {
		n.Mistake("cannot be written as JSON")
		return
	}
	*p = Policy(raw)
}

func (p *Policy) set(text string) (problem string) {
	var object map[string]any
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		return "is not a JSON object"
	}
	*p = Policy(text)
	return ""
}

// setText sets a key from the text of a variable or a flag.
func (c *Credential) setText(k Key, text string) error {
	problem := ""
	switch field := c.field(k).Addr().Interface().(type) {
	case *Reference:
		reference, err := secret.ParseReference(text)
		if err != nil {
			return err
		}
		field.Reference = reference
	case *Policy:
		problem = field.set(text)
	default:
		problem = yamlfile.SetText(c.field(k), text)
	}
	if problem != "" {
		return errors.New(problem)
	}
	return nil
}
