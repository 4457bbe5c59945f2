package management

import (
	"regexp"
	"slices"
	"strings"

	"github.com/awsauth-go/awsauth/emulator/internal/account"
	"github.com/awsauth-go/awsauth/emulator/internal/wire"
	"github.com/awsauth-go/awsauth/internal/policy"
)

// maxProfiles is the default quota (User Guide, "Quotas").
const maxProfiles = 250

var profiles = collection[account.Profile]{
	kind:     "profile",
	idMember: "profileId",
	entries:  func(s *account.State) map[string]*account.Profile { return s.Profiles },
	fields: func(p *account.Profile) fields {
		return fields{p.ID, p.CreatedAt, &p.UpdatedAt, &p.Enabled, &p.Tags}
	},
	copy:   shallow[account.Profile],
	answer: func(p *account.Profile) any { return map[string]any{"profile": detailProfile(p)} },
}

// profileDetail is the model's ProfileDetail.
type profileDetail struct {
	ID                        string            `json:"profileId"`
	ARN                       string            `json:"profileArn"`
	Name                      string            `json:"name"`
	RequireInstanceProperties bool              `json:"requireInstanceProperties"`
	Enabled                   bool              `json:"enabled"`
	CreatedBy                 string            `json:"createdBy"`
	SessionPolicy             string            `json:"sessionPolicy,omitempty"`
	RoleARNs                  []string          `json:"roleArns"`
	ManagedPolicyARNs         []string          `json:"managedPolicyArns"`
	CreatedAt                 wire.Time         `json:"createdAt"`
	UpdatedAt                 wire.Time         `json:"updatedAt"`
	DurationSeconds           int               `json:"durationSeconds"`
	AcceptRoleSessionName     bool              `json:"acceptRoleSessionName"`
	AttributeMappings         []mappingOfAField `json:"attributeMappings"`
}

func detailProfile(p *account.Profile) profileDetail {
	return profileDetail{
		ID:                        p.ID,
		ARN:                       p.ARN,
		Name:                      p.Name,
		RequireInstanceProperties: p.RequireInstanceProperties,
		Enabled:                   p.Enabled,
		CreatedBy:                 p.CreatedBy,
		SessionPolicy:             p.SessionPolicy,
		RoleARNs:                  orEmpty(p.RoleARNs),
		ManagedPolicyARNs:         orEmpty(p.ManagedPolicyARNs),
		CreatedAt:                 wire.Time(p.CreatedAt),
		UpdatedAt:                 wire.Time(p.UpdatedAt),
		DurationSeconds:           p.DurationSeconds,
		AcceptRoleSessionName:     p.AcceptRoleSessionName,
		AttributeMappings:         detailMappings(p.AttributeMappings),
	}
}

func createProfile(r *request) (any, error) {
	id := account.NewUUID()
	tags := r.tags("tags", tagItems)
	in := r.readProfile(resourceName.required(), limits{max: 250}.required(), limits{})
	p := &account.Profile{
		ID:                        id,
		ARN:                       profiles.arn(r, id),
		DurationSeconds:           3600,
		Enabled:                   value(r.body.flag("enabled", limits{}), false),
		RequireInstanceProperties: value(r.body.flag("requireInstanceProperties", limits{}), false),
		CreatedBy:                 r.account.ID,
		CreatedAt:                 r.now,
		UpdatedAt:                 r.now,
		AttributeMappings:         account.DefaultAttributeMappings(),
		Tags:                      tags,
	}
	if err := r.admitCreation(p.ARN, tags); err != nil {
		return nil, err
	}
	if err := r.passRoles(in.roleARNs); err != nil {
		return nil, err
	}
	if err := r.checkProfile(in, tags); err != nil {
		return nil, err
	}
	in.apply(p)
	err := r.account.Write(func(s *account.State) error {
		if len(s.Profiles) >= maxProfiles {
			return overQuota("profiles", maxProfiles)
		}
		s.Profiles[id] = p
		return nil
	})
	if err != nil {
		return nil, err
	}
	return profiles.answer(p), nil
}

func updateProfile(r *request) (any, error) {
	in := r.readProfile(resourceName, limits{max: 250}, limits{min: 1, max: 100_000})
	id, err := profiles.admit(r)
	if err != nil {
		return nil, err
	}
	if err := r.passRoles(in.roleARNs); err != nil {
		return nil, err
	}
	if err := r.checkProfile(in, nil); err != nil {
		return nil, err
	}
	return profiles.change(r, id, func(_ *account.State, p *account.Profile) error {
		in.apply(p)
		return nil
	})
}

func listProfiles(r *request) (any, error) {
	items, next, err := profiles.list(r)
	if err != nil {
		return nil, err
	}
	return page("profiles", items, detailProfile, next), nil
}

// profileInput is what CreateProfile and UpdateProfile have in common; nil means not given.
type profileInput struct {
	name, sessionPolicy         *string
	roleARNs, managedPolicyARNs []string
	durationSeconds             *int
	acceptRoleSessionName       *bool
}

func (r *request) readProfile(name, roles, sessionPolicy limits) profileInput {
	return profileInput{
		name:                  r.body.text("name", name),
		sessionPolicy:         r.body.text("sessionPolicy", sessionPolicy),
		roleARNs:              r.body.texts("roleArns", roles, anyARN),
		managedPolicyARNs:     r.body.texts("managedPolicyArns", limits{max: 50}, limits{min: 1, max: 200}),
		durationSeconds:       r.body.integer("durationSeconds", limits{min: 900, max: 43_200}),
		acceptRoleSessionName: r.body.flag("acceptRoleSessionName", limits{}),
	}
}

// apply changes what was given.
func (in profileInput) apply(p *account.Profile) {
	p.Name = value(in.name, p.Name)
	p.SessionPolicy = value(in.sessionPolicy, p.SessionPolicy)
	p.DurationSeconds = value(in.durationSeconds, p.DurationSeconds)
	p.AcceptRoleSessionName = value(in.acceptRoleSessionName, p.AcceptRoleSessionName)
	if in.roleARNs != nil {
		p.RoleARNs = in.roleARNs
	}
	if in.managedPolicyARNs != nil {
		p.ManagedPolicyARNs = in.managedPolicyARNs
	}
}

// passRoles demands that the caller may hand every role to Roles Anywhere (Service Authorization Reference: iam:PassRole
// with iam:PassedToService).
func (r *request) passRoles(arns []string) error {
	to := func(x *policy.Context) { x.Set("iam:PassedToService", "rolesanywhere.amazonaws.com") }
	for _, arn := range arns {
		if err := r.authorize("iam:PassRole", arn, to); err != nil {
			return err
		}
	}
	return nil
}

// roleName is a role's path and name (IAM API Reference, CreateRole).
var roleName = regexp.MustCompile(`^([\x21-\x7e]{1,511}/)?[\w+=,.@-]{1,64}$`)

// checkProfile checks what the model's constraints do not say. The texts are ours.
func (r *request) checkProfile(in profileInput, tags []account.Tag) error {
	prefix := r.account.ARN("iam", "role/")
	for _, arn := range in.roleARNs {
		if name, ours := strings.CutPrefix(arn, prefix); !ours || !roleName.MatchString(name) {
			return invalid("Invalid role ARN in roleArns.", "a role of a profile is one of the same account and partition",
				"name roles as "+prefix+"NAME")
		}
	}
	managed := []string{"arn:" + r.account.Partition + ":iam::aws:policy/", r.account.ARN("iam", "policy/")}
	for _, arn := range in.managedPolicyARNs {
		if !slices.ContainsFunc(managed, func(prefix string) bool { return strings.HasPrefix(arn, prefix) && arn != prefix }) {
			return invalid("Invalid policy ARN in managedPolicyArns.", "a managed policy is AWS's or of the same account",
				"name policies as "+managed[0]+"NAME or "+managed[1]+"NAME")
		}
	}
	if in.sessionPolicy != nil {
		if _, err := policy.ParseIdentity([]byte(*in.sessionPolicy)); err != nil {
			return invalid("Invalid sessionPolicy.", err.Error(), "send a policy document as IAM's policy language has it")
		}
	}
	return checkTags(tags)
}
