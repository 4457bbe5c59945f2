package account

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/awsauth-go/awsauth/internal/policy"
)

// User is an IAM user.
type User struct {
	Name      string            `json:"name"`
	Path      string            `json:"path"` // "/" or "/a/b/"
	ID        string            `json:"id"`   // AIDA…
	ARN       string            `json:"arn"`
	CreatedAt time.Time         `json:"createdAt"`
	Tags      map[string]string `json:"tags,omitempty"`
	Policies                    // inline and attached
}

// AccessKey is a long-term access key of a user.
type AccessKey struct {
	ID        string    `json:"id"`
	Secret    string    `json:"secret"`
	UserName  string    `json:"userName"`
	Active    bool      `json:"active"`
	CreatedAt time.Time `json:"createdAt"`
	LastUsed  *LastUsed `json:"lastUsed,omitempty"`
}

// LastUsed says when and for what an access key was used last.
type LastUsed struct {
	At      time.Time `json:"at"`
	Service string    `json:"service"`
	Region  string    `json:"region"`
}

// Role is an IAM role.
type Role struct {
	Name        string    `json:"name"`
	Path        string    `json:"path"` // "/" or "/a/b/"
	ID          string    `json:"id"`   // AROA…
	ARN         string    `json:"arn"`
	CreatedAt   time.Time `json:"createdAt"`
	Description string    `json:"description,omitempty"`
	// MaxSessionDuration in seconds, 3600 to 43200.
	MaxSessionDuration int               `json:"maxSessionDuration"`
	TrustPolicy        string            `json:"trustPolicy"` // JSON, as given
	Tags               map[string]string `json:"tags,omitempty"`
	Policies

	trust compiled
}

// Trust is the compiled trust policy.
func (r *Role) Trust() *policy.Policy { return r.trust.of(r.TrustPolicy, policy.ParseTrust) }

// Clone answers a copy to change and to put in the role's place; its maps and slices are still the role's own.
func (r *Role) Clone() *Role {
	return &Role{
		Name: r.Name, Path: r.Path, ID: r.ID, ARN: r.ARN, CreatedAt: r.CreatedAt, Description: r.Description,
		MaxSessionDuration: r.MaxSessionDuration, TrustPolicy: r.TrustPolicy, Tags: r.Tags, Policies: r.Policies,
	}
}

// Policies are the identity policies of a user or a role.
type Policies struct {
	Inline   map[string]string `json:"inline,omitempty"`   // name → JSON, as given
	Attached []string          `json:"attached,omitempty"` // ARNs of managed policies the emulator knows
}

// WithInline answers a copy with one inline policy put.
func (p Policies) WithInline(name, document string) Policies {
	p.Inline = maps.Clone(p.Inline)
	if p.Inline == nil {
		p.Inline = make(map[string]string, 1)
	}
	p.Inline[name] = document
	return p
}

// Compile parses all policies.
func (p Policies) Compile() []*policy.Policy {
	var all []*policy.Policy
	for _, name := range slices.Sorted(maps.Keys(p.Inline)) {
		all = append(all, mustCompile(p.Inline[name], policy.ParseIdentity))
	}
	return append(all, CompileManaged(p.Attached)...)
}

// Managed are the AWS managed policies that the emulator knows: those that open one service wholly.
var Managed = map[string]string{
	"arn:aws:iam::aws:policy/AdministratorAccess":         allowAll("*"),
	"arn:aws:iam::aws:policy/AmazonS3FullAccess":          allowAll("s3:*"),
	"arn:aws:iam::aws:policy/AmazonSQSFullAccess":         allowAll("sqs:*"),
	"arn:aws:iam::aws:policy/AmazonSNSFullAccess":         allowAll("sns:*"),
	"arn:aws:iam::aws:policy/AmazonRekognitionFullAccess": allowAll("rekognition:*"),
}

func allowAll(action string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"*"}]}`
}

// CompileManaged compiles managed policies by ARN. An ARN that the emulator does not know grants nothing.
func CompileManaged(arns []string) []*policy.Policy {
	var all []*policy.Policy
	for _, arn := range arns {
		if document, known := Managed[arn]; known {
			all = append(all, mustCompile(document, policy.ParseIdentity))
		}
	}
	return all
}

// compiled keeps what was compiled from a document of an entry, which never changes.
type compiled struct {
	once   sync.Once
	policy *policy.Policy
}

func (c *compiled) of(document string, parse func([]byte) (*policy.Policy, error)) *policy.Policy {
	c.once.Do(func() { c.policy = mustCompile(document, parse) })
	return c.policy
}

// mustCompile compiles a document that was checked when it entered the state. One that does not compile, because the
// state file was edited by hand, becomes a policy that decides nothing.
func mustCompile(document string, parse func([]byte) (*policy.Policy, error)) *policy.Policy {
	p, err := parse([]byte(document))
	if err != nil {
		return new(policy.Policy)
	}
	return p
}
