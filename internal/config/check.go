package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/awsauth-go/awsauth"
	"github.com/awsauth-go/awsauth/identity"
	"github.com/awsauth-go/awsauth/internal/printable"
	"github.com/awsauth-go/awsauth/internal/yamlfile"
	"github.com/awsauth-go/awsauth/rolesanywhere"
)

// check reports what is wrong with the credentials, each and together.
func (c *Config) check() (mistakes []Mistake) {
	for _, name := range c.Names() {
		r, err := c.resolve(name, nil, nil)
		if err != nil {
			continue // names come from the entries themselves
		}
		mistakes = append(mistakes, r.own(c)...)
	}
	mistakes = append(mistakes, c.checkAgent()...)
	if len(c.origins) > 0 && len(c.entries) == 0 {
		mistakes = append(mistakes, c.checkDefaults()...)
	}
	return mistakes
}

// checkDefaults looks at defaults that no credential uses yet, with examples in place of what they do not give.
func (c *Config) checkDefaults() []Mistake {
	r := &Resolved{Name: "defaults", Origins: map[string]Origin{}, Credential: Credential{
		Type: TypeSession, RoleARN: "arn:aws:iam::123456789012:role/NAME", Certificate: "file:client.p12",
		ProfileARN:     "arn:aws:rolesanywhere:eu-west-1:123456789012:profile/ID",
		TrustAnchorARN: "arn:aws:rolesanywhere:eu-west-1:123456789012:trust-anchor/ID",
	}}
	c.fill(r)
	return slices.DeleteFunc(r.mistakes(), func(m Mistake) bool { return m.IsZero() })
}

// mistakes are those of a credential and of all that it comes from.
func (r *Resolved) mistakes() (all []Mistake) {
	for ; r != nil; r = r.Source {
		all = append(all, r.own(nil)...)
	}
	return all
}

// overrideMistake is the first mistake in what a flag or a variable gives.
func (r *Resolved) overrideMistake() error {
	for ; r != nil; r = r.Source {
		for _, p := range r.problems(nil) {
			if origin := r.Origins[p.key]; origin.Flag != "" || origin.Variable != "" {
				return &OverrideError{origin, errors.New(p.text)}
			}
		}
	}
	return nil
}

// own are those of a credential alone, at their places. With a Config, its source is looked up.
func (r *Resolved) own(c *Config) (all []Mistake) {
	for _, problem := range r.problems(c) {
		all = append(all, r.mistake(problem))
	}
	return all
}

// problems are what is wrong with the keys of a credential.
func (r *Resolved) problems(c *Config) problems {
	p := &problems{}
	r.checkType(p)
	switch r.Type {
	case TypeSession:
		r.checkSession(p)
	case TypeStatic:
		r.checkStatic(p)
	case TypeAssumeRole:
		r.checkAssumeRole(p, c)
	}
	return *p
}

// problem is what is wrong with a key.
type problem struct{ key, text string }

type problems []problem

func (p *problems) add(key, format string, args ...any) {
	*p = append(*p, problem{key, fmt.Sprintf(format, args...)})
}

// mistake says where a problem is: at its value, wherever that comes from, or at the credential that lacks it.
func (r *Resolved) mistake(p problem) Mistake {
	origin, ok := r.Origins[p.key]
	if !ok {
		origin = r.start
		if at, given := r.At[p.key]; given {
			origin.Position = at
		}
	}
	path := "credentials." + r.Name + "." + p.key
	if origin.Default {
		path = "defaults." + p.key
	}
	return Mistake{origin.File, yamlfile.Mistake{Position: origin.Position, Path: path, Text: p.text}}
}

// checkType demands a type, and keys that belong to it.
func (r *Resolved) checkType(p *problems) {
	switch {
	case r.Type == "":
		p.add("type", "is missing: session, static or assume-role")
		return
	case !slices.Contains(Types, r.Type):
		p.add("type", "is none of session, static and assume-role")
		return
	}
	if r.MFASerial != "" {
		p.add("mfa_serial", "cannot be used: MFA asks a person at every renewal, and these credentials renew themselves; have the role trust the source without it")
	}
	for _, k := range Keys {
		if r.isSet(k) && !k.has(r.Type) {
			p.add(k.Name, "does not belong to type %s: it is for %s", r.Type, strings.Join(k.Types, " and "))
		}
	}
}

// fields are the keys of the fields of awsauth.Session and awsauth.Static.
var fields = map[string]string{
	"AccessKeyID": "access_key_id", "SecretAccessKey": "secret_access_key", "SessionToken": "session_token",
	"Region": "region", "RoleARN": "role_arn", "ProfileARN": "profile_arn", "TrustAnchorARN": "trust_anchor_arn",
	"Identity": "certificate", "Certificate": "certificate", "Duration": "duration", "SessionName": "session_name",
	"InstanceProperties": "instance_properties", "Endpoint": "endpoint_url", "AccountID": "account_id",
}

// KeyOf is the key of a field of awsauth.Session and awsauth.Static.
func KeyOf(field string) string { return fields[field] }

// TranslateFields puts words in place of the fields' names in a library's text.
func TranslateFields(text string, word func(key string) string) string {
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		text = strings.ReplaceAll(text, " "+field+" ", " "+word(fields[field])+" ")
	}
	return text
}

func (p *problems) addParameters(err error) {
	parameter := new(awsauth.ParameterError)
	if !errors.As(err, &parameter) {
		return
	}
	for _, m := range parameter.Mistakes {
		text := TranslateFields(m.Problem, func(key string) string { return key })
		p.add(KeyOf(m.Field), "%s", text)
	}
}

// checkSession leaves everything to the library, which knows what CreateSession takes.
func (r *Resolved) checkSession(p *problems) {
	session := r.Session()
	if r.Certificate != "" {
		session.Identity = &identity.Identity{} // it is not used here
		if IsURI(r.Certificate) {
			if _, err := identity.Open(r.Certificate, nil); err != nil {
				p.add("certificate", "cannot be used: %s", strings.TrimPrefix(err.Error(), "identity: "))
			}
		}
	}
	_, _, err := session.Request()
	p.addParameters(err)
	if r.At["duration"] != (yamlfile.Position{}) && r.Duration == 0 {
		p.add("duration", "is 0s: use whole seconds from 15m to 12h")
	}
}

// IsURI reports a certificate that is named by where it is, and not by its identifier in the store.
func IsURI(certificate string) bool {
	const scheme = "file:"
	return len(certificate) >= len(scheme) && strings.EqualFold(certificate[:len(scheme)], scheme)
}

// Session is what the library takes, but for the identity and the transport.
func (r *Resolved) Session() awsauth.Session {
	return awsauth.Session{
		Region:             r.Region,
		RoleARN:            r.RoleARN,
		ProfileARN:         r.ProfileARN,
		TrustAnchorARN:     r.TrustAnchorARN,
		Duration:           r.Duration,
		SessionName:        r.SessionName,
		InstanceProperties: r.Properties,
		Endpoint:           r.Endpoint(),
	}
}

// Endpoint is where a credential is asked for.
func (r *Resolved) Endpoint() rolesanywhere.Endpoint {
	return rolesanywhere.Endpoint{URL: r.EndpointURL, FIPS: r.UseFIPSEndpoint, DualStack: r.UseDualStackEndpoint}
}

// checkStatic looks at everything but the secrets, which are read when they are needed.
func (r *Resolved) checkStatic(p *problems) {
	static := awsauth.Static{AccessKeyID: r.AccessKeyID, SecretAccessKey: awsauth.NewSecret("x")}
	if r.SecretAccessKey.IsZero() {
		static.SecretAccessKey = awsauth.Secret{}
	}
	if !r.SessionToken.IsZero() {
		static.SessionToken = awsauth.NewSecret("x")
	}
	_, err := static.Retrieve(context.Background())
	p.addParameters(err)
	r.checkPlace(p)
}

// checkPlace looks at where STS is asked.
func (r *Resolved) checkPlace(p *problems) {
	region := r.Region
	if region == "" {
		region = "us-east-1"
	}
	if _, err := rolesanywhere.PartitionOf(region); err != nil {
		p.add("region", "has no usable region: a region looks like eu-west-1")
		return
	}
	if _, err := r.Endpoint().Resolve(region); err != nil {
		p.add("endpoint_url", "%s", strings.TrimPrefix(err.Error(), "endpoint: "))
	}
}

// The bounds of AssumeRole (AWS STS API Reference, "AssumeRole").
const (
	maxChained       = time.Hour // "role chaining" limits the session to an hour
	maxRoleARN       = 2048
	maxPolicy        = 2048 // characters
	maxPolicyARNs    = 10
	maxTags          = 50
	maxTagKey        = 128
	maxTagValue      = 256
	maxExternalID    = 1224
	shortestText     = 2
	longestName      = 64
	exampleRoleARN   = "arn:aws:iam::123456789012:role/NAME"
	examplePolicyARN = "arn:aws:iam::aws:policy/ReadOnlyAccess"
)

var (
	nameCharacters     = regexp.MustCompile(`^[\w+=,.@-]*$`)
	externalCharacters = regexp.MustCompile(`^[\w+=,.@:/-]*$`)
	tagCharacters      = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
	accountForm        = regexp.MustCompile(`^[0-9]{12}$`)
	roleNameForm       = regexp.MustCompile(`^role/[\w+=,.@/-]+$`)
	roleARNForm        = regexp.MustCompile(`^arn:aws[a-z-]{0,20}:iam::[0-9]{12}:role/[\w+=,.@/-]+$`)
)

func (r *Resolved) checkAssumeRole(p *problems, c *Config) {
	r.checkSource(p, c)
	switch a, err := arn.Parse(r.RoleARN); {
	case r.RoleARN == "":
		p.add("role_arn", "is required, as %s", exampleRoleARN)
	case err != nil || len(r.RoleARN) > maxRoleARN:
		p.add("role_arn", "is not an ARN, as %s", exampleRoleARN)
	case a.Service != "iam" || !roleNameForm.MatchString(a.Resource) || a.Region != "":
		p.add("role_arn", "is the ARN of something else: use one as %s", exampleRoleARN)
	case !accountForm.MatchString(a.AccountID):
		p.add("role_arn", "has no account of 12 digits: use one as %s", exampleRoleARN)
	}
	r.checkAssumeDuration(p)
	p.text("session_name", r.SessionName, longestName, nameCharacters, "letters, digits and _+=,.@-")
	p.text("source_identity", r.SourceIdentity, longestName, nameCharacters, "letters, digits and _+=,.@-")
	p.text("external_id", r.ExternalID, maxExternalID, externalCharacters, "letters, digits and _+=,.@:/-")
	if n := utf8.RuneCountInString(string(r.SessionPolicy)); n > maxPolicy {
		p.add("session_policy", "has %d characters as JSON: use at most %d", n, maxPolicy)
	}
	if len(r.PolicyARNs) > maxPolicyARNs {
		p.add("policy_arns", "has %d entries: use at most %d", len(r.PolicyARNs), maxPolicyARNs)
	}
	for i, text := range r.PolicyARNs {
		if a, err := arn.Parse(text); err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "policy/") {
			p.add("policy_arns", "has an entry (%d) that is not the ARN of a policy, as %s", i+1, examplePolicyARN)
		}
	}
	r.checkTags(p)
	r.checkPlace(p)
}

func (r *Resolved) checkSource(p *problems, c *Config) {
	source := r.Credential.Source
	switch {
	case source == "":
		p.add("source", "is required: the name of the credential that assumes the role")
	case c != nil && c.cycle(r.Name) != "":
		p.add("source", "leads back to itself: %s", c.cycle(r.Name))
	case r.Source == nil && c != nil:
		if unknown := new(NameError); errors.As(c.lookUp(source), &unknown) {
			text := "names no credential"
			if unknown.Near != "" {
				text += ": did you mean " + unknown.Near + "?"
			}
			p.add("source", "%s", text)
		}
	}
}

func (c *Config) lookUp(name string) error {
	if _, ok := c.entries[strings.ToLower(name)]; !ok {
		return c.notConfigured(name)
	}
	return nil
}

// cycle answers the way from a name back to itself, or "".
func (c *Config) cycle(name string) string {
	way := []string{name}
	for at := c.entries[strings.ToLower(name)]; at.Type == TypeAssumeRole; {
		next, ok := c.entries[strings.ToLower(at.Credential.Source)]
		if !ok {
			return ""
		}
		way = append(way, next.name)
		if strings.EqualFold(next.name, name) {
			return strings.Join(way, " → ")
		}
		if slices.Contains(way[:len(way)-1], next.name) {
			return "" // another's cycle, which is reported there
		}
		at = next
	}
	return ""
}

func (r *Resolved) checkAssumeDuration(p *problems) {
	d := r.Duration
	_, given := r.Origins["duration"]
	switch {
	case !given:
	case d < awsauth.MinDuration || d > awsauth.MaxDuration || d%time.Second != 0:
		p.add("duration", "is %s: use whole seconds from 15m to 12h", printable.Duration(d))
	case d > maxChained && r.chained():
		p.add("duration", "is %s: a role that another role assumes (%s) gives sessions of 1h at most, whatever its own limit",
			printable.Duration(d), r.Source.Name)
	}
}

func (r *Resolved) checkTags(p *problems) {
	if len(r.Tags) > maxTags {
		p.add("tags", "has %d entries: use at most %d", len(r.Tags), maxTags)
	}
	seen := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		value := r.Tags[key]
		switch {
		case key == "" || utf8.RuneCountInString(key) > maxTagKey || utf8.RuneCountInString(value) > maxTagValue:
			p.add("tags", "has a key of other than 1 to %d characters, or a value of more than %d", maxTagKey, maxTagValue)
		case !tagCharacters.MatchString(key) || !tagCharacters.MatchString(value):
			p.add("tags", "has a key or value with other characters than letters, digits, spaces and _.:/=+-@")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			p.add("tags", "has a key that begins with aws:, which AWS keeps for itself")
		case seen[strings.ToLower(key)]:
			p.add("tags", "has two keys that differ by case alone, which STS takes for one")
		}
		seen[strings.ToLower(key)] = true
	}
	for i, key := range r.TransitiveTags {
		if _, ok := r.Tags[key]; !ok {
			p.add("transitive_tags", "has an entry (%d) that is none of the keys in tags", i+1)
		}
	}
}

// text checks a text that may be left out.
func (p *problems) text(key, text string, longest int, form *regexp.Regexp, allowed string) {
	switch {
	case text == "":
	case len(text) < shortestText || len(text) > longest:
		p.add(key, "has %d characters: use %d to %d", len(text), shortestText, longest)
	case !form.MatchString(text):
		p.add(key, "has other characters than %s", allowed)
	}
}

// CheckCertificates reports the certificates that the credentials name and that are not there; exists looks for one in the
// store.
func (c *Config) CheckCertificates(exists func(identifier string) error) (mistakes []Mistake) {
	for _, name := range c.Names() {
		r, err := c.resolve(name, nil, nil)
		if err != nil || r.Type != TypeSession {
			continue
		}
		if text := r.missingCertificate(exists); text != "" {
			mistakes = append(mistakes, r.mistake(problem{"certificate", text}))
		}
	}
	return inOrder(mistakes, c.Files)
}

// missingCertificate says what is not there, or "".
func (r *Resolved) missingCertificate(exists func(identifier string) error) string {
	if !IsURI(r.Certificate) {
		if err := exists(r.Certificate); err != nil {
			return "cannot be used: " + err.Error()
		}
		return ""
	}
	source, err := identity.Open(r.Certificate, nil)
	file, ok := source.(identity.File)
	if err != nil || !ok {
		return "" // check has said so
	}
	for _, path := range []string{file.Certificate, file.PrivateKey, file.Chain} {
		if path == "" {
			continue
		}
		located := path
		if dir := r.Origins["certificate"].Directory(); dir != "" {
			located = inDirectory(r.Origins["certificate"].File, path)
		}
		if _, err := os.Stat(located); err != nil {
			return "names " + located + ": " + cause(err).Error()
		}
	}
	return ""
}

// cause leaves out the path, which the message has.
func cause(err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		return p.Err
	}
	return err
}
