package emulator

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Seed is what an account is to hold. It goes through the same calls, and so the same checks, as from outside.
type Seed struct {
	Users        []SeedUser        `json:"users,omitempty"         yaml:"users"`
	Roles        []SeedRole        `json:"roles,omitempty"         yaml:"roles"`
	TrustAnchors []SeedTrustAnchor `json:"trust_anchors,omitempty" yaml:"trust_anchors"`
	Profiles     []SeedProfile     `json:"profiles,omitempty"      yaml:"profiles"`
}

// SeedUser is an IAM user, who gets one access key.
type SeedUser struct {
	Name string `json:"name" yaml:"name"`
	// Policies by name. Managed holds ARNs of AWS managed policies.
	Policies map[string]Document `json:"policies,omitempty" yaml:"policies"`
	Managed  []string            `json:"managed,omitempty"  yaml:"managed"`
}

// SeedRole is an IAM role.
type SeedRole struct {
	Name string `json:"name"           yaml:"name"`
	Path string `json:"path,omitempty" yaml:"path"` // "/" when empty
	// TrustPolicy, when empty, trusts Roles Anywhere, through the trust anchor named TrustAnchor if that is set.
	TrustPolicy Document `json:"trust_policy,omitempty" yaml:"trust_policy"`
	TrustAnchor string   `json:"trust_anchor,omitempty" yaml:"trust_anchor"`
	// MaxSessionDuration is 1h when zero.
	MaxSessionDuration time.Duration       `json:"max_session_duration,omitempty" yaml:"max_session_duration"`
	Policies           map[string]Document `json:"policies,omitempty"             yaml:"policies"`
	Managed            []string            `json:"managed,omitempty"              yaml:"managed"`
}

// SeedTrustAnchor is a trust anchor, enabled.
type SeedTrustAnchor struct {
	Name string `json:"name"        yaml:"name"`
	// Certificates are the CA's, in PEM.
	Certificates string `json:"certificates" yaml:"certificates"`
	// CRL is a revocation list in PEM, enabled; empty for none.
	CRL string `json:"crl,omitempty" yaml:"crl"`
}

// SeedProfile is a profile, enabled.
type SeedProfile struct {
	Name  string   `json:"name"  yaml:"name"`
	Roles []string `json:"roles" yaml:"roles"` // names
	// Duration is 1h when zero.
	Duration              time.Duration `json:"duration,omitempty"                 yaml:"duration"`
	AcceptRoleSessionName bool          `json:"accept_role_session_name,omitempty" yaml:"accept_role_session_name"`
	SessionPolicy         Document      `json:"session_policy,omitempty"           yaml:"session_policy"`
	Managed               []string      `json:"managed,omitempty"                  yaml:"managed"`
}

// Document is an IAM policy as JSON text. In YAML it may be a string or the policy itself.
type Document string

// UnmarshalYAML reads either form.
func (d *Document) UnmarshalYAML(unmarshal func(any) error) error {
	var v any
	if err := unmarshal(&v); err != nil {
		return err
	}
	if text, ok := v.(string); ok {
		*d = Document(text)
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return errors.New("a policy is a mapping, or a string of JSON")
	}
	*d = Document(b)
	return nil
}

// Created tells what a Seed has become.
type Created struct {
	Users        map[string]CreatedUser `json:"users,omitempty"`         // by name
	Roles        map[string]string      `json:"roles,omitempty"`         // ARN by name
	TrustAnchors map[string]string      `json:"trust_anchors,omitempty"` // ARN by name
	Profiles     map[string]string      `json:"profiles,omitempty"`      // ARN by name
}

// CreatedUser is a user's ARN and access key. It is the one place where the emulator tells a secret.
type CreatedUser struct {
	ARN             string `json:"arn"`
	AccessKeyID     string `json:"access_key_id"`
	SecretAccessKey string `json:"secret_access_key"`
}

// Apply creates what a seed holds, in order: users, trust anchors, roles, profiles. It stops at the first mistake, which
// names the entry; what was created before stays.
func (e *Emulator) Apply(s Seed) (Created, error) {
	created := Created{
		Users: map[string]CreatedUser{}, Roles: map[string]string{},
		TrustAnchors: map[string]string{}, Profiles: map[string]string{},
	}
	for i, u := range s.Users {
		user, err := e.createUser(u)
		if err != nil {
			return created, seedError("users", i, u.Name, err)
		}
		created.Users[u.Name] = user
	}
	for i, t := range s.TrustAnchors {
		arn, err := e.createTrustAnchor(t)
		if err != nil {
			return created, seedError("trust_anchors", i, t.Name, err)
		}
		created.TrustAnchors[t.Name] = arn
	}
	for i, r := range s.Roles {
		arn, err := e.createRole(r, created.TrustAnchors)
		if err != nil {
			return created, seedError("roles", i, r.Name, err)
		}
		created.Roles[r.Name] = arn
	}
	for i, p := range s.Profiles {
		arn, err := e.createProfile(p, created.Roles)
		if err != nil {
			return created, seedError("profiles", i, p.Name, err)
		}
		created.Profiles[p.Name] = arn
	}
	return created, nil
}

func seedError(list string, i int, name string, err error) error {
	return fmt.Errorf("seed %s[%d] %q: %w", list, i, name, err)
}

func (e *Emulator) createUser(u SeedUser) (CreatedUser, error) {
	if _, err := e.iam("CreateUser", "UserName", u.Name); err != nil {
		return CreatedUser{}, err
	}
	for _, name := range slices.Sorted(maps.Keys(u.Policies)) {
		if _, err := e.iam("PutUserPolicy", "UserName", u.Name, "PolicyName", name, "PolicyDocument", string(u.Policies[name])); err != nil {
			return CreatedUser{}, fmt.Errorf("policy %q: %w", name, err)
		}
	}
	for _, arn := range u.Managed {
		if _, err := e.iam("AttachUserPolicy", "UserName", u.Name, "PolicyArn", arn); err != nil {
			return CreatedUser{}, fmt.Errorf("managed %q: %w", arn, err)
		}
	}
	if _, err := e.iam("CreateAccessKey", "UserName", u.Name); err != nil {
		return CreatedUser{}, err
	}
	return e.createdUser(u.Name), nil
}

func (e *Emulator) createTrustAnchor(t SeedTrustAnchor) (string, error) {
	var out struct {
		TrustAnchor struct {
			ARN string `json:"trustAnchorArn"`
		} `json:"trustAnchor"`
	}
	err := e.manage("POST", "/trustanchors", map[string]any{
		"name": t.Name, "enabled": true, "source": map[string]any{
			"sourceType": "CERTIFICATE_BUNDLE", "sourceData": map[string]any{"x509CertificateData": t.Certificates},
		},
	}, &out)
	arn := out.TrustAnchor.ARN
	if err != nil || t.CRL == "" {
		return arn, err
	}
	err = e.manage("POST", "/crls", map[string]any{
		"name": t.Name, "enabled": true, "trustAnchorArn": arn, "crlData": []byte(t.CRL),
	}, nil)
	if err != nil {
		return "", fmt.Errorf("crl: %w", err)
	}
	return arn, nil
}

func (e *Emulator) createRole(r SeedRole, anchors map[string]string) (string, error) {
	trust := string(r.TrustPolicy)
	if trust == "" {
		arn := ""
		if r.TrustAnchor != "" {
			if arn = anchors[r.TrustAnchor]; arn == "" {
				return "", fmt.Errorf("trust_anchor %q is not one of this seed's trust_anchors", r.TrustAnchor)
			}
		}
		trust = TrustPolicy(arn)
	}
	most, err := wholeSeconds("max_session_duration", r.MaxSessionDuration)
	if err != nil {
		return "", err
	}
	_, err = e.iam("CreateRole", "RoleName", r.Name, "Path", cmp.Or(r.Path, "/"), "AssumeRolePolicyDocument", trust,
		"MaxSessionDuration", strconv.Itoa(most))
	if err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Policies)) {
		if _, err := e.iam("PutRolePolicy", "RoleName", r.Name, "PolicyName", name, "PolicyDocument", string(r.Policies[name])); err != nil {
			return "", fmt.Errorf("policy %q: %w", name, err)
		}
	}
	for _, arn := range r.Managed {
		if _, err := e.iam("AttachRolePolicy", "RoleName", r.Name, "PolicyArn", arn); err != nil {
			return "", fmt.Errorf("managed %q: %w", arn, err)
		}
	}
	return e.roleARN(r.Name), nil
}

func (e *Emulator) createProfile(p SeedProfile, roles map[string]string) (string, error) {
	arns := []string{}
	for _, name := range p.Roles {
		arn := roles[name]
		if arn == "" {
			arn = e.roleARN(name)
		}
		if arn == "" {
			return "", fmt.Errorf("role %q does not exist", name)
		}
		arns = append(arns, arn)
	}
	duration, err := wholeSeconds("duration", p.Duration)
	if err != nil {
		return "", err
	}
	in := map[string]any{
		"name": p.Name, "enabled": true, "roleArns": arns, "acceptRoleSessionName": p.AcceptRoleSessionName,
		"durationSeconds": duration,
	}
	if p.SessionPolicy != "" {
		in["sessionPolicy"] = string(p.SessionPolicy)
	}
	if len(p.Managed) > 0 {
		in["managedPolicyArns"] = p.Managed
	}
	var out struct {
		Profile struct {
			ARN string `json:"profileArn"`
		} `json:"profile"`
	}
	err = e.manage("POST", "/profiles", in, &out)
	return out.Profile.ARN, err
}

// wholeSeconds answers a duration as AWS counts it; zero is an hour.
func wholeSeconds(name string, d time.Duration) (int, error) {
	if d%time.Second != 0 {
		return 0, fmt.Errorf("%s %s is not a number of whole seconds", name, d)
	}
	return int(cmp.Or(d, time.Hour) / time.Second), nil
}

// TrustPolicy is the trust policy of a role for Roles Anywhere, through one trust anchor or, when that is empty, any.
func TrustPolicy(trustAnchorARN string) string {
	condition := ""
	if trustAnchorARN != "" {
		condition = `,"Condition":{"ArnEquals":{"aws:SourceArn":` + strconv.Quote(trustAnchorARN) + `}}`
	}
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"rolesanywhere.amazonaws.com"},` +
		`"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]` + condition + `}]}`
}

// form makes a form of names and values in turn.
func form(action string, pairs ...string) url.Values {
	f := url.Values{"Action": {action}, "Version": {iamService.query.Version}}
	for i := 0; i < len(pairs); i += 2 {
		f.Set(pairs[i], pairs[i+1])
	}
	return f
}
